import assert from "node:assert/strict";
import test, { after } from "node:test";
import { CATEGORIES, type RawError } from "../../src/event";
import { categorize, MAX_CATEGORY } from "../../src/processors/categorize";
import { compileRules, type RuleOptions } from "../../src/processors/rules";
import { cannotRunHere } from "../cannot-run-here";
import { assertQuick } from "../processor-time";
import { redactedFrom } from "./raw-error";
import { DATABASES, SHAPED_DATABASE_ERRORS } from "./real-database-errors";
import { REAL_ERRORS, type RealError, shaped } from "./real-errors";

const KNOWN_GROUPS = new Map<string, string>(
  Object.entries(CATEGORIES).flatMap(([group, categories]) => categories.map((category) => [category, group] as const)),
);
const counted = new Map<string, number>();
let isComplete = true;

for (const real of [...REAL_ERRORS, ...SHAPED_DATABASE_ERRORS]) {
  test(`${real.category}: ${real.title}`, () => assertCategory(real));
}

for (const database of DATABASES) {
  test(`${database.name}, in person`, async (t) => {
    const started = await database.start();
    if (started.status === "missing") {
      isComplete = false;
      return cannotRunHere(t, started.reason);
    }
    try {
      for (const real of started.errors) await t.test(`${real.category}: ${real.title}`, () => assertCategory(real));
    } finally {
      await started.stop();
    }
  });
}

after(() => {
  if (!isComplete) return;
  for (const category of KNOWN_GROUPS.keys()) {
    assert.ok(
      (counted.get(category) ?? 0) >= 3,
      `${category} has ${counted.get(category) ?? 0} real errors, not three`,
    );
  }
});

test("what the caller names wins, in lower snake case, with the group that has it", () => {
  const given = (category: string): object => {
    const named = classify(shaped("ZodError", "no"), { given: { category } });
    return [named.category, named.group];
  };
  assert.deepEqual(given("RESOURCE_EXHAUSTED"), ["resource_exhausted", "resource_error"]);
  assert.deepEqual(given("WORKER_CRASH_ERROR"), ["worker_crashed", "worker_error"]);
  assert.deepEqual(given("NETWORK_ERROR"), ["network_error", "network_error"]);
  assert.deepEqual(given("hardwareFanStopped"), ["hardware_fan_stopped", "hardware_error"]);
  assert.deepEqual(given("Team Billing/Refund"), ["team_billing_refund", "application_error"]);
  assert.deepEqual(given("__proto__"), ["proto", "application_error"]);
  assert.deepEqual(given("constructor"), ["constructor", "application_error"]);
  assert.deepEqual(given("Сбой-Оплаты"), ["сбой_оплаты", "application_error"]);
});

test("a name without a letter or digit is no name", () => {
  assert.equal(classify(shaped("ZodError", "no"), { given: { category: "!?_" } }).category, "validation_schema");
});

test("a long name of the caller's is cut", () => {
  assert.equal(classify(new Error("no"), { given: { category: "aB".repeat(10_000) } }).category.length, MAX_CATEGORY);
});

test("what the caller names comes before the span's attribute, and that before rules and evidence", () => {
  const attributes = { "error.category": "analysis_failed" };
  const rules: RuleOptions = { categories: [{ match: { type: "Zod*" }, category: "order_form" }] };
  const error = shaped("ZodError", "no");
  assert.equal(classify(error, { given: { category: "ui_session" }, attributes }, rules).category, "ui_session");
  assert.equal(classify(error, { attributes }, rules).category, "analysis_failed");
  assert.equal(classify(error, {}, rules).category, "order_form");
  assert.equal(classify(error).category, "validation_schema");
});

test("the first rule that matches decides, names its group, and is named in the reason", () => {
  const rules: RuleOptions = {
    categories: [
      { match: { type: "Other" }, category: "other" },
      { match: { message: "*stripe*", service: "shop" }, category: "payment_failed", group: "http_error" },
      { match: { message: "*" }, category: "never" },
    ],
  };
  assert.deepEqual(classify(new Error("Stripe said no"), {}, rules), {
    category: "payment_failed",
    group: "http_error",
    reason: 'rule 2: {"message":"*stripe*","service":"shop"}',
  });
});

