/** Counts all requests, by minute and endpoint, with the buckets that percentiles are made of. */
import type { RequestGroup } from "../event";
import { DURATION_BOUNDS_MILLIS, type RequestCounts } from "../store/store";

export interface RequestTally {
  /** `group` is safe to show. The minute is that of the arrival: clocks of senders differ. */
  add(group: RequestGroup, slowMillis: number, nowMillis: number): void;
  /** What was added since it was last asked. */
  take(): readonly RequestCounts[];
}

/** Endpoints between two takes; the rest are counted together. */
export const MAX_ENDPOINTS = 2_000;

export function createRequestTally(): RequestTally {
  let open = new Map<string, OpenCounts>();

  function countsOf(minuteUnixMillis: number, service: string, method: string, route: string): OpenCounts {
    const key = JSON.stringify([minuteUnixMillis, service, method, route]);
    const known = open.get(key);
    if (known !== undefined) return known;
    if (open.size >= MAX_ENDPOINTS && route !== OTHER) return countsOf(minuteUnixMillis, OTHER, OTHER, OTHER);
    const buckets = new Array<number>(DURATION_BOUNDS_MILLIS.length + 1).fill(0);
    const counts = { minuteUnixMillis, service, method, route, count: 0, errors: 0, slow: 0, maxMillis: 0, buckets };
    open.set(key, counts);
    return counts;
  }

  return {
    add({ service, method, route, statusCode, durationsMillis }, slowMillis, nowMillis) {
      const counts = countsOf(nowMillis - (nowMillis % MINUTE_MILLIS), service, method, route);
      counts.count += durationsMillis.length;
      if (statusCode >= 500) counts.errors += durationsMillis.length;
      for (const millis of durationsMillis) {
        if (millis > slowMillis) counts.slow += 1;
        if (millis > counts.maxMillis) counts.maxMillis = millis;
        const bucket = bucketOf(millis);
        counts.buckets[bucket] = (counts.buckets[bucket] ?? 0) + 1;
      }
    },
    take() {
      const taken = [...open.values()];
      open = new Map();
      return taken;
    },
  };
}

const MINUTE_MILLIS = 60_000;
const OTHER = "other";

interface OpenCounts extends RequestCounts {
  count: number;
  errors: number;
  slow: number;
  maxMillis: number;
  readonly buckets: number[];
}

/** The first whose bound is not below the duration: bounds are the powers of the fourth root of two. */
export function bucketOf(millis: number): number {
  if (!(millis > 1)) return 0;
  const last = DURATION_BOUNDS_MILLIS.length;
  let bucket = Math.min(last, Math.max(0, Math.ceil(Math.log2(millis) * 4)));
  // The logarithm may be off by its last bit at a bound.
  if ((DURATION_BOUNDS_MILLIS[bucket - 1] ?? 0) >= millis) bucket -= 1;
  else if (bucket < last && (DURATION_BOUNDS_MILLIS[bucket] ?? 0) < millis) bucket += 1;
  return bucket;
}
