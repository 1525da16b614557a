import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent, createServer, request as httpRequest } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { Counter, Registry } from "prom-client";
import { renderExposition } from "../../src/exporter/exposition";
import { type ApiServerOptions, createApiServer } from "../../src/server/api-server";
import { createLiveFeed } from "../../src/server/live-feed";
import type { ReportOutcome } from "../../src/server/report-routes";
import { createTelemetry } from "../../src/telemetry";
import { errorEvent, metricsWith } from "../exporter/error-event";
import { parseExposition } from "../exporter/parse-exposition";
import { ask, assertServesOn, FINGERPRINT, NO_PAGE, report, STATS, serve, speak } from "./ask";

const GOOD = { type: "E", message: "m" };

test("metrics come in the format and encoding that were asked for", async (context) => {
  const metrics = metricsWith();
  metrics.export([errorEvent()]);
  const { port } = await serve(context, { render: (format) => renderExposition(metrics.snapshot(), format) });
  const plain = await ask(port, { path: "/metrics" });
  assert.equal(plain.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
  assert.equal(plain.headers["content-length"], String(plain.bytes.length));
  assert.ok(parseExposition(plain.text, "prometheus").get("seismo_errors_total"));

  const headers = { accept: "application/openmetrics-text; version=1.0.0", "accept-encoding": "gzip" };
  const open = await ask(port, { path: "/metrics?x=1", headers });
  assert.equal(open.headers["content-type"], "application/openmetrics-text; version=1.0.0; charset=utf-8");
  assert.equal(open.headers["content-encoding"], "gzip");
  assert.ok(parseExposition(gunzipSync(open.bytes).toString(), "openmetrics").get("seismo_errors"));

  const head = await ask(port, { method: "HEAD", path: "/metrics" });
  assert.deepEqual([head.status, head.text], [200, ""]);
  assert.match(head.headers["content-type"] ?? "", /^text\/plain/);
});

test("a registry of prom-client is served", async (context) => {
  const registry = new Registry();
  new Counter({ name: "jobs_total", help: "Jobs.", labelNames: ["kind"], registers: [registry] }).inc(
    { kind: 'a"b' },
    3,
  );
  const { port } = await serve(context, {
    async *render() {
      yield await registry.metrics();
    },
  });
  const { text } = await ask(port, { path: "/metrics" });
  assert.match(text, /^jobs_total\{kind="a\\"b"\} 3$/m);
  parseExposition(text, "prometheus");
});

test("scrapes at the same time share one rendering", async (context) => {
  const gate = gateOf<void>();
  const started = gateOf<void>();
  let renderings = 0;
  const { port } = await serve(context, {
    async *render() {
      renderings += 1;
      started.open();
      await gate.opened;
      yield "a 1\n";
    },
  });
  const answers = Array.from({ length: 8 }, () => ask(port, { path: "/metrics" }));
  await started.opened;
  // Connections are served in the order in which they came, so by this answer all eight have been seen.
  await ask(port, { path: "/healthz" });
  gate.open();
  for (const { text } of await Promise.all(answers)) assert.equal(text, "a 1\n");
  assert.equal(renderings, 1);
});

test("a rendering that fails is a 500 that tells nothing, and the next one works", async (context) => {
  let fails = true;
  const served = await serve(context, {
    async *render() {
      if (fails) throw new Error("broken at /home/me");
      yield "a 1\n";
    },
  });
  const answer = await ask(served.port, { path: "/metrics" });
  assert.deepEqual([answer.status, answer.text], [500, "internal error\n"]);
  assert.equal(droppedOf(served.telemetry, "internal", "internal_error"), 1);
  fails = false;
  assert.equal((await ask(served.port, { path: "/metrics" })).status, 200);
});

test("health is well while the process lives; readiness says what is not ready", async (context) => {
  let parts = [
    { name: "journal", ready: true },
    { name: "store", ready: false, reason: "it is being rebuilt" },
    { name: "forwarder", ready: false },
  ];
  const { port } = await serve(context, { readiness: () => parts });
  assert.deepEqual(JSON.parse((await ask(port, { path: "/healthz" })).text), { status: "ok" });
  const waiting = await ask(port, { path: "/readyz" });
  assert.equal(waiting.status, 503);
  assert.deepEqual(JSON.parse(waiting.text), {
    status: "not ready",
    not_ready: [{ name: "store", reason: "it is being rebuilt" }, { name: "forwarder" }],
  });
  parts = parts.map(({ name }) => ({ name, ready: true }));
  const ready = await ask(port, { path: "/readyz" });
  assert.deepEqual([ready.status, JSON.parse(ready.text)], [200, { status: "ready" }]);
});

test("other methods are refused with those that are allowed", async (context) => {
  const served = await serve(context);
  for (const [path, allow, methods] of [
    ["/metrics", "GET, HEAD", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"]],
    ["/healthz", "GET, HEAD", ["POST", "DELETE"]],
    ["/readyz", "GET, HEAD", ["POST", "DELETE"]],
    ["/api/report-error", "POST", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"]],
  ] as const) {
    for (const method of methods) {
      const answer = await ask(served.port, { method, path });
      assert.deepEqual([answer.status, answer.headers["allow"]], [405, allow], `${method} ${path}`);
    }
  }
  assert.equal(served.reports.length, 0);
  await assertServesOn(served);
});

test("what is not there is a 404, as JSON under /api/ and as text elsewhere", async (context) => {
  const { port } = await serve(context);
  for (const path of [
    "/api/",
    "/api/nothing",
    "/api/report-error/",
    "/api/%E0%A4%A",
    "/api/../metrics",
    "/api/x?y=%00",
  ]) {
    const answer = await ask(port, { path });
    assert.deepEqual([answer.status, JSON.parse(answer.text)], [404, { status: "error", message: "not found" }], path);
  }
  for (const path of ["/x", "/metrics/", "/METRICS", "//metrics", "/.env", "/.git/config", "/API/report-error"]) {
    const answer = await ask(port, { path });
    assert.deepEqual([answer.status, answer.text], [404, "not found\n"], path);
    assert.match(answer.headers["content-type"] ?? "", /^text\/plain/);
  }
});

test("every answer carries the security headers", async (context) => {
  const { port } = await serve(context, { token: "t" });
  const authorization = "Bearer t";
  const answers = [
    await ask(port, { path: "/metrics", headers: { authorization } }),
    await ask(port, { path: "/metrics" }),
    await ask(port, { path: "/healthz" }),
    await ask(port, { path: "/readyz" }),
    await ask(port, { path: "/x", headers: { authorization } }),
    await ask(port, { path: "/", headers: { host: "evil.example" } }),
    await ask(port, { path: "/", headers: { authorization, x: "y".repeat(20_000) } }),
    await report(port, GOOD, { authorization }),
    await report(port, "", { authorization }),
  ];
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 401, 200, 200, 404, 403, 431, 200, 400],
  );
  for (const { status, headers } of answers) {
    const policy = headers["content-security-policy"] ?? "";
    for (const part of ["default-src 'none'", "script-src 'self'", "base-uri 'none'", "frame-ancestors 'none'"]) {
      assert.ok(String(policy).split("; ").includes(part), `${status}: ${part}`);
    }
    assert.equal(headers["x-content-type-options"], "nosniff");
    assert.equal(headers["referrer-policy"], "no-referrer");
    assert.equal(headers["cache-control"], "no-store");
    assert.equal(headers["x-powered-by"], undefined);
  }
});

test("a port that cannot be had is a failure with its reason", async (context) => {
  const taken = createServer().listen(0, "127.0.0.1");
  context.after(() => taken.close());
  await once(taken, "listening");
  for (const [port, code] of [
    [(taken.address() as AddressInfo).port, "EADDRINUSE"],
    [70_000, "ERR_SOCKET_BAD_PORT"],
  ] as const) {
    const server = createApiServer(quietOptions(port));
    const status = await server.start();
    assert.equal(status.status === "failed" && "code" in status.error && status.error.code, code);
    await server.stop(1_000);
  }
});

test("no more than 64 are worked on at once; who comes then may come again", async (context) => {
  const gate = gateOf<ReportOutcome>();
  const allIn = gateOf<void>();
  const served = await serve(context, {
    onReport: () => {
      if (served.reports.length === 64) allIn.open();
      return gate.opened;
    },
  });
  const waiting = Array.from({ length: 64 }, () => report(served.port, GOOD));
  await allIn.opened;
  const busy = [await report(served.port, GOOD), await ask(served.port, { path: "/metrics" })];
  for (const { status, headers } of busy) assert.deepEqual([status, headers["retry-after"]], [503, "1"]);
  assert.equal((await ask(served.port, { path: "/healthz" })).status, 200);
  assert.equal(served.reports.length, 64);
  gate.open({ status: "accepted", fingerprint: FINGERPRINT });
  for (const { status } of await Promise.all(waiting)) assert.equal(status, 200);
  await assertServesOn(served);
});

test("slow senders shut nobody out", async (context) => {
  const served = await serve(context);
  const head = "POST /api/report-error HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
  const sockets = await Promise.all(
    Array.from({ length: 200 }, async (_, index) => {
      const socket = connect(served.port, "127.0.0.1");
      await once(socket, "connect");
      socket.write(index % 2 === 0 ? head.slice(0, 40) : `${head}Content-Length: 100\r\n\r\n{"message":`);
      return socket;
    }),
  );
  await assertServesOn(served);
  for (const socket of sockets) socket.destroy();
});

test("who stops sending within a body is not reported", async (context) => {
  const served = await serve(context);
  const head = "POST /api/report-error HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
  for (const end of ["end", "resetAndDestroy"] as const) {
    const socket = connect(served.port, "127.0.0.1");
    socket.on("error", () => {});
    await once(socket, "connect");
    socket.write(`${head}Content-Length: 100\r\n\r\n{"message":"x"}`);
    await ask(served.port, { path: "/healthz" }); // by now the head was read
    socket[end]();
    socket.resume();
    await once(socket, "close");
  }
  await assertServesOn(served);
});

test("who goes away before the answer harms nobody", async (context) => {
  const gate = gateOf<ReportOutcome>();
  const isIn = gateOf<void>();
  const served = await serve(context, {
    onReport: () => {
      isIn.open();
      return gate.opened;
    },
    async *render() {
      await gate.opened;
      yield "a 1\n";
    },
  });
  const body = JSON.stringify(GOOD);
  for (const request of [
    `POST /api/report-error HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n",
  ]) {
    const socket = connect(served.port, "127.0.0.1").on("error", () => {});
    socket.write(request);
    await ask(served.port, { path: "/healthz" });
    socket.resetAndDestroy();
    await once(socket, "close");
  }
  await isIn.opened;
  await ask(served.port, { path: "/healthz" }); // by now the server knows that they went
  gate.open({ status: "accepted", fingerprint: FINGERPRINT });
  await assertServesOn(served);
  assert.equal((await ask(served.port, { path: "/metrics" })).text, "a 1\n");
  assert.deepEqual(served.telemetry.snapshot().dropped, []);
});

test("stopping finishes what is in flight, and ends connections that are kept alive", async (context) => {
  const gate = gateOf<ReportOutcome>();
  const isIn = gateOf<void>();
  const { port, server } = await serve(context, {
    onReport: () => {
      isIn.open();
      return gate.opened;
    },
  });
  const agent = new Agent({ keepAlive: true });
  context.after(() => agent.destroy());
  await new Promise((resolve) =>
    httpRequest({ host: "127.0.0.1", port, path: "/healthz", agent }, (response) =>
      response.resume().on("end", resolve),
    ).end(),
  );
  const last = report(port, GOOD, { connection: "keep-alive" });
  await isIn.opened;
  const stopped = server.stop(60_000);
  await assert.rejects(ask(port, { path: "/healthz" }), { code: "ECONNREFUSED" });
  gate.open({ status: "accepted", fingerprint: FINGERPRINT });
  const answer = await last;
  assert.deepEqual([answer.status, answer.headers.connection], [200, "close"]);
  await stopped;
});

test("stopping cuts what is not finished in time", async (context) => {
  const isIn = gateOf<void>();
  const { port, server } = await serve(context, {
    onReport: () => {
      isIn.open();
      return new Promise<never>(() => {});
    },
  });
  const cut = assert.rejects(report(port, GOOD), { code: "ECONNRESET" });
  await isIn.opened;
  await server.stop(0);
  await server.stop(0);
  await cut;
});

test("what is not HTTP is refused or closed, and never reported", async (context) => {
  const served = await serve(context);
  const head = "POST /api/report-error HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
  const body = JSON.stringify(GOOD);
  for (const [what, bytes, status] of [
    ["length and chunks", `${head}Content-Length: 15\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
    ["two lengths", `${head}Content-Length: 15\r\nContent-Length: 16\r\n\r\n${body}`, 400],
    ["a negative length", `${head}Content-Length: -1\r\n\r\n${body}`, 400],
    ["a length that is no number", `${head}Content-Length: 2abc\r\n\r\n${body}`, 400],
    ["a bad chunk size", `${head}Transfer-Encoding: chunked\r\n\r\nzz\r\n${body}\r\n0\r\n\r\n`, 400],
    [
      "a chunk extension of 100 kB",
      `${head}Transfer-Encoding: chunked\r\n\r\n5;${"x".repeat(100_000)}\r\nhello\r\n0\r\n\r\n`,
      413,
    ],
    ["a space before the colon", `${head}X : y\r\nContent-Length: ${body.length}\r\n\r\n${body}`, 400],
    ["NUL in a header", `${head}X: \0\r\nContent-Length: ${body.length}\r\n\r\n${body}`, 400],
    ["NUL in the path", "GET /metrics\0 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400],
    ["headers of 64 kB", `${head}X: ${"y".repeat(65_536)}\r\n\r\n`, 431],
    ["5000 headers", `${head}${"X: y\r\n".repeat(5_000)}\r\n`, 431],
    ["a path of 20 kB", `GET /${"x".repeat(20_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`, 431],
    ["the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400],
    ["a TLS hello", Buffer.from("16030100c8010000c40303", "hex"), 400],
    ["noise", "\u0001\u0002\u0003 noise\r\n\r\n", 400],
  ] as const) {
    const heard = await speak(served.port, bytes, /\r\n\r\n[\s\S]*\n/);
    assert.ok(heard.startsWith(`HTTP/1.1 ${status} `), `${what}: ${heard.slice(0, 40)}`);
    assert.equal(served.reports.length, 0, what);
  }
  await assertServesOn(served);
});

test("a whole request keeps its answer when junk follows it", async (context) => {
  const served = await serve(context);
  const body = JSON.stringify(GOOD);
  const head = `POST /api/report-error HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
  const heard = await speak(served.port, `${head}${body}\u0000junk\r\n\r\n`);
  const acknowledged = heard.match(/HTTP\/1\.1 200 /g)?.length ?? 0;
  assert.equal(acknowledged, served.reports.length);
  assert.equal(acknowledged, 1);
  const flood = await speak(served.port, `${head}${body}${"\u0000junk\r\n\r\n".repeat(50_000)}`, /fingerprint/);
  assert.match(flood, /^HTTP\/1\.1 200 /);
  await assertServesOn(served);
});

test("a header called __proto__ is a header", async (context) => {
  const { port, reports } = await serve(context);
  assert.equal((await report(port, GOOD, JSON.parse('{"__proto__":"x","constructor":"y"}'))).status, 200);
  assert.equal(reports.length, 1);
});

function quietOptions(port: number): ApiServerOptions {
  return {
    host: "127.0.0.1",
    port,
    render: () => renderExposition([], "prometheus"),
    readiness: () => [],
    stats: () => STATS,
    queries: undefined,
    page: NO_PAGE,
    live: createLiveFeed(() => 0),
    onReport: async () => ({ status: "ignored" }),
    newId: () => "id",
    nowMillis: () => 0,
    telemetry: createTelemetry(),
  };
}

function droppedOf(telemetry: ReturnType<typeof createTelemetry>, signal: string, reason: string): number {
  return telemetry.snapshot().dropped.find((count) => count.signal === signal && count.reason === reason)?.value ?? 0;
}

interface Gate<T> {
  readonly opened: Promise<T>;
  open(value: T): void;
}
function gateOf<T>(): Gate<T> {
  let open: Gate<T>["open"] = () => {};
  const opened = new Promise<T>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}
