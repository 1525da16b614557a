import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Fingerprint, RawError, RecordedException, SpanRecord, StackFrame } from "../../src/event";
import { nameError } from "../../src/fingerprint-command";
import { categorize } from "../../src/processors/categorize";
import { extractErrors } from "../../src/processors/extract";
import { fingerprint } from "../../src/processors/fingerprint";
import { FINGERPRINT_VERSIONS } from "../../src/processors/fingerprint-versions";
import { redact } from "../../src/processors/redact";
import { compileRules, type RuleOptions } from "../../src/processors/rules";
import { parseStack } from "../../src/processors/stack";

const [LATEST] = FINGERPRINT_VERSIONS;

const RAW: RawError = {
  id: "00000000-0000-4000-8000-000000000000",
  source: "capture",
  origin: "root",
  timeUnixMillis: 1_700_000_000_000,
  type: "Error",
  message: "",
  stack: "",
  causes: [],
  properties: {},
  handled: true,
  fatal: false,
  resource: { service: "shop", worker: "w1" },
  attributes: {},
  details: {},
  given: {},
};

function named(error: Partial<RawError>, options: RuleOptions = {}): Fingerprint {
  const rules = compileRules(options);
  const safe = redact({ ...RAW, ...error }, rules.redaction);
  return fingerprint(safe, parseStack(safe.stack), categorize(safe, rules), rules);
}

const idOf = (error: Partial<RawError>, options?: RuleOptions): string => named(error, options).id;

function assertSame(errors: readonly Partial<RawError>[]): void {
  const [first, ...others] = errors.map((error) => named(error));
  for (const other of others) assert.equal(other.id, first?.id, `${other.reason}\n${first?.reason}`);
}

function assertDifferent(errors: readonly Partial<RawError>[]): void {
  const reasons = new Map<string, string>();
  for (const error of errors) {
    const { id, reason } = named(error);
    assert.equal(reasons.get(id), undefined, reason);
    reasons.set(id, reason);
  }
}

function thrown(message: string, frames: readonly string[], type = "TypeError"): Partial<RawError> {
  const stack = [message === "" ? type : `${type}: ${message}`, ...frames.map((frame) => `    at ${frame}`)].join("\n");
  return { type, message, stack };
}

const TOTAL = "Cannot read properties of undefined (reading 'total')";

test("one fault keeps one fingerprint on every host, in every layout and release", () => {
  assertSame([
    thrown(TOTAL, ["sum (/app/src/cart/sum.js:10:5)", "next (/app/node_modules/express/lib/route.js:1:2)"]),
    thrown(TOTAL, [
      "sum (/app/src/cart/sum.js:99:1)",
      "next (/app/node_modules/.pnpm/express@5.1.0/node_modules/express/lib/route.js:7:7)",
    ]),
    thrown(TOTAL, [
      "sum (/home/ann/shop/src/cart/sum.ts:10:5)",
      "process.processTicksAndRejections (node:internal/process/task_queues:95:5)",
    ]),
    thrown(TOTAL, [
      "async sum (file:///usr/src/app/dist/cart/sum.js:10:5)",
      "processTicksAndRejections (internal/process/task_queues.js:95:5)",
    ]),
    thrown(TOTAL, ["Object.sum (C:\\Users\\ann\\shop\\dist\\cart\\sum.js:10:5)"]),
    thrown(TOTAL, ["Object.sum [as total] (/srv/shop/build/cart/sum.js:10:5)", "Server.emit (node:events:1:1)"]),
    thrown(TOTAL, ["sum (/srv/shop/build/cart/sum.js:10:5)\r"]),
  ]);
});

test("values in the message do not count, statements do", () => {
  const frames = ["load (/app/src/orders.js:10:5)"];
  assertSame(["order 17 is gone", "order 4711 is gone"].map((message) => thrown(message, frames)));
  assertSame(
    ["user 8f14e45f-ceea-467f-9575-6a3f1b0d2c11 at /a/b", "user 00000000-0000-4000-8000-000000000000 at /c"].map(
      (message) => thrown(message, frames),
    ),
  );
  assertDifferent(
    ["order 17 is gone", "order 17 is locked", "reading 'a'", "reading 'b'"].map((text) => thrown(text, frames)),
  );
});

