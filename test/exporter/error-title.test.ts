import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { CATEGORIES, type ErrorEvent, type Group, type RawError, summaryOf } from "../../src/event";
import { MAX_TITLE_CHARS, titleOf } from "../../src/exporter/error-title";
import { createFrequency } from "../../src/processors/frequency";
import { processError } from "../../src/processors/process-error";
import { compileRules } from "../../src/processors/rules";
import { assertQuick } from "../processor-time";
import { rawFrom } from "../processors/raw-error";
import { SHAPED_DATABASE_ERRORS } from "../processors/real-database-errors";
import { REAL_ERRORS, shaped } from "../processors/real-errors";
import { errorEvent } from "./error-event";

const RULES = compileRules();

function eventOf(error: unknown, extra: Partial<RawError> = {}): ErrorEvent {
  return processError(rawFrom(error, extra), RULES, createFrequency(), 0);
}

/** Of errors that were really thrown: see real-errors.ts. */
for (const [category, title, expected] of [
  ["resource_exhausted", "ENOSPC of a full disk", "Resource Error: no space left on device, write"],
  [
    "resource_memory_pressure",
    "a report of a GPU under memory pressure",
    "Resource Error: memory pressure: step took too long",
  ],
  ["worker_crashed", "an uncaught exception", /^Worker Error: SyntaxError: .+JSON/],
  ["network_connection", "a refused connection", /^Network Error: connection refused \(127\.0\.0\.1:\d+\)$/],
  ["network_connection", "a fetch that is refused", /^Network Error: connection refused \(127\.0\.0\.1:\d+\)$/],
  ["network_connection", "gRPC UNAVAILABLE", "Network Error: No connection established"],
  ["network_timeout", "a gRPC span that ended with DEADLINE_EXCEEDED", "Network Error: timeout"],
  ["network_dns", "a host that is not there, in fetch", "Network Error: host not found (nobody.invalid)"],
  // Newer versions of Node go on with what to do.
  ["network_tls", "a self-signed certificate, in fetch", /^Network Error: self-signed certificate(?:$|;)/],
  [
    "network_tls",
    "TLS to a server that speaks plain HTTP",
    /^Network Error: (?:wrong version number|packet length too long)$/,
  ],
  ["connection_reset_by_client", "a client that resets its socket", "Connection Error: connection reset"],
  ["http_client_error", "http-errors 404", "HTTP Error: 404 no such order"],
  ["http_client_error", "a server span with 404 and no exception", "HTTP Error: 404 Not Found"],
  ["http_server_error", "http-errors 503", "HTTP Error: 503 Service Unavailable"],
  ["http_upstream_error", "axios with an answer of 500", "HTTP Error: 500 Internal Server Error"],
  ["validation_schema", "zod", "Validation Error: 'id': Invalid input: expected number, received string"],
  ["validation_schema", "ajv, asynchronously", "Validation Error: must have required property 'id'"],
  ["validation_schema", "joi", 'Validation Error: "value" must be a number'],
  ["validation_schema", "Fastify's schema", "Validation Error: must have required property 'id'"],
  ["auth_unauthenticated", "http-errors 401", "Auth Error: 401 Unauthorized"],
  ["auth_unauthenticated", "an expired token, from jsonwebtoken", "Auth Error: jwt expired"],
  ["quota_rate_limited", "Anthropic's rate limit", "Quota Error: 429 Too Many Requests"],
  ["file_not_found", "readFile", "File Error: no such file or directory, open '/nonexistent/file'"],
  ["hardware_overheating", "a report with the status overheating", "Hardware Error: overheating: inference aborted"],
  [
    "ui_component",
    "a TypeError that a page reports",
    "UI Error: TypeError: Cannot read properties of null (reading 'render')",
  ],
  ["test_assertion", "assert.equal", "Test Error: Expected values to be strictly equal: 1 !== 2"],
  [
    "application_error",
    "a TypeError in a route that answered 500",
    "TypeError: Cannot read properties of null (reading 'price')",
  ],
  ["application_error", "a plain Error", "Application Error: cart is empty"],
  ["unknown_error", "null", "Unknown Error"],
  ["database_constraint", "node:sqlite", "Database Error: UNIQUE constraint failed: orders.id"],
  ["database_deadlock", "a MySQL number as status of a span without an exception", "Database Error: deadlock in mysql"],
] as const) {
  test(`${category}, ${title}: ${String(expected)}`, async () => {
    const real = [...REAL_ERRORS, ...SHAPED_DATABASE_ERRORS].find(
      (candidate) => candidate.category === category && candidate.title === title,
    );
    assert.ok(real);
    const said = titleOf(eventOf(await real.make(), real.extra));
    if (typeof expected === "string") assert.equal(said, expected);
    else assert.match(said, expected);
  });
}

