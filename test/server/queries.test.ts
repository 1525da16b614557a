/** The questions of the API: what of a URL reaches the store, and what is said of the rest. */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { test } from "node:test";
import type { LogRow } from "../../src/store/answers";
import { toPageCursor } from "../../src/store/page-cursor";
import { type Queries, StoreUnavailableError } from "../../src/store/store";
import { ask, assertRefusal, assertServesOn, type Served, serve } from "./ask";

const ID = "4b0a9d3e-1c2f-4f6a-8f0d-0123456789ab";
const FINGERPRINT = "00112233445566aa";
const CURSOR = toPageCursor([1_764_072_000_000, 7]);
const QUESTIONS = ["/api/errors", "/api/groups", "/api/requests", "/api/logs", "/api/journey/r-1"];

test("each question reaches the store with what was asked, and defaults for the rest", async (context) => {
  const { get, asked } = await servedStore(context);
  const day = { timeRange: 24 };
  for (const [path, name, ...given] of [
    ["/api/errors", "errors", { ...day, limit: 100 }],
    [
      `/api/errors?time_range=1&service=shop&category=x&group=http_error&severity=critical&worker=w%2B1&fingerprint=${FINGERPRINT}&origin=echo&q=a+b%20c&limit=500&cursor=${CURSOR}`,
      "errors",
      {
        ...{ timeRange: 1, service: "shop", category: "x", group: "http_error", severity: "critical", worker: "w+1" },
        ...{ fingerprint: FINGERPRINT, origin: "echo", q: "a b c", limit: 500, cursor: CURSOR },
      },
    ],
    [`/api/errors/${ID}`, "error", ID],
    ["/api/groups", "groups", { ...day, sort: "occurrences", limit: 50 }],
    ["/api/groups?sort=users&time_range=168", "groups", { timeRange: 168, sort: "users", limit: 50 }],
    [`/api/groups/${FINGERPRINT}?time_range=6`, "group", FINGERPRINT, 6],
    ["/api/requests?slow=true", "requests", { ...day, slow: true, limit: 100 }],
    [
      "/api/requests?failed=false&route=%2Fcart%2F%3Aid",
      "requests",
      { ...day, failed: false, route: "/cart/:id", limit: 100 },
    ],
    ["/api/journey/r%2F1", "journey", { by: "request_id", value: "r/1", limit: 500 }],
    ["/api/journey/anna?by=user_id&limit=1000", "journey", { by: "user_id", value: "anna", limit: 1_000 }],
    ["/api/logs?level=WARN&q=%F0%9F%9A%80", "logs", { ...day, level: "WARN", q: "🚀", limit: 200 }],
  ] as const) {
    const answer = await get(path);
    assert.equal(answer.status, 200, `${path}: ${answer.text}`);
    assert.deepEqual(JSON.parse(answer.text), { status: "success", data: { asked: name, steps: [1] } }, path);
    assert.equal(answer.headers["cache-control"], "no-store");
    assert.deepEqual(asked.splice(0), [[name, ...given]], path);
  }
});

