import assert from "node:assert/strict";
import { test } from "node:test";
import { BasicTracerProvider } from "@opentelemetry/sdk-trace-base";
import fc from "fast-check";
import type { Attributes, ErrorEvent, LogRecord, RawError, SpanRecord } from "../../src/event";
import { ErrorSpanProcessor } from "../../src/processors/error-span-processor";
import { extractErrors, extractLogErrors, hasException, mayHaveFailed } from "../../src/processors/extract";
import { createFrequency } from "../../src/processors/frequency";
import { createPipeline } from "../../src/processors/pipeline";
import { processError } from "../../src/processors/process-error";
import { compileRules } from "../../src/processors/rules";
import { createTelemetry } from "../../src/telemetry";

const AROUND = {
  resource: { service: "shop", worker: "worker-1" },
  newId: () => "00000000-0000-4000-8000-000000000000",
};
const OPTIONS = { httpClientErrors: true };
const STACK = "TypeError: no total\n    at sum (/app/src/cart.js:10:5)";

const SPAN: SpanRecord = {
  traceId: "0af7651916cd43dd8448eb211c80319c",
  spanId: "b7ad6b7169203331",
  name: "work",
  kind: "internal",
  endUnixMillis: 1_700_000_000_500,
  durationMillis: 500,
  status: "unset",
  statusMessage: "",
  attributes: {},
  exceptions: [],
};

const LOG: LogRecord = {
  timeUnixMillis: 1_700_000_000_123,
  eventName: "",
  severityNumber: 17,
  body: "",
  attributes: {},
  traceId: SPAN.traceId,
  spanId: SPAN.spanId,
};

function ofSpan(span: Partial<SpanRecord>): readonly RawError[] {
  return extractErrors({ ...SPAN, ...span }, AROUND, OPTIONS);
}

function ofLog(log: Partial<LogRecord>, options: { readonly errorLogs?: boolean } = {}): readonly RawError[] {
  return extractLogErrors({ ...LOG, ...log }, AROUND, { ...OPTIONS, ...options });
}

function only(errors: readonly RawError[]): RawError {
  const [error, ...others] = errors;
  assert.ok(error);
  assert.equal(others.length, 0);
  return error;
}

function fingerprintOf(raw: RawError): string {
  return processError(raw, compileRules({}), createFrequency(), 0).fingerprint.id;
}

const exception = (type?: string, message?: string, stack?: string): Attributes => ({
  "exception.type": type,
  "exception.message": message,
  "exception.stacktrace": stack,
});

test("a span with an exception among its attributes failed, whatever its status", () => {
  for (const status of ["unset", "ok", "error"] as const) {
    const error = only(ofSpan({ status, attributes: exception("TypeError", "no total", STACK) }));
    assert.equal(error.type, "TypeError");
    assert.equal(error.message, "no total");
    assert.equal(error.stack, STACK);
    assert.equal(error.timeUnixMillis, SPAN.endUnixMillis);
    assert.equal(error.handled, status !== "error");
  }
  assert.equal(only(ofSpan({ attributes: exception("TypeError") })).type, "TypeError");
  assert.equal(only(ofSpan({ attributes: exception(undefined, "no total") })).message, "no total");
});

test("a stack alone is no exception", () => {
  assert.deepEqual(ofSpan({ attributes: exception(undefined, undefined, STACK) }), []);
  assert.deepEqual(ofSpan({ attributes: exception("", "") }), []);
});

test("what extracts an error from a span's attributes also says that the span is worth a look", () => {
  assert.equal(mayHaveFailed(false, 0, false, exception("TypeError")), true);
  assert.equal(mayHaveFailed(false, 0, false, exception(undefined, "no total")), true);
  assert.equal(mayHaveFailed(false, 0, false, exception()), false);
  assert.equal(mayHaveFailed(false, 0, true, { "http.response.status_code": 200 }), false);
  assert.equal(mayHaveFailed(false, 0, true, { "http.response.status_code": 404 }), true);
});

