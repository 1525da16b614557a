/** What the real exporters send: their serializers' bytes of real SDK spans and log records. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import {
  JsonLogsSerializer,
  JsonTraceSerializer,
  ProtobufLogsSerializer,
  ProtobufTraceSerializer,
} from "@opentelemetry/otlp-transformer";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { InMemoryLogRecordExporter, LoggerProvider, SimpleLogRecordProcessor } from "@opentelemetry/sdk-logs";
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
import type { LogBatch, TraceBatch } from "../../src/receiver/otlp-batch";
import { readLogsJson, readTracesJson } from "../../src/receiver/otlp-json";
import { readLogsProtobuf, readTracesProtobuf } from "../../src/receiver/otlp-protobuf";

const LOG_OPTIONS = { errorLogs: false, lineSeverity: 9, maxLines: 0 };

const OPTIONS = { slowMillis: 5_000, maxSamples: 0 };
const STARTED = 1_764_064_800_000;
const RESOURCE = resourceFromAttributes({
  "service.name": "shop",
  "service.version": "4.2.0",
  "deployment.environment": "production",
  "host.name": "shop-1",
  "seismo.worker.id": "w3",
});

type Attributes = Readonly<Record<string, string | number | boolean | string[]>>;
interface Sent {
  readonly name: string;
  readonly kind: SpanKind;
  readonly attributes: Attributes;
  readonly millis?: number;
  readonly error?: Error;
  readonly failed?: string;
}

/** The spans of one trace, each under the one before; both encodings, which must agree. */
function send(sent: readonly Sent[]): { readonly batch: TraceBatch; readonly traceId: string } {
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({ resource: RESOURCE, spanProcessors: [new SimpleSpanProcessor(exporter)] });
  const tracer = provider.getTracer("golden", "1.0.0");
  let context = ROOT_CONTEXT;
  let traceId = "";
  for (const { name, kind, attributes, millis = 3.25, error, failed } of sent) {
    const span = tracer.startSpan(name, { kind, attributes, startTime: STARTED }, context);
    if (error !== undefined) span.recordException(error, STARTED + 1);
    if (failed !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: failed });
    span.end(STARTED + millis);
    context = trace.setSpan(ROOT_CONTEXT, span);
    traceId = span.spanContext().traceId;
  }
  const spans = exporter.getFinishedSpans();
  const batch = readTracesProtobuf(ProtobufTraceSerializer.serializeRequest(spans) ?? new Uint8Array(), OPTIONS);
  const json = readTracesJson(JsonTraceSerializer.serializeRequest(spans) ?? new Uint8Array(), OPTIONS);
  assert.deepStrictEqual(json, batch);
  return { batch, traceId };
}

test("healthy requests are counted by their labels and become no objects, with stable and with old names", () => {
  const { batch, traceId } = send([
    {
      name: "GET /items/:id",
      kind: SpanKind.SERVER,
      attributes: { "http.request.method": "GET", "http.route": "/items/:id", "http.response.status_code": 200 },
    },
    { name: "SELECT", kind: SpanKind.CLIENT, attributes: { "db.system.name": "postgresql" } },
    {
      name: "GET /items/:id",
      kind: SpanKind.SERVER,
      attributes: {
        "http.method": "GET",
        "http.route": "/items/:id",
        "http.status_code": 200,
        "http.target": "/items/7",
      },
      millis: 12.5,
    },
    { name: "POST", kind: SpanKind.SERVER, attributes: { "http.request.method": "POST" }, millis: 1 },
    { name: "shop.Items/Get", kind: SpanKind.SERVER, attributes: { "rpc.system": "grpc" } },
  ]);
  assert.deepStrictEqual(batch, {
    senders: [{ service: "shop", serviceVersion: "4.2.0", environment: "production", worker: "w3" }],
    spanCount: 5,
    samples: [],
    requests: [
      {
        ...{ service: "shop", method: "GET", route: "/items/:id", statusCode: 200 },
        ...{ durationsMillis: [3.25, 12.5], slowestTraceId: traceId },
      },
      {
        ...{ service: "shop", method: "POST", route: "unmatched", statusCode: 200 },
        ...{ durationsMillis: [1], slowestTraceId: traceId },
      },
    ],
    spans: [],
  });
});

