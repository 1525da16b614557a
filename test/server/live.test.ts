/** The live feed through its front door: a WebSocket of a client, or bytes that no client would send. */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { Socket } from "node:net";
import { test } from "node:test";
import { WebSocket } from "ws";
import { MAX_PENDING_CHARS, MAX_PREPARED_ROWS } from "../../src/server/live-feed";
import { MAX_LIVE_CLIENTS } from "../../src/server/live-socket";
import type { ErrorsQuery } from "../../src/store/answers";
import { type Queries, StoreUnavailableError } from "../../src/store/store";
import { errorEvent } from "../exporter/error-event";
import { ask, assertServesOn, serve, speak } from "./ask";
import { closeCodeAfter, frame, handshake, LIVE_PATH, subscribed, type Told, until, watch } from "./live-client";

test("an error is told of at once, as lists show it", async (context) => {
  const { port, live } = await serve(context);
  const watcher = await subscribed(context, port);
  live.prepare([errorEvent({ id: "e-1", message: "m".repeat(3_000), requestId: "r-1" })])();
  const update = await watcher.first("error_visualization_update");
  assert.equal(update.seq, 1);
  const { error, errors, skipped, time_range } = update.data;
  assert.deepEqual([errors, skipped, time_range], [[error], 0, 24]);
  assert.deepEqual(
    [error.id, error.message.length, error.request_id, error.is_critical, error.origin, error.status_code],
    ["e-1", 1_000, "r-1", false, "root", null],
  );
});

test("what is not acknowledged is not told", async (context) => {
  const { port, live } = await serve(context);
  const watcher = await subscribed(context, port);
  live.prepare([errorEvent({ id: "refused" })]);
  live.prepare([errorEvent({ id: "kept" })])();
  const update = await watcher.first("error_visualization_update");
  assert.deepEqual(idsOf([update]), ["kept"]);
});

test("a judgement follows, numbered with the errors", async (context) => {
  const { port, live } = await serve(context);
  const watcher = await subscribed(context, port);
  live.prepare([errorEvent({ id: "e-1" })])();
  live.judged([
    { id: "e-1", origin: "echo" },
    { id: "e-0", origin: "duplicate" },
  ]);
  const judged = await watcher.first("error_visualization_judged");
  assert.equal(judged.seq, 2);
  assert.deepEqual(judged.data.changed, [
    { id: "e-1", origin: "echo" },
    { id: "e-0", origin: "duplicate" },
  ]);
});

test("a burst comes in few messages, all of it, in order and without a gap in the numbers", async (context) => {
  const { port, live } = await serve(context);
  const watchers = [await subscribed(context, port), await subscribed(context, port)];
  const started = performance.now();
  for (let round = 0; round < 40; round++) {
    live.prepare(Array.from({ length: 5 }, (_, index) => errorEvent({ id: `${round * 5 + index}` })))();
    await new Promise((resolve) => setImmediate(resolve));
  }
  for (const watcher of watchers) {
    await until("all errors", () => idsOf(watcher.all("error_visualization_update")).length === 200);
    const updates = watcher.all("error_visualization_update");
    assert.deepEqual(
      idsOf(updates),
      Array.from({ length: 200 }, (_, index) => `${index}`),
    );
    assert.deepEqual(
      updates.map(({ seq }) => seq),
      updates.map((_, index) => index + 1),
    );
    const quarters = Math.ceil((performance.now() - started) / 250) + 1;
    assert.ok(updates.length <= quarters, `${updates.length} messages in ${quarters} quarters of a second`);
  }
});

test("more than fits into a message is skipped, the oldest first, and counted", async (context) => {
  const { port, live } = await serve(context);
  const watcher = await subscribed(context, port);
  live.prepare([errorEvent({ id: "first" })])();
  await watcher.first("error_visualization_update");
  const rounds = 20;
  const count = rounds * (MAX_PREPARED_ROWS + 50);
  for (let round = 0; round < rounds; round++) {
    const events = Array.from({ length: MAX_PREPARED_ROWS + 50 }, (_, index) =>
      errorEvent({ id: `${round}-${index}`, message: "x".repeat(1_000) }),
    );
    live.prepare(events)();
  }
  await until("the burst", () => watcher.all("error_visualization_update").length === 2);
  const { data } = watcher.all("error_visualization_update")[1] ?? assert.fail();
  assert.equal(data.errors.length + data.skipped, count);
  assert.equal(data.error.id, `${rounds - 1}-${MAX_PREPARED_ROWS - 1}`);
  assert.ok(JSON.stringify(data.errors).length <= MAX_PENDING_CHARS + data.errors.length + 2);
  assert.equal(live.stats().skipped, data.skipped);
});

