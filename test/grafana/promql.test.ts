import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { stringify } from "yaml";
import { begun, countInRange, countPerStep, createPromql, quantile, share } from "../../grafana/source/promql";
import { cannotRunHere } from "../cannot-run-here";
import { freshFolder } from "../fresh-folder";

const SERIES = 'errors_total{job="shop", instance="a"}';

test("a first error counts, in the range and in its step, and never again", (context) => {
  // Born with its first value, 20 minutes in.
  const series = [{ series: SERIES, values: "_x80 1x240" }];
  const range = countInRange("errors_total", ["job"]);
  const step = countPerStep("errors_total", ["job"]);
  promtoolTest(context, series, [
    { expr: range, at: "60m", value: 1 },
    { expr: step, at: "20m15s", value: 1 },
    { expr: step, at: "21m15s", value: 0 },
    { expr: step, at: "60m", value: 0 },
  ]);
});

test("what rose, rose by whole numbers, in each step and in the range", (context) => {
  const series = [{ series: SERIES, values: "5x300 7x120" }];
  const step = countPerStep("errors_total", ["job"]);
  promtoolTest(context, series, [
    { expr: countInRange("errors_total", ["job"]), at: "80m", value: 2 },
    { expr: step, at: "76m", value: 2 },
    { expr: step, at: "77m", value: 0 },
  ]);
});

test("a restart loses nothing that was counted after it", (context) => {
  const series = [{ series: SERIES, values: "5x360 1x120" }];
  promtoolTest(context, series, [
    { expr: countPerStep("errors_total", ["job"]), at: "91m", value: 1 },
    { expr: `round(${countInRange("errors_total", ["job"])})`, at: "2h", value: 1 },
  ]);
});

test("a series that is a minute old counts what it counted, not what it might have", (context) => {
  const series = [{ series: SERIES, values: "_x230 1 4 4 6x10" }];
  promtoolTest(context, series, [{ expr: countInRange("errors_total", ["job"]), at: "59m", value: 6 }]);
});

test("scrapes that fail make no errors", (context) => {
  // Ten minutes without an answer: the series is stale, and comes back as it was.
  const series = [{ series: SERIES, values: "500x120 stale _x40 500x80" }];
  const step = countPerStep("errors_total", ["job"]);
  promtoolTest(context, series, [
    { expr: step, at: "40m30s", value: 0 },
    { expr: step, at: "45m", value: 0 },
  ]);
});

test("what an instance counted before it was replaced is in the range", (context) => {
  const series = [
    { series: SERIES, values: "_x40 3x100 stale" },
    { series: 'errors_total{job="shop", instance="b"}', values: "_x150 2x100" },
  ];
  promtoolTest(context, series, [{ expr: countInRange("errors_total", ["job"]), at: "60m", value: 5 }]);
});

test("a release is a deploy in the step in which it is first seen, and not again after a silence of some minutes", (context) => {
  const series = [{ series: 'service_info{job="shop", service_version="2"}', values: "_x40 1x60 stale _x20 1x60" }];
  const deploy = `count(${begun("service_info", ["job", "service_version"])})`;
  promtoolTest(context, series, [
    { expr: deploy, at: "10m30s", value: 1 },
    { expr: deploy, at: "12m", value: undefined },
    { expr: deploy, at: "31m", value: undefined },
  ]);
});

test("the share of failed requests is 0 while none fails, and nothing while nobody asks", (context) => {
  const expr = share('requests_total{status="5xx"}', "requests_total", [], "5m");
  promtoolTest(
    context,
    [{ series: 'requests_total{status="2xx"}', values: "0+4x120 480x120" }],
    [
      { expr, at: "20m", value: 0 },
      { expr, at: "50m", value: undefined },
    ],
  );
});

test("a percentile is that of all series of the labels that are asked for", (context) => {
  const series = [
    { series: 'took_bucket{route="/a", le="1"}', values: "0+10x120" },
    { series: 'took_bucket{route="/a", le="+Inf"}', values: "0+10x120" },
  ];
  promtoolTest(context, series, [{ expr: quantile(0.5, "took_bucket", ["route"], "5m"), at: "20m", value: 0.5 }]);
});

test("a prefix that no metric can begin with is refused", () => {
  assert.throws(() => createPromql("9 lives_"), /--prefix "9 lives_": expected letters/);
  assert.equal(createPromql("lab_").select("up", ["service"]), 'lab_up{job="$job", service=~"$service"}');
});

interface Expected {
  readonly expr: string;
  readonly at: string;
  /** Of the one series of the result; undefined: there is none. */
  readonly value: number | undefined;
}

/** By Prometheus' own test runner, with samples 15 s apart, steps of a minute and a range of an hour. */
function promtoolTest(
  context: Parameters<typeof cannotRunHere>[0],
  series: readonly { readonly series: string; readonly values: string }[],
  expected: readonly Expected[],
): void {
  if (spawnSync("promtool", ["--version"]).error !== undefined) {
    cannotRunHere(context, "no promtool found (Debian: prometheus)");
    return;
  }
  const file = join(freshFolder(), "queries.test.yml");
  const tests = expected.map(({ expr, at, value }) => ({
    expr: `sum(${expr.replaceAll("$__interval", "1m").replaceAll("$__range", "1h")})`,
    eval_time: at,
    exp_samples: value === undefined ? [] : [{ labels: "{}", value }],
  }));
  writeFileSync(file, stringify({ tests: [{ interval: "15s", input_series: series, promql_expr_test: tests }] }));
  const { status, stdout, stderr } = spawnSync("promtool", ["test", "rules", file], { encoding: "utf8" });
  assert.equal(status, 0, stdout + stderr);
}
