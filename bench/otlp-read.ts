/**
 * What it costs to read OTLP trace bodies: decode and count, as the receiver does before anything else. The ways to read
 * take turns in each round, on the same batches; figures are medians over the rounds. One core.
 */
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import protobuf from "protobufjs";
import { readTracesJson } from "../src/receiver/otlp-json";
import { readTracesProtobuf } from "../src/receiver/otlp-protobuf";
import { TRACES } from "../test/receiver/otlp-schema";
import { markdownTable } from "./markdown-table";
import { type Batch, makeBatch } from "./otlp-batches";
import { median } from "./statistics";

const HELP = `npm run bench:otlp-read -- [options]
  --rounds N       measured rounds (default 15)
  --spans N        spans a batch (default 512)
  --errors N       failing spans, per cent (default 2)
  --memory N       batches read for the memory check (default 20000)`;

const WARM_UP_ROUNDS = 5;
/** Different batches, so that no branch predictor learns one by heart. */
const BATCHES = 16;
const ROUND_MILLIS = 150;
const OPTIONS = { slowMillis: 5_000, maxSamples: 0 };
const SERVER_KIND = 2;
const TARGET_SPANS_A_SECOND = 2_000_000;
const TARGET_RATIO = 10;

interface Reader {
  readonly name: string;
  read(batch: Batch): number;
}

const READERS: readonly Reader[] = [
  {
    name: "readTracesProtobuf",
    read: (batch) => readTracesProtobuf(batch.protobuf, OPTIONS).spanCount,
  },
  { name: "protobufjs, full decode to messages", read: (batch) => spansOf(TRACES.decode(batch.protobuf)) },
  { name: "protobufjs, full decode to messages, counted", read: (batch) => count(TRACES.decode(batch.protobuf)) },
  {
    name: "protobufjs, full decode to plain objects",
    read: (batch) => spansOf(toPlain(TRACES.decode(batch.protobuf))),
  },
  { name: "protobufjs, walk by its Reader", read: (batch) => walk(batch.protobuf) },
  { name: "readTracesJson", read: (batch) => readTracesJson(batch.json, OPTIONS).spanCount },
  { name: "JSON.parse alone", read: (batch) => spansOf(JSON.parse(Buffer.from(batch.json).toString())) },
];

function main(): void {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: "15" },
      spans: { type: "string", default: "512" },
      errors: { type: "string", default: "2" },
      memory: { type: "string", default: "20000" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return void console.log(HELP);
  const rounds = Number(values.rounds);
  const spans = Number(values.spans);
  const failing = Number(values.errors) / 100;
  const batches = Array.from({ length: BATCHES }, () => makeBatch(spans, failing));
  const kibOf = (of: keyof Batch): string => (median(batches.map((batch) => batch[of].length)) / 1_024).toFixed(0);
  console.log(
    `Node ${process.versions.node}, ${cpus()[0]?.model.trim() ?? "unknown CPU"}; batches of ${spans} spans, ` +
      `${values.errors} % failing, ${kibOf("protobuf")} KiB as protobuf, ${kibOf("json")} KiB as JSON; medians of ${rounds} rounds\n`,
  );
  reportSpeed(batches, rounds);
  reportGrowth(rounds, spans, failing);
  reportMemory(batches, Number(values.memory));
}

function reportSpeed(batches: readonly Batch[], rounds: number): void {
  const rates = new Map<string, number[]>(READERS.map(({ name }) => [name, []]));
  for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
    for (const reader of READERS) {
      const rate = spansASecond(reader, batches);
      if (round >= 0) rates.get(reader.name)?.push(rate);
    }
  }
  const medians = new Map([...rates].map(([name, samples]) => [name, median(samples)]));
  const own = medians.get("readTracesProtobuf") ?? Number.NaN;
  // Of the two full decodes the one whose ids and times can be worked with; the other leaves them as bytes and halves.
  const full = medians.get("protobufjs, full decode to plain objects") ?? Number.NaN;
  const bare = medians.get("protobufjs, full decode to messages") ?? Number.NaN;
  console.log(
    markdownTable(
      ["", "spans/s", "ns a span", "to plain objects", "to messages"],
      [...medians].map(([name, rate]) => [
        name,
        Math.round(rate).toLocaleString("en"),
        (1e9 / rate).toFixed(0),
        `${(rate / full).toFixed(1)}x`,
        `${(rate / bare).toFixed(1)}x`,
      ]),
    ),
  );
  console.log(
    `\n${TARGET_SPANS_A_SECOND.toLocaleString("en")} spans/s: ${own >= TARGET_SPANS_A_SECOND ? "met" : "missed"}; ` +
      `${TARGET_RATIO} times a full decode to plain objects: ${own >= TARGET_RATIO * full ? "met" : "missed"}\n`,
  );
}

function spansASecond(reader: Reader, batches: readonly Batch[]): number {
  const started = performance.now();
  let spans = 0;
  let elapsed = 0;
  while (elapsed < ROUND_MILLIS) {
    for (const batch of batches) spans += reader.read(batch);
    elapsed = performance.now() - started;
  }
  return spans / (elapsed / 1_000);
}