test("a span of this process with an exception among its attributes becomes an event", () => {
  const events: ErrorEvent[] = [];
  const telemetry = createTelemetry();
  const pipeline = createPipeline({
    rules: compileRules({}),
    frequency: createFrequency(),
    exporters: [
      {
        name: "test",
        export(delivered) {
          events.push(...delivered);
          return delivered.map(() => ({ status: "accepted" }));
        },
        flushNow: () => {},
        forceFlush: async () => {},
        shutdown: async () => {},
      },
    ],
    telemetry,
    nowMillis: () => 0,
    defer: (deliver) => deliver(),
  });
  const processor = new ErrorSpanProcessor({
    pipeline,
    telemetry,
    ...AROUND,
    extract: OPTIONS,
    maxBreadcrumbs: 30,
    later: () => {},
  });
  const tracer = new BasicTracerProvider({ spanProcessors: [processor] }).getTracer("test");
  tracer.startSpan("healthy").end();
  tracer.startSpan("failing", { attributes: { "exception.type": "TypeError", "exception.message": "no total" } }).end();
  assert.deepEqual(
    events.map(({ type, message, spanName }) => [type, message, spanName]),
    [["TypeError", "no total", "failing"]],
  );
});

test("an exception event and the same exception as attributes are one error on a span", () => {
  const recorded = { timeUnixMillis: 1, type: "TypeError", message: "no total", stack: STACK };
  const errors = ofSpan({ exceptions: [recorded], attributes: exception("TypeError", "no total", STACK) });
  assert.equal(only(errors).timeUnixMillis, 1);
});

test("an exception has one fingerprint as an event, as attributes and as a log record", () => {
  const cases: readonly (readonly [type: string, message: string, stack: string])[] = [
    ["TypeError", "no total", STACK],
    [
      "ECONNREFUSED",
      "connect ECONNREFUSED 10.0.0.7:5432",
      "Error: connect ECONNREFUSED 10.0.0.7:5432\n    at x (a.js:1:1)",
    ],
    ["ERR_INVALID_ARG_TYPE", "bad", "TypeError [ERR_INVALID_ARG_TYPE]: bad\n    at f (/app/src/x.js:1:1)"],
    ["java.net.ConnectException", "Connection refused", ""],
  ];
  for (const [type, message, stack] of cases) {
    const event = only(ofSpan({ exceptions: [{ timeUnixMillis: 1, type, message, stack }] }));
    const attributes = only(ofSpan({ attributes: exception(type, message, stack) }));
    const log = only(ofLog({ attributes: exception(type, message, stack) }));
    assert.equal(fingerprintOf(attributes), fingerprintOf(event), type);
    assert.equal(fingerprintOf(log), fingerprintOf(event), type);
  }
});

test("an exception without a stack keeps its own message, whatever the status of its span says", () => {
  const recorded = { timeUnixMillis: 1, type: "*errors.errorString", message: "no tea left", stack: "" };
  const raw = only(ofSpan({ status: "error", statusMessage: "order failed", exceptions: [recorded] }));
  assert.deepEqual([raw.type, raw.message], ["*errors.errorString", "no tea left"]);
  const text = { ...recorded, type: "", message: "failed" };
  const attributes = { "error.type": "ECONNREFUSED" };
  const named = only(ofSpan({ status: "error", statusMessage: "connect refused", exceptions: [text], attributes }));
  assert.deepEqual(
    [named.type, named.message],
    ["ECONNREFUSED", "connect refused"],
    "of a bare text the span says more",
  );
});

/** What `logger.exception` and a span record of one error in Python, and what its traceback calls it. */
const PYTHON_ERRORS = [
  { logged: ["OutOfStock", "no tea"], recorded: ["shop.stock.OutOfStock", "no tea"], type: "shop.stock.OutOfStock" },
  { logged: ["OutOfStock", "no tea"], recorded: ["__main__.OutOfStock", "no tea"], type: "OutOfStock" },
  { logged: ["KeyError", "price"], recorded: ["KeyError", "'price'"], type: "KeyError" },
  { logged: ["OSError", "2"], recorded: ["OSError", "[Errno 2] No such file"], type: "OSError" },
] as const;

test("an error of Python has one name and one message, whether a span or a logger tells of it", () => {
  for (const { logged, recorded, type } of PYTHON_ERRORS) {
    const message = recorded[1];
    const last = `${type}: ${message}\n`;
    const stack = `Traceback (most recent call last):\n  File "/srv/shop.py", line 3, in buy\n    buy()\n${last}`;
    const fromSpan = only(
      ofSpan({ exceptions: [{ timeUnixMillis: 1, type: recorded[0], message: recorded[1], stack }] }),
    );
    const fromLog = only(ofLog({ attributes: exception(...logged, stack) }));
    for (const raw of [fromSpan, fromLog]) assert.deepEqual([raw.type, raw.message, raw.stack], [type, message, stack]);
    assert.equal(fingerprintOf(fromLog), fingerprintOf(fromSpan));
  }
});

