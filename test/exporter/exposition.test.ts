import assert from "node:assert/strict";
import { test } from "node:test";
import { acceptsGzip, type ExpositionFormat, negotiateFormat, renderExposition } from "../../src/exporter/exposition";
import type { MetricFamilySnapshot } from "../../src/exporter/metric-family";
import { parseExposition } from "./parse-exposition";

const exemplar = { labels: { trace_id: 'a"\\\n' }, value: 0.7, timestampSeconds: 1_700_000_000.5 };
const FAMILIES: readonly MetricFamilySnapshot[] = [
  {
    name: "x_total",
    type: "counter",
    help: 'one \\ two\nthree "four"',
    labelNames: ["l"],
    series: [{ labels: ['a"b\\c\nd'], value: 3, exemplar }],
  },
  { name: "g", type: "gauge", merge: "sum", help: "g", labelNames: [], series: [{ labels: [], value: -1.5e-9 }] },
  {
    name: "h",
    type: "histogram",
    help: "h",
    labelNames: ["l"],
    bounds: [0.5, 1],
    series: [{ labels: ["é"], buckets: [2, 1, 4], sum: 1e21, exemplars: [null, exemplar, null] }],
  },
  { name: "empty_total", type: "counter", help: "e", labelNames: [], series: [] },
];

async function text(families: readonly MetricFamilySnapshot[], format: ExpositionFormat): Promise<string> {
  let all = "";
  for await (const chunk of renderExposition(families, format)) all += chunk;
  return all;
}

test("the Prometheus text format", async () => {
  const exposition = await text(FAMILIES, "prometheus");
  assert.equal(
    exposition,
    [
      '# HELP x_total one \\\\ two\\nthree "four"',
      "# TYPE x_total counter",
      'x_total{l="a\\"b\\\\c\\nd"} 3',
      "# HELP g g",
      "# TYPE g gauge",
      "g -1.5e-9",
      "# HELP h h",
      "# TYPE h histogram",
      'h_bucket{l="é",le="0.5"} 2',
      'h_bucket{l="é",le="1"} 3',
      'h_bucket{l="é",le="+Inf"} 7',
      'h_sum{l="é"} 1e+21',
      'h_count{l="é"} 7',
      "# HELP empty_total e",
      "# TYPE empty_total counter",
      "",
    ].join("\n"),
  );
  parseExposition(exposition, "prometheus");
});

test("OpenMetrics", async () => {
  const exposition = await text(FAMILIES, "openmetrics");
  const marked = '# {trace_id="a\\"\\\\\\n"} 0.7 1700000000.500';
  assert.equal(
    exposition,
    [
      '# HELP x one \\\\ two\\nthree \\"four\\"',
      "# TYPE x counter",
      `x_total{l="a\\"b\\\\c\\nd"} 3 ${marked}`,
      "# HELP g g",
      "# TYPE g gauge",
      "g -1.5e-9",
      "# HELP h h",
      "# TYPE h histogram",
      'h_bucket{l="é",le="0.5"} 2',
      `h_bucket{l="é",le="1.0"} 3 ${marked}`,
      'h_bucket{l="é",le="+Inf"} 7',
      'h_sum{l="é"} 1e+21',
      'h_count{l="é"} 7',
      "# HELP empty e",
      "# TYPE empty counter",
      "# EOF",
      "",
    ].join("\n"),
  );
  parseExposition(exposition, "openmetrics");
});

test("a large exposition comes in chunks between which the event loop turns", async () => {
  const family: MetricFamilySnapshot = {
    name: "g",
    type: "gauge",
    merge: "sum",
    help: "g",
    labelNames: ["l"],
    series: Array.from({ length: 20_000 }, (_, value) => ({ labels: [`v${value}`], value })),
  };
  let turns = 0;
  const count = (): void => {
    turns += 1;
    next = setImmediate(count);
  };
  let next = setImmediate(count);
  const sizes: number[] = [];
  for await (const chunk of renderExposition([family], "prometheus")) sizes.push(chunk.split("\n").length - 1);
  clearImmediate(next);
  assert.equal(sizes.length, 10);
  assert.ok(sizes.every((lines) => lines <= 2_002));
  assert.ok(turns >= 8, `${turns} turns`);
});

test("a series that changes shows its new value under the text that was kept", async () => {
  const labels = ["a"];
  const gauge = (value: number): MetricFamilySnapshot[] => [
    { name: "g", type: "gauge", merge: "sum", help: "g", labelNames: ["l"], series: [{ labels, value }] },
  ];
  assert.match(await text(gauge(1), "prometheus"), /^g\{l="a"\} 1$/m);
  assert.match(await text(gauge(2), "prometheus"), /^g\{l="a"\} 2$/m);
  assert.match(await text(gauge(Number.NaN), "openmetrics"), /^g\{l="a"\} NaN$/m);
});

const ACCEPT: readonly (readonly [accept: string | undefined, format: ExpositionFormat])[] = [
  [undefined, "prometheus"],
  ["", "prometheus"],
  ["*/*", "prometheus"],
  ["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "prometheus"],
  ["text/plain", "prometheus"],
  ["application/openmetrics-text", "openmetrics"],
  ["Application/OpenMetrics-Text; Version=1.0.0", "openmetrics"],
  ['application/openmetrics-text; version="1.0.0"', "openmetrics"],
  ["application/openmetrics-text;version=2.0.0,text/plain;q=0.1", "prometheus"],
  ["application/openmetrics-text;q=0", "prometheus"],
  ["application/openmetrics-text;q=0.2,text/plain;version=0.0.4;q=0.3", "prometheus"],
  ["application/openmetrics-text;q=nonsense,text/plain;q=0.1", "prometheus"],
  [
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
    "openmetrics",
  ],
  [
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.3",
    "openmetrics",
  ],
  [",;,=;q", "prometheus"],
];
for (const [accept, format] of ACCEPT) {
  test(`Accept: ${accept} gets ${format}`, () => assert.equal(negotiateFormat(accept), format));
}

test("gzip is for those who accept it", () => {
  for (const yes of ["gzip", "deflate, gzip;q=1.0", "*", "GZIP;q=0.1"]) assert.ok(acceptsGzip(yes), yes);
  for (const no of [undefined, "", "identity", "gzip;q=0", "*;q=0", "gzip;q=0, *"]) assert.ok(!acceptsGzip(no), no);
});
