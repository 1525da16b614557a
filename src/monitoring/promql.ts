/**
 * The turns of PromQL that rules have in common.
 *
 * Services are scraped under one job and collectors under another, and an error that both saw is still one error: within
 * a job series add up, across jobs the highest counts.
 */

/** Sums within each job, the highest of all jobs; only the labels `by` are left. */
export function acrossJobs(by: string, expression: string): string {
  return `max by (${by}) (sum by (job, ${by}) (${expression}))`;
}

/**
 * What a counter gained over `window`, its first value included. A counter is born with its first event, and increase()
 * sees nothing of a birth: a series that was not there at the start of the window has gained all that it has. That holds
 * only if somebody would have seen it, hence the second line: Prometheus scraped something then.
 */
export function gained(counter: string, window: string): string {
  return (
    `(increase(${counter}[${window}]) > 0)\n` +
    `or (${counter} > 0 unless ${counter} offset ${window} and on () count(up offset ${window}))`
  );
}

/** As gained(), but what a young Prometheus finds has been gained too: names for an alarm that something else decides on. */
export function gainedOrFound(counter: string, window: string): string {
  return `(increase(${counter}[${window}]) > 0)\nor (${counter} > 0 unless ${counter} offset ${window})`;
}

/** The service of a target, for what Seismo tells of itself without that label. */
export function withService(buildInfo: string, expression: string): string {
  return `(${expression}) * on (job, instance) group_left (service) topk by (job, instance) (1, ${buildInfo})`;
}

/** A share of 100 as a number that PromQL reads as it was meant: 2 percent are 0.02. */
export function share(percent: number): string {
  return plainNumber(percent / 100);
}

/** Without the dust of binary fractions. */
export function plainNumber(value: number): string {
  return String(Number(value.toPrecision(SIGNIFICANT_DIGITS)));
}

const SIGNIFICANT_DIGITS = 12;