test("what stands beside a stack is believed where the stack says less, or speaks of another error", () => {
  const python = (last: string): string => `Traceback (most recent call last):\n  File "a.py", line 1, in b\n${last}`;
  for (const [type, message, stack] of [
    ["shop.OutOfStock", "no tea left", python("OutOfStock: no te")],
    ["OutOfStock", "no tea", python("OutOfStock: no tea\nAsk for coffee.\n")],
    ["Custom", "what it means", python("KeyError: 'tea'\n")],
    ["shop.Odd", "no tea", "odd, as its toString() says\n\tat shop.Stock.take(Stock.java:1)"],
  ] as const) {
    const raw = only(ofLog({ attributes: exception(type, message, stack) }));
    assert.deepEqual([raw.type, raw.message], [type, message]);
  }
});

test("a nested class of Java has one name, and an error knows the causes that its stack prints", () => {
  const stack =
    "shop.Stock$Empty: no tea\n\tat shop.Stock.take(Stock.java:1)\nCaused by: java.io.IOException: gone\n\t... 1 more\n";
  for (const type of ["shop.Stock$Empty", "shop.Stock.Empty"]) {
    const raw = only(ofSpan({ attributes: exception(type, "no tea", stack) }));
    assert.equal(raw.type, "shop.Stock.Empty");
    assert.deepEqual(
      raw.causes.map((cause) => [cause.relation, cause.type, cause.message]),
      [["cause", "java.io.IOException", "gone"]],
    );
  }
});

test("errors of .NET, Ruby and PHP know the causes that their stacks print, and keep their own words", () => {
  const rows: readonly (readonly [type: string, cause: string, stack: string])[] = [
    [
      "Shop.Empty",
      "System.IO.IOException",
      "Shop.Empty: no tea\n ---> System.IO.IOException: gone\n   at Shop.Disk.Read()\n   --- End of inner exception stack trace ---\n   at Shop.Cart.Take()",
    ],
    [
      "Shop::Empty",
      "IOError",
      "cart.rb:3:in 'take': no tea (Shop::Empty)\n\tfrom cart.rb:9:in 'all'\ndisk.rb:1:in 'read': gone (IOError)\n",
    ],
    [
      "Shop\\Empty",
      "RuntimeException",
      "RuntimeException: gone in /srv/disk.php:1\nStack trace:\n#0 {main}\n\nNext Shop\\Empty: no tea in /srv/cart.php:3\nStack trace:\n#0 {main}",
    ],
  ];
  for (const [type, cause, stack] of rows) {
    const raw = only(ofSpan({ attributes: exception(type, "no tea", stack) }));
    assert.deepEqual([raw.type, raw.message], [type, "no tea"]);
    assert.deepEqual(
      raw.causes.map(({ relation, type: name, message }) => [relation, name, message]),
      [["cause", cause, "gone"]],
    );
  }
});

test("the exception event of a client groups by its peer, as the client's span does", () => {
  const attributes = {
    ...exception("ECONNREFUSED", "refused", "Error: refused\n    at f (/app/src/pay.js:3:1)"),
    "server.address": "pay.example",
    "server.port": 443,
  };
  const recorded = { timeUnixMillis: 1, type: "ECONNREFUSED", message: "refused", stack: "" };
  const span = only(ofSpan({ kind: "client", attributes, exceptions: [recorded] }));
  const log = only(ofLog({ eventName: "http.client.request.exception", severityNumber: 13, attributes }));
  assert.equal(log.spanKind, "client");
  assert.equal(fingerprintOf(log), fingerprintOf(span));
});

test("a log record tells of an error by its exception or by its event name", () => {
  assert.equal(only(ofLog({ attributes: exception("OSError") })).type, "OSError");
  assert.equal(only(ofLog({ attributes: exception(undefined, "gone") })).message, "gone");
  assert.equal(only(ofLog({ eventName: "exception", body: "gone" })).message, "gone");
  assert.equal(only(ofLog({ eventName: "http.server.request.exception", body: "gone" })).message, "gone");
  assert.equal(only(ofLog({ eventName: "db.client.operation.exception" })).type, "Error");
  for (const eventName of ["", "exceptional", "myexception", "exception.handled"]) {
    assert.deepEqual(ofLog({ eventName, body: "gone" }), [], eventName);
  }
});

