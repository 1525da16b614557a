/** A time range in intervals of equal length, from its begin until now. */
import type { ErrorFilter, TimelinePoint, TimeRange } from "./answers";
import { createConditions, errorCondition } from "./conditions";
import { isoTime, numberOf } from "./error-rows";
import type { Statements } from "./statements";

export interface Span {
  readonly fromMillis: number;
  readonly toMillis: number;
}

export function spanOf(timeRange: TimeRange, nowMillis: number): Span {
  return { fromMillis: nowMillis - timeRange * HOUR_MILLIS, toMillis: nowMillis };
}

export const HOUR_MILLIS = 3_600_000;

/** How many errors' roots came in each interval. `sinceMillis`: those that came before it do not count. */
export async function timeline(
  statements: Statements,
  filter: ErrorFilter,
  timeRange: TimeRange,
  nowMillis: number,
  sinceMillis: number,
): Promise<readonly TimelinePoint[]> {
  const { fromMillis } = spanOf(timeRange, nowMillis);
  const intervals = INTERVALS[timeRange];
  const width = (timeRange * HOUR_MILLIS) / intervals;
  const { bind, values } = createConditions();
  const interval = `least((time - ${bind(fromMillis)}) // ${bind(width)}, ${bind(intervals - 1)})`;
  const rows = await statements.ask(
    `SELECT ${interval} AS interval, s.severity, count(*) AS count
     FROM (SELECT time, series FROM errors
       WHERE time >= ${bind(Math.max(fromMillis, sinceMillis))} AND NOT is_echo AND ${errorCondition(filter, bind)}) e
     JOIN series s ON s.id = e.series GROUP BY ALL`,
    values,
  );
  const points = Array.from({ length: intervals }, (_, index) => ({
    time: isoTime(fromMillis + index * width),
    ...{ total: 0, critical: 0, warning: 0, info: 0 },
  }));
  for (const { interval: index, severity, count } of rows) {
    const point = points[numberOf(index)];
    if (point === undefined) continue;
    point.total += numberOf(count);
    if (severity === "critical" || severity === "warning" || severity === "info") point[severity] += numberOf(count);
  }
  return points;
}

/** Each is a multiple of the intervals of a sparkline. */
const INTERVALS: { readonly [range in TimeRange]: number } = { 1: 120, 6: 72, 24: 96, 168: 168 };
