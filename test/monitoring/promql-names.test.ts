import assert from "node:assert/strict";
import { test } from "node:test";
import { type KnownMetrics, promqlNames } from "../../src/monitoring/promql-names";

const LABELS: { readonly [metric: string]: readonly string[] } = {
  errors: ["job", "service", "worker", "origin"],
  duration_bucket: ["job", "service", "route", "le"],
  info: ["job", "service", "version"],
};
const KNOWN: KnownMetrics = {
  names: Object.keys(LABELS),
  labelsOf: (metric) => LABELS[metric] && new Set(LABELS[metric]),
};

function read(expression: string) {
  const names = promqlNames(expression, KNOWN);
  if (names.status === "malformed") assert.fail(`${expression} is malformed`);
  return {
    metrics: names.metrics,
    labels: names.labels && [...names.labels],
    missing: names.missing.map(({ clause, label }) => `${clause} ${label}`),
  };
}

for (const [expression, metrics, labels] of [
  ["errors", ["errors"], ["job", "service", "worker", "origin"]],
  ["max by (service) (sum by (job, service) (rate(errors[5m])))", ["errors"], ["service"]],
  ["sum(errors) without (worker, origin)", ["errors"], ["job", "service"]],
  ["sum(errors) > 5", ["errors"], []],
  ["1 - errors", ["errors"], ["job", "service", "worker", "origin"]],
  ["(errors - errors offset 10m) > 0 or (errors unless errors offset 10m) > 0", ["errors"], LABELS["errors"]],
  ["topk(5, sum by (worker) (errors))", ["errors"], ["worker"]],
  [
    "sum by (job, service) (errors) * on (service) group_left (version) info",
    ["errors", "info"],
    ["job", "service", "version"],
  ],
  ["sum by (service) (errors) / on (service) sum by (service) (info)", ["errors", "info"], ["service"]],
  ["sum by (service) (errors) and on (service) info", ["errors", "info"], ["service"]],
  ["histogram_quantile(0.95, sum by (service, le) (rate(duration_bucket[5m])))", ["duration_bucket"], ["service"]],
  ['sum by (team) (label_replace(errors, "team", "$1", "service", "(.*)-.*"))', ["errors"], ["team"]],
  ['count_values("v", errors)', ["errors"], ["v"]],
  ["max_over_time(sum by (job) (errors)[1h:1m])", ["errors"], ["job"]],
  ['absent(errors{service="shop"} offset 5m)', ["errors"], ["service"]],
  ["time() - max by (worker) (errors @ end())", ["errors"], ["worker"]],
  ['{__name__="errors", service="shop"}', ["errors"], LABELS["errors"]],
  ['{"errors", service="shop"}', ["errors"], LABELS["errors"]],
  ['count by (service) ({__name__=~"errors|info"})', ["errors", "info"], ["service"]],
  ["vector(1)", [], []],
] as const) {
  test(`${expression} names ${metrics.join(" and ") || "nothing"}, and all its labels are there`, () => {
    assert.deepEqual(read(expression), { metrics, labels, missing: [] });
  });
}

for (const [expression, missing] of [
  ['errors{orgin="root"}', ["matcher orgin"]],
  ['errors{orgin!~"root|echo"}', ["matcher orgin"]],
  ["sum by (servce) (errors)", ["by servce"]],
  ["sum without (route) (errors)", ["without route"]],
  ["max by (worker) (sum by (service) (errors))", ["by worker"]],
  ["errors / on (route) info", ["on route", "on route"]],
  ["sum by (service) (errors) / on (worker) errors", ["on worker"]],
  ["errors / ignoring (route) info", ["ignoring route"]],
  ["errors * on (service) group_left (worker) info", ["group_left worker"]],
  ["errors * on (service) group_right (version) info", ["group_right version"]],
  ["histogram_quantile(0.95, sum by (service) (rate(duration_bucket[5m])))", ["histogram_quantile le"]],
  ['label_replace(errors, "team", "$1", "tem", "(.*)")', ["label_replace tem"]],
  ['label_join(errors, "who", "-", "service", "wrker")', ["label_join wrker"]],
] as const) {
  test(`${expression} names a label that is not there`, () => {
    assert.deepEqual(read(expression).missing, missing);
  });
}

test("a metric that nobody knows is named, and nothing is said about its labels", () => {
  assert.deepEqual(read("sum by (anything) (unheard_of)"), {
    metrics: ["unheard_of"],
    labels: ["anything"],
    missing: [],
  });
});

test("a pattern that no metric matches is named itself", () => {
  assert.deepEqual(read('{__name__=~"zzz_.*"}').metrics, ['{__name__=~"zzz_.*"}']);
});

for (const [expression, rest] of [
  ["sum(rate(errors[5m])", ""],
  ["errors{", ""],
  ["sum by (service) errors)", "errors)"],
  ["", ""],
] as const) {
  test(`${JSON.stringify(expression)} is malformed`, () => {
    assert.deepEqual(promqlNames(expression, KNOWN), { status: "malformed", rest });
  });
}