test("another type, function or module is another fault", () => {
  assertDifferent([
    thrown(TOTAL, ["sum (/app/src/cart.js:1:1)"]),
    thrown(TOTAL, ["sum (/app/src/cart.js:1:1)"], "RangeError"),
    thrown(TOTAL, ["add (/app/src/cart.js:1:1)"]),
    thrown(TOTAL, ["sum (/app/src/order.js:1:1)"]),
    thrown(TOTAL, []),
  ]);
});

test("one throw is one group whoever calls it, and however deep it recurs", () => {
  const site = "check (/app/src/stock.js:5:9)";
  assertSame([
    thrown("no stock", [site, "placeOrder (/app/src/orders.js:1:1)"]),
    thrown("no stock", [site, "reserve (/app/src/carts.js:1:1)", "main (/app/src/main.js:1:1)"]),
    thrown("no stock", [site, site, site, "reserve (/app/src/carts.js:1:1)"]),
    thrown("no stock", ["assertIn (/app/node_modules/x/index.js:1:1)", site]),
  ]);
});

test("a function that throws for others, and one without a name, are told apart by who calls them", () => {
  for (const vague of [
    "assert (/app/src/check.js:1:1)",
    "/app/src/check.js:1:1",
    "Object.<anonymous> (/app/src/check.js:1:1)",
  ]) {
    assertDifferent([
      thrown("bad", [vague, "a (/app/src/a.js:1:1)"]),
      thrown("bad", [vague, "b (/app/src/a.js:1:1)"]),
      thrown("bad", [vague, "Array.map (<anonymous>)", "c (/app/src/a.js:1:1)"]),
    ]);
  }
  const anonymous = (route: string): Partial<RawError> => ({
    ...thrown("bad", ["/app/src/routes.js:1:1"]),
    request: { method: "GET", route },
  });
  assertDifferent([anonymous("/a"), anonymous("/b")]);
});

test("endless recursion is one group, wherever the stack ran out", () => {
  const cycle = ["a (/app/src/x.js:1:1)", "b (/app/src/x.js:2:1)", "c (/app/src/x.js:3:1)"];
  const from = (start: number, leaf: readonly string[] = []): Partial<RawError> =>
    thrown(
      "Maximum call stack size exceeded",
      [...leaf, ...Array.from({ length: 10 - leaf.length }, (_, n) => cycle[(start + n) % 3] ?? "")],
      "RangeError",
    );
  assertSame([from(0), from(1), from(2), from(1, ["leaf (/app/src/x.js:9:9)"])]);
});

test("without an in-app frame the statement tells errors apart", () => {
  const frames = [
    "Parser.parseErrorMessage (/app/node_modules/pg-protocol/dist/parser.js:1:1)",
    "Socket.emit (node:events:1:1)",
  ];
  assertDifferent([thrown("first thing", frames), thrown("second thing", frames)]);
  assertSame([
    thrown("thing 1 is gone", frames),
    thrown("thing 2 is gone", []),
    { type: "TypeError", message: "thing 3 is gone" },
  ]);
});

/** As any language's parser gives them, innermost first. */
function frame(name: string, module: string, inApp = true): StackFrame {
  return { function: name, module, file: `/srv/${module}`, line: 7, column: 0, inApp };
}

function namedBy(type: string, message: string, frames: readonly StackFrame[]): string {
  const rules = compileRules({});
  const safe = redact({ ...RAW, type, message }, rules.redaction);
  return fingerprint(safe, frames, categorize(safe, rules), rules).id;
}

test("two statements in one function are two faults, in every language", () => {
  const ids = [
    namedBy("KeyError", "'street'", [frame("parse", "shop.address")]),
    namedBy("KeyError", "'city'", [frame("parse", "shop.address")]),
    namedBy("panic", "runtime error: integer divide by zero", [frame("main.sum", "main")]),
    namedBy("panic", "runtime error: index out of range [5] with length 3", [frame("main.sum", "main")]),
    namedBy("panic", "assignment to entry in nil map", [frame("main.sum", "main")]),
  ];
  assert.equal(new Set(ids).size, ids.length);
  assert.equal(
    namedBy("panic", "runtime error: index out of range [17] with length 4", [frame("main.sum", "main")]),
    ids[3],
  );
});

