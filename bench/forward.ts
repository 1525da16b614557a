/**
 * What passing on costs: batches into the queue on disk (with one sync at the end), and out of it over loopback to a
 * receiver in a process of its own, 2 % of the spans tagged. `node build/bench/forward.js [MB]`
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { openDiskQueue } from "../src/exporter/disk-queue";
import type { PendingTags } from "../src/exporter/forward-record";
import { createForwarder, otlpUrls } from "../src/exporter/otlp-forwarder";
import { halve } from "../src/receiver/halve-protobuf";
import { encodeField } from "../src/receiver/protobuf-fields";
import { addAttributes } from "../src/receiver/tag-protobuf";
import { createTelemetry } from "../src/telemetry";
import { markdownTable } from "./markdown-table";
import type { SinkMessage } from "./sink";

const SPANS_A_BATCH = [32, 512, 4_096];
const TAGGED_SHARE = 0.02;

async function main(): Promise<void> {
  const megabytes = Number(process.argv[2] ?? 200);
  const sink = fork(require.resolve("./sink"));
  const [message] = (await once(sink, "message")) as [SinkMessage];
  if (message.kind !== "listening") throw new Error("the receiver does not listen");
  const rows: string[][] = [];
  for (const spans of SPANS_A_BATCH) rows.push(await measure(spans, megabytes * 1e6, message.port));
  sink.disconnect();
  console.log(
    markdownTable(["spans a batch", "kB a batch", "into the queue, MB/s", "out, MB/s", "out, spans/s"], rows),
  );
}

async function measure(spans: number, bytes: number, port: number): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), "seismo-forward-"));
  const telemetry = createTelemetry();
  const queue = openDiskQueue({ folder, maxBytes: 2 * bytes, nowMillis: Date.now, telemetry, signal: "spans" });
  const forwarder = createForwarder({
    queue,
    urls: otlpUrls({ endpoint: `http://127.0.0.1:${port}` }),
    holdMillis: 2_000,
    originOf: () => "root",
    addAttributes: (body, signal, _encoding, tags) => addAttributes(body, signal, tags),
    halve,
    deadLetterPath: join(folder, "dead-letters.jsonl"),
    telemetry,
    nowMillis: Date.now,
    random: Math.random,
  });
  const body = batchOf(spans);
  const tags = Array.from({ length: Math.ceil(spans * TAGGED_SHARE) }, (_, index) => tagOf(index));
  const batches = Math.ceil(bytes / body.length);
  const into = await seconds(async () => {
    for (let i = 0; i < batches; i++) {
      const { status } = forwarder.enqueue({ signal: "traces", encoding: "protobuf", body, itemCount: spans, tags });
      if (status !== "queued") throw new Error(`the queue says ${status}`);
    }
    const error = await forwarder.commit();
    if (error !== undefined) throw error;
  });
  const out = await seconds(async () => {
    forwarder.start();
    while (forwarder.stats().queuedRequests > 0) await sleep(2);
  });
  await forwarder.stop(0);
  await queue.close();
  rmSync(folder, { recursive: true });
  if (forwarder.stats().forwardedItems !== batches * spans) throw new Error("not all spans arrived");
  const rate = (amount: number, time: number): string => Math.round(amount / time).toLocaleString("en");
  const total = (batches * body.length) / 1e6;
  return [
    String(spans),
    (body.length / 1_000).toFixed(0),
    rate(total, into),
    rate(total, out),
    rate(batches * spans, out),
  ];
}

function batchOf(spans: number): Buffer {
  const attribute = (index: number): Buffer =>
    encodeField(9, Buffer.concat([text(1, `attribute.${index}`), encodeField(2, text(1, `value ${index} of a span`))]));
  const attributes = Array.from({ length: 8 }, (_, index) => attribute(index));
  const ids = [encodeField(1, Buffer.alloc(16, 1)), encodeField(2, Buffer.alloc(8, 2))];
  const span = encodeField(2, Buffer.concat([...ids, text(5, "GET /orders/{id}"), ...attributes]));
  return encodeField(1, encodeField(2, Buffer.concat(Array.from({ length: spans }, () => span))));
}

function text(field: number, value: string): Buffer {
  return encodeField(field, Buffer.from(value));
}

function tagOf(index: number): PendingTags {
  return {
    place: { resource: 0, scope: 0, item: index * 50 },
    eventId: `event ${index}`,
    category: "database_timeout",
    group: "database_error",
    severity: "warning",
    fingerprint: "0011223344556677",
  };
}

async function seconds(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1_000;
}

void main();
