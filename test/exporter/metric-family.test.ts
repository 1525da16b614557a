import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type CounterFamily,
  decodeFamilies,
  type MetricFamilySnapshot,
  mergeFamily,
  type SeriesBound,
  withoutGauges,
} from "../../src/exporter/metric-family";
import { errorEvent, metricsWith, request } from "./error-event";

function counter(values: Readonly<Record<string, number>>): CounterFamily {
  const series = Object.entries(values).map(([label, value]) => ({ labels: [label], value }));
  return { name: "c_total", help: "c", type: "counter", labelNames: ["l"], series };
}
function gauge(merge: "sum" | "max" | "distinct", value: number, members?: string[]): MetricFamilySnapshot {
  return { name: "g", help: "g", type: "gauge", merge, labelNames: [], series: [{ labels: [], value, members }] };
}
function bound(maxSeries = 100): SeriesBound {
  return { maxSeries, kept: new Set() };
}
function values(family: MetricFamilySnapshot): [string | undefined, number][] {
  return family.series.map((point) => [point.labels[0], "value" in point ? point.value : point.sum]);
}

test("counters add up by their labels", () => {
  const merged = mergeFamily(counter({ a: 1, b: 2 }), [counter({ b: 3, c: 4 }), counter({ a: 5 })], bound());
  assert.deepEqual(values(merged), [
    ["a", 6],
    ["b", 5],
    ["c", 4],
  ]);
});

test("gauges merge as they say", () => {
  assert.equal(values(mergeFamily(gauge("sum", 2), [gauge("sum", 3)], bound()))[0]?.[1], 5);
  assert.equal(values(mergeFamily(gauge("max", 2), [gauge("max", 3), gauge("max", 1)], bound()))[0]?.[1], 3);
  const distinct = mergeFamily(gauge("distinct", 2, ["x", "y"]), [gauge("distinct", 2, ["y", "z"])], bound());
  assert.equal(values(distinct)[0]?.[1], 3);
});

test("histograms add up bucket by bucket and keep the newest exemplar", () => {
  const histogram = (buckets: number[], timestampSeconds: number): MetricFamilySnapshot => ({
    name: "h",
    help: "h",
    type: "histogram",
    labelNames: [],
    bounds: [1],
    series: [
      {
        labels: [],
        buckets,
        sum: 1.5,
        exemplars: [{ labels: { trace_id: `at ${timestampSeconds}` }, value: 0.5, timestampSeconds }, null],
      },
    ],
  });
  const [point] = mergeFamily(histogram([1, 2], 20), [histogram([10, 20], 10)], bound()).series;
  assert.ok(point && "buckets" in point);
  assert.deepEqual([point.buckets, point.sum, point.exemplars[0]?.labels["trace_id"]], [[11, 22], 3, "at 20"]);
});

test("over the bound the rest is one series, and a series that stood for itself goes on doing so", () => {
  const limit = bound(3);
  const first = mergeFamily(counter({ a: 1, b: 1, c: 1, d: 1 }), [], limit);
  assert.deepEqual(values(first), [
    ["a", 1],
    ["b", 1],
    ["other", 2],
  ]);
  const second = mergeFamily(counter({ x: 1, d: 1 }), [counter({ c: 1, b: 1, a: 2 })], limit);
  assert.deepEqual(Object.fromEntries(values(second)), { a: 2, b: 1, other: 3 });
});

test("what one process says, another reads unchanged", () => {
  const metrics = metricsWith();
  metrics.export([errorEvent({ type: "é \ud800 \n" })]);
  metrics.recordRequest(request());
  metrics.recordOperation("o", { kind: "value", value: -1 });
  const families = metrics.snapshot();
  const travelled: unknown = JSON.parse(JSON.stringify(families));
  assert.deepEqual(JSON.stringify(decodeFamilies(travelled)), JSON.stringify(families));
  assert.ok(withoutGauges(families).every(({ type }) => type !== "gauge"));
});
