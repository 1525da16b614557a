import assert from "node:assert/strict";
import { test } from "node:test";
import { freePort } from "../free-port";
import { eventually, type FixtureApp, runFixture, sum } from "./fixture-app";
import { type SinkSpan, type TraceSink, traceSink } from "./peers";

const SERVER = 2;

for (const [start, protocol, type] of [
  ["the light start", "http/json", "application/json"],
  ["NodeSDK", "http/protobuf", "application/x-protobuf"],
] as const) {
  test(`${start} exports to the endpoint that is set, with its headers`, async () => {
    const sink = await traceSink();
    const app = run(sink, {
      OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
      OTEL_EXPORTER_OTLP_HEADERS: "x-tenant=shop%207",
      OTEL_BSP_SCHEDULE_DELAY: "10",
    });
    await app.fetch("/throw/1");
    await eventually("an export", () => sink.requests[0]);
    const { events, stderr } = await app.stop();
    await sink.close();
    assert.deepEqual(
      sink.requests.map(({ path, headers }) => [path, headers["content-type"], headers["x-tenant"]]),
      [["/v1/traces", type, "shop 7"]],
    );
    assert.equal(events.length, 1);
    assert.equal(withoutMetricsLine(stderr), "");
  });
}

for (const protocol of ["http/json", "http/protobuf"]) {
  test(`a process that is told to stop sends the spans of failures first (${protocol})`, async () => {
    const sink = await traceSink();
    const app = run(sink, { OTEL_EXPORTER_OTLP_PROTOCOL: protocol });
    await app.fetch("/throw/1");
    const { signal, events } = await app.stop();
    await sink.close();
    assert.equal(signal, "SIGTERM");
    assert.deepEqual(
      sink.spans.map((span) => span.attributes["error.fingerprint"]),
      [events[0]?.fingerprint],
    );
  });
}

test("an exported server span carries the request id, the error and the slow flag", async () => {
  const sink = await traceSink();
  const app = run(sink, { SEISMO_SLOW_REQUEST_MS: "100" });
  await app.fetch("/throw/1", { headers: { "x-request-id": "order-7" } });
  await app.fetch("/slow", { headers: { "x-request-id": "order-8" } });
  const { events } = await app.stop();
  await sink.close();
  const servers = sink.spans.filter((span) => span.kind === SERVER);
  assert.deepEqual(servers.map(shown), [
    {
      "request.id": "order-7",
      "error.category": "application_error",
      "error.group": "application_error",
      "error.severity": "warning",
      "error.origin": "root",
      "error.fingerprint": events[0]?.fingerprint,
    },
    { "request.id": "order-8", "request.slow": true, "request.slow_threshold_ms": 100 },
  ]);
  assert.deepEqual([servers[0]?.traceId, servers[0]?.spanId], [events[0]?.["trace_id"], events[0]?.["span_id"]]);
});

test("without an endpoint nothing is sent, and nothing is said about it", async () => {
  const app = runFixture("express-app.js");
  await app.fetch("/throw/1");
  const { events, stderr } = await app.stop();
  assert.equal(events.length, 1);
  assert.equal(withoutMetricsLine(stderr), "");
});

test("OTEL_TRACES_EXPORTER=none sends nothing to the endpoint that is set", async () => {
  const sink = await traceSink();
  const app = run(sink, { OTEL_TRACES_EXPORTER: "none" });
  await app.fetch("/throw/1");
  const { events } = await app.stop();
  await sink.close();
  assert.deepEqual([sink.requests.length, events.length], [0, 1]);
});

for (const [what, env] of [
  ["OTEL_LOGS_EXPORTER=none", { OTEL_LOGS_EXPORTER: "none" }],
  ["OTEL_SDK_DISABLED=true", { OTEL_SDK_DISABLED: "true" }],
  ["without an endpoint", undefined],
] as const) {
  test(`${what}: errors that no span tells of are counted and not sent`, async () => {
    const sink = await traceSink();
    const app = runFixture("capture-and-die.js", { env: env === undefined ? {} : { ...endpoint(sink), ...env } });
    const { events } = await app.ended();
    await sink.close();
    assert.deepEqual([events.length, sink.requests.filter(({ path }) => path === "/v1/logs")], [2, []]);
  });
}

test("errors that no span tells of go to an endpoint of their own, with their own headers", async () => {
  const sink = await traceSink();
  const { OTEL_EXPORTER_OTLP_ENDPOINT: base } = endpoint(sink);
  const app = runFixture("capture-and-die.js", {
    env: { OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: `${base}/errors`, OTEL_EXPORTER_OTLP_LOGS_HEADERS: "x-tenant=shop%207" },
  });
  const { code } = await app.ended();
  await sink.close();
  assert.equal(code, 1);
  assert.deepEqual(
    sink.requests.map(({ path, headers }) => [path, headers["x-tenant"]]),
    [["/errors", "shop 7"]],
  );
});

test("where OTLP goes by gRPC, errors that no span tells of stay, which is said", async () => {
  const sink = await traceSink();
  const app = runFixture("capture-and-die.js", {
    env: { ...endpoint(sink), OTEL_EXPORTER_OTLP_PROTOCOL: "grpc", OTEL_TRACES_EXPORTER: "none" },
  });
  const { stderr, events } = await app.ended();
  await sink.close();
  assert.deepEqual([events.length, sink.requests.length], [2, 0]);
  assert.match(stderr, /^seismo: errors that no span tells of are not exported: grpc is not OTLP over HTTP$/m);
});

