import assert from "node:assert/strict";
import { test } from "node:test";
import { type FixtureApp, type JournalEvent, runFixture } from "./fixture-app";

test("fastify: each failure is one event, and the metrics carry the route template", async () => {
  const app = runFixture("fastify-app.js");
  for (const path of [
    "/ok/1",
    "/throw/2",
    "/reject/3",
    "/send/4",
    "/status/5",
    "/missing/6",
    "/nested/deep/7",
    "/nope",
  ]) {
    await app.fetch(path);
  }
  await app.fetch("/validated", { method: "POST" });
  assert.deepEqual(await routes(app), [
    ["/missing/:id", "4xx"],
    ["/nested/deep/:id", "5xx"],
    ["/ok/:id", "2xx"],
    ["/reject/:id", "5xx"],
    ["/send/:id", "5xx"],
    ["/status/:id", "5xx"],
    ["/throw/:id", "5xx"],
    ["/validated", "4xx"],
    ["unmatched", "4xx"],
  ]);
  const { events } = await app.stop();
  assert.deepEqual(events.map(summary), [
    ["TypeError", "cannot read the price", "application_error", "/throw/:id"],
    ["Error", "rejected", "application_error", "/reject/:id"],
    ["RangeError", "sent as the answer", "application_error", "/send/:id"],
    ["HTTP 503", "GET /status/:id answered 503", "http_server_error", "/status/:id"],
    ["Error", "no such order", "http_client_error", "/missing/:id"],
    ["Error", "refused by a hook", "application_error", "/nested/deep/:id"],
    ["HTTP 404", "GET answered 404", "http_client_error", undefined],
    ["FST_ERR_VALIDATION", "body must be object", "validation_schema", "/validated"],
  ]);
  assert.equal(new Set(events.map((event) => event.request_id)).size, events.length);
});

test("koa: each failure is one event, also what an outer middleware answers or a body stream breaks on", async () => {
  const app = runFixture("koa-app.js");
  for (const path of ["/ok", "/throw", "/reject", "/status", "/missing", "/handled", "/text", "/emit", "/nope"]) {
    await app.fetch(path);
  }
  await assert.rejects(app.fetch("/stream"), "the stream broke, and the connection with it");
  assert.deepEqual(await routes(app), [
    ["unmatched", "2xx"],
    ["unmatched", "4xx"],
    ["unmatched", "5xx"],
  ]);
  const { events, stderr } = await app.stop();
  assert.deepEqual(
    events.map((event) => [event.error_type, event.error_message]),
    [
      ["TypeError", "cannot read the price"],
      ["Error", "rejected"],
      ["HTTP 500", "GET answered 500"],
      ["NotFoundError", "no such order"],
      ["Error", "handled above"],
      ["Error", "a text"],
      ["Error", "told to the application"],
      ["HTTP 404", "GET answered 404"],
      ["Error", "the stream broke"],
    ],
  );
  assert.doesNotMatch(stderr, /cannot read/, "a silent application stays silent");
});

test("koa: middleware spans by option change no count", async () => {
  const app = runFixture("koa-app.js", { env: { SEISMO_MIDDLEWARE_SPANS: "true" } });
  for (const path of ["/throw", "/handled"]) await app.fetch(path);
  const { events } = await app.stop();
  assert.deepEqual(
    events.map((event) => event.error_message),
    ["cannot read the price", "handled above"],
  );
});

for (const [path, message] of [
  ["/throw", "nobody catches this"],
  ["/emit", "emitted on the response"],
] as const) {
  test(`node:http: an error that kills the process (${path}) is one event, and the process dies as it would without Seismo`, async () => {
    const app = runFixture("http-app.js");
    const bare = runFixture("http-app.js", { register: "none" });
    for (const each of [app, bare]) await assert.rejects(each.fetch(path), "the connection dies with the process");
    const [{ events, code, stderr }, expected] = await Promise.all([app.ended(), bare.ended()]);
    assert.deepEqual([code, lastStackLine(stderr)], [expected.code, lastStackLine(expected.stderr)]);
    assert.deepEqual(
      events.map((event) => [event.error_message, event.error_category, event.severity, event["trace_id"] !== null]),
      [[message, "worker_crashed", "critical", true]],
    );
  });
}

test("node:http: an answer of 500 and an error that the application listens for are one event each", async () => {
  const app = runFixture("http-app.js");
  assert.equal((await app.fetch("/status")).status, 500);
  assert.equal((await app.fetch("/emit-heard")).status, 500);
  const { events } = await app.stop();
  assert.deepEqual(events.map(summary), [
    ["HTTP 500", "GET answered 500", "http_server_error", undefined],
    ["Error", "emitted and heard", "application_error", undefined],
  ]);
});

/** Route and status class of all requests, each once, sorted. */
async function routes(app: FixtureApp): Promise<unknown> {
  const samples = await app.samples("http_request_duration_seconds");
  const pairs = samples
    .filter((sample) => sample.name.endsWith("_count"))
    .map(({ labels }) => [labels["route"], labels["status_class"]]);
  return pairs.sort((a, b) => (String(a) < String(b) ? -1 : 1));
}

function summary(event: JournalEvent): unknown {
  const request = event["request"] as { readonly route?: string }; // the journal's format
  return [event.error_type, event.error_message, event.error_category, request.route];
}

/** `TypeError: …`, which Node prints before the stack. */
function lastStackLine(stderr: string): string | undefined {
  return /^\w*Error: .*$/m.exec(stderr)?.[0];
}
