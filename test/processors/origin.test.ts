import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { ErrorEvent, LogRecord, RawError, SpanRecord } from "../../src/event";
import { extractErrors, extractLogErrors } from "../../src/processors/extract";
import { createFrequency } from "../../src/processors/frequency";
import { createOriginJudge, type Decision, type OriginJudgeOptions } from "../../src/processors/origin";
import { logFailure, type OriginFailure, spanFailure } from "../../src/processors/origin-failure";
import { processError } from "../../src/processors/process-error";
import { compileRules } from "../../src/processors/rules";

const HOLD = 2_000;

interface Given extends Partial<Omit<OriginFailure, "occurrence">> {
  readonly from?: number;
  readonly to?: number;
}

/** A span of service `A` that failed by its status alone, from 0 to 100 ms; ids, times and all else as given. */
function bare(id: string, given: Given = {}): OriginFailure {
  const { from = 0, to = 100, ...rest } = given;
  const service = given.service ?? "A";
  return {
    id,
    signal: "span",
    occurrence: "0",
    traceId: "trace-1",
    spanId: id,
    parentSpanId: "",
    service,
    worker: `${service}-1`,
    kind: "internal",
    startUnixMillis: from,
    endUnixMillis: to,
    timeUnixMillis: to,
    type: "Error",
    message: "",
    frame: "",
    causes: [],
    hasOwnException: false,
    category: "application_error",
    statusCode: undefined,
    given: undefined,
    ...rest,
  };
}

/** The same with an exception of its own. */
function thrown(id: string, type: string, message: string, given: Given = {}): OriginFailure {
  return bare(id, { type, message, frame: `frame of ${type}`, hasOwnException: true, ...given });
}

function logged(id: string, spanId: string, type: string, message: string, given: Given = {}): OriginFailure {
  const at = given.timeUnixMillis ?? 50;
  return thrown(id, type, message, { signal: "log", spanId, kind: undefined, from: at, to: at, ...given });
}

const server = (status: number, given: Given = {}): Given => ({
  kind: "server",
  type: `HTTP ${status}`,
  category: status < 500 ? "http_client_error" : "http_server_error",
  statusCode: status,
  ...given,
});
const client = (status: number, given: Given = {}): Given =>
  server(status, { kind: "client", category: status < 500 ? "http_client_error" : "http_upstream_error", ...given });
const database = (given: Given = {}): Given => ({ kind: "client", category: "database_connection", ...given });

function decide(failures: readonly OriginFailure[], options: OriginJudgeOptions = {}): ReadonlyMap<string, Decision> {
  const judge = createOriginJudge(options);
  for (const failure of failures) judge.add(failure, 0);
  return new Map(judge.due(HOLD).map((decision) => [decision.id, decision]));
}

/** `{ "B server": "echo of C db", … }` */
function verdicts(failures: readonly OriginFailure[]): Readonly<Record<string, string>> {
  return Object.fromEntries([...decide(failures).values()].map((decision) => [decision.id, told(decision)]));
}

function told({ origin, of }: Decision): string {
  return of === undefined ? origin : `${origin} of ${of}`;
}

/** A calls B calls C, whose database fails; C throws what the database threw, B and A answer for it. */
const THREE_SERVICES: readonly OriginFailure[] = [
  bare("A server", server(502, { to: 100 })),
  bare("A client", client(502, { parentSpanId: "A server", from: 5, to: 95 })),
  bare("B server", server(502, { service: "B", parentSpanId: "A client", from: 10, to: 90 })),
  bare("B client", client(500, { service: "B", parentSpanId: "B server", from: 15, to: 85 })),
  thrown("C server", "PgError", "connection refused", {
    ...server(500, { service: "C", parentSpanId: "B client", from: 20, to: 80 }),
    type: "PgError",
  }),
  thrown("C db", "PgError", "connection refused", {
    ...database({ service: "C", parentSpanId: "C server", from: 30, to: 70 }),
  }),
];

const THREE_SERVICES_VERDICTS = {
  "A server": "echo of C db",
  "A client": "echo of C db",
  "B server": "echo of C db",
  "B client": "echo of C db",
  "C server": "duplicate of C db",
  "C db": "root",
};

test("a database failure behind three services is one root, whatever the order of arrival", () => {
  for (const order of permutations(THREE_SERVICES)) assert.deepEqual(verdicts(order), THREE_SERVICES_VERDICTS);
});

test("a database failure behind three services is one root, however its spans are spread over the hold", () => {
  for (const order of permutations(THREE_SERVICES)) {
    const judge = createOriginJudge();
    const decisions: Decision[] = [];
    for (const [index, failure] of order.entries()) {
      judge.add(failure, index * 399);
      decisions.push(...judge.due(index * 399));
    }
    for (let now = 2_000; now <= 4_000; now += 100) decisions.push(...judge.due(now));
    assert.deepEqual(Object.fromEntries(decisions.map((one) => [one.id, told(one)])), THREE_SERVICES_VERDICTS);
  }
});