test("a log record keeps its time, its span and what its attributes say of request, database, user and session", () => {
  const error = only(
    ofLog({
      attributes: {
        ...exception("OSError", "gone"),
        "http.request.method": "GET",
        "http.route": "/orders/:id",
        "http.response.status_code": 500,
        "db.system.name": "postgresql",
        "request.id": "r-1",
        "session.id": "s-1",
        "user.id": "u-1",
        "user_agent.original": "curl",
        "error.category": "file_not_found",
      },
    }),
  );
  assert.equal(error.source, "log");
  assert.equal(error.timeUnixMillis, LOG.timeUnixMillis);
  assert.equal(error.traceId, LOG.traceId);
  assert.equal(error.spanId, LOG.spanId);
  assert.equal(error.request?.route, "/orders/:id");
  assert.equal(error.request?.statusCode, 500);
  assert.equal(error.database?.system, "postgresql");
  assert.deepEqual(
    [error.requestId, error.sessionId, error.userId, error.userAgent, error.given.category],
    ["r-1", "s-1", "u-1", "curl", "file_not_found"],
  );
  assert.deepEqual(error.resource, AROUND.resource);
});

test("the words of the log record stay beside the exception, and stand in for a message only where nothing else speaks", () => {
  const beside = only(ofLog({ body: "order 17 failed", attributes: exception("OSError", "gone") }));
  assert.equal(beside.message, "gone");
  assert.deepEqual(beside.details, { log_message: "order 17 failed" });
  const wordless = only(
    ofLog({ body: "order 17 failed", attributes: exception("OSError", undefined, "at x (y.js:1:1)") }),
  );
  assert.equal(wordless.message, "");
  const bare = only(ofLog({ body: "order 17 failed", attributes: exception("OSError") }));
  assert.equal(bare.message, "order 17 failed");
  assert.deepEqual(bare.details, {});
});

test("an exception that was logged was handled, unless the process dies of it, it escaped, or an instrumentation calls it an error", () => {
  const attributes = exception("OSError", "gone");
  const handled = (log: Partial<LogRecord>): boolean => only(ofLog({ attributes, ...log })).handled;
  assert.equal(handled({ severityNumber: 0 }), true);
  assert.equal(handled({ severityNumber: 13 }), true);
  assert.equal(handled({ severityNumber: 20 }), true);
  assert.equal(handled({ severityNumber: 21 }), false);
  assert.equal(handled({ attributes: { ...attributes, "exception.escaped": true } }), false);
  assert.equal(handled({ eventName: "http.server.request.exception", severityNumber: 17 }), false);
  assert.equal(handled({ eventName: "http.client.request.exception", severityNumber: 13 }), true);
  assert.equal(
    handled({ eventName: "exception", attributes: { ...attributes, "exception.escaped": false }, severityNumber: 17 }),
    true,
  );
});

test("an exception of severity FATAL is critical and unhandled, unless its record says otherwise", () => {
  const fatal = only(ofLog({ severityNumber: 21, attributes: exception("OSError", "gone") }));
  assert.deepEqual([fatal.given.severity, fatal.handled, fatal.fatal], ["critical", false, false]);
  const given = { ...exception("OSError", "gone"), "error.severity": "info" };
  assert.equal(only(ofLog({ severityNumber: 24, attributes: given })).given.severity, "info");
  assert.equal(only(ofLog({ severityNumber: 20, attributes: exception("OSError", "gone") })).given.severity, undefined);
});

test("an event of another Seismo is read back as it was, and what was damaged on its way is left out", () => {
  const attributes = {
    "exception.type": "DeviceError",
    "exception.message": "too hot",
    "seismo.handled": false,
    "seismo.fatal": true,
    "seismo.page": "/jobs",
    "seismo.details": '{"job":7,"__proto__":{"polluted":true}}',
    "seismo.properties": '{"code":"E_HOT"}',
    "seismo.causes": '[{"relation":"member","type":"E","message":"m","stack":"s","properties":{"n":1}},7,{"type":1}]',
    "seismo.user_context": "[1]",
    "seismo.system_context": '{"cut":',
    "seismo.hardware_context": '{"hardware_type":"GPU"}',
    "seismo.frames":
      '[{"function":"heat","line":7,"inApp":true,"context":{"pre":["a",1],"line":"b"},"variables":[]},7,{"line":"x"}]',
    "seismo.breadcrumbs":
      '[{"timeUnixMillis":7,"type":"log","category":"pino","message":"m","level":"warning","data":{"n":1}},7,{"type":1}]',
    "http.request.method": "GET",
  };
  const error = only(ofLog({ eventName: "exception", severityNumber: 21, body: "too hot", attributes }));
  assert.deepEqual([error.handled, error.fatal, error.page, error.given.severity], [false, true, "/jobs", undefined]);
  assert.deepEqual(Object.keys(error.details), ["job", "__proto__"]);
  assert.equal("polluted" in {}, false);
  assert.deepEqual(error.properties, { code: "E_HOT" });
  assert.deepEqual(error.causes, [
    { relation: "member", type: "E", message: "m", stack: "s", properties: { n: 1 } },
    { relation: "cause", type: "Error", message: "", stack: "", properties: {} },
  ]);
  assert.deepEqual([error.userContext, error.systemContext], [undefined, undefined]);
  assert.deepEqual(error.hardwareContext, { hardware_type: "GPU" });
  const noFrame = { function: "", module: "", file: "", line: 0, column: 0, inApp: false };
  assert.deepEqual(error.explained, [
    {
      ...{ ...noFrame, function: "heat", line: 7, inApp: true, variables: undefined },
      context: { pre: ["a", ""], line: "b", post: [] },
    },
    { ...noFrame, context: undefined, variables: undefined },
  ]);
  const unknown = { offsetMillis: undefined, durationMillis: undefined };
  assert.deepEqual(error.breadcrumbs, [
    {
      ...{ timeUnixMillis: 7, type: "log", category: "pino", message: "m", level: "warning", data: { n: 1 } },
      ...unknown,
    },
    { timeUnixMillis: Number.NaN, type: "custom", category: "", message: "", level: "info", data: {}, ...unknown },
  ]);
  assert.deepEqual(Object.keys(error.attributes), ["exception.type", "exception.message", "http.request.method"]);
});