test("with nobody there nothing is made, and who comes later is told of what comes later", async (context) => {
  const { port, live } = await serve(context);
  let looked = 0;
  const event = Object.defineProperty(errorEvent(), "message", {
    get() {
      looked += 1;
      return "m";
    },
  });
  live.prepare([event])();
  const watcher = await watch(context, port);
  watcher.say({ type: "subscribe", topic: "logs" });
  await watcher.first("subscribed");
  live.prepare([event])();
  assert.equal(looked, 0, "logs are another topic");
  watcher.say({ type: "subscribe", topic: "error_visualization" });
  await until("both", () => watcher.all("subscribed").length === 2);
  live.prepare([event])();
  assert.ok(looked > 0);
  assert.equal((await watcher.first("error_visualization_update")).seq, 1);
  watcher.say({ type: "unsubscribe", topic: "error_visualization" });
  await watcher.first("unsubscribed");
  const before = looked;
  live.prepare([event])();
  assert.equal(looked, before);
});

test("logs and requests are topics of their own", async (context) => {
  const { port, live } = await serve(context);
  const watcher = await subscribed(context, port, "logs");
  watcher.say({ type: "subscribe", topic: "requests" });
  await until("both", () => watcher.all("subscribed").length === 2);
  const who = { timestamp: "2026-11-25T12:00:00.000Z", service: "shop", worker_id: "w", request_id: null };
  live.log({ ...who, level: "WARN", message: "low", logger: null, trace_id: null });
  live.request({
    ...{ ...who, method: "GET", route: "/", status_code: 200, duration_ms: 3, slow: false, failed: false },
    ...{ session_id: null, user_id: null, trace_id: null, span_id: null },
  });
  assert.equal((await watcher.first("logs_update")).data.logs[0]?.message, "low");
  assert.equal((await watcher.first("requests_update")).data.requests[0]?.duration_ms, 3);
});

test("the first question has the answer of GET /api/errors, with the number that news go on from", async (context) => {
  const asked: ErrorsQuery[] = [];
  const { port, live } = await serve(context, { queries: queriesThat(asked) });
  const watcher = await subscribed(context, port);
  live.prepare([errorEvent()])();
  await watcher.first("error_visualization_update");
  watcher.say({ type: "error_visualization_init", time_range: 6 });
  const init = await watcher.first("error_visualization_init");
  assert.equal(init.seq, 1);
  assert.deepEqual(init.data, JSON.parse((await ask(port, { path: "/api/errors?time_range=6" })).text).data);
  watcher.say({ type: "error_visualization_init" });
  await until("the default", () => watcher.all("error_visualization_init").length === 2);
  assert.deepEqual(
    asked.map(({ timeRange, limit }) => [timeRange, limit]),
    [
      [6, 100],
      [6, 100],
      [24, 100],
    ],
  );
});

test("those who ask the same at the same time get one answer, and impatience is one question more", async (context) => {
  const asked: ErrorsQuery[] = [];
  let release: () => void = () => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const { port } = await serve(context, { queries: queriesThat(asked, gate) });
  const watchers = await Promise.all(Array.from({ length: 10 }, () => watch(context, port)));
  for (const watcher of watchers) watcher.say({ type: "error_visualization_init", time_range: 1 });
  for (const range of [6, 24, 168, 6, 168]) watchers[0]?.say({ type: "error_visualization_init", time_range: range });
  for (const watcher of watchers) watcher.say({ type: "ping" });
  await Promise.all(watchers.map((watcher) => watcher.first("pong")));
  release();
  await Promise.all(watchers.map((watcher) => watcher.first("error_visualization_init")));
  await until("both answers", () => watchers[0]?.all("error_visualization_init").length === 2);
  assert.deepEqual(
    asked.map(({ timeRange }) => timeRange),
    [1, 168],
  );
});

test("a store that is away is told of, and the connection stays", async (context) => {
  const { port, live } = await serve(context, {
    queries: queriesThat([], Promise.reject(new StoreUnavailableError("it is being made anew", "unavailable"))),
  });
  const watcher = await subscribed(context, port);
  watcher.say({ type: "error_visualization_init", time_range: 24 });
  assert.deepEqual(await watcher.first("error"), {
    ...{ type: "error", message: "it is being made anew", about: "error_visualization_init", retry_after_seconds: 5 },
  });
  live.prepare([errorEvent()])();
  await watcher.first("error_visualization_update");
});

