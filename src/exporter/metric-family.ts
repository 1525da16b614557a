/**
 * A metric family as plain data: what one process says at one moment, what travels between the processes
 * of one app, and what the exposition writes down.
 *
 *   prom-client objects ──snapshot()──► MetricFamily[] ──mergeFamily()──► MetricFamily[] ──► text
 *                         other processes' families ──decodeFamilies()──┘
 */

export interface Exemplar {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  readonly timestampSeconds: number;
}

/** `labels` stand in the order of the family's `labelNames`. A series keeps the identity of the array for life. */
interface Series {
  readonly labels: readonly string[];
}
export interface CounterPoint extends Series {
  readonly value: number;
  readonly exemplar?: Exemplar | undefined;
}
export interface GaugePoint extends Series {
  readonly value: number;
  /** For `merge: "distinct"`: what was counted, so that two processes that saw the same thing count it once. */
  readonly members?: readonly string[] | undefined;
}
export interface HistogramPoint extends Series {
  /** One count a bucket, not cumulative; the last one is above the highest bound. */
  readonly buckets: readonly number[];
  readonly sum: number;
  /** As long as `buckets`. */
  readonly exemplars: readonly (Exemplar | null)[];
}

/** How the gauges of several processes become one. Counters and histograms add up. */
export type GaugeMerge = "sum" | "max" | "distinct";

/** What becomes of a gauge where there are several processes. */
export interface GaugeInGroup {
  readonly merge: GaugeMerge;
  /** How long it stands after its process is gone; without it not at all. */
  readonly lastingMillis?: number | undefined;
}

interface Family {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
}
export interface CounterFamily extends Family {
  readonly type: "counter";
  readonly series: readonly CounterPoint[];
}
export interface GaugeFamily extends Family, GaugeInGroup {
  readonly type: "gauge";
  readonly series: readonly GaugePoint[];
}
export interface HistogramFamily extends Family {
  readonly type: "histogram";
  /** Ascending upper bounds, without +Inf. */
  readonly bounds: readonly number[];
  readonly series: readonly HistogramPoint[];
}
export type MetricFamilySnapshot = CounterFamily | GaugeFamily | HistogramFamily;

/** What goes over a cap is counted under this value of every label. */
export const OTHER = "other";

export interface SeriesBound {
  readonly maxSeries: number;
  /** Keys of the series that stood for themselves last time and so come first; the merge brings it up to date. */
  readonly kept: Set<string>;
}

/**
 * One family from several processes' families of the same name; those whose shape differs from the first are left out
 * (another version of Seismo in a child process). Beyond `maxSeries` the rest goes to one series `other`: sums stay exact.
 */
export function mergeFamily(
  first: MetricFamilySnapshot,
  rest: readonly MetricFamilySnapshot[],
  bound: SeriesBound,
): MetricFamilySnapshot {
  const shape = shapeOf(first);
  const parts = [first, ...rest.filter((family) => shapeOf(family) === shape)];
  switch (first.type) {
    case "counter":
      return { ...first, series: combine(seriesOf(parts, "counter"), bound, addCounters) };
    case "gauge": {
      const add = { sum: addGauges, max: maxGauges, distinct: uniteGauges }[first.merge];
      return { ...first, series: combine(seriesOf(parts, "gauge"), bound, add) };
    }
    case "histogram":
      return { ...first, series: combine(seriesOf(parts, "histogram"), bound, addHistograms) };
  }
}

/** What stays of a process that is gone: its counts. Gauges speak of the living. */
export function withoutGauges(families: Iterable<MetricFamilySnapshot>): MetricFamilySnapshot[] {
  return [...families].filter((family) => family.type !== "gauge");
}

/** What stays of a process that went so long ago: its lasting gauges too, unless they say that nothing was wrong. */
export function withLastWords(families: Iterable<MetricFamilySnapshot>, goneMillis: number): MetricFamilySnapshot[] {
  return [...families].flatMap((family): MetricFamilySnapshot[] => {
    if (family.type !== "gauge") return [family];
    if (goneMillis >= (family.lastingMillis ?? 0)) return [];
    return [{ ...family, series: family.series.filter(({ value }) => value !== 0) }];
  });
}

/** Reads families that another process sent; `undefined` when any part is not as it should be. */
export function decodeFamilies(json: unknown): MetricFamilySnapshot[] | undefined {
  if (!Array.isArray(json) || json.length > MAX_FAMILIES) return undefined;
  return json.every(isFamily) ? json : undefined;
}

const MAX_FAMILIES = 500;
const MAX_TEXT = 1_024;

type SeriesFor<T extends MetricFamilySnapshot["type"]> = Extract<MetricFamilySnapshot, { type: T }>["series"][number];

function shapeOf(family: MetricFamilySnapshot): string {
  const detail = family.type === "histogram" ? family.bounds : family.type === "gauge" ? family.merge : "";
  return JSON.stringify([family.name, family.type, family.labelNames, detail]);
}

function seriesOf<T extends MetricFamilySnapshot["type"]>(
  families: readonly MetricFamilySnapshot[],
  type: T,
): SeriesFor<T>[] {
  // The filter leaves families of one type, which the compiler cannot follow through a type parameter.
  return families.filter((family) => family.type === type).flatMap((family) => family.series as SeriesFor<T>[]);
}

