/** prom-client's own `process_*` and `nodejs_*` as families. */
import { collectDefaultMetrics } from "prom-client";
import type { MetricRegistry } from "./bounded-metric";
import type { MetricFamilySnapshot } from "./metric-family";

/**
 * Adds the metrics to the registry, and to the process a timer for the event loop's delay and an observer of garbage
 * collection. The gauges `…_total` are left out: a scraper takes such a name for a counter, and each is only the sum
 * of the gauge of the same name.
 */
export function createDefaultMetrics(registry: MetricRegistry): () => Promise<MetricFamilySnapshot[]> {
  const before = new Set(registry.getMetricsAsArray().map((metric) => metric.name));
  // The types of prom-client know no other registry than one of the older content type here.
  collectDefaultMetrics({ register: registry as never });
  for (const name of ["nodejs_active_handles_total", "nodejs_active_requests_total", "nodejs_active_resources_total"]) {
    registry.removeSingleMetric(name);
  }
  const added = registry.getMetricsAsArray().filter((metric) => !before.has(metric.name));
  // prom-client renames its counters when it renders them itself, so the name is kept from here.
  const named = added.map((metric) => ({ name: metric.name, metric: registry.getSingleMetric(metric.name) }));

  return async () => {
    const families: MetricFamilySnapshot[] = [];
    for (const { name, metric } of named) {
      // What a metric says of itself is typed in part only: `type` is a word, and labels may be numbers.
      const said = (await metric?.get()) as unknown as PromFamily | undefined;
      const family = said === undefined ? undefined : toFamily(name, said);
      if (family !== undefined && family.series.length > 0) families.push(family);
    }
    return families;
  };
}

interface PromValue {
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
  readonly metricName?: string;
}
interface PromFamily {
  readonly help: string;
  readonly type: string;
  readonly values: readonly PromValue[];
}

function toFamily(name: string, { help, type, values }: PromFamily): MetricFamilySnapshot | undefined {
  // The delay of an event loop that was not sampled yet is no number.
  const finite = values.filter((one) => Number.isFinite(one.value));
  const labelNames = Object.keys(finite[0]?.labels ?? {}).filter((label) => label !== "le");
  const labelsOf = (one: PromValue): string[] => labelNames.map((label) => String(one.labels[label] ?? ""));
  switch (type) {
    case "counter":
      return {
        name,
        help,
        labelNames,
        type,
        series: finite.map((one) => ({ labels: labelsOf(one), value: one.value })),
      };
    case "gauge":
      return {
        name,
        help,
        labelNames,
        type,
        merge: "max",
        series: finite.map((one) => ({ labels: labelsOf(one), value: one.value })),
      };
    case "histogram":
      return toHistogram(name, help, labelNames, finite, labelsOf);
    default:
      return undefined;
  }
}

/** prom-client lists a series as its buckets in ascending order, cumulative, +Inf last, then sum and count. */
function toHistogram(
  name: string,
  help: string,
  labelNames: readonly string[],
  values: readonly PromValue[],
  labelsOf: (one: PromValue) => string[],
): MetricFamilySnapshot {
  const series = new Map<string, { labels: string[]; cumulative: number[]; sum: number }>();
  const bounds = new Set<number>();
  for (const one of values) {
    const labels = labelsOf(one);
    const key = JSON.stringify(labels);
    const entry = series.get(key) ?? { labels, cumulative: [], sum: 0 };
    series.set(key, entry);
    if (one.metricName === `${name}_bucket`) entry.cumulative.push(one.value);
    if (one.metricName === `${name}_sum`) entry.sum = one.value;
    const bound = Number(one.labels["le"]);
    if (Number.isFinite(bound)) bounds.add(bound);
  }
  return {
    name,
    help,
    labelNames,
    type: "histogram",
    bounds: [...bounds],
    series: [...series.values()].map(({ labels, cumulative, sum }) => ({
      labels,
      buckets: cumulative.map((count, index) => count - (cumulative[index - 1] ?? 0)),
      sum,
      exemplars: cumulative.map(() => null),
    })),
  };
}
