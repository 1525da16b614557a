/**
 * How often each fingerprint was seen. A group is one small ring of counters, minutes for the last hour and
 * quarters of an hour for the last day:
 *
 *   minutes   ▁▁▃▁█▁▁ …  60     lastHour: the minute of now and the 59 before
 *   quarters  ▁▃▁▁▁▁▅ …  96     last6Hours: 24 of these, last24Hours: all
 *
 * Counts are exact but for the oldest bucket: a window reaches back its length, less at most one bucket. So is the
 * silence after which a group has regressed, to the minute.
 */
import type { Recurrence } from "../event";

export interface Frequency {
  /** Counts one occurrence; constant time. `isNew` also for a group that was evicted and comes again. */
  record(fingerprint: string, nowMillis: number): Recurrence;
  /** Groups held now. */
  readonly size: number;
  /** Groups forgotten, least recently seen first, to make room for others. */
  readonly evicted: number;
}

export interface FrequencyOptions {
  /** Default 10,000, about 8 MB when full. */
  readonly maxGroups?: number;
  /** A known group that comes again after so long a silence has regressed. Default 24. */
  readonly regressedAfterHours?: number;
}

export function createFrequency(options: FrequencyOptions = {}): Frequency {
  const maxGroups = Math.max(1, options.maxGroups ?? 10_000);
  const regressedAfter = (options.regressedAfterHours ?? 24) * MINUTES_IN_HOUR;
  // Insertion order is order of last use.
  const groups = new Map<string, Group>();
  const elapsed = createElapsed();
  let evicted = 0;

  /** An empty group; the one that was seen least recently makes room for it when there is none, and is used again. */
  const freshGroup = (minute: number): Group => {
    const oldest = groups.size < maxGroups ? undefined : groups.entries().next().value;
    if (oldest === undefined) return { counts: new Uint32Array(MINUTES + QUARTERS), minute };
    const [fingerprint, group] = oldest;
    groups.delete(fingerprint);
    evicted += 1;
    group.counts.fill(0);
    group.minute = minute;
    return group;
  };

  return {
    record(fingerprint, nowMillis) {
      const minute = Math.floor(elapsed(nowMillis) / MINUTE_MILLIS);
      const known = groups.get(fingerprint);
      const group = known ?? freshGroup(minute);
      if (known !== undefined) groups.delete(fingerprint);
      groups.set(fingerprint, group);
      const isRegressed = minute - group.minute >= regressedAfter;
      return { isNew: known === undefined, isRegressed, ...count(group, minute) };
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
const MINUTES_IN_HOUR = 60;
const MINUTES = 60;
const QUARTERS = 96;
const QUARTERS_IN_6_HOURS = 24;
const MINUTES_IN_QUARTER = 15;

interface Group {
  /** 60 minutes, then 96 quarters, each a ring by time modulo length. */
  readonly counts: Uint32Array;
  /** The minute that was counted last. */
  minute: number;
}

/**
 * Time that only moves forward. A clock that is set back does not stop it, and one that is set ahead and back
 * again does not leave it waiting in the future. Steps back of under a minute are disorder, not a new time.
 */
function createElapsed(): (nowMillis: number) => number {
  let total = 0;
  let latest = Number.NaN;
  return (nowMillis) => {
    if (!Number.isFinite(nowMillis)) return total;
    if (nowMillis > latest) total += nowMillis - latest;
    if (!(nowMillis <= latest && latest - nowMillis < MINUTE_MILLIS)) latest = nowMillis;
    return total;
  };
}

function count(group: Group, minute: number): Omit<Recurrence, "isNew" | "isRegressed"> {
  const { counts, minute: last } = group;
  const quarter = Math.floor(minute / MINUTES_IN_QUARTER);
  clear(counts, 0, MINUTES, last, minute);
  clear(counts, MINUTES, QUARTERS, Math.floor(last / MINUTES_IN_QUARTER), quarter);
  group.minute = minute;
  add(counts, minute % MINUTES);
  add(counts, MINUTES + (quarter % QUARTERS));

  let lastHour = 0;
  for (let slot = 0; slot < MINUTES; slot++) lastHour += counts[slot] ?? 0;
  let last6Hours = 0;
  let last24Hours = 0;
  for (let age = 0; age < QUARTERS; age++) {
    last24Hours += counts[MINUTES + ((quarter + QUARTERS - age) % QUARTERS)] ?? 0;
    if (age === QUARTERS_IN_6_HOURS - 1) last6Hours = last24Hours;
  }
  return { lastHour, last6Hours, last24Hours };
}

/** Empties the slots of a ring that time has passed over since `last`. */
function clear(counts: Uint32Array, offset: number, length: number, last: number, now: number): void {
  for (let time = Math.max(last, now - length) + 1; time <= now; time++) counts[offset + (time % length)] = 0;
}

function add(counts: Uint32Array, slot: number): void {
  counts[slot] = (counts[slot] ?? 0) + 1;
}