test("a failing span becomes a record with its exception, its attributes and its resource", () => {
  const error = new TypeError("no price");
  const { batch, traceId } = send([
    {
      name: "GET /cart",
      kind: SpanKind.SERVER,
      attributes: {
        "http.request.method": "GET",
        "http.route": "/cart",
        tags: ["a", "b"],
        "cart.empty": false,
        "cart.total": 9.5,
      },
      error,
      failed: "no price",
    },
  ]);
  const [received] = batch.spans;
  assert.deepStrictEqual(received?.place, { resource: 0, scope: 0, item: 0 });
  assert.deepStrictEqual(received.resource, {
    ...{ service: "shop", serviceVersion: "4.2.0", environment: "production", worker: "w3" },
  });
  assert.equal(received.resourceAttributes["host.name"], "shop-1");
  const { attributes, spanId, ...span } = received.span;
  assert.match(spanId, /^[0-9a-f]{16}$/);
  assert.deepStrictEqual(span, {
    ...{
      traceId,
      parentSpanId: undefined,
      name: "GET /cart",
      kind: "server",
      status: "error",
      statusMessage: "no price",
    },
    ...{ endUnixMillis: STARTED + 3.25, durationMillis: 3.25 },
    exceptions: [{ timeUnixMillis: STARTED + 1, type: "TypeError", message: "no price", stack: error.stack }],
  });
  assert.deepStrictEqual(
    { ...attributes },
    { "http.request.method": "GET", "http.route": "/cart", tags: ["a", "b"], "cart.empty": false, "cart.total": 9.5 },
  );
  assert.deepStrictEqual(
    batch.requests.map(({ statusCode }) => statusCode),
    [500],
  );
});

const WORTHY: readonly (readonly [why: string, sent: Partial<Sent>, statusCode?: number])[] = [
  ["a client error", { attributes: { "http.request.method": "GET", "http.response.status_code": 404 } }, 404],
  ["a server error by the old name, as text", { attributes: { "http.method": "GET", "http.status_code": "503" } }, 503],
  ["a client that went away", { attributes: { "http.request.method": "GET", "http.response.status_code": 499 } }, 499],
  ["a slow request", { attributes: { "http.request.method": "GET" }, millis: 5_000 }, 200],
  ["an error's type on the span itself", { kind: SpanKind.INTERNAL, attributes: { "exception.type": "ValueError" } }],
  ["an error's message on the span itself", { kind: SpanKind.CLIENT, attributes: { "exception.message": "gone" } }],
  ["a call of a language model", { kind: SpanKind.CLIENT, attributes: { "gen_ai.operation.name": "chat" } }],
  [
    "a name that another Seismo gave",
    { kind: SpanKind.CLIENT, attributes: { "error.fingerprint": "0011223344556677" } },
  ],
  ["a category that was given", { kind: SpanKind.CLIENT, attributes: { "error.category": "quota_exhausted" } }],
  ["a recorded exception without a status", { kind: SpanKind.CLIENT, error: new Error("caught") }],
];
for (const [why, sent, statusCode] of WORTHY) {
  test(`${why} makes a span worth an object`, () => {
    const healthy = { name: "healthy", kind: SpanKind.INTERNAL, attributes: { "http.response.status_code": 500 } };
    const { batch } = send([healthy, { name: "worthy", kind: SpanKind.SERVER, attributes: {}, ...sent }]);
    assert.deepStrictEqual(
      batch.spans.map(({ span }) => span.name),
      ["worthy"],
    );
    assert.deepStrictEqual(
      batch.requests.map((request) => request.statusCode),
      statusCode === undefined ? [] : [statusCode],
    );
  });
}

test("a request whose client went away is counted as 499, whatever was answered", () => {
  const attributes = { "http.request.method": "GET", "http.response.status_code": 200, "http.client_aborted": true };
  const { batch } = send([{ name: "GET", kind: SpanKind.SERVER, attributes }]);
  assert.deepStrictEqual(
    batch.requests.map(({ statusCode }) => statusCode),
    [499],
  );
});

test("log records that tell of an exception become records, by attribute or by event name", () => {
  const exporter = new InMemoryLogRecordExporter();
  const provider = new LoggerProvider({ resource: RESOURCE, processors: [new SimpleLogRecordProcessor({ exporter })] });
  const logger = provider.getLogger("golden");
  logger.emit({ timestamp: STARTED, body: "started", severityNumber: 9 });
  logger.emit({
    ...{ timestamp: STARTED, severityNumber: 17, body: "failed", eventName: "checkout" },
    attributes: { "exception.type": "ValueError", "exception.message": "no price" },
  });
  logger.emit({ timestamp: STARTED + 0.5, severityNumber: 21, body: { order: 7 }, eventName: "browser.exception" });
  const records = exporter.getFinishedLogRecords();
  const batch = readLogsProtobuf(ProtobufLogsSerializer.serializeRequest(records) ?? new Uint8Array(), LOG_OPTIONS);
  const json: LogBatch = readLogsJson(JsonLogsSerializer.serializeRequest(records) ?? new Uint8Array(), LOG_OPTIONS);
  assert.deepStrictEqual(json, batch);
  assert.equal(batch.logCount, 3);
  assert.deepStrictEqual(
    batch.logs.map(({ place, log }) => [place.item, log.timeUnixMillis, log.eventName, log.severityNumber, log.body]),
    [
      [1, STARTED, "checkout", 17, "failed"],
      [2, STARTED + 0.5, "browser.exception", 21, '{"order":7}'],
    ],
  );
  assert.equal(batch.logs[0]?.log.attributes["exception.type"], "ValueError");
  assert.equal(batch.logs[0]?.resource.service, "shop");
});