test("frames of the runtime, of a telemetry SDK and of libraries in front of the fault do not count", () => {
  const place = frame("Depot.store", "com.shop.Depot");
  const bare = namedBy("IllegalStateException", "depot is full", [place]);
  for (const foreign of [
    frame("Thread.getStackTrace", "java.lang.Thread", false),
    frame("recordStackTrace", "opentelemetry", false),
    frame("runtime.gopanic", "runtime", false),
    frame("$Proxy12.store", "com.sun.proxy", false),
  ]) {
    assert.equal(namedBy("IllegalStateException", "depot is full", [foreign, foreign, place]), bare);
  }
});

test("a stack of the header alone is told apart by its statement", () => {
  const failed = (syscall: string, path: string): Partial<RawError> => {
    const message = `ENOENT: no such file or directory, ${syscall} '${path}'`;
    return { type: "Error", message, stack: `Error: ${message}`, properties: { code: "ENOENT" } };
  };
  assertSame([failed("open", "/srv/a/1.json"), failed("open", "/tmp/x 2")]);
  assertDifferent([failed("open", "/srv/a"), failed("stat", "/srv/a")]);
});

test("a message that says hardly anything is told apart by the library that says it", () => {
  const ids = [
    namedBy("Error", "timeout", [frame("Timeout._onTimeout", "pool-a", false)]),
    namedBy("Error", "timeout", [frame("Socket.expire", "client-b", false)]),
    namedBy("Error", "timeout", []),
  ];
  assert.equal(new Set(ids).size, ids.length);
  const runtime = [frame("listOnTimeout", "node:internal/timers", false)];
  assert.equal(namedBy("Error", "timeout", runtime), ids[2]);
  const expired = frame("Timeout._onTimeout", "pool-a", false);
  assert.equal(namedBy("Error", "timeout", [...runtime, expired]), ids[0]);
});

test("what is put in front of a message on its way does not count", () => {
  const plain = { type: "TypeError", message: "x is null" };
  assertSame([
    plain,
    { ...plain, message: "Uncaught TypeError: x is null" },
    { ...plain, message: "Uncaught (in promise) TypeError: x is null" },
    { ...plain, message: "TypeError: x is null" },
    { ...plain, message: "2024-11-22 10:11:12,123 ERROR [main] com.shop.Stock: x is null" },
    { ...plain, message: "x is\r\nnull\r\n" },
  ]);
});

test("a database error of no known kind is told apart by where it was thrown", () => {
  const failed = (place: string): Partial<RawError> => ({
    ...thrown("statement was refused", [`${place} (/app/src/db.js:1:1)`], "Error"),
    database: { system: "clickhouse" },
  });
  assertDifferent([failed("load"), failed("save")]);
});

test("without a message and a frame the operation tells errors apart", () => {
  assertDifferent([
    { type: "Error", spanName: "job a" },
    { type: "Error", spanName: "job b" },
    { type: "Error", request: { method: "GET", route: "/a", statusCode: 500 } },
    { type: "Error", request: { method: "GET", route: "/b", statusCode: 500 } },
    { type: "Error", request: { method: "PUT", route: "/b", statusCode: 500 } },
  ]);
  assertSame([
    { type: "Error", spanName: "job 17" },
    { type: "Error", spanName: "job 18" },
  ]);
});

test("the innermost in-app cause is where the fault began", () => {
  const cause = (message: string, frame: string): RawError["causes"][number] => {
    const { type = "", stack = "" } = thrown(message, [frame]);
    return { relation: "cause", type, message, stack, properties: {} };
  };
  const inApp = cause("deep", "read (/app/src/files.js:1:1)");
  const library = cause("deeper", "open (/app/node_modules/x/index.js:1:1)");
  const outer = (name: string): Partial<RawError> => thrown("wrapped", [`${name} (/app/src/${name}.js:1:1)`]);
  assertSame([
    { ...outer("a"), causes: [inApp, library] },
    { ...outer("b"), causes: [cause("middle", "m (/app/src/m.js:1:1)"), inApp] },
  ]);
  assertDifferent([
    outer("a"),
    { ...outer("a"), causes: [inApp] },
    { ...outer("a"), causes: [cause("other", "read (/app/src/files.js:1:1)")] },
  ]);
  assert.equal(idOf({ ...outer("a"), causes: [library] }), idOf(outer("a")));
});

