/**
 * How often something was seen in the last hour, 6 hours, day and 7 days: three small rings of counters.
 *
 *   minutes   ▁▁▃▁█▁▁ …  60     lastHour: the minute of now and the 59 before
 *   quarters  ▁▃▁▁▁▁▅ …  96     last6Hours: 24 of these, last24Hours: all
 *   hours     ▁▁▁▂▁▁▃ … 168     last7Days
 *
 * Counts are exact but for the oldest bucket: a window reaches back its length, less at most one bucket. The sums go
 * along with the rings, so that counting once more looks only at buckets that time has passed over.
 */
import type { Recurrence } from "../event";

export type WindowCounts = Pick<Recurrence, "lastHour" | "last6Hours" | "last24Hours" | "last7Days">;

/** 1.3 kB of counters. */
export interface CountWindows extends WindowCounts {
  /** The minutes, then the quarters, then the hours, each a ring by time modulo length. */
  readonly buckets: Uint32Array;
  /** The minute that was counted last. */
  minute: number;
  lastHour: number;
  last6Hours: number;
  last24Hours: number;
  last7Days: number;
}

/** Empty. Takes the buckets of windows that nobody needs any more. */
export function createCountWindows(minute: number, spare?: CountWindows): CountWindows {
  const buckets = spare?.buckets.fill(0) ?? new Uint32Array(MINUTES.length + QUARTERS.length + HOURS.length);
  return { buckets, minute, lastHour: 0, last6Hours: 0, last24Hours: 0, last7Days: 0 };
}

/** Counts one in `minute`, which is never before one that was counted. */
export function countIn(windows: CountWindows, minute: number): void {
  const { buckets } = windows;
  if (minute > windows.minute) moveTo(windows, minute);
  for (const ring of RINGS) {
    const slot = slotOf(ring, bucketOf(ring, minute));
    buckets[slot] = (buckets[slot] ?? 0) + 1;
  }
  windows.lastHour += 1;
  windows.last6Hours += 1;
  windows.last24Hours += 1;
  windows.last7Days += 1;
}

interface Ring {
  readonly offset: number;
  readonly length: number;
  readonly minutes: number;
}

const MINUTES: Ring = { offset: 0, length: 60, minutes: 1 };
const QUARTERS: Ring = { offset: 60, length: 96, minutes: 15 };
const HOURS: Ring = { offset: 156, length: 168, minutes: 60 };
const RINGS = [MINUTES, QUARTERS, HOURS] as const;
const QUARTERS_IN_6_HOURS = 24;

function moveTo(windows: CountWindows, minute: number): void {
  windows.lastHour -= emptyPassed(windows, MINUTES, minute);
  windows.last6Hours -= leaving6Hours(windows, minute); // while the quarters still hold them
  windows.last24Hours -= emptyPassed(windows, QUARTERS, minute);
  windows.last7Days -= emptyPassed(windows, HOURS, minute);
  windows.minute = minute;
}

/** Empties the slots of a ring that time passes over; how many were counted there. */
function emptyPassed({ buckets, minute: last }: CountWindows, ring: Ring, minute: number): number {
  const now = bucketOf(ring, minute);
  let sum = 0;
  for (let bucket = Math.max(bucketOf(ring, last), now - ring.length) + 1; bucket <= now; bucket++) {
    const slot = slotOf(ring, bucket);
    sum += buckets[slot] ?? 0;
    buckets[slot] = 0;
  }
  return sum;
}

function leaving6Hours({ buckets, minute: last }: CountWindows, minute: number): number {
  const before = bucketOf(QUARTERS, last);
  const now = Math.min(bucketOf(QUARTERS, minute), before + QUARTERS_IN_6_HOURS);
  let sum = 0;
  for (let bucket = before + 1; bucket <= now; bucket++) {
    // A ring further on, as the first buckets of all have none so far before them.
    sum += buckets[slotOf(QUARTERS, bucket + QUARTERS.length - QUARTERS_IN_6_HOURS)] ?? 0;
  }
  return sum;
}

function bucketOf(ring: Ring, minute: number): number {
  return Math.floor(minute / ring.minutes);
}

function slotOf(ring: Ring, bucket: number): number {
  return ring.offset + (bucket % ring.length);
}