test("a parameter that is wrong, unknown or there twice is refused by its name, and nothing is asked", async (context) => {
  const { get, asked, served } = await servedStore(context);
  const ranges = ["2", "abc", "0", "-1", "1e9", "24.5", "0x18", "NaN", "1%00", "%E0%A4%A", "", "024", "24%20"];
  for (const [query, path] of [
    ...ranges.map((range) => [`time_range=${range}`, "time_range"] as const),
    ["limit=0", "limit"],
    ["limit=501", "limit"],
    ["limit=-1", "limit"],
    ["limit=1.5", "limit"],
    ["limit=99999", "limit"],
    ["cursor=", "cursor"],
    ["cursor=W10", "cursor"],
    [`cursor=${"W".repeat(600)}`, "cursor"],
    ["cursor=%27%3B--", "cursor"],
    [`q=${"x".repeat(257)}`, "q"],
    ["q=%00", "q"],
    ["q=%1b%5B31m", "q"],
    ["q=%C3%28", "q"],
    ["service=", "service"],
    ["service=a&service=b", "service"],
    ["__proto__=x", "__proto__"],
    ["constructor=x", "constructor"],
    ["nothing=1", "nothing"],
    ["TIME_RANGE=24", "TIME_RANGE"],
    ["time_range[]=24", "time_range[]"],
  ] as const) {
    for (const question of ["/api/errors", "/api/groups", "/api/logs"]) {
      const answer = await get(`${question}?${query}`);
      assert.equal(answer.status, 400, `${question}?${query}: ${answer.text}`);
      assertRefusal(answer);
      const { errors } = JSON.parse(answer.text);
      assert.equal(errors[0].path, path, query);
      assert.ok(errors[0].message.length > 5, query);
    }
  }
  for (const [path, name] of [
    ["/api/errors?severity=fatal", "severity"],
    ["/api/errors?group=shop_error", "group"],
    ["/api/errors?origin=duplicate", "origin"],
    ["/api/errors?fingerprint=xyz", "fingerprint"],
    ["/api/groups?sort=random", "sort"],
    ["/api/requests?slow=1", "slow"],
    ["/api/journey/x?by=ip", "by"],
    ["/api/logs?level=warn", "level"],
    ["/api/logs/download?format=csv", "format"],
    ["/api/logs/download?limit=1", "limit"],
    [`/api/errors/${ID}?time_range=24`, "time_range"],
    ["/api/stats?x=1", "x"],
  ] as const) {
    const answer = await get(path);
    assert.deepEqual([answer.status, JSON.parse(answer.text).errors[0].path], [400, name], path);
  }
  const many = await get(`/api/errors?${Array.from({ length: 400 }, (_, index) => `p${index}=1`).join("&")}`);
  assert.equal(JSON.parse(many.text).errors.length, 20);
  assertRefusal(many);
  assert.deepEqual(asked, []);
  await assertServesOn(served);
});

test("what reads like SQL is a text to look for, and nothing else", async (context) => {
  const { get, asked } = await servedStore(context);
  for (const text of ["' OR 1=1 --", "x'; DROP TABLE errors; --", "read_csv('/etc/passwd')", "%_\\"]) {
    assert.equal((await get(`/api/errors?q=${encodeURIComponent(text)}`)).status, 200, text);
    assert.deepEqual(asked.splice(0), [["errors", { timeRange: 24, q: text, limit: 100 }]]);
    const range = await get(`/api/errors?time_range=${encodeURIComponent(text)}`);
    assert.equal(range.status, 400);
    assert.equal(range.text.includes("passwd"), false, "nothing of it comes back");
  }
});

test("what is not kept, and what cannot be a key, is a 404", async (context) => {
  const { get, asked } = await servedStore(context, { isEmpty: true });
  for (const path of [`/api/errors/${ID}`, `/api/groups/${FINGERPRINT}`, "/api/journey/nobody"]) {
    const answer = await get(path);
    assert.deepEqual([answer.status, JSON.parse(answer.text)], [404, { status: "error", message: "not found" }], path);
  }
  assert.equal(asked.splice(0).length, 3);
  for (const path of [
    ...["/api/errors/..%2f..%2fetc%2fpasswd", "/api/errors/a'b", "/api/errors/%00", "/api/groups/xyz", "/api/groups/"],
    ...["/api/errors/", `/api/errors/${"a".repeat(300)}`, "/api/journey/%00", `/api/journey/${"a".repeat(300)}`],
  ]) {
    assert.equal((await get(path)).status, 404, path);
  }
  assert.equal((await get("/api/errors/%E0%A4%A")).status, 400);
  assert.deepEqual(asked, []);
});

test("a store that is away, busy or slow is told of, with when to come again", async (context) => {
  let fault: Error = new Error();
  const { get, served } = await servedStore(context, { fails: () => fault });
  for (const [reason, status, seconds] of [
    ["unavailable", 503, "5"],
    ["timeout", 503, "5"],
    ["busy", 429, "1"],
  ] as const) {
    fault = new StoreUnavailableError(`it is ${reason}`, reason);
    for (const path of [...QUESTIONS, "/api/logs/download"]) {
      const answer = await get(path);
      assert.deepEqual([answer.status, answer.headers["retry-after"]], [status, seconds], path);
      assert.deepEqual(JSON.parse(answer.text), { status: "error", message: `it is ${reason}` });
    }
    assert.equal((await reset(served)).status, status);
  }
  fault = new Error("broken at /home/me");
  const answer = await get("/api/errors");
  assert.deepEqual([answer.status, JSON.parse(answer.text)], [500, { status: "error", message: "internal error" }]);
  await assertServesOn(served);
});