test("an answer without an exception is the echo of what was thrown below it", () => {
  const C = "C";
  assert.deepEqual(
    verdicts([
      bare("C server", server(500, { service: C })),
      thrown("C db", "PgError", "gone", database({ service: C, parentSpanId: "C server", from: 10, to: 20 })),
    ]),
    { "C server": "echo of C db", "C db": "root" },
  );
});

test("two failures that have nothing to do with each other are two roots", () => {
  assert.deepEqual(
    verdicts([
      thrown("one", "TypeError", "no total", { parentSpanId: "healthy", from: 0, to: 40 }),
      thrown("other", "RangeError", "too long", { parentSpanId: "healthy", from: 10, to: 30, service: "B" }),
    ]),
    { one: "root", other: "root" },
  );
});

test("a bug stays a root although a call below it failed as well", () => {
  assert.deepEqual(
    verdicts([
      thrown("server", "TypeError", "no total", server(500, { type: "TypeError", category: "application_error" })),
      bare("call", client(503, { parentSpanId: "server", from: 10, to: 20 })),
    ]),
    { server: "root", call: "root" },
  );
});

test("a hundred retries of one call are a hundred roots, and what fails because of them is one echo", () => {
  const retries = Array.from({ length: 100 }, (_, index) =>
    thrown(`retry ${index}`, "Error", "refused", {
      ...client(503, { parentSpanId: "server", from: index, to: index + 1 }),
      type: "Error",
    }),
  );
  const decisions = decide([bare("server", server(500)), ...retries]);
  assert.equal([...decisions.values()].filter(({ origin }) => origin === "root").length, 100);
  assert.deepEqual(decisions.get("server"), { id: "server", origin: "echo", of: "retry 99", decided: true });
});

test("the exception of the last retry, recorded once more on the span above, is a duplicate", () => {
  const gone = { type: "Error", message: "refused", frame: "f", hasOwnException: true };
  assert.deepEqual(
    verdicts([
      bare("server", { ...server(500), ...gone }),
      bare("first", { ...client(503, { parentSpanId: "server", from: 1, to: 2 }), ...gone }),
      bare("last", { ...client(503, { parentSpanId: "server", from: 3, to: 4 }), ...gone }),
    ]),
    { server: "duplicate of last", first: "root", last: "root" },
  );
});

test("spans side by side are never each other's echo, though one lies in the time of the other", () => {
  const siblings = [
    bare("long", client(500, { parentSpanId: "healthy", from: 0, to: 100 })),
    bare("short", client(500, { parentSpanId: "healthy", from: 40, to: 60 })),
    bare("elsewhere", client(500, { parentSpanId: "also healthy", from: 45, to: 55 })),
    bare("task", { parentSpanId: "third", from: 0, to: 100 }),
  ];
  assert.deepEqual(verdicts(siblings), { long: "root", short: "root", elsewhere: "root", task: "root" });
});

test("a healthy middleware span between a request and its database call does not hide the link", () => {
  assert.deepEqual(
    verdicts([
      bare("server", server(500)),
      thrown("db", "PgError", "gone", database({ parentSpanId: "middleware", from: 10, to: 20 })),
    ]),
    { server: "echo of db", db: "root" },
  );
});

test("of two requests of one process, a failure belongs to the one in whose time it lies", () => {
  assert.deepEqual(
    verdicts([
      bare("first", server(500, { parentSpanId: "call 1", from: 0, to: 20 })),
      bare("second", server(500, { parentSpanId: "call 2", from: 25, to: 50 })),
      thrown("db", "PgError", "gone", database({ parentSpanId: "middleware", from: 5, to: 15 })),
    ]),
    { first: "echo of db", second: "root", db: "root" },
  );
});

test("two requests to one service, one after the other or side by side, are no echo of each other", () => {
  const first = bare("first", server(500, { service: "B", worker: "B-1", parentSpanId: "lost 1", from: 0, to: 20 }));
  for (const from of [25, 10]) {
    const second = server(500, { service: "B", worker: "B-2", parentSpanId: "lost 2", from, to: from + 30 });
    assert.deepEqual(verdicts([first, bare("second", second)]), { first: "root", second: "root" });
  }
});

test("a failure in one worker is not put under a request of another", () => {
  assert.deepEqual(
    verdicts([
      bare("server", server(500, { worker: "A-1" })),
      thrown("db", "PgError", "gone", database({ worker: "A-2", parentSpanId: "middleware", from: 5, to: 15 })),
    ]),
    { server: "root", db: "root" },
  );
});

