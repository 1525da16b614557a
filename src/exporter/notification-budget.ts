/**
 * How many notifications a channel may send. Of an hour's, a fifth is kept for digests and a fifth for what is critical;
 * of a minute's, one for a digest: so a storm of warnings hides neither its own size nor the error that matters.
 *
 *   60 an hour   │ 36 any │ 12 critical │ 12 digests │        20 a minute   │ 19 any │ 1 digest │
 */

export interface Budget {
  /** 2 or more. */
  readonly perMinute: number;
  /** 5 or more. */
  readonly perHour: number;
}

/** By notifications, digests aside. Times in Unix milliseconds. */
export interface Spent {
  /** When notifications were taken in, those of the last minute at least. */
  readonly taken: readonly number[];
  /** When they were sent, those of the last hour at least. */
  readonly sent: readonly number[];
  /** Taken in and not sent yet. */
  readonly waiting: number;
}

/** Whether one more may be taken in. All that is taken in can be sent within the hour's budget. */
export function mayTake(budget: Budget, spent: Spent, isCritical: boolean, nowMillis: number): boolean {
  return (
    within(spent.taken, MINUTE_MILLIS, nowMillis).length < budget.perMinute - 1 &&
    within(spent.sent, HOUR_MILLIS, nowMillis).length + spent.waiting < allowedPerHour(budget, isCritical)
  );
}

/** Notifications of an hour, digests aside; without the share that is for critical ones, unless it is asked for. */
export function allowedPerHour({ perHour }: Budget, isCritical: boolean): number {
  return perHour - digestsPerHour(perHour) - (isCritical ? 0 : Math.floor(perHour * CRITICAL_SHARE));
}

/** How long to wait before one more message is sent, of any kind: after an outage, many wait. `sent` is in order. */
export function pauseMillis({ perMinute }: Budget, sent: readonly number[], nowMillis: number): number {
  const lately = within(sent, MINUTE_MILLIS, nowMillis);
  const [oldest] = lately.slice(-perMinute);
  return oldest === undefined || lately.length < perMinute ? 0 : oldest + MINUTE_MILLIS - nowMillis;
}

/** From one digest to the next. */
export function digestGapMillis({ perHour }: Budget): number {
  return HOUR_MILLIS / digestsPerHour(perHour);
}

/** What lies in the last while, up to now: a clock that was set back makes the rest worth nothing. */
export function within(times: readonly number[], windowMillis: number, nowMillis: number): readonly number[] {
  return times.filter((time) => time > nowMillis - windowMillis && time <= nowMillis);
}

export const MINUTE_MILLIS = 60_000;
export const HOUR_MILLIS = 3_600_000;
const DIGEST_SHARE = 0.2;
const CRITICAL_SHARE = 0.2;

function digestsPerHour(perHour: number): number {
  return Math.ceil(perHour * DIGEST_SHARE);
}