for (const protocol of ["http/json", "http/protobuf"]) {
  test(`what the sampler leaves out is not exported, and counted all the same (${protocol})`, async () => {
    const sink = await traceSink();
    const app = run(sink, {
      OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
      OTEL_TRACES_SAMPLER: "traceidratio",
      OTEL_TRACES_SAMPLER_ARG: "0",
    });
    await app.fetch("/throw/1");
    const samples = await app.samples("http_request_duration_seconds");
    assert.equal(sum(samples.filter((sample) => sample.name.endsWith("_count"))), 1);
    const { events } = await app.stop();
    await sink.close();
    assert.deepEqual([sink.requests.length, events.length], [0, 1]);
  });
}

test("OTEL_SDK_DISABLED=true makes no spans; captured and uncaught errors still count", async () => {
  const sink = await traceSink();
  const app = runFixture("capture-and-die.js", { env: { OTEL_SDK_DISABLED: "true", ...endpoint(sink) } });
  const { code, events } = await app.ended();
  await sink.close();
  assert.equal(code, 1);
  assert.deepEqual(
    events.map((event) => [event.error_message, event.severity]),
    [
      ["captured by hand", "info"],
      ["nobody caught this", "critical"],
    ],
  );
  assert.equal(sink.requests.length, 0);
});

for (const [what, openSink] of [
  ["is down", async () => ({ port: await freePort(), close: async () => {} })],
  ["refuses", () => traceSink(400)],
] as const) {
  test(`a sink that ${what} leaves the application alone, and is warned of once`, async () => {
    const sink = await openSink();
    const app = runFixture("express-app.js", {
      env: {
        OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${sink.port}`,
        OTEL_EXPORTER_OTLP_TIMEOUT: "300",
        OTEL_BSP_SCHEDULE_DELAY: "10",
      },
    });
    for (let n = 0; n < 3; n++) {
      assert.equal((await app.fetch("/throw/1")).status, 500);
      const lost = n + 1;
      await eventually(`${lost} lost spans`, async () => ((await lostSpans(app)) >= lost ? true : undefined));
    }
    const { events, stderr } = await app.stop();
    await sink.close();
    assert.equal(events.length, 3);
    assert.match(withoutMetricsLine(stderr), /^seismo: OTLP export failed: [^\n]*\n$/);
  });
}

for (const protocol of ["http/json", "http/protobuf"]) {
  test(`an error that nobody catches takes its span to the sink before the process dies (${protocol})`, async () => {
    const sink = await traceSink();
    const app = runFixture("http-app.js", { env: { ...endpoint(sink), OTEL_EXPORTER_OTLP_PROTOCOL: protocol } });
    await assert.rejects(app.fetch("/throw"), "the connection dies with the process");
    const { code, events } = await app.ended();
    await sink.close();
    assert.equal(code, 1);
    assert.deepEqual(
      sink.spans.map((span) => [span.kind, span.attributes["error.fingerprint"]]),
      [[SERVER, events[0]?.fingerprint]],
    );
  });
}

test("headers that are allowed reach the spans, and credentials are refused with a word about it", async () => {
  const sink = await traceSink();
  const app = run(sink, {
    SEISMO_CAPTURE_REQUEST_HEADERS: "x-tenant,authorization",
    SEISMO_CAPTURE_RESPONSE_HEADERS: "content-type",
  });
  await app.fetch("/throw/1", { headers: { "x-tenant": "shop", authorization: "Bearer abc123" } });
  const { stderr, events } = await app.stop();
  await sink.close();
  const { attributes } = sink.spans.find((span) => span.kind === SERVER) ?? {};
  const headers = Object.entries(attributes ?? {}).filter(([name]) => name.includes(".header."));
  assert.deepEqual(
    headers.map(([name]) => name),
    ["http.request.header.x-tenant", "http.response.header.content-type"],
  );
  const seen = events[0]?.["request"] as { readonly headers?: unknown } | undefined; // the journal's format
  assert.deepEqual(seen?.headers, { "x-tenant": "shop" });
  assert.match(stderr, /authorization/);
  assert.doesNotMatch(JSON.stringify([sink.spans, events]), /abc123/);
});

function run(sink: TraceSink, env: { readonly [name: string]: string }): FixtureApp {
  return runFixture("express-app.js", { env: { ...endpoint(sink), ...env } });
}

function endpoint(sink: TraceSink): { readonly [name: string]: string } {
  return { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${sink.port}` };
}

/** What Seismo itself writes into a span. */
function shown(span: SinkSpan): unknown {
  const own = Object.entries(span.attributes).filter(([name]) => /^(?:request\.|error\.(?!type))/.test(name));
  return Object.fromEntries(own);
}

function withoutMetricsLine(stderr: string): string {
  return stderr.replace(/^seismo: metrics on .*\n/, "");
}

async function lostSpans(app: FixtureApp): Promise<number> {
  return sum(await app.samples("dropped"), { signal: "spans", reason: "export_failed" });
}
