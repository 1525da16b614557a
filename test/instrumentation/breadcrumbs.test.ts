import assert from "node:assert/strict";
import { test } from "node:test";
import { type JournalEvent, runFixture } from "./fixture-app";

/** As the journal has it. */
interface Breadcrumb {
  readonly timestamp: string;
  readonly type: string;
  readonly category: string;
  readonly message: string;
  readonly level: string;
  readonly offset_ms?: number;
  readonly duration_ms?: number;
  readonly data: { readonly [key: string]: unknown };
}

async function eventsOf(path: string, env: { readonly [name: string]: string } = {}): Promise<readonly JournalEvent[]> {
  const app = runFixture("breadcrumbs-app.js", { env });
  await app.fetch(path);
  return (await app.stop()).events;
}

function breadcrumbsOf(event: JournalEvent | undefined): readonly Breadcrumb[] {
  assert.ok(Array.isArray(event?.["breadcrumbs"]));
  return event["breadcrumbs"]; // the journal's own format
}

test("an error tells what its request did before, in order, without secrets and literals", async () => {
  const [event] = await eventsOf("/order");
  const breadcrumbs = breadcrumbsOf(event);
  assert.deepEqual(
    breadcrumbs.map(({ type, category, message, level }) => [type, category, message, level]),
    [
      ["custom", "cart", "cart loaded", "warning"],
      ["span", "database", "SELECT shop", "info"],
      ["span", "http", "GET", "info"],
      ["log", "pino", "stock is 3", "info"],
      ["log", "pino", "the till is slow, password=[REDACTED]", "warning"],
      ["log", "winston", "paid", "info"],
      ["log", "winston", "the receipt cannot be printed", "error"],
    ],
  );
  const [cart, query, call, line] = breadcrumbs;
  assert.deepEqual(cart?.data, { items: 3, password: "[REDACTED]" });
  assert.deepEqual(query?.data, {
    "db.system.name": "postgresql",
    "db.namespace": "shop",
    "db.query.text": "SELECT * FROM carts WHERE owner = ? AND id = ?",
  });
  assert.equal(call?.data["http.response.status_code"], 200);
  assert.match(String(call?.data["url.full"]), /^http:\/\/127\.0\.0\.1:\d+\/ok\?token=\[REDACTED\]&page=2$/);
  assert.ok((call?.duration_ms ?? 0) > 0 && (call?.offset_ms ?? -1) >= (query?.offset_ms ?? Number.NaN));
  assert.deepEqual([line?.data, line?.duration_ms], [{}, undefined]);
  for (const { timestamp } of breadcrumbs) assert.equal(new Date(timestamp).toISOString(), timestamp);
});

test("of many breadcrumbs the newest stay, as many as the configuration says", async () => {
  for (const [limit, env] of [
    [30, {}],
    [5, { SEISMO_BREADCRUMBS: "5" }],
    [0, { SEISMO_BREADCRUMBS: "0" }],
  ] as const) {
    const [event] = await eventsOf("/many", env);
    const messages = breadcrumbsOf(event).map(({ message }) => message);
    assert.equal(messages.length, limit);
    assert.deepEqual(messages.at(-1), limit === 0 ? undefined : "last");
  }
});

test("the span of the error itself is no breadcrumb of it, nor one that is still open", async () => {
  const [event] = await eventsOf("/nested");
  assert.equal(event?.["span_name"], "inner");
  assert.deepEqual(
    breadcrumbsOf(event).map(({ message, data }) => [message, data["db.query.text"]]),
    [["SELECT shop", "SELECT ?"]],
  );
});

test("each error of a request tells what came before it, calls that failed among them", async () => {
  const events = await eventsOf("/twice");
  const told = (message: string): unknown =>
    breadcrumbsOf(events.find((event) => event.error_message === message)).map(({ level, data }) => [
      level,
      data["error"],
    ]);
  assert.deepEqual(told("first"), [["error", "canceling statement"]]);
  assert.deepEqual(told("second"), [
    ["error", "canceling statement"],
    ["info", undefined],
  ]);
});

test("an error of no request tells what happened in none", async () => {
  const [event] = await eventsOf("/outside");
  assert.deepEqual(
    breadcrumbsOf(event).map(({ message, offset_ms }) => [message, offset_ms]),
    [["the service starts", undefined]],
  );
});
