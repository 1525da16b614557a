/**
 * prom-client's metrics with three things added: caps on labels and series, a handle on each series, and a
 * synchronous snapshot.
 *
 *   at([raw values]) ── known? ──────────────► series.inc / set / observe      tens of nanoseconds
 *                          └─ new: clean, cap ─► the series, or `other`        once a series
 *
 * prom-client finds a series by building a text of all labels on every call. A series here keeps hold of prom-client's
 * own record of it instead, so that the registry stays the one truth and a hit costs an addition.
 */
import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import {
  type CounterFamily,
  type Exemplar,
  type GaugeFamily,
  type GaugeInGroup,
  type HistogramFamily,
  OTHER,
} from "./metric-family";

export type ExemplarLabels = Readonly<Record<string, string>>;
/** Registry of a content type that allows exemplars. */
export type MetricRegistry = Registry<"application/openmetrics-text; version=1.0.0; charset=utf-8">;

export interface SeriesLimits {
  /** Distinct values of one label, `other` among them. */
  readonly maxLabelValues: number;
  /** Series of one metric, the one of all `other` among them. */
  readonly maxSeries: number;
  /** Called for each observation that lost a label to a cap. */
  overflowed(metric: string): void;
}

export interface MetricConfig {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
  readonly registry: MetricRegistry;
  readonly limits: SeriesLimits;
  readonly nowMillis: () => number;
  /** Labels whose values the caller bounds. */
  readonly uncapped?: readonly string[];
  /** Brings pulled values up to date, before they are read here or through prom-client. */
  readonly collect?: () => void;
}

export interface CounterSeries {
  value(): number;
  /** `by` must be finite and not negative. The exemplar's labels become prom-client's: do not change them after. */
  inc(by: number, exemplar?: ExemplarLabels): void;
}
export interface BoundedCounter {
  at(values: readonly string[]): CounterSeries;
  /** Forgets a series that `at` gave for exactly these values. */
  remove(values: readonly string[]): void;
  snapshot(): CounterFamily;
}

export interface GaugeSeries {
  /** `members`: what a `distinct` gauge counted. */
  set(value: number, members?: readonly string[]): void;
}
export interface BoundedGauge {
  at(values: readonly string[]): GaugeSeries;
  /** These alone are its series from now on; the earlier ones come first when a cap is hit. Where some become one, the greatest value stands. */
  replace(points: readonly { readonly labels: readonly string[]; readonly value: number }[]): void;
  snapshot(): GaugeFamily;
}

export interface HistogramSeries {
  /** As `inc`. */
  observe(value: number, exemplar?: ExemplarLabels): void;
}
export interface BoundedHistogram {
  at(values: readonly string[]): HistogramSeries;
  snapshot(): HistogramFamily;
}

export function createBoundedCounter(config: MetricConfig & { readonly exemplars?: boolean }): BoundedCounter {
  const { name, help, labelNames, nowMillis, collect } = config;
  const exemplars = config.exemplars ?? false;
  const metric = new Counter({ ...promOptions(config), enableExemplars: exemplars });
  const add = (labels: PromLabels, value: number, exemplarLabels?: ExemplarLabels): void => {
    if (!exemplars) metric.inc(labels, value);
    else metric.inc({ labels, value, ...(exemplarLabels === undefined ? {} : { exemplarLabels }) });
  };
  const index = createSeriesIndex(config, (values) => {
    const labels = labelObject(labelNames, values);
    const taken = promRecord(metric, labels) !== undefined;
    if (!taken) add(labels, 0);
    const inside = taken ? undefined : promRecord(metric, labels);
    const record = isCounterRecord(inside) ? inside : undefined;
    const state: CounterRecord = record ?? { value: 0 };
    return {
      values,
      state,
      value: () => state.value,
      inc(by: number, exemplar?: ExemplarLabels): void {
        // The first exemplar of a series goes through prom-client, which makes an object of its own class for it.
        const through = !taken && (record === undefined || (exemplar !== undefined && !record.exemplar));
        if (through) add(labels, by, exemplar);
        if (!through || record === undefined) state.value += by;
        if (exemplar !== undefined) state.exemplar = exemplarOf(state.exemplar, exemplar, by, nowMillis());
      },
    };
  });
  return {
    at: index.at,
    remove(values) {
      const series = index.remove(values);
      if (series !== undefined) metric.remove(labelObject(labelNames, series.values));
    },
    snapshot() {
      collect?.();
      const series = [...index.all()].map(({ values, state }) => ({
        labels: values,
        value: state.value,
        exemplar: copyExemplar(state.exemplar) ?? undefined,
      }));
      return { name, help, labelNames, type: "counter", series };
    },
  };
}

