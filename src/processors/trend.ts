/**
 * Whether a group is seen more or less often than before: a recent time against the mean of as long a time in the
 * longer window before it.
 *
 *   known for 2 days and more   ├──── up to 6 days ────┤─ last day ──┤now     nights and days weigh alike
 *   known for less              ├─── up to 23 hours ───┤─ last hour ─┤now
 */
import type { Trend } from "../event";
import type { WindowCounts } from "./count-windows";

/** Pure. `countedHours`: for how long the group has been counted. Undefined while that is under two hours. */
export function trendOf(counts: WindowCounts, countedHours: number): Trend | undefined {
  if (countedHours < 2) return undefined;
  return countedHours < 2 * HOURS_IN_DAY
    ? compare(counts.lastHour, counts.last24Hours - counts.lastHour, Math.min(countedHours, HOURS_IN_DAY) - 1)
    : compare(
        counts.last24Hours,
        counts.last7Days - counts.last24Hours,
        Math.min(countedHours / HOURS_IN_DAY, DAYS_IN_WEEK) - 1,
      );
}

const HOURS_IN_DAY = 24;
const DAYS_IN_WEEK = 7;
/** So many times as often as before is a trend, and so is one in so many. */
const TREND_FACTOR = 2;
/** Fewer occurrences, seen or expected, are chance. */
const MIN_COUNT = 5;

/** `before` was counted in a time `times` as long as the recent one. */
function compare(recent: number, before: number, times: number): Trend {
  const expected = before / times;
  if (recent >= MIN_COUNT && recent >= TREND_FACTOR * expected) return "rising";
  if (expected >= MIN_COUNT && recent * TREND_FACTOR <= expected) return "falling";
  return "steady";
}
