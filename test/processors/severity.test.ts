import assert from "node:assert/strict";
import test from "node:test";
import type { Category, JsonObject, RawError, SeverityRating } from "../../src/event";
import { categorize } from "../../src/processors/categorize";
import { createFrequency } from "../../src/processors/frequency";
import { compileRules, type RuleOptions } from "../../src/processors/rules";
import { rateSeverity } from "../../src/processors/severity";
import { redactedFrom } from "./raw-error";

const CRITICAL: readonly Category[] = [
  "hardware_not_available",
  "hardware_overheating",
  "resource_exhausted",
  "worker_crashed",
];
const WARNING: readonly Category[] = [
  ...(["hardware_throttled", "hardware_other", "resource_memory_pressure", "resource_limit"] as const),
  ...([
    "worker_timeout",
    "worker_other",
    "network_connection",
    "network_timeout",
    "network_dns",
    "network_tls",
  ] as const),
  ...(["database_connection", "database_constraint", "database_deadlock", "database_other"] as const),
  ...(["http_server_error", "http_upstream_error", "quota_rate_limited", "quota_exhausted"] as const),
];
const INFO: readonly Category[] = [
  ...(["connection_aborted", "connection_reset_by_client", "http_client_error", "validation_input"] as const),
  ...(["validation_schema", "auth_unauthenticated", "auth_forbidden", "content_filter"] as const),
  ...(["test_assertion", "test_timeout", "test_setup", "unknown_error"] as const),
];
const BY_HANDLING: readonly Category[] = ["application_error", "file_not_found", "analysis_failed", "ui_component"];

for (const [severity, categories] of [
  ["critical", CRITICAL],
  ["warning", WARNING],
  ["info", INFO],
] as const) {
  for (const category of categories) {
    test(`${category} is ${severity}`, () => {
      const rating = rate({ given: { category }, handled: false });
      assert.deepEqual(rating, { severity, reasons: [`category ${category}`] });
    });
  }
}

for (const category of BY_HANDLING) {
  test(`${category} is info when it was handled, warning when it was not`, () => {
    assert.equal(rate({ given: { category }, handled: true }).severity, "info");
    assert.deepEqual(rate({ given: { category }, handled: false }), {
      severity: "warning",
      reasons: [`category ${category}, unhandled`],
    });
  });
}

test("a process that dies is critical", () => {
  const { severity, reasons } = rate({ fatal: true, handled: false, given: { category: "validation_input" } });
  assert.equal(severity, "critical");
  assert.deepEqual(reasons, ["the process died", "category validation_input"]);
});

test("an answer of 5xx is warning, an answer of 4xx leaves info", () => {
  const answered = (status: number): Partial<RawError> => ({
    handled: false,
    given: { category: "validation_input" },
    attributes: { "http.response.status_code": status },
  });
  assert.deepEqual(rate(answered(500)), { severity: "warning", reasons: ["status 500", "category validation_input"] });
  assert.deepEqual(rate(answered(422)), { severity: "info", reasons: ["category validation_input", "status 422"] });
  assert.equal(
    rate({ handled: false, request: { statusCode: 404 }, given: { category: "file_not_found" } }).severity,
    "info",
  );
});

test("load is rated by its thresholds, which themselves are still fine", () => {
  const load = (metrics: JsonObject): string => rate({ systemContext: { metrics } }).severity;
  assert.equal(load({ cpu: { percent: 75 } }), "info");
  assert.equal(load({ cpu: { percent: 75.1 } }), "warning");
  assert.equal(load({ cpu: { percent: 90 } }), "warning");
  assert.equal(load({ cpu: { percent: 90.1 } }), "critical");
  assert.equal(load({ memory: { used_percent: 80 } }), "info");
  assert.equal(load({ memory: { used_percent: 81 } }), "warning");
  assert.equal(load({ memory: { used_percent: 95 } }), "warning");
  assert.equal(load({ memory: { used_percent: 96 } }), "critical");
  assert.equal(load({ disk: { total_gb: 100, free_gb: 5 } }), "info");
  assert.equal(load({ disk: { total_gb: 100, free_gb: 4.9 } }), "critical");
  assert.equal(load({ disk: { used_percent: 95.5 } }), "critical");
  assert.equal(load({ disk: { total_gb: 0, free_gb: 0 }, cpu: { percent: "99" }, memory: [99] }), "info");
});

test("hardware that overheats or lacks memory is critical, hardware that is throttled a warning", () => {
  const status = (hardware_status: JsonObject): SeverityRating => rate({ hardwareContext: { hardware_status } });
  assert.equal(status({ overheating: true }).severity, "critical");
  assert.equal(status({ memory_pressure: true }).severity, "critical");
  assert.equal(status({ throttling: true }).severity, "warning");
  assert.equal(status({ overheating: false, throttling: false }).severity, "info");
});

test("every reason that applies is listed, the gravest first", () => {
  const { severity, reasons } = rate({
    handled: false,
    given: { category: "database_timeout" },
    attributes: { "http.status_code": 500 },
    hardwareContext: { hardware_status: { throttling: true } },
    systemContext: {
      metrics: { cpu: { percent: 97.26 }, memory: { used_percent: 85 }, disk: { total_gb: 200, free_gb: 2 } },
    },
  });
  assert.equal(severity, "critical");
  assert.deepEqual(reasons, [
    "CPU 97.3 %, above 90 %",
    "free disk 1 %, below 5 %",
    "category database_timeout",
    "status 500",
    "hardware is throttled",
    "memory 85 %, above 80 %",
  ]);
});

test("what would be info is a warning from the fifth time in an hour on, or as configured", () => {
  assert.equal(rate({}, 4).severity, "info");
  assert.deepEqual(rate({}, 5).reasons, ["seen 5 times in the last hour", "category application_error"]);
  assert.equal(rate({}, 5).severity, "warning");
  assert.equal(rate({}, 2, { recurringAfter: 2 }).severity, "warning");
  assert.deepEqual(rate({ given: { category: "network_dns" } }, 50).reasons, ["category network_dns"]);
});

test("the caller's severity wins over everything", () => {
  const rules: RuleOptions = { severities: [{ match: {}, severity: "warning" }] };
  const error: Partial<RawError> = { fatal: true, given: { category: "worker_crashed", severity: "info" } };
  assert.deepEqual(rate(error, 100, rules), { severity: "info", reasons: ["given by the caller"] });
});

test("the first of the user's rules that matches wins over the built-in ones", () => {
  const rules: RuleOptions = {
    severities: [
      { match: { category: "ui_*" }, severity: "critical" },
      { match: { category: "worker_*" }, severity: "info" },
      { match: {}, severity: "critical" },
    ],
  };
  assert.deepEqual(rate({ fatal: true, given: { category: "worker_crashed" } }, 1, rules), {
    severity: "info",
    reasons: ['rule 2: {"category":"worker_*"}'],
  });
});

function rate(extra: Partial<RawError>, lastHour = 1, options: RuleOptions = {}): SeverityRating {
  const rules = compileRules(options);
  const error = redactedFrom(new Error("cart is empty"), extra);
  const frequency = createFrequency();
  for (let seen = 1; seen < lastHour; seen++) frequency.record("", 0);
  const recurrence = frequency.record("", 0);
  return rateSeverity(error, categorize(error, rules), recurrence, rules);
}
