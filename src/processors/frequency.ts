/**
 * How often and when each fingerprint was seen: counts of the last hour to the last 7 days, since when, whether it
 * gets more, how long its bursts last, and what comes before it. A group is small and bounded, and so is the number
 * of groups:
 *
 *   fingerprint ──► windows (count-windows.ts) ──► trend (trend.ts)
 *                   bursts (bursts.ts), predecessors (sequence.ts)
 *
 * The silence after which a group has regressed is exact to the minute.
 */
import type { Recurrence } from "../event";
import { type Bursts, continueBurst, startBurst } from "./bursts";
import { type CountWindows, countIn, createCountWindows } from "./count-windows";
import {
  addStep,
  createPredecessors,
  createSequence,
  type Predecessors,
  usualPredecessor,
  type Whereabouts,
} from "./sequence";
import { trendOf } from "./trend";

export interface Frequency {
  /**
   * Counts one occurrence; constant time. `isNew` also for a group that was evicted and comes again. Without `where`
   * it takes no part in what comes before what. What is known of `previous`, the id before, is known of this one.
   */
  record(fingerprint: string, nowMillis: number, where?: Whereabouts, previous?: string): Recurrence;
  /** A group that is held was seen as early as that, as is known from elsewhere. */
  seenSince(fingerprint: string, firstSeenUnixMillis: number): void;
  /** Groups held now. */
  readonly size: number;
  /** Groups forgotten, least recently seen first, to make room for others. */
  readonly evicted: number;
}

export interface FrequencyOptions {
  /** Default 10,000, less than 30 MB when full. */
  readonly maxGroups?: number;
  /** A known group that comes again after so long a silence has regressed. Default 24. */
  readonly regressedAfterHours?: number;
  /** A group that is seen so often within an hour is recurring. Default 5. */
  readonly recurringAfter?: number;
}

export function createFrequency(options: FrequencyOptions = {}): Frequency {
  const maxGroups = Math.max(1, options.maxGroups ?? 10_000);
  const regressedAfter = (options.regressedAfterHours ?? 24) * MINUTES_IN_HOUR;
  const recurringAfter = options.recurringAfter ?? 5;
  // Insertion order is order of last use.
  const groups = new Map<string, Group>();
  const elapsed = createElapsed();
  const sequence = createSequence();
  // What became of groups whose id changed. An id may go on as several, and come again itself: each is known then.
  const successors = new Map<string, Group>();
  let evicted = 0;

  /** An empty group; when there is no room for it, in place of the one that was seen least recently. */
  const freshGroup = (millis: number, unixMillis: number): Group => {
    const oldest = groups.size < maxGroups ? undefined : groups.entries().next().value;
    if (oldest !== undefined) {
      groups.delete(oldest[0]);
      evicted += 1;
    }
    return {
      windows: createCountWindows(minuteOf(millis), oldest?.[1].windows),
      bursts: startBurst(millis),
      predecessors: createPredecessors(),
      countedSinceMillis: millis,
      firstSeenUnixMillis: unixMillis,
      lastSeenUnixMillis: undefined,
    };
  };

  /** Takes over the memory of the id before, once; the first of several that follow it gets the counts. */
  const succeed = (own: Group | undefined, previous: string): Group | undefined => {
    const earlier = successors.has(previous) ? undefined : groups.get(previous);
    if (earlier === undefined) return own;
    groups.delete(previous);
    const group = own ?? earlier;
    group.firstSeenUnixMillis = Math.min(group.firstSeenUnixMillis, earlier.firstSeenUnixMillis);
    const [oldest] = successors.size < maxGroups ? [] : successors.keys();
    if (oldest !== undefined) successors.delete(oldest);
    successors.set(previous, group);
    return group;
  };

  /** A fresh group that is not new: what it was before went on under another id. */
  const knownBefore = (fingerprint: string, previous: string | undefined): Group | undefined =>
    successors.get(fingerprint) ??
    (previous === undefined ? undefined : (successors.get(previous) ?? groups.get(previous)));

  return {
    record(fingerprint, nowMillis, where, previous) {
      const { total: millis, latest: unixMillis } = elapsed(nowMillis);
      const minute = minuteOf(millis);
      const own = groups.get(fingerprint);
      const known = previous === undefined || previous === fingerprint ? own : succeed(own, previous);
      const before = known === undefined ? knownBefore(fingerprint, previous) : undefined;
      const group = known ?? freshGroup(millis, unixMillis);
      if (before !== undefined) {
        group.firstSeenUnixMillis = before.firstSeenUnixMillis;
        group.lastSeenUnixMillis = before.lastSeenUnixMillis;
      }
      if (own !== undefined) groups.delete(fingerprint);
      groups.set(fingerprint, group);
      const { windows, bursts, predecessors, lastSeenUnixMillis } = group;
      const isRegressed = minute - windows.minute >= regressedAfter;
      countIn(windows, minute);
      continueBurst(bursts, millis);
      group.lastSeenUnixMillis = unixMillis;
      const step = where && sequence.step(fingerprint, where, unixMillis);
      if (step !== undefined) addStep(predecessors, step);
      const { lastHour, last6Hours, last24Hours, last7Days } = windows;
      return {
        isNew: known === undefined && before === undefined,
        isRegressed,
        isRecurring: lastHour >= recurringAfter,
        firstSeenUnixMillis: group.firstSeenUnixMillis,
        previousSeenUnixMillis: lastSeenUnixMillis,
        lastHour,
        last6Hours,
        last24Hours,
        last7Days,
        trend: trendOf(windows, (millis - group.countedSinceMillis) / HOUR_MILLIS),
        usuallyAfter: usualPredecessor(fingerprint, predecessors, sequence),
        recoveryMillis: bursts.recoveryMillis,
      };
    },
    seenSince(fingerprint, firstSeenUnixMillis) {
      const group = groups.get(fingerprint);
      if (group !== undefined && firstSeenUnixMillis < group.firstSeenUnixMillis) {
        group.firstSeenUnixMillis = firstSeenUnixMillis;
      }
    },
    get size() {
      return groups.size;
    },
    get evicted() {
      return evicted;
    },
  };
}

const MINUTE_MILLIS = 60_000;
const HOUR_MILLIS = 3_600_000;
const MINUTES_IN_HOUR = 60;

interface Group {
  readonly windows: CountWindows;
  readonly bursts: Bursts;
  readonly predecessors: Predecessors;
  /** Elapsed. Before that it may have been seen and not counted: by a predecessor, or before it was evicted. */
  readonly countedSinceMillis: number;
  firstSeenUnixMillis: number;
  lastSeenUnixMillis: number | undefined;
}

function minuteOf(millis: number): number {
  return Math.floor(millis / MINUTE_MILLIS);
}

interface Elapsed {
  /** Milliseconds that only become more. */
  total: number;
  /** What the clock said, in Unix milliseconds. */
  latest: number;
}

/**
 * Time that only moves forward. A clock that is set back does not stop it, and one that is set ahead and back
 * again does not leave it waiting in the future. Steps back of under a minute are disorder, not a new time.
 */
function createElapsed(): (nowMillis: number) => Elapsed {
  const time: Elapsed = { total: 0, latest: Number.NaN };
  return (nowMillis) => {
    const { latest } = time;
    if (!Number.isFinite(nowMillis)) return time;
    if (nowMillis > latest) time.total += nowMillis - latest;
    if (!(nowMillis <= latest && latest - nowMillis < MINUTE_MILLIS)) time.latest = nowMillis;
    return time;
  };
}