test("an internal span takes the place of an unknown parent only when it tells of the same trouble", () => {
  const around = (type: string, message: string): readonly OriginFailure[] => [
    thrown("task", type, message, { parentSpanId: "healthy", from: 0, to: 50 }),
    thrown("db", "PgError", "connection refused", database({ parentSpanId: "pool", from: 10, to: 20 })),
  ];
  assert.equal(verdicts(around("PgError", "connection refused"))["task"], "duplicate of db");
  assert.equal(
    verdicts(around("OrderError", "cannot order: connection refused"))["task"],
    "echo of db",
    "the message is quoted",
  );
  assert.equal(verdicts(around("TypeError", "no total"))["task"], "root");
});

test("a healthy proxy between a call and the server that answers it does not hide the link", () => {
  assert.deepEqual(
    verdicts([
      bare("A client", client(500, { from: 0, to: 100 })),
      bare("B server", server(500, { service: "B", parentSpanId: "proxy", from: -30, to: 60 })),
    ]),
    { "A client": "echo of B server", "B server": "root" },
    "30 ms of clock skew",
  );
});

test("beyond the clock skew, a server is not put under a call", () => {
  assert.deepEqual(
    verdicts([
      bare("A client", client(500, { parentSpanId: "A server", from: 0, to: 100 })),
      bare("B server", server(500, { service: "B", parentSpanId: "proxy", from: -51, to: 60 })),
    ]),
    { "A client": "root", "B server": "root" },
  );
});

test("a call that one server has answered does not wait for another", () => {
  assert.deepEqual(
    verdicts([
      bare("to B", client(500, { parentSpanId: "A server", from: 0, to: 100 })),
      bare("to C", client(500, { parentSpanId: "A server", from: 10, to: 200 })),
      bare("B server", server(500, { service: "B", parentSpanId: "to B", from: 20, to: 80 })),
      bare("C server", server(500, { service: "C", parentSpanId: "proxy", from: 20, to: 80 })),
    ]),
    { "to B": "echo of B server", "to C": "echo of C server", "B server": "root", "C server": "root" },
  );
});

test("what another service coped with is not the cause of a call that failed meanwhile", () => {
  assert.deepEqual(
    verdicts([
      bare("to D", client(503, { parentSpanId: "A server", from: 0, to: 100 })),
      thrown("B cache", "RedisError", "gone", database({ service: "B", parentSpanId: "B server", from: 10, to: 20 })),
    ]),
    { "to D": "root", "B cache": "root" },
  );
});

test("without its call, a server is put under the only request around it, and under none when there are two", () => {
  const callee = bare("B server", server(500, { service: "B", parentSpanId: "lost", from: 20, to: 80 }));
  assert.deepEqual(verdicts([bare("A server", server(502)), callee]), {
    "A server": "echo of B server",
    "B server": "root",
  });
  assert.deepEqual(verdicts([bare("A server", server(502)), bare("job", { kind: "consumer", service: "J" }), callee]), {
    "A server": "root",
    job: "root",
    "B server": "root",
  });
});

test("a consumer's failure is not passed to whoever sent the message", () => {
  assert.deepEqual(
    verdicts([
      bare("server", server(500)),
      bare("send", { kind: "producer", parentSpanId: "server", from: 5, to: 10 }),
      thrown("process", "TypeError", "no total", { service: "B", kind: "consumer", parentSpanId: "send", to: 60 }),
    ]),
    { server: "echo of send", send: "root", process: "root" },
  );
});

test("the exception of a call whose server failed is an echo, whatever it says", () => {
  assert.deepEqual(
    verdicts([
      thrown("call", "TypeError", "fetch failed", { kind: "client" }),
      bare("callee", server(500, { service: "B", parentSpanId: "call", from: 10, to: 20 })),
    ]),
    { call: "echo of callee", callee: "root" },
  );
});

test("an exception that merely tells that a call failed is an echo of that call", () => {
  const call = bare("call", client(429, { category: "quota_rate_limited", parentSpanId: "server", from: 10, to: 20 }));
  const over = (given: Given): string | undefined =>
    verdicts([thrown("server", "Error", "no answer", { kind: "server", ...given }), call])["server"];
  assert.equal(over({ category: "http_upstream_error" }), "echo of call");
  assert.equal(over({ category: "network_timeout" }), "echo of call");
  assert.equal(over({ category: "quota_rate_limited" }), "echo of call");
  assert.equal(over({ message: "Request failed with status code 429" }), "echo of call");
  assert.equal(over({ message: "order 14290 is gone" }), "root");
  assert.equal(over({ category: "validation_input" }), "root");
});