function combine<S extends Series>(series: readonly S[], bound: SeriesBound, add: (into: S, from: S) => S): S[] {
  const merged = new Map<string, S>();
  for (const one of series) put(merged, keyOf(one.labels), one, add);
  if (merged.size > bound.maxSeries) foldRest(merged, bound, add);
  bound.kept.clear();
  for (const key of merged.keys()) bound.kept.add(key);
  return [...merged.values()];
}

function put<S extends Series>(merged: Map<string, S>, key: string, one: S, add: (into: S, from: S) => S): void {
  const seen = merged.get(key);
  merged.set(key, seen === undefined ? one : add(seen, one));
}

/** Those that stood for themselves before go on doing so; otherwise a counter would seem to fall. */
function foldRest<S extends Series>(merged: Map<string, S>, bound: SeriesBound, add: (into: S, from: S) => S): void {
  const all = [...merged];
  const ordered = [...all.filter(([key]) => bound.kept.has(key)), ...all.filter(([key]) => !bound.kept.has(key))];
  merged.clear();
  for (const [key, one] of ordered) {
    if (merged.size < bound.maxSeries - 1) merged.set(key, one);
    else {
      const labels = one.labels.map(() => OTHER);
      put(merged, keyOf(labels), { ...one, labels }, add);
    }
  }
}

const keys = new WeakMap<readonly string[], string>();
function keyOf(labels: readonly string[]): string {
  let key = keys.get(labels);
  if (key === undefined) {
    key = JSON.stringify(labels);
    keys.set(labels, key);
  }
  return key;
}

function addCounters(into: CounterPoint, from: CounterPoint): CounterPoint {
  return { labels: into.labels, value: into.value + from.value, exemplar: newer(into.exemplar, from.exemplar) };
}
function addGauges(into: GaugePoint, from: GaugePoint): GaugePoint {
  return { labels: into.labels, value: into.value + from.value };
}
function maxGauges(into: GaugePoint, from: GaugePoint): GaugePoint {
  return { labels: into.labels, value: Math.max(into.value, from.value) };
}
function uniteGauges(into: GaugePoint, from: GaugePoint): GaugePoint {
  const members = [...new Set([...(into.members ?? []), ...(from.members ?? [])])];
  return { labels: into.labels, value: members.length, members };
}
function addHistograms(into: HistogramPoint, from: HistogramPoint): HistogramPoint {
  return {
    labels: into.labels,
    buckets: into.buckets.map((count, index) => count + (from.buckets[index] ?? 0)),
    sum: into.sum + from.sum,
    exemplars: into.exemplars.map((exemplar, index) => newer(exemplar, from.exemplars[index]) ?? null),
  };
}
function newer<E extends Exemplar | null | undefined>(a: E, b: E): E {
  if (a == null || b == null) return a ?? b;
  return b.timestampSeconds > a.timestampSeconds ? b : a;
}

function isFamily(value: unknown): value is MetricFamilySnapshot {
  if (!isRecord(value) || !matches(value["name"], /^[a-zA-Z_:][a-zA-Z0-9_:]*$/) || !isText(value["help"])) return false;
  const labelNames = value["labelNames"];
  if (!Array.isArray(labelNames) || !labelNames.every((name) => matches(name, /^[a-zA-Z_][a-zA-Z0-9_]*$/)))
    return false;
  const every = (check: (point: Record<string, unknown>) => boolean): boolean =>
    Array.isArray(value["series"]) &&
    value["series"].every(
      (point) => isRecord(point) && isArrayOf(point["labels"], labelNames.length, isText) && check(point),
    );
  switch (value["type"]) {
    case "counter":
      return every(
        (point) => isCount(point["value"]) && (point["exemplar"] === undefined || isExemplar(point["exemplar"])),
      );
    case "gauge":
      return (
        ["sum", "max", "distinct"].includes(String(value["merge"])) &&
        (value["lastingMillis"] === undefined || isCount(value["lastingMillis"])) &&
        every(
          (point) =>
            Number.isFinite(point["value"]) &&
            (point["members"] === undefined || isArrayOf(point["members"], undefined, isText)),
        )
      );
    case "histogram": {
      const bounds = value["bounds"];
      if (!isArrayOf(bounds, undefined, Number.isFinite)) return false;
      return every(
        (point) =>
          isArrayOf(point["buckets"], bounds.length + 1, isCount) &&
          Number.isFinite(point["sum"]) &&
          isArrayOf(point["exemplars"], bounds.length + 1, (one) => one === null || isExemplar(one)),
      );
    }
    default:
      return false;
  }
}

function isExemplar(value: unknown): boolean {
  return (
    isRecord(value) &&
    isRecord(value["labels"]) &&
    Object.entries(value["labels"]).every(([name, text]) => matches(name, /^[a-z_]{1,64}$/) && isText(text)) &&
    Number.isFinite(value["value"]) &&
    Number.isFinite(value["timestampSeconds"])
  );
}
function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
function isText(value: unknown): value is string {
  return typeof value === "string" && value.length <= MAX_TEXT;
}
function isCount(value: unknown): boolean {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}
function matches(value: unknown, pattern: RegExp): boolean {
  return isText(value) && pattern.test(value);
}
function isArrayOf(value: unknown, length: number | undefined, check: (item: unknown) => boolean): value is unknown[] {
  return (
    Array.isArray(value) && (length === undefined || value.length === length) && value.every((item) => check(item))
  );
}
