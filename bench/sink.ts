/**
 * Where the variants export to: takes OTLP/HTTP traces, protobuf or JSON, and counts spans. Speaks to its parent by
 * IPC: its port once, then its counts as answer to each message.
 *
 *   ExportTraceServiceRequest ─1─► ResourceSpans ─2─► ScopeSpans ─2─► Span
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export type SinkMessage =
  | { readonly kind: "listening"; readonly port: number }
  | { readonly kind: "counts"; readonly spans: number; readonly batches: number; readonly bytes: number };

const PATH_TO_SPANS = [1, 2, 2];
const counts = { spans: 0, batches: 0, bytes: 0 };

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const body = Buffer.concat(chunks);
    const isJson = request.headers["content-type"] === "application/json";
    counts.spans += isJson ? countJsonSpans(body) : countProtobufSpans(body, 0, body.length, 0);
    counts.batches += 1;
    counts.bytes += body.length;
    response.writeHead(200, { "content-type": isJson ? "application/json" : "application/x-protobuf" });
    response.end(isJson ? "{}" : undefined);
  });
});
server.listen(0, "127.0.0.1", () => {
  say({ kind: "listening", port: (server.address() as AddressInfo).port }); // an address of TCP, not of a pipe
});
process.on("message", () => say({ kind: "counts", ...counts }));
process.on("disconnect", () => process.exit());

function say(message: SinkMessage): void {
  process.send?.(message);
}

/** Each span says its id once; its parent's id has another name. */
function countJsonSpans(body: Buffer): number {
  let count = 0;
  for (let at = body.indexOf('"spanId"'); at >= 0; at = body.indexOf('"spanId"', at + 1)) count += 1;
  return count;
}

function countProtobufSpans(body: Buffer, start: number, end: number, depth: number): number {
  let count = 0;
  let at = start;
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = body[at++] ?? 0;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  };
  while (at < end) {
    const tag = varint();
    if ((tag & 7) !== 2) throw new Error(`a field of wire type ${tag & 7} where only messages and texts are known`);
    const length = varint();
    if (tag >> 3 === PATH_TO_SPANS[depth]) {
      const isSpan = depth === PATH_TO_SPANS.length - 1;
      count += isSpan ? 1 : countProtobufSpans(body, at, at + length, depth + 1);
    }
    at += length;
  }
  return count;
}