test("a server's own 404 is not the echo of a database call that failed before it", () => {
  assert.deepEqual(
    verdicts([
      thrown("server", "NotFoundError", "no such order", server(404, { type: "NotFoundError" })),
      bare("cache", database({ parentSpanId: "server", from: 10, to: 20 })),
    ]),
    { server: "root", cache: "root" },
  );
});

test("an exception that quotes the one below is its echo, the same text in another service too", () => {
  assert.deepEqual(
    verdicts([
      thrown("A", "GatewayError", "orders said: relation missing", { kind: "internal" }),
      thrown("B", "PgError", "relation missing", server(500, { type: "PgError", service: "B", parentSpanId: "A" })),
      thrown("C", "PgError", "relation missing", { service: "C", parentSpanId: "B" }),
    ]),
    { A: "echo of C", B: "echo of C", C: "root" },
  );
});

test("the same type and message thrown anew elsewhere is an echo, not a duplicate", () => {
  assert.deepEqual(
    verdicts([
      thrown("upper", "Error", "gone", { frame: "rethrow" }),
      thrown("lower", "Error", "gone", { frame: "throw", parentSpanId: "upper" }),
    ]),
    { upper: "echo of lower", lower: "root" },
  );
});

test("a failure that names another below as its cause is its echo, whatever it says itself", () => {
  const cause = { type: "ConnectException", message: "refused" };
  const lower = thrown("charge", cause.type, cause.message, { parentSpanId: "pay", to: 50 });
  const upper = (causes: OriginFailure["causes"]): OriginFailure => thrown("pay", "PaymentError", "sorry", { causes });
  assert.deepEqual(verdicts([lower, upper([{ type: "Retry", message: "3 times" }, cause])]), {
    charge: "root",
    pay: "echo of charge",
  });
  assert.deepEqual(verdicts([lower, upper([{ ...cause, message: "reset" }])]), { charge: "root", pay: "root" });
});

test("the same exception is a duplicate also where one of the spans has no stack of it", () => {
  assert.deepEqual(
    verdicts([
      thrown("upper", "Error", "gone", { frame: "" }),
      thrown("lower", "Error", "gone", { parentSpanId: "upper" }),
    ]),
    { upper: "duplicate of lower", lower: "root" },
  );
});

test("a failure cannot have come from work that failed after it in the same process", () => {
  assert.deepEqual(
    verdicts([
      bare("server", server(500, { to: 50 })),
      bare("afterwards", client(500, { parentSpanId: "server", from: 10, to: 500 })),
      bare("callee", server(500, { service: "B", parentSpanId: "afterwards", from: 20, to: 490 })),
    ]),
    { server: "root", afterwards: "echo of callee", callee: "root" },
  );
});

test("a log record of the exception on its span is the same event", () => {
  assert.deepEqual(
    verdicts([logged("log", "span", "OSError", "gone"), thrown("span", "OSError", "gone", { service: "A" })]),
    { span: "root", log: "duplicate of span" },
  );
});

test("a span that failed by its status alone, and the log record of its exception, are one failure", () => {
  assert.deepEqual(verdicts([bare("span", database()), logged("log", "span", "OSError", "gone")]), {
    log: "root",
    span: "duplicate of log",
  });
});

test("the answer of a server is the echo of the exception that was logged under it", () => {
  for (const spanId of ["server", "some healthy span"]) {
    assert.deepEqual(verdicts([bare("server", server(500)), logged("log", spanId, "OSError", "gone")]), {
      log: "root",
      server: "echo of log",
    });
  }
});

test("the exception event of a server whose span did not fail belongs to its own process alone", () => {
  assert.deepEqual(
    verdicts([
      bare("A client", client(500, { parentSpanId: "A server" })),
      logged("log", "B server", "TypeError", "no total", { service: "B", kind: "server" }),
    ]),
    { "A client": "root", log: "root" },
  );
});

test("an exception that was logged on its way up is a duplicate of the one below", () => {
  assert.deepEqual(
    verdicts([
      logged("log", "server", "PgError", "gone"),
      bare("server", server(500)),
      thrown("db", "PgError", "gone", database({ parentSpanId: "server", from: 10, to: 20 })),
    ]),
    { log: "duplicate of db", server: "echo of db", db: "root" },
  );
});

test("log records that sound alike are separate failures: each attempt of a loop is logged", () => {
  const attempts = [10, 20, 30].map((timeUnixMillis) =>
    logged(`log ${timeUnixMillis}`, "healthy", "OSError", "gone away", { timeUnixMillis }),
  );
  assert.deepEqual(verdicts(attempts), { "log 10": "root", "log 20": "root", "log 30": "root" });
});