test("a log record of severity ERROR without an exception is an error only when that is asked for", () => {
  assert.deepEqual(ofLog({ severityNumber: 17, body: "cannot bill" }), []);
  assert.deepEqual(ofLog({ severityNumber: 24, body: "cannot bill" }), []);
  assert.deepEqual(ofLog({ severityNumber: 16, body: "cannot bill" }, { errorLogs: true }), []);
  assert.deepEqual(ofLog({ severityNumber: 0, body: "cannot bill" }, { errorLogs: true }), []);
  const error = only(ofLog({ severityNumber: 17, body: "cannot bill" }, { errorLogs: true }));
  assert.equal(error.message, "cannot bill");
  assert.equal(error.type, "Error");
  assert.equal(only(ofLog({ attributes: { "error.type": "BillingError" } }, { errorLogs: true })).type, "BillingError");
});

test("a record has an exception of its own when it names one", () => {
  assert.equal(hasException({ ...SPAN, exceptions: [{ timeUnixMillis: 1, type: "E", message: "", stack: "" }] }), true);
  assert.equal(hasException({ ...SPAN, attributes: exception("E") }), true);
  assert.equal(hasException({ ...SPAN, status: "error", statusMessage: "gone" }), false);
  assert.equal(hasException({ ...LOG, attributes: exception(undefined, "gone") }), true);
  assert.equal(hasException({ ...LOG, body: "gone" }), false);
});

test("any log record gives at most one error, and one that can be named", () => {
  const value = fc.oneof(fc.string(), fc.double(), fc.boolean(), fc.array(fc.string(), { maxLength: 3 }));
  const names = ["exception.type", "exception.message", "exception.stacktrace", "exception.escaped", "error.type"];
  const key = fc.oneof(fc.constantFrom(...names, "__proto__", "db.system"), fc.string());
  const record = fc.record({
    timeUnixMillis: fc.double(),
    eventName: fc.oneof(fc.constantFrom("exception", "a.exception", ".exception"), fc.string()),
    severityNumber: fc.integer(),
    body: fc.string(),
    attributes: fc.dictionary(key, value, { noNullPrototype: false }),
  });
  fc.assert(
    fc.property(record, fc.boolean(), (log, errorLogs) => {
      const errors = extractLogErrors(log, AROUND, { ...OPTIONS, errorLogs });
      assert.ok(errors.length <= 1);
      for (const error of errors) assert.match(fingerprintOf(error), /^[0-9a-f]{16}$/);
    }),
  );
});

test("who asked is told by the client's address, else by the peer of a server's span, never by that of a client's", () => {
  const from = (kind: "server" | "client", attributes: Attributes): string | undefined =>
    only(ofSpan({ kind, status: "error", attributes: { "http.request.method": "GET", ...attributes } })).request
      ?.clientAddress;
  const peer = { "network.peer.address": "10.0.0.7" };
  assert.equal(from("server", { ...peer, "client.address": "203.0.113.9" }), "203.0.113.9");
  assert.equal(from("server", peer), "10.0.0.7");
  assert.equal(from("server", { "net.peer.ip": "10.0.0.8" }), "10.0.0.8");
  assert.equal(from("client", peer), undefined);
});