test("odd messages are answered with what is wrong, and the connection stays open", async (context) => {
  const { port } = await serve(context);
  const watcher = await watch(context, port);
  const odd = [
    ...["", "null", "[]", "7", '"text"', "{", "{}", '{"type":7}', '{"type":"subscribe"}', "\u0000", "NaN"],
    ...['{"type":"nothing"}', '{"type":"subscribe","topic":"errors"}', '{"type":"__proto__"}', "[".repeat(60_000)],
    ...['{"type":"error_visualization_init","time_range":2}', '{"type":"error_visualization_init","time_range":"24"}'],
    '{"__proto__":{"type":"ping"}}',
  ];
  for (const text of odd) watcher.say(text);
  watcher.socket.send(Buffer.from([1, 2, 3]), { binary: true });
  watcher.say({ type: "ping", more: { than: "asked" } });
  await watcher.first("pong");
  const errors = watcher.all("error");
  assert.equal(errors.length, odd.length + 1);
  for (const { message } of errors) assert.ok(message.length > 3 && message.length < 200, message);
  assert.equal(watcher.socket.readyState, WebSocket.OPEN);
});

test("whoever talks without end is closed", async (context) => {
  const { port } = await serve(context);
  const watcher = await watch(context, port);
  const closed = once(watcher.socket, "close");
  for (let count = 0; count < 1_000; count++) watcher.say({ type: "ping" });
  assert.equal((await closed)[0], 1_008);
});

test("who may not connect is told by HTTP, before there is a WebSocket", async (context) => {
  const served = await serve(context, {
    token: "a-token-of-32-characters-or-more",
    allowedOrigins: ["https://dash.example"],
  });
  const { port } = served;
  const authorization = "Bearer a-token-of-32-characters-or-more";
  for (const [headers, status] of [
    [{}, 401],
    [{ authorization: "Bearer wrong" }, 401],
    [{ authorization, origin: "https://evil.example" }, 403],
    [{ authorization, origin: "null" }, 403],
    [{ authorization, origin: `http://127.0.0.1:${port}.evil.example` }, 403],
    [{ authorization, origin: `http://localhost:${port}` }, 403],
    [{ authorization, host: "evil.example" }, 403],
    [{ authorization, "sec-fetch-site": "cross-site" }, 403],
  ] as const) {
    assert.equal(await refusedWith(port, headers), status, JSON.stringify(headers));
  }
  assert.equal(await refusedWith(port, {}, `${LIVE_PATH}?token=a-token-of-32-characters-or-more`), 401);
  for (const origin of [`http://127.0.0.1:${port}`, "https://dash.example"]) {
    await watch(context, port, { headers: { authorization, origin } });
  }
  const opened = await ask(port, {
    method: "POST",
    path: "/api/session",
    headers: { "content-type": "application/json" },
    body: '{"token":"a-token-of-32-characters-or-more"}',
  });
  const cookie = String(opened.headers["set-cookie"]).split(";")[0] ?? "";
  await watch(context, port, { headers: { cookie, origin: `http://127.0.0.1:${port}` } });
  assert.equal(await refusedWith(port, { cookie, origin: "http://127.0.0.1:1" }), 403);
});

