import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createServer, request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { renderExposition } from "../../src/exporter/exposition";
import { createScrapeServer, isScrapeRequest, type ScrapeServerOptions } from "../../src/exporter/scrape-server";
import { createTelemetry } from "../../src/telemetry";
import { errorEvent, metricsWith } from "./error-event";
import { parseExposition } from "./parse-exposition";

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

function get(port: number, path: string, options: { method?: string; headers?: Record<string, string> } = {}) {
  return new Promise<Answer>((resolve, reject) => {
    httpRequest({ host: "127.0.0.1", port, path, agent: false, ...options }, (response: IncomingMessage) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }),
      );
    })
      .on("error", reject)
      .end();
  });
}

async function serve(context: TestContext, options: Partial<ScrapeServerOptions> = {}): Promise<number> {
  const metrics = metricsWith();
  metrics.export([errorEvent()]);
  const server = createScrapeServer({
    host: "127.0.0.1",
    port: 0,
    telemetry: createTelemetry(),
    render: (format) => renderExposition(metrics.snapshot(), format),
    ...options,
  });
  context.after(() => server.stop());
  const status = await server.start();
  assert.equal(status.status, "listening");
  return status.status === "listening" ? status.port : 0;
}

test("metrics come in the format and encoding that were asked for", async (context) => {
  const port = await serve(context);
  const plain = await get(port, "/metrics");
  assert.equal(plain.status, 200);
  assert.equal(plain.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
  assert.equal(plain.headers["content-length"], String(plain.body.length));
  parseExposition(plain.body.toString(), "prometheus");

  const open = await get(port, "/metrics?name[]=x", {
    headers: { accept: "application/openmetrics-text; version=1.0.0", "accept-encoding": "gzip" },
  });
  assert.equal(open.headers["content-type"], "application/openmetrics-text; version=1.0.0; charset=utf-8");
  assert.equal(open.headers["content-encoding"], "gzip");
  assert.ok(parseExposition(gunzipSync(open.body).toString(), "openmetrics").get("seismo_errors"));
});

test("HEAD has the headers, healthz is well, and the rest is refused", async (context) => {
  const port = await serve(context);
  const head = await get(port, "/metrics", { method: "HEAD" });
  assert.deepEqual([head.status, head.body.length], [200, 0]);
  assert.match(head.headers["content-type"] ?? "", /^text\/plain/);
  assert.deepEqual(JSON.parse((await get(port, "/healthz")).body.toString()), { status: "ok" });
  assert.equal((await get(port, "/metrics", { method: "POST" })).status, 405);
  assert.equal((await get(port, "/metrics", { method: "DELETE" })).headers["allow"], "GET, HEAD");
  for (const path of ["/", "/metrics/", "/METRICS", "//metrics", "/../metrics", "/api/errors"]) {
    assert.equal((await get(port, path)).status, 404, path);
  }
});

test("a name that somebody pointed at the loopback address is refused", async (context) => {
  const port = await serve(context);
  for (const host of ["localhost", "127.0.0.1:1", `[::1]:${port}`, "LOCALHOST:9464"]) {
    assert.equal((await get(port, "/metrics", { headers: { host } })).status, 200, host);
  }
  for (const host of ["evil.example", "evil.example:9464", "127.0.0.1.evil.example", "localhost@evil"]) {
    assert.equal((await get(port, "/metrics", { headers: { host } })).status, 403, host);
  }
});

test("with a token, metrics are for those who have it", async (context) => {
  const port = await serve(context, { token: "s3cret-token" });
  for (const authorization of [
    undefined,
    "",
    "Bearer",
    "Bearer ",
    "Bearer s3cret-toke",
    "Basic s3cret-token",
    "s3cret-token",
  ]) {
    const answer = await get(port, "/metrics", { headers: authorization === undefined ? {} : { authorization } });
    assert.equal(answer.status, 401, authorization);
    assert.equal(answer.headers["www-authenticate"], "Bearer");
  }
  assert.equal((await get(port, "/metrics", { headers: { authorization: "Bearer s3cret-token" } })).status, 200);
  assert.equal((await get(port, "/healthz")).status, 200);
});

test("scrapes at the same time share one rendering", async (context) => {
  let renderings = 0;
  let release = (): void => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  let requests = 0;
  let allAreIn = (): void => {};
  const port = await serve(context, {
    async *render() {
      renderings += 1;
      await gate;
      yield "a 1\n";
    },
  });
  const counted = new Promise<void>((resolve) => {
    allAreIn = resolve;
  });
  const onRequest = ({ request }: { request: IncomingMessage }): void => {
    if (isScrapeRequest(request) && ++requests === 10) setImmediate(allAreIn);
  };
  const { subscribe, unsubscribe } = await import("node:diagnostics_channel");
  subscribe("http.server.request.start", onRequest as Parameters<typeof subscribe>[1]);
  context.after(() => unsubscribe("http.server.request.start", onRequest as Parameters<typeof subscribe>[1]));
  const answers = Array.from({ length: 10 }, () => get(port, "/metrics"));
  await counted;
  release();
  for (const answer of await Promise.all(answers)) assert.equal(answer.body.toString(), "a 1\n");
  assert.equal(renderings, 1);
  await get(port, "/metrics");
  assert.equal(renderings, 2);
});

test("a rendering that fails is a 500 and an internal error, and the next one works", async (context) => {
  const telemetry = createTelemetry();
  let fails = true;
  const port = await serve(context, {
    telemetry,
    async *render() {
      if (fails) throw new Error("broken");
      yield "a 1\n";
    },
  });
  assert.equal((await get(port, "/metrics")).status, 500);
  assert.equal((await get(port, "/metrics", { headers: { "accept-encoding": "gzip" } })).status, 500);
  assert.equal(telemetry.snapshot().dropped.find(({ reason }) => reason === "internal_error")?.value, 2);
  fails = false;
  assert.equal((await get(port, "/metrics")).status, 200);
});

test("a taken port is one warning, and so is a port that is none", async (context) => {
  const taken = createServer().listen(0, "127.0.0.1");
  context.after(() => taken.close());
  await new Promise((resolve) => taken.once("listening", resolve));
  for (const port of [(taken.address() as AddressInfo).port, 70_000]) {
    const lines: string[] = [];
    const telemetry = createTelemetry({ log: { write: (level, message) => lines.push(`${level}: ${message}`) } });
    const server = createScrapeServer({
      host: "127.0.0.1",
      port,
      telemetry,
      render: () => renderExposition([], "prometheus"),
    });
    assert.equal((await server.start()).status, "unavailable");
    assert.equal(lines.length, 1);
    assert.match(lines[0] ?? "", /^warning: metrics are not served on 127\.0\.0\.1:\d+: /);
    await server.stop();
  }
});

test("requests of the app are not taken for scrapes", async (context) => {
  let answer: boolean | undefined;
  const app = createServer((request, response) => {
    answer = isScrapeRequest(request);
    response.end();
  }).listen(0, "127.0.0.1");
  context.after(() => app.close());
  await new Promise((resolve) => app.once("listening", resolve));
  await get((app.address() as AddressInfo).port, "/metrics");
  assert.equal(answer, false);
});

test("headers beyond 16 kB and what is not HTTP are refused, and the server lives on", async (context) => {
  const port = await serve(context);
  assert.equal((await get(port, "/metrics", { headers: { x: "y".repeat(20_000) } })).status, 431);
  await new Promise<void>((resolve) => {
    connect(port, "127.0.0.1", function (this: import("node:net").Socket) {
      this.end("\u0016\u0003\u0001 no http\r\n\r\n");
    })
      .on("close", () => resolve())
      .on("error", () => {})
      .resume();
  });
  assert.equal((await get(port, "/metrics")).status, 200);
});

test("the server keeps no process alive", () => {
  const { status, stdout } = spawnSync(process.execPath, [join(__dirname, "fixtures/scrape-and-end.js")], {
    encoding: "utf8",
    timeout: 60_000,
  });
  assert.equal(stdout, "200\n");
  assert.equal(status, 0);
});
