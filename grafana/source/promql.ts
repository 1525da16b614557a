/**
 * The queries of the dashboards, in few shapes.
 *
 * Counters of errors are rare and are born with their first value, which `increase()` and `rate()` do not see: a service
 * that failed once would look well. So what is rare is counted by its difference from before, and a series that was not
 * there before counts in full:
 *
 *   there before   ──5──5──6──6──    counts 1      never there before   ·····1──1──    counts 1
 *   restarted      ──5──5──0──1──    counts 1      scrape missed        ──5··5──5──    counts 0
 */

/** What a dashboard's variables can filter by. `job` always does: a service and its collector count the same errors. */
export type Filter = "service" | "worker" | "category" | "severity";

export interface Promql {
  /** The full name of a metric. */
  metric(name: string): string;
  /** Its series in the job that is looked at: `select("errors_total", ["service"], 'origin="root"')`. */
  select(name: string, filters: readonly Filter[], ...matchers: readonly string[]): string;
}

export function createPromql(prefix: string): Promql {
  if (!PREFIX.test(prefix)) {
    throw new Error(`--prefix "${prefix}": expected letters, digits and underscores, no digit first`);
  }
  const metric = (name: string): string => prefix + name;
  return {
    metric,
    select: (name, filters, ...matchers) =>
      `${metric(name)}{${['job="$job"', ...filters.map((label) => `${label}=~"$${label}"`), ...matchers].join(", ")}}`,
  };
}

/** As SEISMO_METRICS_PREFIX may be. */
const PREFIX = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/;

/**
 * How far back a series is looked for before it is taken for a new one. Scrapes that fail for this long make no false
 * errors; what appears after a longer silence counts in full.
 */
const REMEMBERED = "30m";

/** By how much a rare counter rose within each step of a graph: whole numbers, whose sum is the sum of the graph. */
export function countPerStep(selector: string, by: readonly string[]): string {
  const rise = `${selector} - ${before(selector, "$__interval")}`;
  return `sum by (${by.join(", ")}) ((${rise}) >= 0 or ${selector})`;
}

/**
 * By how much a rare counter rose within the time range, for an instant query. Counts series that ended within it, too,
 * as those of a replaced instance. Whole numbers, but for series that were restarted: `increase()` extrapolates to the
 * ends of the range. One that was born and restarted within it begins with the smaller value, as nothing gives the first.
 */
export function countInRange(selector: string, by: readonly string[]): string {
  const inRange = `${selector}[$__range]`;
  const rise = `(max_over_time(${inRange}) - min_over_time(${inRange}) and resets(${inRange}) == 0)`;
  const first = `min_over_time(${inRange}) unless ${before(selector, "$__range")}`;
  // The label keeps first values apart from rises, so that `or` takes both and `sum` adds them.
  const firsts = `label_replace(${first}, "first", "yes", "", "")`;
  return `sum by (${by.join(", ")}) (${rise} or increase(${inRange}) or ${firsts})`;
}

/** Of the series of a gauge, those that were not there before: what has just begun. */
export function begun(selector: string, by: readonly string[]): string {
  const labels = by.join(", ");
  return `max by (${labels}) (${selector}) unless max by (${labels}) (last_over_time(${selector}[1h] offset $__interval))`;
}

export function perSecond(selector: string, by: readonly string[]): string {
  return `sum by (${by.join(", ")}) (rate(${selector}[$__rate_interval]))`;
}

/** Of a histogram; `window` is `$__rate_interval` over time, `$__range` for one number. */
export function quantile(share: number, buckets: string, by: readonly string[], window: string): string {
  return `histogram_quantile(${share}, sum by (${[...by, "le"].join(", ")}) (rate(${buckets}[${window}])))`;
}

/** A share of a busy total: 0 while the part has no series, nothing while there is no traffic. */
export function share(part: string, total: string, by: readonly string[], window: string): string {
  const of = (selector: string): string => `sum by (${by.join(", ")}) (rate(${selector}[${window}]))`;
  return `(${of(part)} or 0 * ${of(total)}) / (${of(total)} > 0)`;
}

function before(selector: string, offset: string): string {
  return `last_over_time(${selector}[${REMEMBERED}] offset ${offset})`;
}