test("without a store the questions are answered with 503, and all else works", async (context) => {
  const served = await serve(context);
  for (const path of QUESTIONS) {
    const answer = await ask(served.port, { path });
    assert.deepEqual([answer.status, JSON.parse(answer.text).message], [503, "there is no store: see store.enabled"]);
  }
  assert.equal((await ask(served.port, { path: "/api/stats" })).status, 200);
  await assertServesOn(served);
});

test("questions are for GET and HEAD, the reset is for POST", async (context) => {
  const { served, asked } = await servedStore(context);
  const paths = [...QUESTIONS, `/api/errors/${ID}`, `/api/groups/${FINGERPRINT}`, "/api/logs/download", "/api/stats"];
  for (const path of paths) {
    for (const method of ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"]) {
      const answer = await ask(served.port, { method, path });
      assert.deepEqual([answer.status, answer.headers["allow"]], [405, "GET, HEAD"], `${method} ${path}`);
    }
    const head = await ask(served.port, { method: "HEAD", path });
    assert.deepEqual([head.status, head.text], [200, ""], path);
  }
  asked.length = 0;
  for (const method of ["GET", "HEAD", "PUT", "DELETE"]) {
    const answer = await ask(served.port, { method, path: "/api/errors/reset" });
    assert.deepEqual([answer.status, answer.headers["allow"]], [405, "POST"], method);
  }
  assert.deepEqual(asked, []);
});

test("the reset needs JSON, an own page, and nothing in it", async (context) => {
  const { served, asked } = await servedStore(context);
  for (const [headers, body, status] of [
    [{ "content-type": "text/plain" }, "{}", 415],
    [{ "content-type": "application/x-www-form-urlencoded" }, "", 415],
    [{ origin: "https://evil.example" }, "{}", 403],
    [{ "sec-fetch-site": "cross-site" }, "{}", 403],
    [{}, "", 400],
    [{}, '{"before":1}', 400],
    [{}, "[]", 400],
    [{}, `{"a":"${"x".repeat(2_000)}"}`, 413],
  ] as const) {
    const answer = await reset(served, headers, body);
    assert.equal(answer.status, status, `${JSON.stringify(headers)} ${body.slice(0, 20)}`);
    assertRefusal(answer);
  }
  assert.deepEqual(asked, []);
  const answer = await reset(served);
  assert.deepEqual(JSON.parse(answer.text), { status: "success", data: { counted_since: "2026-11-25T12:00:00.000Z" } });
  assert.deepEqual(asked, [["reset"]]);
});

test("a page elsewhere is refused whatever it asks", async (context) => {
  const { served, asked } = await servedStore(context);
  for (const headers of [
    { origin: "https://evil.example" },
    { origin: "null" },
    { origin: `http://127.0.0.1:${served.port}.evil.example` },
    { "sec-fetch-site": "cross-site" },
    { host: "evil.example" },
  ]) {
    for (const path of [...QUESTIONS, "/api/stats", "/api/logs/download"]) {
      const answer = await ask(served.port, { path, headers });
      assert.equal(answer.status, 403, `${JSON.stringify(headers)} ${path}`);
      assert.equal(answer.headers["access-control-allow-origin"], undefined);
    }
  }
  assert.deepEqual(asked, []);
  const own = { origin: `http://127.0.0.1:${served.port}`, "sec-fetch-site": "same-origin" };
  assert.equal((await ask(served.port, { path: "/api/errors", headers: own })).status, 200);
});