test("a rule without a group takes the group of its category", () => {
  const rules: RuleOptions = { categories: [{ match: { type: "Error" }, category: "database_timeout" }] };
  assert.equal(classify(new Error("slow"), {}, rules).group, "database_error");
});

test("the reason says which evidence decided, and where", () => {
  const reason = (error: unknown, extra: Partial<RawError> = {}): string => classify(error, extra).reason;
  assert.equal(reason(shaped("Error", "no", { code: "ECONNREFUSED" })), "code ECONNREFUSED");
  assert.equal(
    reason(shaped("error", "no", { code: "23505", severity: "ERROR", constraint: "orders_pkey" })),
    "SQLSTATE 23505",
  );
  assert.equal(reason(shaped("Error", "no", { status: 429 })), "status 429");
  assert.equal(reason(shaped("ZodError", "no")), "type ZodError");
  assert.equal(reason(new Error("CUDA error: unspecified launch failure")), 'message "cuda error"');
  assert.equal(reason(new Error("x"), { given: { category: "ui_session" } }), "given by the caller");
  assert.equal(reason(new Error("no", { cause: shaped("Error", "no", { code: "ENOSPC" }) })), "code ENOSPC");
});

test("a code in the depth of a chain decides for an error that says nothing itself", () => {
  const cause = shaped("Error", "getaddrinfo ENOTFOUND api", { code: "ENOTFOUND" });
  assert.equal(
    categoryOf(new Error("could not load prices", { cause: new Error("step 2", { cause }) })),
    "network_dns",
  );
  assert.equal(categoryOf(new AggregateError([new Error("first"), cause], "all failed")), "network_dns");
});

test("what ran out decides before whatever failed after it", () => {
  const cause = shaped("Error", "ENOSPC: no space left on device, write", { code: "ENOSPC" });
  assert.equal(
    categoryOf(shaped("error", "could not write", { code: "23505", severity: "ERROR", cause })),
    "resource_exhausted",
  );
  assert.equal(categoryOf(cause, { source: "uncaught", fatal: true }), "resource_exhausted");
});

test("a process that died is a crashed worker, whatever else the error was", () => {
  const refused = shaped("Error", "connect ECONNREFUSED", { code: "ECONNREFUSED" });
  assert.equal(categoryOf(refused, { source: "uncaught", fatal: true }), "worker_crashed");
  assert.equal(categoryOf(refused, { source: "uncaught", fatal: false }), "network_connection");
});

test("a socket error on the way to a database is the database's", () => {
  const code = (code: string, properties: object = {}): Error =>
    shaped("Error", `connect ${code}`, { code, syscall: "connect", ...properties });
  const onSpan: Partial<RawError> = { database: { system: "postgresql" } };
  assert.equal(categoryOf(code("ECONNREFUSED"), onSpan), "database_connection");
  assert.equal(categoryOf(code("ENOTFOUND"), onSpan), "database_connection");
  assert.equal(categoryOf(code("ETIMEDOUT"), onSpan), "database_timeout");
  assert.equal(categoryOf(code("ECONNREFUSED", { port: 5432 })), "database_connection");
  assert.equal(categoryOf(shaped("ECONNREFUSED", "connect ECONNREFUSED 10.0.0.7:6379")), "database_connection");
  assert.equal(categoryOf(code("ECONNREFUSED", { port: 8080 })), "network_connection");
  assert.equal(categoryOf(code("ENOENT", { path: "/run/postgresql/.s.PGSQL.5432" }), onSpan), "database_connection");
});

test("five characters of an app's own are not taken for a SQLSTATE", () => {
  assert.equal(categoryOf(shaped("Error", "no", { code: "42210" })), "application_error");
  assert.equal(
    categoryOf(shaped("Error", "no", { code: "42210" }), { database: { system: "postgresql" } }),
    "database_syntax",
  );
});

test("a bug inside a database call stays the application's", () => {
  const bug = new TypeError("Cannot read properties of undefined (reading 'rows')");
  assert.equal(categoryOf(bug, { database: { system: "postgresql" } }), "application_error");
});

