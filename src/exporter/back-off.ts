/** How long to wait for a receiver that is away. */
import { setTimeout as sleep } from "node:timers/promises";

/**
 * After so many failures in a row: full jitter under a ceiling that doubles up to 30 s; or as the receiver asks, and a
 * little later, for 5 minutes at most. Never under a second.
 */
export function backOffMillis(failures: number, retryAfterMillis: number | undefined, random: () => number): number {
  const ceiling = Math.min(MAX_BACK_OFF_MILLIS, MIN_BACK_OFF_MILLIS * 2 ** Math.min(failures, 16));
  const asked = Math.min(retryAfterMillis ?? 0, MAX_RETRY_AFTER_MILLIS);
  const delay = retryAfterMillis === undefined ? ceiling * random() : asked * (1 + RETRY_AFTER_JITTER * random());
  return Math.max(MIN_BACK_OFF_MILLIS, delay);
}

/** Ends early when it is told to. */
export async function waitFor(millis: number, abort: AbortSignal): Promise<void> {
  await sleep(millis, undefined, { signal: abort }).catch(() => undefined); // ended early
}

export const MIN_BACK_OFF_MILLIS = 1_000;
const MAX_BACK_OFF_MILLIS = 30_000;
const MAX_RETRY_AFTER_MILLIS = 300_000;
const RETRY_AFTER_JITTER = 0.1;