test("an explicit fingerprint wins, with its variables filled in", () => {
  const error = thrown("order 17 is gone", ["load (/app/src/orders.js:1:1)"]);
  const other = thrown("quite another", ["save (/app/src/files.js:1:1)"], "RangeError");
  const given = (from: Partial<RawError>, ...parts: string[]): string =>
    idOf({ ...from, given: { fingerprint: parts } });
  assert.equal(given(error, "payments"), given(other, "payments"));
  assert.equal(given(error, "{{ default }}"), idOf(error));
  assert.equal(given(error, "{{default}}"), idOf(error));
  assert.notEqual(given(error, "{{ default }}", "tenant-a"), given(error, "{{ default }}", "tenant-b"));
  assert.notEqual(given(error, "{{ default }}", "x"), given(other, "{{ default }}", "x"));
  for (const [variable, value] of [
    ["type", "TypeError"],
    ["message", "order <number> is gone"],
    ["function", "load"],
    ["category", "application_error"],
  ]) {
    assert.equal(given(error, `a {{ ${variable} }} b`), given(error, `a ${value} b`), variable);
  }
  assert.equal(given(error, "{{ unknown }}"), given(other, "{{ unknown }}"));
  assert.notEqual(given(error, "{{ unknown }}"), given(error, ""));
  assert.notEqual(given(error, "ab", "c"), given(error, "a", "bc"));
  assert.equal(given(error), idOf(error));
});

test("an id that was given upstream is kept", () => {
  const { id, version } = named({ message: "x", attributes: { "error.fingerprint": "0123456789abcdef" } });
  assert.deepEqual([id, version], ["0123456789abcdef", LATEST.version]);
  assert.equal(idOf({ given: { fingerprint: ["0123456789abcdef"] } }), "0123456789abcdef");
});

test("the first rule that matches names the group, unless the error itself does", () => {
  const options: RuleOptions = {
    fingerprints: [
      { match: { message: "*gone*" }, fingerprint: ["gone", "{{ type }}"] },
      { match: { category: "application_error" }, fingerprint: ["rest"] },
    ],
  };
  const gone = thrown("order 17 is gone", ["load (/app/src/orders.js:1:1)"]);
  assert.equal(idOf(gone, options), idOf({ given: { fingerprint: ["gone", "TypeError"] } }));
  assert.equal(idOf(thrown("x", []), options), idOf({ given: { fingerprint: ["rest"] } }));
  assert.equal(
    idOf({ ...gone, given: { fingerprint: ["mine"] } }, options),
    idOf({ given: { fingerprint: ["mine"] } }),
  );
});

const POSTGRES = { system: "postgresql" };

test("database failures group by kind, constraints by name", () => {
  const database = (message: string, code: string, properties: RawError["properties"] = {}): Partial<RawError> => ({
    ...thrown(message, ["Parser.parse (/app/node_modules/pg-protocol/dist/parser.js:1:1)"], "error"),
    properties: { code, ...properties },
    database: POSTGRES,
  });
  const group = (...parts: string[]): string => idOf({ given: { fingerprint: parts } });
  assert.equal(
    idOf(database("canceling statement due to statement timeout", "57014")),
    group("database-error", "timeout"),
  );
  assert.equal(idOf(database("the database system is shutting down", "57P03")), group("database-error", "connection"));
  const unique = 'duplicate key value violates unique constraint "users_email_key"';
  assert.equal(idOf(database(unique, "23505")), group("database-error", "constraint", "users_email_key"));
  assert.equal(idOf(database(unique, "23505", { constraint: "users_email_key" })), idOf(database(unique, "23505")));
  const missing = 'null value in column "email" of relation "users" violates not-null constraint';
  assert.equal(idOf(database(missing, "23502", { table: "users" })), group("database-error", "constraint", "users"));
  assertDifferent([
    database('relation "users" does not exist', "42P01"),
    database('relation "orders" does not exist', "42P01"),
    database("deadlock detected", "40P01"),
    database(unique, "23505"),
    database(unique.replace("email", "name"), "23505"),
  ]);
  assertDifferent(
    ["shop.users", "shop.orders"].map((collection) => ({
      ...database(
        `E11000 duplicate key error collection: ${collection} index: email_1 dup key: { email: "a@b.co" }`,
        "11000",
      ),
      database: { system: "mongodb" },
    })),
  );
  const mysql = "Duplicate entry 'ann@example.com' for key 'users.email'";
  assert.equal(
    idOf({
      ...thrown(mysql, [], "Error"),
      properties: { code: "ER_DUP_ENTRY", errno: 1062 },
      database: { system: "mysql" },
    }),
    group("database-error", "constraint", "users.email"),
  );
});