test("an exception that wraps the one logged on its span before is an echo", () => {
  assert.deepEqual(
    verdicts([
      thrown("span", "OrderError", "cannot order: connection refused", { timeUnixMillis: 60 }),
      logged("log", "span", "PgError", "connection refused", { timeUnixMillis: 50 }),
    ]),
    { log: "root", span: "echo of log" },
  );
});

test("what its own service called an echo stays an echo, also when its root is not known", () => {
  const given = { origin: "echo", fingerprint: "f" } as const;
  assert.deepEqual(verdicts([bare("alone", server(500, { given }))]), { alone: "echo" });
  assert.deepEqual(
    verdicts([
      bare("server", server(500, { given })),
      thrown(
        "db",
        "PgError",
        "gone",
        database({ parentSpanId: "server", given: { origin: "root", fingerprint: "g" } }),
      ),
    ]),
    { server: "echo of db", db: "root" },
  );
});

test("what its own service called a root is an echo of another service only", () => {
  const given = { origin: "root", fingerprint: "f" } as const;
  const upper = thrown("server", "ApiError", "no answer", server(500, { type: "ApiError", given }));
  const call = bare("call", client(500, { parentSpanId: "server", to: 90, given: { ...given, fingerprint: "g" } }));
  assert.deepEqual(verdicts([upper, call]), { server: "root", call: "root" });
  const callee = bare("callee", server(500, { service: "B", parentSpanId: "call", from: 10, to: 80 }));
  assert.deepEqual(verdicts([upper, call, callee]), {
    server: "echo of callee",
    call: "echo of callee",
    callee: "root",
  });
});

test("what its own service made one event is one, though the exceptions on its spans differ", () => {
  const given = { origin: "root", fingerprint: "f" } as const;
  assert.deepEqual(
    verdicts([
      thrown("server", "OrderError", "cannot order", server(500, { type: "OrderError", given })),
      thrown("db", "PgError", "gone", database({ parentSpanId: "server", given })),
    ]),
    { server: "duplicate of db", db: "root" },
  );
});

test("the Error that a driver kept from its span is the same failure on the span above, as its own service has judged", () => {
  const named = { origin: "root", fingerprint: "00112233445566aa" } as const;
  const query = bare("query", database({ from: 10, to: 90, parentSpanId: "server", message: "Deadlock found" }));
  const answer = (message: string): OriginFailure =>
    thrown("server", "ER_LOCK_DEADLOCK", message, server(500, { given: named }));
  assert.deepEqual(verdicts([query, answer("Deadlock found")]), { query: "root", server: "duplicate of query" });
  assert.deepEqual(verdicts([query, answer("the order has no owner")]), { query: "root", server: "root" });
});

test("a failure that was sent twice is counted once, also after it was decided", () => {
  const judge = createOriginJudge();
  const failure = thrown("first", "Error", "gone", { spanId: "s" });
  judge.add(failure, 0);
  judge.add({ ...failure, id: "second" }, 1);
  assert.deepEqual(judge.due(1), [{ id: "second", origin: "duplicate", of: "first", decided: true }]);
  assert.deepEqual(judge.due(HOLD), [{ id: "first", origin: "root", of: undefined, decided: true }]);
  judge.add({ ...failure, id: "third" }, 20_000);
  assert.deepEqual(judge.due(20_000), [{ id: "third", origin: "duplicate", of: "first", decided: true }]);
  assert.equal(judge.size, 1);
});

test("two exceptions on one span are two failures", () => {
  const one = thrown("one", "Error", "gone", { spanId: "s" });
  const other = { ...thrown("other", "RangeError", "too long", { spanId: "s" }), occurrence: "1" };
  assert.deepEqual(verdicts([one, other]), { one: "root", other: "root" });
});

test("a failure without a trace is a root at once", () => {
  const judge = createOriginJudge();
  judge.add(bare("none", { traceId: "" }), 5);
  judge.add(bare("zeros", { traceId: "0".repeat(32) }), 5);
  assert.equal(judge.nextDueMillis(), 5);
  assert.deepEqual(
    judge.due(5).map((decision) => [decision.id, decision.origin, decision.decided]),
    [
      ["none", "root", true],
      ["zeros", "root", true],
    ],
  );
  assert.equal(judge.size, 0);
});

test("a failure is decided when its hold is over, not before", () => {
  const judge = createOriginJudge({ holdMillis: 500 });
  assert.equal(judge.nextDueMillis(), undefined);
  judge.add(bare("one"), 100);
  judge.add(bare("other", { traceId: "trace-2" }), 300);
  assert.equal(judge.nextDueMillis(), 600);
  assert.deepEqual(judge.due(599), []);
  assert.deepEqual(
    judge.due(600).map(({ id }) => id),
    ["one"],
  );
  assert.equal(judge.nextDueMillis(), 800);
  assert.equal(judge.waiting, 1);
  assert.deepEqual(
    judge.due(10_000).map(({ id }) => id),
    ["other"],
  );
  assert.equal(judge.undecided, 0);
});

