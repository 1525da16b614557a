/** Errors over time as stacked bars: critical at the bottom, then warning, then info. The same as a table on demand. */
import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import uPlot from "uplot";
import type { TimelinePoint } from "../../src/store/answers";
import { count } from "../text/numbers";
import { clock, day, full, hour } from "../text/times";
import { Chart, cssColor } from "./chart";

export interface TimelineProps {
  readonly points: readonly TimelinePoint[];
  readonly height?: number;
  readonly title: string;
}

export function Timeline({ points, title, height = 190 }: TimelineProps): JSX.Element {
  const data = useMemo(() => stacked(merged(points, MAX_BARS)), [points]);
  return (
    <figure class="timeline">
      <Chart data={data} height={height} options={chartOptions} label={inWords(title, points)} />
      <figcaption class="legend">
        {LEGEND.map((severity) => (
          <span key={severity}>
            <span class={`dot ${severity}`} aria-hidden="true" />
            {severity}
          </span>
        ))}
      </figcaption>
      <details class="as-table">
        <summary>As a table</summary>
        <PointTable points={points} title={title} />
      </details>
    </figure>
  );
}

const LEGEND = ["critical", "warning", "info"] as const;
const MAX_TABLE_ROWS = 24;
/** More would be thinner than what a screen shows. */
const MAX_BARS = 400;

/** At most so many: as many neighbours as it takes become one. */
function merged(points: readonly TimelinePoint[], most: number): readonly TimelinePoint[] {
  const step = Math.ceil(points.length / most);
  if (step <= 1) return points;
  const result: TimelinePoint[] = [];
  for (let begin = 0; begin < points.length; begin += step) {
    const part = points.slice(begin, begin + step);
    const sum = (key: "total" | (typeof LEGEND)[number]): number => part.reduce((all, point) => all + point[key], 0);
    const time = part[0]?.time ?? "";
    result.push({ time, total: sum("total"), critical: sum("critical"), warning: sum("warning"), info: sum("info") });
  }
  return result;
}

function PointTable({ points, title }: TimelineProps): JSX.Element {
  const rows = merged(points, MAX_TABLE_ROWS);
  return (
    <table class="data">
      <caption class="unseen">{title}</caption>
      <thead>
        <tr>
          <th scope="col">From</th>
          <th scope="col" class="number">
            All
          </th>
          {LEGEND.map((severity) => (
            <th key={severity} scope="col" class="number">
              {severity}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((point) => (
          <tr key={point.time}>
            <th scope="row">{full(point.time)}</th>
            <td class="number">{count(point.total)}</td>
            {LEGEND.map((severity) => (
              <td key={severity} class="number">
                {count(point[severity])}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function inWords(title: string, points: readonly TimelinePoint[]): string {
  const total = points.reduce((sum, point) => sum + point.total, 0);
  const peak = points.reduce<TimelinePoint | undefined>(
    (top, point) => (point.total > (top?.total ?? 0) ? point : top),
    undefined,
  );
  if (peak === undefined) return `${title}: none`;
  return `${title}: ${count(total)}, most from ${full(peak.time)} on with ${count(peak.total)}`;
}

/** uPlot draws series over each other: the sum first, then what is left without the uppermost, and so on. */
function stacked(points: readonly TimelinePoint[]): uPlot.AlignedData {
  return [
    points.map(({ time }) => Date.parse(time) / 1_000),
    points.map(({ critical, warning, info }) => critical + warning + info),
    points.map(({ critical, warning }) => critical + warning),
    points.map(({ critical }) => critical),
  ];
}

function chartOptions(): Omit<uPlot.Options, "width" | "height"> {
  const paths = uPlot.paths.bars?.({ align: 1, size: [0.82, 28], gap: 0 });
  const bars = (severity: string): uPlot.Series => ({
    fill: () => cssColor(`--${severity}`),
    width: 0,
    points: { show: false },
    ...(paths && { paths }),
  });
  const axis: uPlot.Axis = {
    stroke: () => cssColor("--text-3"),
    font: `11px ${getComputedStyle(document.body).fontFamily}`,
    ticks: { show: false },
  };
  return {
    legend: { show: false },
    padding: [8, 4, 0, 0],
    cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
    scales: { x: { range: wholeIntervals }, y: { range: (_plot, _low, high) => [0, Math.max(4, high * 1.08)] } },
    series: [{}, bars("info"), bars("warning"), bars("critical")],
    axes: [
      { ...axis, grid: { show: false }, values: timeLabels, size: 26, space: 70 },
      {
        ...axis,
        grid: { stroke: () => cssColor("--grid"), width: 1 },
        incrs: WHOLE_STEPS,
        values: (_plot, ticks) => ticks.map(count),
        size: 44,
        space: 36,
      },
    ],
    plugins: [tooltip()],
  };
}

/** Half an error is none. */
const WHOLE_STEPS = Array.from({ length: 9 }, (_, power) => [1, 2, 5].map((step) => step * 10 ** power)).flat();

/**
 * A bar stands on its interval's begin, so the last needs its interval's room. From the data alone: uPlot hands in the
 * range that is on when it only draws anew, which would grow each time.
 */
function wholeIntervals(plot: uPlot): uPlot.Range.MinMax {
  const [times] = plot.data;
  const [first = 0, second = first + 60] = times;
  return [first, (times.at(-1) ?? first) + (second - first)];
}

/** None that the edge would cut. */
function timeLabels(plot: uPlot, ticks: readonly number[]): string[] {
  const [first = 0] = plot.data[0];
  const isDays = (plot.data[0].at(-1) ?? 0) - first > 2 * 86_400;
  const end = plot.bbox.width / devicePixelRatio - HALF_A_LABEL;
  return ticks.map((tick) => (plot.valToPos(tick, "x") > end ? "" : isDays ? day(tick * 1_000) : hour(tick * 1_000)));
}
const HALF_A_LABEL = 14;

/** What the bar under the pointer stands for. */
function tooltip(): uPlot.Plugin {
  const box = document.createElement("div");
  box.className = "tooltip";
  box.hidden = true;
  return {
    hooks: {
      init: (plot) => void plot.over.append(box),
      setCursor(plot) {
        const { idx, left } = plot.cursor;
        const [times, sums, grave, critical] = plot.data;
        const time = idx === null || idx === undefined ? undefined : times[idx];
        if (idx === null || idx === undefined || time === undefined || left === undefined || left < 0) {
          box.hidden = true;
          return;
        }
        const all = sums?.[idx] ?? 0;
        const graver = grave?.[idx] ?? 0;
        const worst = critical?.[idx] ?? 0;
        const parts = [
          worst > 0 ? `${count(worst)} critical` : "",
          graver > worst ? `${count(graver - worst)} warning` : "",
          all > graver ? `${count(all - graver)} info` : "",
        ].filter((text) => text !== "");
        box.textContent = `${day(time * 1_000)}, ${clock(time * 1_000)} · ${parts.join(", ") || "none"}`;
        box.hidden = false;
        const isRight = left > plot.over.clientWidth / 2;
        box.style.left = isRight ? "" : `${left + 12}px`;
        box.style.right = isRight ? `${plot.over.clientWidth - left + 12}px` : "";
      },
    },
  };
}