test("network failures group by code and peer", () => {
  const refused = (peer: string): Partial<RawError> => ({
    ...thrown(`connect ECONNREFUSED ${peer}`, ["TCPConnectWrap.afterConnect (node:net:1611:16)"], "Error"),
    properties: { code: "ECONNREFUSED" },
  });
  assertSame([refused("127.0.0.1:8443"), refused("::1:8443"), refused("localhost:8443")]);
  assertSame([refused("10.0.0.7:8443"), refused("10.9.9.9:8443"), refused("fd00::7:8443")]);
  const lookup = (host: string): Partial<RawError> => ({
    ...thrown(`getaddrinfo ENOTFOUND ${host}`, [], "Error"),
    properties: { code: "ENOTFOUND", hostname: host },
  });
  assertDifferent([
    refused("127.0.0.1:8443"),
    refused("127.0.0.1:9443"),
    refused("10.0.0.7:8443"),
    lookup("db"),
    lookup("cache"),
  ]);
  const byName = (host: string): Partial<RawError> => ({
    ...refused("10.0.0.7:443"),
    spanKind: "client",
    attributes: { "server.address": host, "server.port": 443 },
  });
  assertDifferent([byName("pay.example"), byName("mail.example"), refused("10.0.0.7:443")]);
});

/** One span, as this process ends it (with the live error) and as OTLP brings it (with the SDK's texts alone). */
function bothDoors(live: Error, span: Partial<SpanRecord> = {}): readonly [string, string] {
  const code: unknown = "code" in live ? live.code : undefined;
  const texts: RecordedException = {
    timeUnixMillis: 1,
    type: String(code || live.name),
    message: live.message,
    stack: live.stack ?? "",
  };
  const ids = [{ ...texts, live }, texts].map((exception) => {
    const record: SpanRecord = {
      traceId: "0af7651916cd43dd8448eb211c80319c",
      spanId: "b7ad6b7169203331",
      name: "GET /orders/:id",
      kind: "server",
      endUnixMillis: 2,
      durationMillis: 1,
      status: "error",
      statusMessage: "",
      attributes: {},
      ...span,
      exceptions: [exception],
    };
    const [raw] = extractErrors(record, { resource: RAW.resource, newId: () => RAW.id }, { httpClientErrors: true });
    assert.ok(raw);
    return idOf(raw);
  });
  return [ids[0] ?? "", ids[1] ?? "-"];
}

class OutOfStock extends Error {
  override readonly name = "OutOfStock";
}
class Unnamed extends Error {}

const coded = (error: Error, properties: object): Error => Object.assign(error, properties);

test("an error seen in process and the same error received by OTLP have one id", () => {
  const errors: readonly Error[] = [
    new TypeError(TOTAL),
    new OutOfStock("item 17"),
    new Unnamed("plain"),
    coded(new Error("connect ECONNREFUSED 127.0.0.1:8443"), { code: "ECONNREFUSED", address: "127.0.0.1", port: 8443 }),
    coded(new Error("getaddrinfo ENOTFOUND db.internal"), {
      code: "ENOTFOUND",
      hostname: "db.internal",
      syscall: "getaddrinfo",
    }),
    coded(new Error("read ECONNRESET"), { code: "ECONNRESET", errno: -104, syscall: "read" }),
    coded(new Error("ENOENT: no such file or directory, open '/x'"), { code: "ENOENT", errno: -2, path: "/x" }),
    coded(new TypeError("The argument is bad"), { code: "ERR_INVALID_ARG_TYPE" }),
    coded(new OutOfStock("item 17"), { code: "out_of_stock" }),
    coded(new Error("declined"), { code: "card_declined" }),
    coded(new Error("missing"), { code: "NoSuchBucket" }),
    coded(new Error("14 UNAVAILABLE: no connection"), { code: 14, details: "no connection", metadata: {} }),
    new DOMException("This operation was aborted", "AbortError"),
  ];
  for (const error of errors) {
    const [live, received] = bothDoors(error);
    assert.equal(live, received, error.stack);
  }
});

