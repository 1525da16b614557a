/**
 * A chart of uPlot that follows its data, its width and the theme. It draws at most four times a second, however often
 * its data change. What it shows is said in words beside it: a canvas has none.
 */
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { theme } from "../state/settings";

export interface ChartProps {
  readonly data: uPlot.AlignedData;
  readonly height: number;
  /** Made once; colours are asked for at every drawing, by `cssColor`. */
  options(): Omit<uPlot.Options, "width" | "height">;
  readonly label: string;
}

export function Chart({ data, height, options, label }: ChartProps): JSX.Element {
  const frame = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const latest = useRef(data);
  const drawn = useRef<{ data: uPlot.AlignedData; at: number }>({ data, at: 0 });
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);

  useEffect(() => {
    const element = frame.current;
    if (element === null) return;
    const made = new uPlot(
      { ...options(), width: Math.max(MIN_WIDTH, element.clientWidth), height },
      latest.current,
      element,
    );
    plot.current = made;
    const observer = new ResizeObserver(() => {
      made.setSize({ width: Math.max(MIN_WIDTH, element.clientWidth), height });
    });
    observer.observe(element);
    const stop = theme.subscribe(() => {
      // The new colours are there only after the page has taken the theme; they are kept with the paths.
      requestAnimationFrame(() => {
        if (plot.current === made) made.redraw(true, true);
      });
    });
    return () => {
      stop();
      clearTimeout(timer.current);
      timer.current = undefined;
      observer.disconnect();
      made.destroy();
      plot.current = undefined;
    };
  }, [height]);

  useEffect(() => {
    latest.current = data;
    if (timer.current !== undefined || drawn.current.data === data) return;
    const draw = (): void => {
      timer.current = undefined;
      if (drawn.current.data === latest.current) return;
      drawn.current = { data: latest.current, at: performance.now() };
      plot.current?.setData(latest.current);
    };
    const wait = drawn.current.at + DRAW_MILLIS - performance.now();
    if (wait <= 0) draw();
    else timer.current = setTimeout(draw, wait);
  }, [data]);

  return <div ref={frame} class="chart" role="img" aria-label={label} style={{ height: `${height}px` }} />;
}

const MIN_WIDTH = 200;
const DRAW_MILLIS = 250;

/** A colour of the theme that is on, by the name of its custom property: a canvas knows neither. */
export function cssColor(name: string): string {
  probe ??= document.body.appendChild(document.createElement("i"));
  probe.hidden = true;
  probe.style.color = `var(${name})`;
  return getComputedStyle(probe).color;
}
let probe: HTMLElement | undefined;