test("other upgrades, and none, are served as plain HTTP", async (context) => {
  const served = await serve(context);
  const { port } = served;
  const h2c = { connection: "Upgrade, HTTP2-Settings", upgrade: "h2c", "http2-settings": "AAMAAABkAAQAAP__" };
  const metrics = await ask(port, { path: "/metrics", headers: h2c });
  assert.deepEqual([metrics.status, metrics.text], [200, "a 1\n"]);
  assert.equal(await refusedWith(port, {}, "/ws/other"), 404);
  assert.equal(await refusedWith(port, {}, `${LIVE_PATH}/`), 404);
  assert.equal(await refusedWith(port, {}, "/api/errors"), 503);
  const plain = await ask(port, { path: LIVE_PATH });
  assert.deepEqual([plain.status, plain.headers.upgrade], [426, "websocket"]);
  const body = '{"message":"m"}';
  const post = await speak(
    port,
    `POST /api/report-error HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    /\n\{.*\n$/,
  );
  assert.match(post, /^HTTP\/1\.1 400 /);
  const oldVersion = await speak(
    port,
    `GET ${LIVE_PATH} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 7\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`,
  );
  assert.match(oldVersion, /^HTTP\/1\.1 4\d\d /);
  await assertServesOn(served);
});

test("what breaks the protocol is closed with the code for it", async (context) => {
  const served = await serve(context);
  const { port } = served;
  const fragments = Buffer.concat(Array.from({ length: 1_000 }, () => frame("x", { opcode: 0, isFinal: false })));
  for (const [what, bytes, codes] of [
    ["no mask", frame("{}", { isMasked: false }), [1_002]],
    ["a reserved bit", frame("{}", { reserved: 4 }), [1_002]],
    ["an opcode that is none", frame("{}", { opcode: 3 }), [1_002]],
    ["a long ping", frame("x".repeat(126), { opcode: 9 }), [1_002]],
    ["a ping in parts", frame("x", { opcode: 9, isFinal: false }), [1_002]],
    ["a part of nothing", frame("x", { opcode: 0 }), [1_002]],
    ["bad UTF-8", frame(Buffer.from([0xc3, 0x28])), [1_007]],
    ["a length of 2^53", frame("", { claims: 2n ** 53n }), [1_009]],
    ["a length of 2^63", frame("", { claims: 2n ** 63n }), [1_009, 1_002]],
    ["2 MB", frame("x".repeat(2_000_000)), [1_009]],
    [
      "200,000 parts",
      [frame("x", { isFinal: false }), ...Array.from({ length: 200 }, () => fragments)],
      [1_008, 1_009],
    ],
  ] as const) {
    const code = await closeCodeAfter(port, bytes);
    assert.ok((codes as readonly number[]).includes(code), `${what}: ${code}`);
  }
  await until("all to be gone", () => served.live.stats().clients === 0);
  await assertServesOn(served);
});

test("ten who do not read hold up nobody, and are told that they missed something", async (context) => {
  const served = await serve(context);
  const { port, live } = served;
  const deaf = await Promise.all(Array.from({ length: 10 }, () => handshake(port)));
  for (const socket of deaf) {
    socket.pause();
    socket.write(frame('{"type":"subscribe","topic":"error_visualization"}'));
  }
  const watcher = await subscribed(context, port);
  await until("eleven", () => live.stats().clients === 11);
  // Three bytes a letter: what the machine keeps for the deaf ones is full sooner.
  const events = Array.from({ length: 200 }, (_, index) => errorEvent({ id: `${index}`, message: "€".repeat(1_000) }));
  let sent = 0;
  await until("all ten to be behind", async () => {
    const before = watcher.told.length;
    live.prepare(events)();
    sent += events.length;
    await until("the news", () => watcher.told.length > before);
    return live.stats().passedOver >= 10;
  });
  await until("all of it", () => sumOf(watcher.all("error_visualization_update")) === sent);
  assert.equal(watcher.all("resync").length, 0);
  await Promise.all(deaf.map(resynced));
  assert.equal(live.stats().cut, 0);
  await assertServesOn(served);
});

test("there is room for a thousand", async (context) => {
  const served = await serve(context);
  const { port, live } = served;
  const sockets = [];
  for (let count = 0; count < MAX_LIVE_CLIENTS; count += 50) {
    sockets.push(...(await Promise.all(Array.from({ length: 50 }, () => handshake(port)))));
  }
  assert.equal(live.stats().clients, MAX_LIVE_CLIENTS);
  assert.equal(await refusedWith(port, {}), 503);
  for (const socket of sockets) socket.destroy();
  await until("all to be gone", () => live.stats().clients === 0);
  await watch(context, port);
  await assertServesOn(served);
});

test("when the server stops it says good-bye, and waits for nobody who does not answer", async (context) => {
  const { port, server, live } = await serve(context);
  const watcher = await subscribed(context, port);
  const deaf = await handshake(port);
  deaf.pause();
  const closed = once(watcher.socket, "close");
  await server.stop(60_000);
  assert.equal((await closed)[0], 1_001);
  assert.equal(live.stats().clients, 0);
  deaf.destroy();
});

function idsOf(updates: readonly Told[]): readonly string[] {
  return updates.flatMap(({ data }) => data.errors.map(({ id }) => id));
}

/** Told of and skipped. */
function sumOf(updates: readonly Told[]): number {
  return updates.reduce((sum, { data }) => sum + data.errors.length + data.skipped, 0);
}

/** It reads again, and hears that there was more. */
async function resynced(socket: Socket): Promise<void> {
  let tail = "";
  socket.on("data", (chunk) => {
    tail = (tail + chunk.toString()).slice(-1_000);
  });
  socket.resume();
  await until("a word on what was missed", () => /\{"type":"resync","seq":\d+/.test(tail));
  socket.destroy();
}

/** The status that answers the handshake. */
async function refusedWith(port: number, headers: Record<string, string>, path = LIVE_PATH): Promise<number> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, { headers });
  socket.on("error", () => {});
  const [, response] = await once(socket, "unexpected-response");
  response.resume();
  socket.terminate();
  return response.statusCode;
}

/** Answers with what it was asked, when the gate opens. */
function queriesThat(asked: ErrorsQuery[], gate: Promise<void> = Promise.resolve()): Queries {
  gate.catch(() => {}); // told of when it is asked
  const none = async (): Promise<never> => assert.fail("not asked in this test");
  return {
    async errors(query) {
      asked.push(query);
      await gate;
      // The answer is passed on as it is.
      return { asked: query } as never;
    },
    error: none,
    groups: none,
    group: none,
    requests: none,
    journey: none,
    logs: none,
    reset: none,
  };
}