export function createBoundedGauge(config: MetricConfig & GaugeInGroup): BoundedGauge {
  const { name, help, labelNames, merge, lastingMillis, collect } = config;
  const metric = new Gauge(promOptions(config));
  const index = createSeriesIndex(config, (labels) => {
    const promLabels = labelObject(labelNames, labels);
    const series = {
      point: { labels, value: 0, members: undefined as readonly string[] | undefined },
      set(value: number, members?: readonly string[]): void {
        if (!Number.isFinite(value)) return;
        series.point = { labels, value, members };
        metric.set(promLabels, value);
      },
    };
    return series;
  });
  return {
    at: index.at,
    replace(points) {
      index.clear();
      metric.reset();
      const greatest = new Map<GaugeSeries, number>();
      for (const { labels, value } of points) {
        const series = index.at(labels);
        greatest.set(series, Math.max(value, greatest.get(series) ?? value));
      }
      for (const [series, value] of greatest) series.set(value);
    },
    snapshot() {
      collect?.();
      const series = [...index.all()].map(({ point }) => point);
      return { name, help, labelNames, type: "gauge", merge, lastingMillis, series };
    },
  };
}

export function createBoundedHistogram(
  config: MetricConfig & { readonly bounds: readonly number[]; readonly exemplars?: boolean },
): BoundedHistogram {
  const { name, help, labelNames, bounds, nowMillis, collect } = config;
  const exemplars = config.exemplars ?? false;
  const metric = new Histogram({ ...promOptions(config), buckets: [...bounds], enableExemplars: exemplars });
  // prom-client files what is above the highest bound under -1, in the exemplars only.
  const bucketKeys = [...bounds.map(String), "-1"];
  const bucketOf = (value: number): string => {
    let index = 0;
    for (const bound of bounds) {
      if (value <= bound) break;
      index += 1;
    }
    return bucketKeys[index] ?? "-1";
  };
  const observe = (labels: PromLabels, value: number, exemplarLabels?: ExemplarLabels): void => {
    if (!exemplars) metric.observe(labels, value);
    else metric.observe({ labels, value, ...(exemplarLabels === undefined ? {} : { exemplarLabels }) });
  };
  const index = createSeriesIndex(config, (values) => {
    const labels = labelObject(labelNames, values);
    const taken = promRecord(metric, labels) !== undefined;
    if (!taken) metric.zero(labels);
    const inside = taken ? undefined : promRecord(metric, labels);
    const record = isHistogramRecord(inside, bucketKeys, exemplars) ? inside : undefined;
    const state: HistogramRecord = record ?? {
      bucketValues: Object.fromEntries(bounds.map((bound) => [bound, 0])),
      sum: 0,
      count: 0,
      bucketExemplars: {},
    };
    return {
      values,
      state,
      observe(value: number, exemplar?: ExemplarLabels): void {
        const bucket = bucketOf(value);
        const known = state.bucketExemplars?.[bucket];
        const through = !taken && (record === undefined || (exemplar !== undefined && !known));
        if (through) observe(labels, value, exemplar);
        if (!through || record === undefined) {
          const count = state.bucketValues[bucket];
          if (count !== undefined) state.bucketValues[bucket] = count + 1;
          state.sum += value;
          state.count += 1;
        }
        if (exemplar !== undefined && state.bucketExemplars !== undefined) {
          const present = known ?? state.bucketExemplars[bucket];
          state.bucketExemplars[bucket] = exemplarOf(present, exemplar, value, nowMillis());
        }
      },
    };
  });
  return {
    at: index.at,
    snapshot() {
      collect?.();
      const series = [...index.all()].map(({ values, state }) => {
        const buckets = bounds.map((_, i) => state.bucketValues[bucketKeys[i] ?? ""] ?? 0);
        buckets.push(state.count - buckets.reduce((sum, count) => sum + count, 0));
        const points = bucketKeys.map((key) => copyExemplar(state.bucketExemplars?.[key]));
        return { labels: values, buckets, sum: state.sum, exemplars: points };
      });
      return { name, help, labelNames, type: "histogram", bounds, series };
    },
  };
}

const MAX_LABEL_LENGTH = 128;

/** A label value that every scraper takes: at most 128 characters, no control characters, no half surrogate pairs. */
export function cleanLabelValue(raw: string): string {
  if (/^[\x20-\x7e]{0,128}$/.test(raw)) return raw;
  return (
    raw
      .slice(0, MAX_LABEL_LENGTH)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: removing them is the point
      .replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, "")
      .replace(/\p{Surrogate}/gu, "\ufffd")
  );
}

type PromLabels = Record<string, string>;

function promOptions(config: MetricConfig): {
  name: string;
  help: string;
  labelNames: string[];
  registers: MetricRegistry[];
  collect?: () => void;
} {
  const { name, help, labelNames, registry, collect } = config;
  return {
    name,
    help,
    labelNames: [...labelNames],
    registers: [registry],
    ...(collect && { collect: () => collect() }),
  };
}

function labelObject(names: readonly string[], values: readonly string[]): PromLabels {
  return Object.fromEntries(names.map((name, index) => [name, values[index] ?? ""]));
}

interface PromExemplar {
  labelSet: ExemplarLabels;
  value: number | null;
  timestamp?: number;
}
interface CounterRecord {
  value: number;
  exemplar?: PromExemplar;
}
interface HistogramRecord {
  readonly bucketValues: Record<string, number>;
  sum: number;
  count: number;
  readonly bucketExemplars?: Record<string, PromExemplar | null>;
}