for (const [why, error, extra, expected] of [
  [
    "an answer of a called service names the service",
    shaped("HTTP 502", "GET answered 502", { stack: "" }),
    {
      spanKind: "client",
      request: { method: "GET", peer: "prices.internal", statusCode: 502 },
      attributes: { "http.response.status_code": 502 },
    },
    "HTTP Error: 502 from prices.internal",
  ],
  [
    "a server's own answer names the route, not the server",
    shaped("Error", "out of stock", { statusCode: 409 }),
    { spanKind: "server", request: { method: "POST", route: "/orders/:id", peer: "shop.internal", statusCode: 409 } },
    "HTTP Error: 409 in POST /orders/:id: out of stock",
  ],
  [
    "a refused connection to a database is the database's",
    shaped("Error", "connect ECONNREFUSED 10.0.0.5:5432", { code: "ECONNREFUSED", syscall: "connect", port: 5432 }),
    { spanKind: "client", database: { system: "postgresql" }, attributes: { "db.system.name": "postgresql" } },
    "Database Error: connection refused (10.0.0.5:5432)",
  ],
  [
    "an AggregateError without a message says what its first member says",
    new AggregateError([shaped("Error", "connect ECONNREFUSED ::1:80", { code: "ECONNREFUSED" }), new Error("b")], ""),
    {},
    "Network Error: connection refused (::1:80)",
  ],
  [
    "a statement that failed without a word is named",
    shaped("Error", "", { stack: "" }),
    {
      spanKind: "client",
      database: { system: "mysql", statusCode: "1213", operation: "INSERT", collection: "orders" },
    },
    "Database Error: deadlock in INSERT orders",
  ],
  [
    "the status of the request around it is not the fault of a database",
    shaped("Error", "", { stack: "" }),
    { given: { category: "database_timeout" }, request: { method: "GET", route: "/cart", statusCode: 500 } },
    "Database Error: timeout in GET /cart",
  ],
  [
    "a field that is missing is required",
    shaped("ZodError", "", {
      issues: [
        { path: ["user", "email"], message: "Invalid input: expected string, received undefined" },
        { path: ["age"], message: "Required" },
      ],
    }),
    {},
    "Validation Error: 'user.email' is required (and 1 more)",
  ],
  [
    "a message that only looks like a list is a message",
    shaped("ValidationError", "[1, 2"),
    { given: { category: "validation_input" } },
    "Validation Error: [1, 2",
  ],
  ["a class stands without its package", shaped("com.shop.CartException", "empty"), {}, "CartException: empty"],
  ["a name is not said twice", shaped("CartError", "CartError: empty"), {}, "CartError: empty"],
  [
    "a category of somebody's own is the label",
    new Error("card 7 refused"),
    { given: { category: "PAYMENT_DECLINED" } },
    "Payment Declined: card 7 refused",
  ],
  [
    "what says nothing is told by where it was",
    null,
    { stack: "", spanName: "nightly job" },
    "Unknown Error in nightly job",
  ],
] as const satisfies readonly (readonly [string, unknown, Partial<RawError>, string])[]) {
  test(why, () => {
    assert.equal(titleOf(eventOf(error, extra)), expected);
  });
}

test("an event of which only a summary is left is told by its category", () => {
  const event = eventOf(shaped("Error", "connect ECONNREFUSED 10.0.0.5:80", { code: "ECONNREFUSED" }));
  assert.equal(titleOf(summaryOf(event)), "Network Error: connection");
  assert.equal(titleOf(summaryOf(eventOf(new TypeError("no")))), "TypeError");
});

test("a title holds nothing that was redacted", () => {
  const secret = "sk-live-4f9a8b7c6d5e4f3a2b1c0d9e8f7a6b5c";
  const error = shaped("ApiError", `bad key: api_key=${secret}`, {
    issues: [{ path: ["key"], message: `api_key=${secret} is not valid` }],
  });
  for (const category of ["application_error", "validation_input", "http_server_error"]) {
    const title = titleOf(eventOf(error, { given: { category } }));
    assert.match(title, /REDACTED/);
    assert.ok(!title.includes(secret), title);
  }
});

test("any text gives one line of 1 to 120 characters", () => {
  const groups = Object.keys(CATEGORIES) as Group[]; // these are the keys
  const text = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom("x".repeat(5_000), "\n".repeat(5_000), '[{"message":"\\n"}]'),
  );
  fc.assert(
    fc.property(fc.constantFrom(...groups), text, text, text, fc.jsonValue(), (group, type, message, name, value) => {
      const event = errorEvent({
        ...{ type, message, spanName: name, spanKind: "client" },
        classification: { group, category: group, reason: "" },
        request: { method: name, route: name, peer: name, statusCode: 500 },
        // Whatever JSON a thrown value had.
        properties: { issues: value, response: value, status: value } as ErrorEvent["properties"],
      });
      const title = titleOf(event);
      assert.ok(title.length >= 1 && title.length <= MAX_TITLE_CHARS);
      assert.doesNotMatch(title, /[\p{Cc}\p{Zl}\p{Zp}]/u);
    }),
  );
});

test("a title of hostile text takes less than 5 ms", () => {
  for (const unit of ["E: ", "a ", "::", "a.", "1 ", "[", ":error:00000000:", "[Errno "]) {
    const hostile = unit.repeat(2_000_000);
    const event = errorEvent({ type: hostile.slice(0, 256), message: hostile, spanName: hostile });
    assertQuick(5, () => titleOf(event), unit);
  }
});