test("a server's status says less than the exception behind it, a client's says more", () => {
  const attributes = { "http.response.status_code": 500 };
  assert.equal(categoryOf(new RangeError("bad index"), { spanKind: "server", attributes }), "application_error");
  assert.equal(categoryOf(new Error("bad answer"), { spanKind: "client", attributes }), "http_upstream_error");
  const older = { "http.status_code": 403 };
  assert.equal(categoryOf(new Error("not yours"), { spanKind: "server", attributes: older }), "auth_forbidden");
});

test("the 500 that Koa writes onto an error is no evidence", () => {
  assert.equal(categoryOf(Object.assign(new TypeError("bug"), { status: 500, expose: false })), "application_error");
  assert.equal(categoryOf(Object.assign(new Error("down"), { status: 503 })), "http_server_error");
});

test("a gRPC status of a server says less than the exception behind it", () => {
  const onSpan: Partial<RawError> = {
    spanKind: "server",
    attributes: { "rpc.system": "grpc", "rpc.grpc.status_code": 13 },
  };
  assert.equal(categoryOf(new TypeError("bug"), onSpan), "application_error");
  assert.equal(categoryOf(shaped("Error", "", { stack: "" }), onSpan), "http_server_error");
  const named = { "rpc.response.status_code": "UNAVAILABLE" };
  assert.equal(categoryOf(new Error("no"), { spanKind: "client", attributes: named }), "network_connection");
});

test("an app's own word for a state is no status", () => {
  assert.equal(
    categoryOf(shaped("OrderError", "no", { status: "CANCELLED", code: "UNAVAILABLE" })),
    "application_error",
  );
});

test("what is known of an error decides before where it was reported from", () => {
  const report: Partial<RawError> = { source: "report", page: "/cart", hardwareContext: { hardware_type: "gpu" } };
  assert.equal(categoryOf(new TypeError("Failed to fetch"), report), "network_connection");
  assert.equal(categoryOf(new Error("CUDA out of memory"), report), "resource_exhausted");
});

test("words are a better cause than a 5xx, not than a 4xx", () => {
  assert.equal(categoryOf(shaped("GpuError", "CUDA out of memory", { status: 503 })), "resource_exhausted");
  assert.equal(categoryOf(shaped("GpuError", "CUDA out of memory", { status: 404 })), "http_client_error");
});

test("a code that a message quotes decides before the message's words", () => {
  const message = "request failed: ECONNREFUSED (rate limit may apply)";
  assert.equal(categoryOf(shaped("UpstreamFailure", message)), "network_connection");
});

test("no text is slow", () => {
  const texts = ["A", "A_", "E", "out of ", "_", "\0", "ECONN", "#"].map((part) => part.repeat(100_000 / part.length));
  assertQuick(2_000, () => {
    for (const text of texts)
      for (const type of ["Error", text]) classify(shaped(type, text), { database: { system: text } });
  });
});

test("odd properties and attributes are no evidence", () => {
  const properties = {
    code: { a: 1 },
    status: "teapot",
    errno: null,
    error: [1],
    response: "no",
    output: 7,
    $metadata: null,
  };
  const attributes = { "http.response.status_code": "abc", "db.system": 7, "gen_ai.response.finish_reasons": "stop" };
  assert.equal(categoryOf(shaped("Error", "odd", properties), { attributes }), "application_error");
});

async function assertCategory({ category, title, make, extra }: RealError): Promise<void> {
  const thrown = await make();
  const found = classify(thrown, extra);
  assert.equal(
    found.category,
    category,
    `${title} (${found.reason}): ${JSON.stringify(redactedFrom(thrown, extra), null, 1)}`,
  );
  assert.equal(found.group, KNOWN_GROUPS.get(category));
  assert.notEqual(found.reason, "");
  counted.set(category, (counted.get(category) ?? 0) + 1);
}

function classify(
  thrown: unknown,
  extra: Partial<RawError> = {},
  rules: RuleOptions = {},
): ReturnType<typeof categorize> {
  return categorize(redactedFrom(thrown, extra), compileRules(rules));
}

function categoryOf(thrown: unknown, extra: Partial<RawError> = {}, rules: RuleOptions = {}): string {
  return classify(thrown, extra, rules).category;
}
