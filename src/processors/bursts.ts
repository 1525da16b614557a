/**
 * How long a group's trouble lasts before it is over. A burst is a run of occurrences that ends with ten minutes of
 * quiet; its recovery time goes from its first to its last occurrence. One occurrence alone lasted no time, and says
 * nothing about how long trouble lasts.
 *
 *   x xx x x          x              x  x xx
 *   ├──────┤          alone          ├─────┤…   not over yet: not counted
 *   recovery time
 */
export interface Bursts {
  /** All by a clock that only moves forward. */
  firstMillis: number;
  lastMillis: number;
  /** Recovery times of the latest bursts that are over, the oldest first. */
  recent: readonly number[];
  /** Their median; undefined before the first is over. */
  recoveryMillis: number | undefined;
}

export function startBurst(millis: number): Bursts {
  return { firstMillis: millis, lastMillis: millis, recent: NONE, recoveryMillis: undefined };
}

/** One more occurrence. That a burst is over shows when the next one begins. */
export function continueBurst(bursts: Bursts, millis: number): void {
  if (millis - bursts.lastMillis >= QUIET_MILLIS) {
    const lasted = bursts.lastMillis - bursts.firstMillis;
    if (lasted > 0) {
      bursts.recent = [...bursts.recent, lasted].slice(-MAX_BURSTS);
      bursts.recoveryMillis = median(bursts.recent);
    }
    bursts.firstMillis = millis;
  }
  bursts.lastMillis = millis;
}

const QUIET_MILLIS = 600_000;
const MAX_BURSTS = 9;
const NONE: readonly number[] = [];

/** Of an even number, the lower one of the middle. */
function median(values: readonly number[]): number | undefined {
  return [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)];
}