test("what comes after the hold is still explained by what was decided before it, until that is forgotten", () => {
  const inner = thrown("db", "PgError", "gone", database({ parentSpanId: "server", from: 10, to: 20 }));
  const judge = createOriginJudge({ memoryMillis: 10_000 });
  judge.add(inner, 0);
  assert.equal(judge.due(HOLD).length, 1);
  judge.add(bare("server", server(500)), 11_000);
  assert.deepEqual(judge.due(13_000).map(told), ["echo of db"]);
  assert.equal(judge.due(22_999).length, 0);
  assert.equal(judge.size, 2);
  judge.due(23_000);
  assert.equal(judge.size, 0);
  assert.equal(judge.traces, 0);
  assert.equal(judge.evicted, 0);
});

test("when the judge is flushed, what is explained stays explained and the rest is root and undecided", () => {
  const judge = createOriginJudge();
  for (const failure of THREE_SERVICES) judge.add(failure, 0);
  const decisions = new Map(judge.flush().map((decision) => [decision.id, decision]));
  assert.deepEqual(
    Object.fromEntries([...decisions].map(([id, decision]) => [id, told(decision)])),
    THREE_SERVICES_VERDICTS,
  );
  assert.equal(decisions.get("C db")?.decided, false);
  assert.equal(decisions.get("B server")?.decided, true);
  assert.equal(judge.undecided, 1);
  assert.equal(judge.waiting, 0);
  assert.deepEqual(judge.due(HOLD), []);
});

test("over the bound on traces, the one that was quiet longest is decided at once", () => {
  const judge = createOriginJudge({ maxTraces: 2 });
  for (const [index, traceId] of ["t1", "t2", "t1", "t3"].entries()) judge.add(bare(`f${index}`, { traceId }), index);
  assert.deepEqual(judge.due(4), [{ id: "f1", origin: "root", of: undefined, decided: false }]);
  assert.equal(judge.undecided, 1);
  assert.equal(judge.evicted, 1);
  assert.equal(judge.traces, 2);
});

test("over the bound on failures of a trace, the older half is decided, and the rest still explains what comes", () => {
  const judge = createOriginJudge({ maxFailuresPerTrace: 10 });
  for (let index = 0; index < 100; index++) {
    judge.add(bare(`retry ${index}`, client(503, { parentSpanId: "server", from: index, to: index })), 0);
    assert.ok(judge.size <= 10);
  }
  judge.add(bare("server", server(500)), 0);
  const decisions = judge.due(HOLD);
  assert.equal(decisions.length, 101);
  assert.equal(decisions.filter(({ origin }) => origin === "root").length, 100);
  assert.equal(decisions.find(({ id }) => id === "server")?.of, "retry 99");
  assert.equal(judge.undecided, decisions.filter(({ decided }) => !decided).length);
  assert.ok(judge.evicted > 0);
});

test("over the bound on all failures, the oldest traces go", () => {
  const judge = createOriginJudge({ maxFailuresPerTrace: 4, maxFailures: 8 });
  for (let index = 0; index < 20; index++) judge.add(bare(`f${index}`, { traceId: `t${index}` }), 0);
  assert.equal(judge.size, 8);
  assert.equal(judge.evicted, 12);
  assert.equal(judge.due(0).length, 12);
});

test("parents that go in circles, or are their own, explain nothing", () => {
  assert.deepEqual(
    verdicts([
      bare("self", { parentSpanId: "self" }),
      bare("a", { parentSpanId: "c", service: "X" }),
      bare("b", { parentSpanId: "a", service: "X" }),
      bare("c", { parentSpanId: "b", service: "X" }),
      bare("below", { parentSpanId: "c", service: "X" }),
    ]),
    { self: "root", a: "root", b: "root", c: "echo of below", below: "root" },
  );
});

test("times that are no numbers are taken as none", () => {
  const odd = [Number.NaN, Number.POSITIVE_INFINITY, -1e308, 1e308];
  const failures = odd.map((time, index) =>
    bare(`f${index}`, { from: time, to: time, timeUnixMillis: time, parentSpanId: `p${index}` }),
  );
  assert.equal(decide(failures).size, odd.length);
});

