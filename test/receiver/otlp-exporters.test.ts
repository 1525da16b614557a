/** OpenTelemetry's own exporters as senders. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Metadata } from "@grpc/grpc-js";
import { SeverityNumber } from "@opentelemetry/api-logs";
import type { ExportResult } from "@opentelemetry/core";
import { OTLPLogExporter as JsonLogExporter } from "@opentelemetry/exporter-logs-otlp-http";
import { OTLPLogExporter as ProtobufLogExporter } from "@opentelemetry/exporter-logs-otlp-proto";
import { OTLPTraceExporter as GrpcTraceExporter } from "@opentelemetry/exporter-trace-otlp-grpc";
import { OTLPTraceExporter as JsonTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as ProtobufTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import {
  JsonLogsSerializer,
  JsonTraceSerializer,
  ProtobufLogsSerializer,
  ProtobufTraceSerializer,
} from "@opentelemetry/otlp-transformer";
import { InMemoryLogRecordExporter, LoggerProvider, SimpleLogRecordProcessor } from "@opentelemetry/sdk-logs";
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { createOtlpGrpcServer } from "../../src/receiver/otlp-grpc";
import { startReceiver } from "./otlp-peer";

const TOKEN = "0123456789abcdef";
const AUTHORIZATION = { authorization: `Bearer ${TOKEN}` };

type Config = NonNullable<ConstructorParameters<typeof JsonTraceExporter>[0]>;
/** The names of OpenTelemetry's environment variables; its enumeration of them is not exported by the exporters. */
const COMPRESSIONS = ["none", "gzip"] as unknown as readonly NonNullable<Config["compression"]>[];

interface Exporter<Items> {
  export(items: Items, done: (result: ExportResult) => void): void;
  shutdown(): Promise<void>;
}

async function send<Items>(exporter: Exporter<Items>, items: Items): Promise<ExportResult> {
  const result = await new Promise<ExportResult>((done) => exporter.export(items, done));
  await exporter.shutdown();
  return result;
}

function someSpans(): ReturnType<InMemorySpanExporter["getFinishedSpans"]> {
  const memory = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(memory)] });
  for (let index = 0; index < 500; index++) {
    provider
      .getTracer("test")
      .startSpan(`GET /items/${index}`, { attributes: { "url.path": `/items/${index}` } })
      .end();
  }
  return memory.getFinishedSpans();
}

function someLogs(): ReturnType<InMemoryLogRecordExporter["getFinishedLogRecords"]> {
  const memory = new InMemoryLogRecordExporter();
  const provider = new LoggerProvider({ processors: [new SimpleLogRecordProcessor({ exporter: memory })] });
  for (let index = 0; index < 500; index++) {
    provider.getLogger("test").emit({ severityNumber: SeverityNumber.ERROR, body: `failed ${index}` });
  }
  return memory.getFinishedLogRecords();
}

const spans = someSpans();
const logs = someLogs();

for (const compression of COMPRESSIONS) {
  test(`spans of the HTTP exporters arrive as they were made (compression: ${compression})`, async (context) => {
    const { port, taken } = await startReceiver(context, { token: TOKEN });
    const config = { url: `http://127.0.0.1:${port}/v1/traces`, compression, headers: AUTHORIZATION };
    assert.deepEqual(await send(new JsonTraceExporter(config), spans), { code: 0 });
    assert.deepEqual(await send(new ProtobufTraceExporter(config), spans), { code: 0 });
    assert.deepEqual(
      taken.map(({ signal, encoding }) => [signal, encoding]),
      [
        ["traces", "json"],
        ["traces", "protobuf"],
      ],
    );
    assert.ok(taken[0]?.body.equals(JsonTraceSerializer.serializeRequest(spans) ?? Buffer.alloc(0)));
    assert.ok(taken[1]?.body.equals(ProtobufTraceSerializer.serializeRequest(spans) ?? Buffer.alloc(0)));
  });

  test(`logs of the HTTP exporters arrive as they were made (compression: ${compression})`, async (context) => {
    const { port, taken } = await startReceiver(context, { token: TOKEN });
    const config = { url: `http://127.0.0.1:${port}/v1/logs`, compression, headers: AUTHORIZATION };
    assert.deepEqual(await send(new JsonLogExporter(config), logs), { code: 0 });
    assert.deepEqual(await send(new ProtobufLogExporter(config), logs), { code: 0 });
    assert.ok(taken.every(({ signal }) => signal === "logs"));
    assert.ok(taken[0]?.body.equals(JsonLogsSerializer.serializeRequest(logs) ?? Buffer.alloc(0)));
    assert.ok(taken[1]?.body.equals(ProtobufLogsSerializer.serializeRequest(logs) ?? Buffer.alloc(0)));
  });

  test(`spans of the gRPC exporter arrive as they were made (compression: ${compression})`, async (context) => {
    const { port, taken } = await startReceiver(context, { token: TOKEN }, createOtlpGrpcServer);
    const metadata = new Metadata();
    metadata.set("authorization", AUTHORIZATION.authorization);
    const exporter = new GrpcTraceExporter({ url: `http://127.0.0.1:${port}`, compression, metadata });
    assert.deepEqual(await send(exporter, spans), { code: 0 });
    assert.ok(taken[0]?.body.equals(ProtobufTraceSerializer.serializeRequest(spans) ?? Buffer.alloc(0)));
  });
}

test("an exporter that is told to come again comes again, and then it is taken", async (context) => {
  let calls = 0;
  const { port, server } = await startReceiver(context, {
    accept: async () =>
      ++calls === 1 ? { status: "unavailable", retryAfterMillis: 10, message: "full" } : { status: "accepted" },
  });
  const exporter = new ProtobufTraceExporter({ url: `http://127.0.0.1:${port}/v1/traces` });
  assert.deepEqual(await send(exporter, spans), { code: 0 });
  assert.deepEqual([calls, server.stats().accepted, server.stats().refused.unavailable], [2, 1, 1]);
});

test("an exporter does not come again after 400, 401, 413", async (context) => {
  const malformed = await startReceiver(context, { answer: { status: "malformed", message: "cut off" } });
  const locked = await startReceiver(context, { token: TOKEN });
  const small = await startReceiver(context, { limits: { bodyBytes: 1_000 } });
  for (const { port, server } of [malformed, locked, small]) {
    const exporter = new JsonTraceExporter({ url: `http://127.0.0.1:${port}/v1/traces` });
    assert.equal((await send(exporter, spans)).code, 1);
    const { malformed: bad, unauthenticated, too_large } = server.stats().refused;
    assert.equal(bad + unauthenticated + too_large, 1);
  }
});