test("a database error has one id in process and by OTLP", () => {
  const span: Partial<SpanRecord> = {
    name: "pg.query:INSERT shop",
    kind: "client",
    attributes: { "db.system": "postgresql", "db.statement": "INSERT INTO users VALUES ($1)" },
  };
  const error = coded(new Error('duplicate key value violates unique constraint "users_email_key"'), {
    code: "23505",
    constraint: "users_email_key",
    table: "users",
  });
  const [live, received] = bothDoors(error, span);
  assert.equal(live, received);
});

test("an answer of 5xx without an exception groups by method, route and status", () => {
  const answered = (method: string, route: string, status: number): string => {
    const record: SpanRecord = {
      traceId: "0af7651916cd43dd8448eb211c80319c",
      spanId: "b7ad6b7169203331",
      name: `${method} ${route}`,
      kind: "server",
      endUnixMillis: 2,
      durationMillis: 1,
      status: "error",
      statusMessage: "",
      attributes: {
        "http.request.method": method,
        "http.route": route,
        "http.response.status_code": status,
        "url.path": "/x/1",
      },
      exceptions: [],
    };
    const [raw] = extractErrors(record, { resource: RAW.resource, newId: () => RAW.id }, { httpClientErrors: true });
    assert.ok(raw);
    return idOf(raw);
  };
  const ids = [
    answered("GET", "/a", 500),
    answered("PUT", "/a", 500),
    answered("GET", "/b", 500),
    answered("GET", "/a", 503),
  ];
  assert.equal(new Set(ids).size, 4);
  assert.equal(answered("GET", "/a", 500), ids[0]);
});

test("ids do not change between releases by accident", () => {
  assert.equal(idOf(thrown(TOTAL, ["sum (/app/src/cart/sum.js:10:5)"])), "db51ab1d07c262f3");
  assert.equal(idOf({ message: "order 17 is gone" }), "c8430ca478217248");
  assert.equal(idOf({ given: { fingerprint: ["database-error", "connection"] } }), "28c452002be4f141");
});

test("any error has an id of 16 hex digits, a reason and a template, the same each time", () => {
  const text = fc.string({ unit: "binary", maxLength: 80 });
  const part = fc.oneof(text, fc.constantFrom("{{ default }}", "{{", "}}", "{{ type }} x {{", "{{ message }}"));
  const error = fc.record({
    type: fc.oneof(text, fc.constantFrom("TypeError", "ECONNREFUSED", "23505", "HTTP 500")),
    message: text,
    stack: fc.oneof(text, fc.constant("Error: x\n    at f (/app/a.js:1:2)\n    at /app/b.js:1:2")),
    properties: fc.constantFrom({}, { code: "ECONNRESET" }, { code: 7 }, { code: null }, { code: "" }),
    causes: fc.array(
      fc.record({
        relation: fc.constantFrom<"cause" | "member">("cause", "member"),
        type: text,
        message: text,
        stack: text,
        properties: fc.constant({}),
      }),
      { maxLength: 3 },
    ),
    given: fc.oneof(fc.constant({}), fc.record({ fingerprint: fc.array(part, { maxLength: 3 }) })),
    spanKind: fc.constantFrom("client" as const, "server" as const),
  });
  fc.assert(
    fc.property(error, (raw) => {
      const name = named(raw);
      assert.match(name.id, /^[0-9a-f]{16}$/);
      assert.ok(name.reason !== "" && name.version === LATEST.version);
      assert.deepEqual(named(raw), name);
    }),
    { numRuns: 1_500 },
  );
});

test("a line of a log is about what it names, whatever level stands for its type; an exception throws with the names of its code", () => {
  const idOf = (type: string, frame: string, stack = ""): string =>
    nameError({ type, message: `frame ${frame} stays on disk`, stack, language: "" }, compileRules({})).fingerprint;
  for (const type of ["", "Error", "ERROR", "warning", "Log"])
    assert.equal(idOf(type, "stock_levels"), idOf(type, "open_orders"));
  for (const type of ["CacheError", "E_CACHE"]) assert.notEqual(idOf(type, "stock_levels"), idOf(type, "open_orders"));
  const stack = "Error: x\n    at keep (/srv/shop/dist/cache.js:3:5)";
  assert.notEqual(idOf("Error", "stock_levels", stack), idOf("Error", "open_orders", stack));
});
