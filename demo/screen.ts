/** What the demo shows: pure text, made from samples. The terminal is main's. */
import { stripVTControlCharacters } from "node:util";
import { byCategory, type Comparison, isRight } from "./comparison";
import { type Readings, type Sample, sum, sumBy } from "./readings";

export interface Terminal {
  readonly columns: number;
  readonly rows: number;
  readonly isColored: boolean;
}

/** One screen: at most `rows` - 1 lines of at most `columns` characters. */
export function renderSummary(readings: Readings, heading: string, terminal: Terminal): string[] {
  const paint = painter(terminal.isColored);
  const { requests, spans, logs, errors, severities, slow, inFlight, stuck, newGroups, echoes } = figures(readings);
  const count = (severity: string): string => `${severities.get(severity) ?? 0} ${severity}`;
  const lines = [
    paint("bold", heading),
    `requests ${requests}   slow ${slow}   in flight ${inFlight}   stuck ${stuck}   ` +
      `received: spans ${spans}, log records ${logs}`,
    `errors ${errors}   ${paint("red", count("critical"))}   ${paint("yellow", count("warning"))}   ` +
      `${count("info")}   new groups ${newGroups}   echoes ${echoes}`,
    `workers   ${renderWorkers(readings.services, paint)}`,
    "",
  ];
  lines.push(...renderCategories(readings.collector, terminal.columns, Math.max(1, terminal.rows - 1 - lines.length)));
  return lines.slice(0, Math.max(1, terminal.rows - 1)).map((line) => fit(line, terminal.columns));
}

/** In columns; each category keeps its place. Where room lacks, the rarest are left to the last line. */
function renderCategories(samples: readonly Sample[], columns: number, room: number): string[] {
  const perLine = Math.max(1, Math.floor((columns + GAP.length) / (CELL + GAP.length)));
  const counts = [...sumBy(samples, "seismo_errors_total", "category", { origin: "root" })].sort(
    ([, m], [, n]) => n - m,
  );
  const others = counts.splice(counts.length > perLine * room ? perLine * (room - 1) : counts.length);
  const cells = counts
    .sort(([a], [b]) => byCategory(a, b))
    .map(([category, value]) => `${String(value).padStart(5)} ${category}`.padEnd(CELL));
  const lines: string[] = [];
  for (let at = 0; at < cells.length; at += perLine)
    lines.push(
      cells
        .slice(at, at + perLine)
        .join(GAP)
        .trimEnd(),
    );
  if (others.length > 0) {
    const rest = others.reduce((all, [, value]) => all + value, 0);
    lines.push(`${String(rest).padStart(5)} in ${others.length} other categories`);
  }
  return lines;
}

/** One line, for where there is no screen. */
export function renderProgress(readings: Readings, heading: string): string {
  const { requests, spans, errors, severities, slow, inFlight, stuck, newGroups } = figures(readings);
  const count = (severity: string): string => `${severity} ${severities.get(severity) ?? 0}`;
  return (
    `${heading}: requests ${requests}, errors ${errors} (${["critical", "warning", "info"].map(count).join(", ")}), ` +
    `new groups ${newGroups}, slow ${slow}, in flight ${inFlight}, stuck ${stuck}, spans received ${spans}`
  );
}

/** The closing table, and below it what to make of it. */
export function renderComparison(rows: readonly Comparison[], isColored: boolean): string[] {
  const paint = painter(isColored);
  const line = (category: string, service: string, ...numbers: readonly (string | number)[]): string =>
    [category.padEnd(26), service.padEnd(7), ...numbers.map((value, at) => String(value).padStart(WIDTHS[at] ?? 0))]
      .join(" ")
      .trimEnd();
  const numbers = ({ made, counted, roots, collected }: Comparison): readonly (string | number)[] => [
    ...[made, counted, signed(counted - made)],
    ...[roots, collected, signed(collected - roots)],
  ];
  const total = (key: "made" | "counted" | "roots" | "collected"): number =>
    rows.reduce((sum, row) => sum + row[key], 0);
  const all: Comparison = {
    ...{ category: "all", service: "", made: total("made"), counted: total("counted") },
    ...{ roots: total("roots"), collected: total("collected") },
  };
  const wrong = rows.filter((row) => !isRight(row));
  return [
    paint("bold", line("category", "service", "made", "counted", "diff", "roots", "collected", "diff")),
    ...rows.map((row) => {
      const text = line(row.category, row.service, ...numbers(row));
      return isRight(row) ? text : paint("red", text);
    }),
    paint("bold", line(all.category, all.service, ...numbers(all))),
    "",
    wrong.length === 0
      ? paint("green", rows.length === 0 ? "No error was made." : "Every error was counted once.")
      : paint(
          "red",
          `Made and counted differ: ${wrong.map(({ service, category }) => `${category} in ${service}`).join(", ")}.`,
        ),
  ];
}

const WIDTHS: readonly number[] = [6, 7, 5, 6, 9, 5];

const CELL = 32;
const GAP = "  ";

type Style = "bold" | "red" | "yellow" | "green";
type Paint = (style: Style, text: string) => string;

const STYLES: { readonly [style in Style]: number } = { bold: 1, red: 31, yellow: 33, green: 32 };

function painter(isColored: boolean): Paint {
  return (style, text) => (isColored ? `\u001b[${STYLES[style]}m${text}\u001b[0m` : text);
}

const STATUSES: readonly (readonly [status: number, word: string, style: Style])[] = [
  [2, "critical", "red"],
  [1, "warning", "yellow"],
  [0, "stable", "green"],
];

/** `critical pool   stable pool-1, pool-2` */
function renderWorkers(samples: readonly Sample[], paint: Paint): string {
  const workers = [...sumBy(samples, "seismo_worker_status", "worker")].sort(([a], [b]) => (a < b ? -1 : 1));
  return STATUSES.flatMap(([status, word, style]) => {
    const names = workers.filter(([, value]) => value === status).map(([name]) => name);
    return names.length === 0 ? [] : [`${paint(style, word)} ${names.join(", ")}`];
  }).join("   ");
}

/** Requests as the services have them now; errors as the collector has judged them. */
function figures({ services, collector }: Readings) {
  return {
    requests: sum(services, "seismo_http_request_duration_seconds_count"),
    slow: sum(services, "seismo_slow_requests_total"),
    inFlight: sum(services, "seismo_requests_in_flight"),
    stuck: sum(services, "seismo_requests_stuck"),
    spans: sum(collector, "seismo_received_total", { signal: "spans" }),
    logs: sum(collector, "seismo_received_total", { signal: "logs" }),
    errors: sum(collector, "seismo_errors_total", { origin: "root" }),
    echoes: sum(collector, "seismo_errors_total", { origin: "echo" }),
    severities: sumBy(collector, "seismo_errors_total", "severity", { origin: "root" }),
    newGroups: sum(collector, "seismo_new_error_groups_total"),
  };
}

/** A line that is too long would wrap, and the next picture would not cover it. */
function fit(line: string, columns: number): string {
  const plain = stripVTControlCharacters(line);
  return plain.length <= columns ? line : plain.slice(0, columns);
}

function signed(difference: number): string {
  return difference > 0 ? `+${difference}` : String(difference);
}
