import assert from "node:assert/strict";
import { test } from "node:test";
import { Registry } from "prom-client";
import {
  cleanLabelValue,
  createBoundedCounter,
  createBoundedGauge,
  createBoundedHistogram,
  type MetricConfig,
  type MetricRegistry,
} from "../../src/exporter/bounded-metric";

function setup(limits: { maxLabelValues?: number; maxSeries?: number } = {}) {
  const registry: MetricRegistry = new Registry();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  const overflows: string[] = [];
  const config: MetricConfig = {
    name: "m_total",
    help: "m",
    labelNames: ["a", "b"],
    registry,
    limits: { maxLabelValues: 10, maxSeries: 20, overflowed: (name) => overflows.push(name), ...limits },
    nowMillis: () => 5_000,
  };
  return { registry, overflows, config };
}

test("a counter, a gauge and a histogram say the same here and in prom-client's registry", async () => {
  const { registry, config } = setup();
  const counter = createBoundedCounter({ ...config, exemplars: true });
  const gauge = createBoundedGauge({ ...config, name: "g", merge: "sum" });
  const histogram = createBoundedHistogram({ ...config, name: "h", bounds: [1, 2.5], exemplars: true });
  for (let i = 1; i <= 4; i++) {
    counter.at(["x", "y"]).inc(i, i % 2 === 0 ? { trace_id: `t${i}` } : undefined);
    gauge.at(["x", "y"]).set(-i);
    histogram.at(["x", "y"]).observe(i, { trace_id: `t${i}` });
  }
  assert.deepEqual(counter.snapshot().series, [
    { labels: ["x", "y"], value: 10, exemplar: { labels: { trace_id: "t4" }, value: 4, timestampSeconds: 5 } },
  ]);
  assert.equal(gauge.snapshot().series[0]?.value, -4);
  const [series] = histogram.snapshot().series;
  assert.deepEqual([series?.buckets, series?.sum], [[1, 1, 2], 10]);
  assert.deepEqual(
    series?.exemplars.map((exemplar) => exemplar?.labels["trace_id"]),
    ["t1", "t2", "t4"],
  );

  const text = await registry.metrics();
  assert.match(text, /^m_total\{a="x",b="y"\} 10 # \{trace_id="t4"\} 4 5$/m);
  assert.match(text, /^g\{a="x",b="y"\} -4$/m);
  assert.match(text, /^h_bucket\{le="2.5",a="x",b="y"\} 2 # \{trace_id="t2"\} 2 5$/m);
  assert.match(text, /^h_bucket\{le="\+Inf",a="x",b="y"\} 4 # \{trace_id="t4"\} 4 5$/m);
  assert.match(text, /^h_sum\{a="x",b="y"\} 10$/m);
});

test("series whose labels prom-client takes for the same stay apart", () => {
  const counter = createBoundedCounter(setup().config);
  counter.at(["1,b:2", "3"]).inc(1);
  counter.at(["1", "2,b:3"]).inc(10);
  counter.at(["1,b:2", "3"]).inc(1);
  assert.deepEqual(
    counter.snapshot().series.map(({ value }) => value),
    [2, 10],
  );
});

test("a label over its cap counts as other, and the value other is not over it", () => {
  const { config, overflows } = setup({ maxLabelValues: 3 });
  const counter = createBoundedCounter(config);
  for (const value of ["1", "2", "3", "4", "3", "1", "other"]) counter.at([value, "b"]).inc(1);
  assert.deepEqual(
    counter.snapshot().series.map(({ labels, value }) => [labels[0], value]),
    [
      ["1", 2],
      ["2", 1],
      ["other", 4],
    ],
  );
  assert.deepEqual(overflows, ["m_total", "m_total", "m_total"]);
});

test("over the cap of series all the rest is one series", () => {
  const { config, overflows } = setup({ maxSeries: 5 });
  const counter = createBoundedCounter(config);
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 9; i++) counter.at([`a${i % 3}`, `b${Math.floor(i / 3)}`]).inc(1);
  }
  const { series } = counter.snapshot();
  assert.equal(series.length, 5);
  assert.deepEqual(series.at(-1)?.labels, ["other", "other"]);
  assert.equal(
    series.reduce((sum, { value }) => sum + value, 0),
    18,
  );
  assert.equal(overflows.length, 10);
});

test("a removed series begins anew", () => {
  const counter = createBoundedCounter({ ...setup().config, uncapped: ["a"] });
  counter.at(["x", "y"]).inc(3);
  counter.remove(["x", "y"]);
  assert.equal(counter.snapshot().series.length, 0);
  counter.at(["x", "y"]).inc(1);
  assert.equal(counter.at(["x", "y"]).value(), 1);
});

test("pulled values are fresh however they are read", async () => {
  const { registry, config } = setup();
  let pulls = 0;
  const gauge = createBoundedGauge({
    ...config,
    name: "g",
    merge: "max",
    collect: () => gauge.at(["x", "y"]).set(++pulls),
  });
  assert.equal(gauge.snapshot().series[0]?.value, 1);
  assert.match(await registry.metrics(), / 2$/m);
});

test("label values are cut to whole characters and cleaned of what is not text", () => {
  assert.equal(cleanLabelValue("GET /orders/:id"), "GET /orders/:id");
  assert.equal(cleanLabelValue(`a\n\u0000b\u001bc\u0085d\u2028e`), "abcde");
  assert.equal(cleanLabelValue("half \ud83d, half \ude00, whole 😀"), "half \ufffd, half \ufffd, whole 😀");
  assert.equal(cleanLabelValue(`${"x".repeat(127)}😀`), `${"x".repeat(127)}\ufffd`);
  assert.equal(cleanLabelValue("y".repeat(50_000_000)).length, 128);
});
