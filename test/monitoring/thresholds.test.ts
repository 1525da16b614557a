import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { parse, stringify } from "yaml";
import { describeProblems } from "../../src/config";
import { alertRules, rulesFile } from "../../src/monitoring/alert-rules";
import { readThresholds, type Thresholds } from "../../src/monitoring/thresholds";

const SHIPPED = readFileSync("alerting/thresholds.yaml", "utf8");

function thresholds(text: string = SHIPPED): Thresholds {
  const read = readThresholds(text, "thresholds.yaml");
  assert.equal(read.status, "valid", JSON.stringify(read));
  return read.thresholds;
}

/** What is said of the shipped file with one key, dotted, set to another value, or without it. */
function faultsOf(key: string, value?: unknown): string[] {
  const content: unknown = parse(SHIPPED);
  const names = key.split(".");
  const last = names.pop() ?? "";
  // A decoding edge: the keys of these tests lead through sections.
  const section = names.reduce(
    (part, name) => part[name] as Record<string, unknown>,
    content as Record<string, unknown>,
  );
  if (value === undefined) delete section[last];
  else section[last] = value;
  return faults(stringify(content));
}

function faults(text: string): string[] {
  const read = readThresholds(text, "thresholds.yaml");
  return read.status === "valid" ? [] : describeProblems(read.problems);
}

test("the thresholds that ship are those that docs and tests speak of", () => {
  const { requests, workers, llm, errors } = thresholds();
  assert.deepEqual(requests.failing_percent, { warning: 2, critical: 5 });
  assert.deepEqual(requests.p95_seconds, { warning: 3, critical: 5 });
  assert.deepEqual(workers.process_memory_gb, { warning: 1.5, critical: 2 });
  assert.deepEqual(llm.tokens_per_request, { warning: 3500, critical: 5000 });
  assert.equal(errors.trend.factor, 1.5);
});

for (const [key, value, says] of [
  [
    "requests.failing_percent.warning",
    "two",
    'requests.failing_percent.warning="two": expected percent, a number above 0 and at most 100',
  ],
  [
    "requests.failing_percent.warning",
    "2",
    'requests.failing_percent.warning="2": expected percent, a number above 0 and at most 100',
  ],
  [
    "requests.failing_percent.critical",
    101,
    'requests.failing_percent.critical="101": expected percent, a number above 0 and at most 100',
  ],
  [
    "requests.p95_seconds.warning",
    -3,
    'requests.p95_seconds.warning="-3": expected seconds, a number above 0 and at most 86400',
  ],
  ["requests.p95_seconds.critical", 1, 'requests.p95_seconds.critical="1": expected no less than warning'],
  ["workers.silent_minutes", 1.5, 'workers.silent_minutes="1.5": expected minutes, a whole number from 1 to 1440'],
  ["errors.critical_count", Number.NaN, "errors.critical_count"],
  ["errors.spike.factor", Number.POSITIVE_INFINITY, "errors.spike.factor"],
  ["slo.objective_percent", 100, 'slo.objective_percent="100": expected percent, a number above 0 and at most 99.9999'],
  ["llm", 5, 'llm="5": expected a section of its own keys'],
  ["health.down_minutes", undefined, "health.down_minutes: missing: expected minutes, a whole number from 1 to 1440"],
  [
    "workers.silnt_minutes",
    5,
    'workers.silnt_minutes="5": nothing reads this; the nearest known name is workers.silent_minutes',
  ],
  [
    "links.grafana",
    "grafana.example",
    'links.grafana="grafana.example": expected a URL that begins with http:// or https://',
  ],
  ["links.seismo", "javascript:alert(1)", 'links.seismo="javascript:alert(1)": expected a URL'],
  [
    "links.runbooks",
    "https://books.example/?q={{ x }}",
    'links.runbooks="https://books.example/?q={{ x }}": expected a URL',
  ],
] as const) {
  test(`${key} of ${value} is one fault, with file, key, value and rule`, () => {
    const said = faultsOf(key, value);
    assert.equal(said.length, 1, said.join("\n"));
    assert.ok(said[0]?.startsWith(`thresholds.yaml: ${says}`), said[0]);
  });
}

test("every fault of a file is listed, and the password of a link is not shown", () => {
  const said = faults(
    SHIPPED.replace("http://localhost:3000", "https://me:hunter22@grafana.example")
      .replace("factor: 3 ", "factor: three ")
      .replace("warning: 2\n", "warning: 9\n")
      .replace("queue_percent", "queue_percnt"),
  );
  assert.equal(said.length, 5, said.join("\n"));
  assert.doesNotMatch(said.join("\n"), /hunter22/);
});

for (const [name, text, says] of [
  ["no YAML", "a: [1,\nb: }", /^thresholds\.yaml: not YAML: /],
  ["nothing", "", /^thresholds\.yaml: expected a section of its own keys$/],
  ["a list", "- 1", /^thresholds\.yaml: expected a section of its own keys$/],
] as const) {
  test(`a file that holds ${name} is one fault`, () => {
    const said = faults(text);
    assert.equal(said.length, 1);
    assert.match(said[0] ?? "", says);
  });
}

test("a number that is changed once is changed in rule and text, without the dust of binary fractions", () => {
  const text = rulesFile(
    alertRules(thresholds(SHIPPED.replace("warning: 2\n", "warning: 0.7\n").replace("99.9\n", "99.95\n")), "seismo_"),
    "seismo rules",
  );
  assert.match(text, /ratio_rate5m > 0\.007\n/);
  assert.match(text, /the limit is 0\.7 %/);
  assert.match(text, /ratio_rate1h > 0\.0072 /);
  assert.doesNotMatch(text, /\d\.\d{12}/);
});

test("a link leads where it says, whatever it holds, and is no template", () => {
  const text = rulesFile(
    alertRules(thresholds(SHIPPED.replace("http://localhost:3000", "https://g.example/{{ $labels }}/\"'/")), "seismo_"),
    "seismo rules",
  );
  assert.match(text, /https:\/\/g\.example\/%7B%7B%20\$labels%20%7D%7D\/%22'\/d\/seismo-errors/);
});

test("metrics of another prefix are named by it everywhere", () => {
  const text = rulesFile(alertRules(thresholds(), "lab_"), "seismo rules --prefix lab_");
  assert.match(text, /lab_errors_total/);
  assert.doesNotMatch(text, /seismo_/);
});