/** Ten times the spans in one body should take ten times as long. */
function reportGrowth(rounds: number, spans: number, failing: number): void {
  const sizes = [1, 10, 100].map((factor) => ({ factor, batch: makeBatch(spans * factor, failing) }));
  const times = new Map<number, number[]>(sizes.map(({ factor }) => [factor, []]));
  for (let round = 0; round < rounds; round++) {
    for (const { factor, batch } of sizes) {
      const started = performance.now();
      const repeats = 100 / factor;
      for (let repeat = 0; repeat < repeats; repeat++) READERS[0]?.read(batch);
      times.get(factor)?.push((performance.now() - started) / repeats);
    }
  }
  const first = median(times.get(1) ?? []);
  console.log(
    markdownTable(
      ["growth: spans in the body", "KiB", "ms", "to the first"],
      sizes.map(({ factor, batch }) => {
        const millis = median(times.get(factor) ?? []);
        const kib = batch.protobuf.length / 1_024;
        return [String(spans * factor), kib.toFixed(0), millis.toFixed(2), `${(millis / first).toFixed(1)}x`];
      }),
    ),
  );
}

function reportMemory(batches: readonly Batch[], count: number): void {
  const rows: string[][] = [];
  const tenth = Math.ceil(count / 10);
  for (let index = 0; index <= count; index++) {
    if (index % tenth === 0) rows.push([String(index), (process.memoryUsage.rss() / 2 ** 20).toFixed(0)]);
    const batch = batches[index % batches.length];
    if (batch !== undefined) READERS[0]?.read(batch);
  }
  console.log(`\n${markdownTable(["memory: batches read", "RSS, MiB"], rows)}`);
}

// The alternatives

function spansOf(decoded: unknown): number {
  const { resourceSpans } = decoded as { resourceSpans: { scopeSpans: { spans: unknown[] }[] }[] }; // what makeBatch wrote
  let count = 0;
  for (const { scopeSpans } of resourceSpans) for (const { spans } of scopeSpans) count += spans.length;
  return count;
}

/** Ids as text, 64-bit numbers as text: what code that goes on to work with spans asks for. */
function toPlain(decoded: protobuf.Message): unknown {
  return TRACES.toObject(decoded, { longs: String, bytes: String, arrays: true });
}

/** As the readers count: requests by their labels, and the spans that matter. */
function count(decoded: unknown): number {
  const { resourceSpans } = decoded as unknown as DecodedRequest; // what makeBatch wrote
  const requests = new Map<string, number[]>();
  const matter: object[] = [];
  let spanCount = 0;
  for (const { scopeSpans } of resourceSpans) {
    for (const { spans } of scopeSpans) {
      spanCount += spans.length;
      for (const span of spans) {
        if (span.status?.code === 2 || span.events.some(({ name }) => name === "exception")) matter.push(span);
        if (span.kind === SERVER_KIND) countRequest(span, requests);
      }
    }
  }
  return spanCount + (matter.length + requests.size) * 0;
}

interface DecodedRequest {
  readonly resourceSpans: readonly { readonly scopeSpans: readonly { readonly spans: readonly DecodedSpan[] }[] }[];
}
interface DecodedSpan {
  readonly kind: number;
  readonly attributes: readonly {
    readonly key: string;
    readonly value: { stringValue?: string; intValue?: unknown };
  }[];
  readonly events: readonly { readonly name: string }[];
  readonly status?: { readonly code?: number };
  readonly startTimeUnixNano: protobuf.Long;
  readonly endTimeUnixNano: protobuf.Long;
}

function countRequest(span: DecodedSpan, requests: Map<string, number[]>): void {
  let method = "";
  let route = "";
  let status = 0;
  for (const { key, value } of span.attributes) {
    if (key === "http.request.method") method = value.stringValue ?? "";
    else if (key === "http.route") route = value.stringValue ?? "";
    else if (key === "http.response.status_code") status = Number(value.intValue);
  }
  const { startTimeUnixNano: start, endTimeUnixNano: end } = span;
  const millis = ((end.high - start.high) * 2 ** 32 + ((end.low >>> 0) - (start.low >>> 0))) / 1e6;
  const key = JSON.stringify([method, route, status]);
  const durations = requests.get(key);
  if (durations === undefined) requests.set(key, [millis]);
  else durations.push(millis);
}

/** Counts spans and those that failed by their status, and looks at each attribute's key. */
function walk(body: Uint8Array): number {
  const reader = protobuf.Reader.create(body);
  let spans = 0;
  let failed = 0;
  const fields = (end: number, onField: (tag: number) => boolean): void => {
    while (reader.pos < end) {
      const tag = reader.uint32();
      if (!onField(tag)) reader.skipType(tag & 7);
    }
  };
  const within = (onField: (tag: number) => boolean): true => {
    const length = reader.uint32();
    fields(reader.pos + length, onField);
    return true;
  };
  const onStatus = (tag: number): boolean => {
    if (tag !== 0x18) return false;
    if (reader.uint32() === 2) failed += 1;
    return true;
  };
  const onAttribute = (tag: number): boolean => {
    if (tag !== 0x0a) return false;
    const length = reader.uint32();
    if (
      length === EXCEPTION_TYPE.length &&
      EXCEPTION_TYPE.equals(reader.buf.subarray(reader.pos, reader.pos + length))
    ) {
      failed += 1;
    }
    reader.skip(length);
    return true;
  };
  const onSpan = (tag: number): boolean => {
    if (tag === 0x4a) return within(onAttribute);
    return tag === 0x7a && within(onStatus);
  };
  const onScope = (tag: number): boolean => {
    if (tag !== 0x12) return false;
    spans += 1;
    return within(onSpan);
  };
  const onResource = (tag: number): boolean => tag === 0x12 && within(onScope);
  fields(reader.len, (tag) => tag === 0x0a && within(onResource));
  return spans + failed * 0;
}
const EXCEPTION_TYPE = Buffer.from("exception.type");

main();