test("logs are downloaded page by page, as text or as JSON lines", async (context) => {
  const rows = Array.from({ length: 1_200 }, (_, index) => logRow(index));
  const { get, asked } = await servedStore(context, { logs: rows });
  const text = await get("/api/logs/download?level=INFO&time_range=1");
  assert.equal(text.headers["content-type"], "text/plain; charset=utf-8");
  assert.equal(text.headers["content-disposition"], 'attachment; filename="seismo-logs-2026-11-25T12-00-00Z.log"');
  const lines = text.text.split("\n");
  assert.equal(lines.length, 1_201);
  assert.equal(lines[0], "2026-11-25T12:00:00.000Z WARN  shop shop-1 line 0\\u001b[31m\\nforged");
  assert.deepEqual(
    asked.map(([, query]) => query),
    [undefined, "500", "1000"].map((cursor) => ({
      ...{ timeRange: 1, level: "INFO", limit: 500 },
      ...(cursor === undefined ? {} : { cursor }),
    })),
  );
  const jsonl = await get("/api/logs/download?format=jsonl");
  assert.equal(jsonl.headers["content-type"], "application/jsonl; charset=utf-8");
  const parsed = jsonl.text.trimEnd().split("\n");
  assert.deepEqual(
    parsed.map((line) => JSON.parse(line)),
    rows,
  );
});

test("a download ends after 100,000 lines, and says so", async (context) => {
  const page = Array.from({ length: 500 }, (_, index) => logRow(index));
  const { get } = await servedStore(context, { endless: page });
  const { text } = await get("/api/logs/download");
  assert.equal(text.split("\n").length, 100_002);
  assert.match(text, /\n… cut after 100000 lines\n$/);
});

test("statistics are told as they are", async (context) => {
  const served = await serve(context);
  const answer = await ask(served.port, { path: "/api/stats" });
  assert.equal(answer.status, 200);
  assert.equal(JSON.parse(answer.text).data.signals.errors.dropped_by_reason.duplicate, 1);
});

interface StoreOptions {
  readonly isEmpty?: boolean;
  fails?(): Error;
  readonly logs?: readonly LogRow[];
  /** Each page of logs is this one. */
  readonly endless?: readonly LogRow[];
}

/** A store that writes down what it is asked. What it answers is not looked into on the way. */
async function servedStore(context: TestContext, { isEmpty = false, fails, logs, endless }: StoreOptions = {}) {
  const asked: unknown[][] = [];
  const answer =
    (name: string) =>
    async (...given: unknown[]): Promise<never> => {
      asked.push([name, ...given]);
      if (fails !== undefined) throw fails();
      // The routes pass an answer on as it is.
      return (isEmpty ? (name === "journey" ? { steps: [] } : undefined) : { asked: name, steps: [1] }) as never;
    };
  const queries: Queries = {
    errors: answer("errors"),
    error: answer("error"),
    groups: answer("groups"),
    group: answer("group"),
    requests: answer("requests"),
    journey: answer("journey"),
    async logs(query) {
      if (endless !== undefined) return { logs: endless, next_cursor: "more" };
      if (logs === undefined) return query.limit === 500 && fails === undefined ? NO_LOGS : answer("logs")(query);
      asked.push(["logs", query]);
      const from = Number(query.cursor ?? 0);
      const next = from + query.limit;
      return { logs: logs.slice(from, next), next_cursor: next < logs.length ? String(next) : null };
    },
    async reset() {
      if (fails !== undefined) throw fails();
      asked.push(["reset"]);
      return "2026-11-25T12:00:00.000Z";
    },
  };
  const served = await serve(context, { queries });
  return { served, asked, get: (path: string) => ask(served.port, { path }) };
}

const NO_LOGS = { logs: [], next_cursor: null };

function reset(served: Served, headers: Record<string, string> = {}, body = "{}") {
  return ask(served.port, {
    method: "POST",
    path: "/api/errors/reset",
    headers: { "content-type": "application/json", ...headers },
    body,
  });
}

function logRow(index: number): LogRow {
  return {
    timestamp: "2026-11-25T12:00:00.000Z",
    level: "WARN",
    service: "shop",
    worker_id: "shop-1",
    message: `line ${index}\u001b[31m\nforged`,
    logger: null,
    request_id: null,
    trace_id: null,
  };
}