test("spans and log records as they are received give what the judge needs", () => {
  const span: SpanRecord = {
    traceId: "0af7651916cd43dd8448eb211c80319c",
    spanId: "b7ad6b7169203331",
    parentSpanId: "00f067aa0ba902b7",
    name: "SELECT",
    kind: "client",
    endUnixMillis: 1_000,
    durationMillis: 300,
    status: "error",
    statusMessage: "",
    attributes: { "db.system.name": "postgresql", "error.origin": "root", "error.fingerprint": "0123456789abcdef" },
    exceptions: [
      { timeUnixMillis: 900, type: "PgError", message: "gone", stack: "PgError: gone\n    at q (/app/src/db.js:3:7)" },
    ],
  };
  const failure = spanFailure(eventOf(extractErrors(span, AROUND, { httpClientErrors: true })), span, 0);
  assert.equal(failure.startUnixMillis, 700);
  assert.equal(failure.timeUnixMillis, 900);
  assert.equal(failure.hasOwnException, true);
  assert.equal(failure.parentSpanId, span.parentSpanId);
  assert.match(failure.frame, /db\.js",3,7/);
  assert.match(failure.category, /^database_/);
  assert.deepEqual(failure.given, { origin: "root", fingerprint: "0123456789abcdef" });

  const log: LogRecord = {
    timeUnixMillis: 901,
    eventName: "",
    severityNumber: 17,
    body: "",
    attributes: {
      "exception.type": "PgError",
      "exception.message": "gone",
      "exception.stacktrace": span.exceptions[0]?.stack,
    },
    traceId: span.traceId,
    spanId: span.spanId,
  };
  const record = logFailure(eventOf(extractLogErrors(log, AROUND, { httpClientErrors: true })), log, "0.0.0");
  assert.deepEqual(
    [
      ...decide([
        { ...record, id: "log" },
        { ...failure, id: "span" },
      ]).values(),
    ].map(told),
    ["duplicate of span", "root"],
  );
});

test("spans as real instrumentations write them, from a gateway down to a database, hold one root", () => {
  const T0 = 1_700_000_000_000;
  const received = (
    service: string,
    id: string,
    parent: string,
    from: number,
    to: number,
    rest: Partial<SpanRecord>,
  ) => {
    const span: SpanRecord = {
      traceId: "0af7651916cd43dd8448eb211c80319c",
      spanId: id,
      parentSpanId: parent,
      name: id,
      kind: "internal",
      endUnixMillis: T0 + to,
      durationMillis: to - from,
      status: "error",
      statusMessage: "",
      attributes: {},
      exceptions: [],
      ...rest,
    };
    const around = { resource: { service, worker: `${service}-1` }, newId: () => id };
    return spanFailure(eventOf(extractErrors(span, around, { httpClientErrors: true })), span, 0);
  };
  const http = (kind: "client" | "server", status: number, more: Partial<SpanRecord> = {}): Partial<SpanRecord> => ({
    kind,
    attributes: { "http.request.method": "GET", "http.response.status_code": status, "error.type": String(status) },
    ...more,
  });
  const thrownAt = (at: number, type: string, message: string, frame: string): Partial<SpanRecord> => ({
    exceptions: [{ timeUnixMillis: T0 + at, type, message, stack: `${type}: ${message}\n    at ${frame}` }],
  });
  const refused = ["ECONNREFUSED", "connect ECONNREFUSED 10.0.0.7:5432"] as const;
  const failures = [
    received("gateway", "a1", "", 0, 100, http("server", 502)),
    received("gateway", "a2", "layer", 5, 95, http("client", 502)),
    received("orders", "b1", "a2", 10, 90, {
      ...http("server", 502),
      ...thrownAt(
        85,
        "AxiosError",
        "Request failed with status code 500",
        "settle (/app/node_modules/axios/lib/core/settle.js:19:12)",
      ),
    }),
    received("orders", "b2", "layer", 15, 80, http("client", 500)),
    received("stock", "c1", "b2", 20, 75, {
      ...http("server", 500),
      ...thrownAt(60, ...refused, "query (/app/src/stock.js:9:3)"),
    }),
    received("stock", "c2", "layer", 30, 55, {
      kind: "client",
      attributes: { "db.system.name": "postgresql", "server.address": "10.0.0.7" },
      ...thrownAt(54, ...refused, "query (/app/src/stock.js:9:3)"),
    }),
  ];
  assert.deepEqual(verdicts(failures), {
    a1: "echo of c2",
    a2: "echo of c2",
    b1: "echo of c2",
    b2: "echo of c2",
    c1: "duplicate of c2",
    c2: "root",
  });
});

const AROUND = { resource: { service: "shop", worker: "worker-1" }, newId: () => "id" };

function eventOf([raw]: readonly RawError[]): ErrorEvent {
  assert.ok(raw);
  return processError(raw, compileRules({}), createFrequency(), 0);
}

/** Few ids and texts, so that links, gaps, cycles and repeats are all common. */
const anyFailure: fc.Arbitrary<OriginFailure> = fc
  .record({
    signal: fc.constantFrom("span", "span", "span", "log"),
    spanId: fc.constantFrom("", "00", "a", "b", "c", "d", "e", "f"),
    parentSpanId: fc.constantFrom("", "a", "b", "c", "d", "x", "y"),
    service: fc.constantFrom("A", "B"),
    kind: fc.constantFrom("server", "client", "internal", "consumer", "producer"),
    from: fc.integer({ min: 0, max: 100 }),
    length: fc.integer({ min: 0, max: 200 }),
    type: fc.constantFrom("Error", "TypeError"),
    message: fc.constantFrom("", "gone away", "wrapped: gone away", "no total"),
    frame: fc.constantFrom("", "f", "g"),
    hasOwnException: fc.boolean(),
    category: fc.constantFrom("application_error", "http_upstream_error", "network_timeout", "database_timeout"),
    statusCode: fc.constantFrom(undefined, 500),
  })
  .map(({ length, ...given }) => bare("", { ...given, to: given.from + length }));

const anyTrace = fc
  .array(anyFailure, { minLength: 1, maxLength: 24 })
  .map((failures) => failures.map((failure, index) => ({ ...failure, id: `f${index}`, occurrence: String(index) })));

test("order of arrival and the split over requests never matter within the hold", () => {
  const moved = anyTrace.chain((failures) =>
    fc.tuple(
      fc.constant(failures),
      fc.shuffledSubarray(failures, { minLength: failures.length }),
      fc.array(fc.integer({ min: 0, max: HOLD - 1 }), { minLength: failures.length, maxLength: failures.length }),
    ),
  );
  fc.assert(
    fc.property(moved, ([failures, shuffled, times]) => {
      const judge = createOriginJudge();
      const decisions: Decision[] = [];
      const arrivals = [...times].sort((a, b) => a - b);
      for (const [index, failure] of shuffled.entries()) {
        judge.add(failure, arrivals[index] ?? 0);
        decisions.push(...judge.due(arrivals[index] ?? 0));
      }
      for (let now = HOLD; now <= 2 * HOLD; now += 250) decisions.push(...judge.due(now));
      const found = Object.fromEntries(decisions.map((decision) => [decision.id, told(decision)]));
      assert.deepEqual(found, verdicts(failures));
    }),
  );
});

test("every failure gets exactly one decision, and every trace a root", () => {
  const step = fc.record({ failure: anyFailure, trace: fc.constantFrom("t1", "t2", "t3"), wait: fc.nat(900) });
  const options = fc.record({
    maxTraces: fc.integer({ min: 1, max: 3 }),
    maxFailuresPerTrace: fc.integer({ min: 2, max: 8 }),
    maxFailures: fc.integer({ min: 2, max: 12 }),
    holdMillis: fc.integer({ min: 0, max: 2_000 }),
    memoryMillis: fc.integer({ min: 0, max: 2_000 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), options, (steps, bounds) => {
      const judge = createOriginJudge(bounds);
      const decisions: Decision[] = [];
      const traceOf = new Map<string, string>();
      let now = 0;
      for (const [index, { failure, trace, wait }] of steps.entries()) {
        now += wait;
        judge.add({ ...failure, id: `f${index}`, traceId: trace }, now);
        traceOf.set(`f${index}`, trace);
        assert.ok(judge.traces <= bounds.maxTraces);
        assert.ok(judge.size <= Math.max(bounds.maxFailures, bounds.maxFailuresPerTrace));
        if (index % 3 === 0) decisions.push(...judge.due(now));
      }
      decisions.push(...judge.flush());
      assert.equal(judge.waiting, 0);
      assert.deepEqual(decisions.map(({ id }) => id).sort(), [...traceOf.keys()].sort());
      const rooted = new Set(decisions.filter(({ origin }) => origin === "root").map(({ id }) => traceOf.get(id)));
      assert.deepEqual([...rooted].sort(), [...new Set(traceOf.values())].sort());
      assert.equal(judge.undecided, decisions.filter(({ decided }) => !decided).length);
    }),
  );
});

test("every echo and duplicate points at a root of its trace", () => {
  fc.assert(
    fc.property(anyTrace, (failures) => {
      const decisions = decide(failures);
      for (const { origin, of } of decisions.values()) {
        if (origin === "root") assert.equal(of, undefined);
        else assert.equal(decisions.get(of ?? "")?.origin, "root");
      }
    }),
  );
});

function permutations<T>(items: readonly T[]): readonly (readonly T[])[] {
  if (items.length <= 1) return [items];
  return items.flatMap((item, index) =>
    permutations([...items.slice(0, index), ...items.slice(index + 1)]).map((rest) => [item, ...rest]),
  );
}