/**
 * prom-client's own record under the key of these labels: the one place that looks inside prom-client. Without a record
 * (another version of prom-client) a series counts by itself and tells prom-client through its public functions. When the
 * record is there before the series is, it is another series' whose labels give the same key ("a:1,b:2" is ambiguous);
 * the series then counts by itself, and is missing in what prom-client renders.
 */
function promRecord(metric: object, labels: PromLabels): unknown {
  const records: unknown = Reflect.get(metric, "hashMap");
  const names = Object.keys(labels).sort();
  return isObject(records) ? records[names.map((name) => `${name}:${labels[name]},`).join("")] : undefined;
}
function isCounterRecord(record: unknown): record is CounterRecord {
  return isObject(record) && typeof record["value"] === "number";
}
function isHistogramRecord(record: unknown, keys: readonly string[], exemplars: boolean): record is HistogramRecord {
  if (!isObject(record) || typeof record["sum"] !== "number" || typeof record["count"] !== "number") return false;
  const values = record["bucketValues"];
  return (
    isObject(values) &&
    keys.every((key) => key === "-1" || typeof values[key] === "number") &&
    isObject(record["bucketExemplars"]) === exemplars
  );
}
function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** Writes into the exemplar that is there, which is of prom-client's class. */
function exemplarOf(
  present: PromExemplar | null | undefined,
  labelSet: ExemplarLabels,
  value: number,
  nowMillis: number,
): PromExemplar {
  const exemplar = present ?? { labelSet, value };
  exemplar.labelSet = labelSet;
  exemplar.value = value;
  exemplar.timestamp = nowMillis / 1_000;
  return exemplar;
}

function copyExemplar(exemplar: PromExemplar | null | undefined): Exemplar | null {
  if (!exemplar || exemplar.value === null || exemplar.timestamp === undefined) return null;
  return { labels: exemplar.labelSet, value: exemplar.value, timestampSeconds: exemplar.timestamp };
}

interface Node<S> {
  readonly next: Map<string, Node<S>>;
  hit: { readonly series: S; readonly overflowed: boolean } | undefined;
}

interface SeriesIndex<S> {
  at(values: readonly string[]): S;
  remove(values: readonly string[]): S | undefined;
  clear(): void;
  all(): Iterable<S>;
}

/**
 * Finds the series of raw label values by one map a label, which builds no text; makes it within the caps when it is new.
 * The maps hold at most twice as many entries as there may be series, and no value that is longer than a label may be.
 */
function createSeriesIndex<S>(config: MetricConfig, make: (labels: readonly string[]) => S): SeriesIndex<S> {
  const { name, labelNames, limits, uncapped = [] } = config;
  const series = new Map<string, S>();
  const admitted = labelNames.map((label) => (uncapped.includes(label) ? undefined : new Set<string>()));
  let root: Node<S> = { next: new Map(), hit: undefined };
  let hits = 0;

  const capped = (value: string, position: number): string => {
    const clean = cleanLabelValue(value);
    const values = admitted[position];
    if (values === undefined || clean === OTHER || values.has(clean)) return clean;
    if (values.size >= limits.maxLabelValues - 1) return OTHER;
    values.add(clean);
    return clean;
  };
  const find = (labels: readonly string[]): S => {
    const key = JSON.stringify(labels);
    let one = series.get(key);
    if (one === undefined) {
      one = make(labels);
      series.set(key, one);
    }
    return one;
  };
  const admit = (raw: readonly string[]): S => {
    let labels = raw.map(capped);
    let overflowed = labels.some((label, i) => label === OTHER && raw[i] !== OTHER);
    if (series.size >= limits.maxSeries - 1 && !series.has(JSON.stringify(labels))) {
      labels = labels.map(() => OTHER);
      overflowed = true;
    }
    const one = find(labels);
    if (overflowed) limits.overflowed(name);
    if (hits < 2 * limits.maxSeries && raw.every((value) => value.length <= MAX_LABEL_LENGTH)) {
      let node = root;
      for (const value of raw) {
        let next = node.next.get(value);
        if (next === undefined) {
          next = { next: new Map(), hit: undefined };
          node.next.set(value, next);
        }
        node = next;
      }
      node.hit = { series: one, overflowed };
      hits += 1;
    }
    return one;
  };

  return {
    at(values) {
      let node: Node<S> | undefined = root;
      for (const value of values) {
        node = node.next.get(value);
        if (node === undefined) return admit(values);
      }
      if (node.hit === undefined) return admit(values);
      if (node.hit.overflowed) limits.overflowed(name);
      return node.hit.series;
    },
    remove(values) {
      const key = JSON.stringify(values.map(cleanLabelValue));
      const one = series.get(key);
      series.delete(key);
      root = { next: new Map(), hit: undefined };
      hits = 0;
      return one;
    },
    clear() {
      series.clear();
      for (const values of admitted) values?.clear();
      root = { next: new Map(), hit: undefined };
      hits = 0;
    },
    all: () => series.values(),
  };
}
