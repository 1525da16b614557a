/**
 * A collector under load that is killed again and again: what it acknowledged must be in its journal.
 *
 *   senders ──spans, each failing one with a trace id of its own──► collector ──SIGKILL, restart──► … ──► journal
 *      └── acknowledged ids ──────────────────── must be found ──────────────────────────────────────────┘
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { TestContext } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { ErrorRow, ErrorsData } from "../../src/store/answers";
import { TRACES } from "../receiver/otlp-schema";
import { postOtlp } from "./otlp-requests";
import { errorsOf, freshFolder, type RunningCollector, startCollector } from "./running-collector";

export interface KillLoopOptions {
  readonly seconds: number;
  readonly kills: number;
  readonly spansPerSecond: number;
  /** A hundredth of the spans of a request. */
  readonly errorPercent: number;
  readonly ports: { readonly otlp: number; readonly api: number };
  readonly env?: { readonly [name: string]: string };
}

export interface KillLoopResult {
  /** Spans in requests that were answered with 200. */
  readonly acknowledgedSpans: number;
  readonly acknowledgedErrors: number;
  /** Acknowledged errors that are not in the journal. */
  readonly lost: number;
  /** Acknowledged errors that the store does not answer with. */
  readonly lostByStore: number;
  /** Errors that the store has more than once. */
  readonly twiceInStore: number;
  /** Lines beyond the first of an error. */
  readonly duplicates: number;
  /** Attempts without an answer, of which nobody knows what became. */
  readonly unanswered: number;
  readonly refused: number;
  readonly slowestStartMillis: number;
}

const SPANS_A_REQUEST = 500;
const SENDERS = 4;

export async function runKillLoop(context: TestContext, options: KillLoopOptions): Promise<KillLoopResult> {
  const { seconds, kills, spansPerSecond, errorPercent } = options;
  const folder = freshFolder(context);
  const env = {
    SEISMO_OTLP_PORT: String(options.ports.otlp),
    SEISMO_PORT: String(options.ports.api),
    SEISMO_JOURNAL_BACKUP_COUNT: "50",
    ...options.env,
  };
  const start = (): Promise<RunningCollector> => startCollector(context, { folder, env });
  let collector = await start();
  let slowestStartMillis = collector.startMillis;
  const template = makeTemplate(Math.round((SPANS_A_REQUEST * errorPercent) / 100));
  const until = performance.now() + seconds * 1_000;
  const acknowledged: string[] = [];
  let acknowledgedSpans = 0;
  let unanswered = 0;
  let refused = 0;
  let next = 0;

  async function send(): Promise<void> {
    const begun = performance.now();
    let sent = 0;
    while (performance.now() < until) {
      const { body, ids } = template(next++);
      for (;;) {
        const status = await postOtlp(`http://127.0.0.1:${options.ports.otlp}`, body);
        if (status === 200) break;
        if (status === undefined) unanswered += 1;
        else refused += 1;
        await pause(50); // as senders do: the same request again
      }
      acknowledged.push(...ids);
      acknowledgedSpans += SPANS_A_REQUEST;
      sent += SPANS_A_REQUEST;
      const due = begun + (sent / (spansPerSecond / SENDERS)) * 1_000;
      if (due > performance.now()) await pause(due - performance.now());
    }
  }

  async function kill(): Promise<void> {
    for (let count = 0; count < kills; count++) {
      await pause((seconds * 1_000) / (kills + 1));
      assert.equal(await collector.stop("SIGKILL"), "SIGKILL");
      collector = await start();
      slowestStartMillis = Math.max(slowestStartMillis, collector.startMillis);
    }
  }

  await Promise.all([kill(), ...Array.from({ length: SENDERS }, send)]);
  assert.equal(await collector.stop("SIGKILL"), "SIGKILL");
  if (collector.process.stdout?.readableEnded === false) await once(collector.process.stdout, "close");
  const lines = errorsOf(folder).map((line) => String(line["trace_id"]));
  const found = new Set(lines);
  collector = await start();
  const kept = await keptIn(collector, new Set(acknowledged));
  assert.equal(await collector.stop(), 0);
  return {
    acknowledgedSpans,
    acknowledgedErrors: acknowledged.length,
    lost: acknowledged.filter((id) => !found.has(id)).length,
    lostByStore: kept.missing,
    twiceInStore: kept.twice,
    duplicates: lines.length - found.size,
    unanswered,
    refused,
    slowestStartMillis,
  };
}

/** Gives the store a minute to read what the journal has. */
async function keptIn(
  collector: RunningCollector,
  wanted: ReadonlySet<string>,
): Promise<{ readonly missing: number; readonly twice: number }> {
  const until = performance.now() + 60_000;
  for (;;) {
    const rows = await allErrors(collector);
    const found = new Set(rows.map(({ trace_id }) => trace_id));
    const missing = [...wanted].filter((id) => !found.has(id)).length;
    const twice = rows.length - new Set(rows.map(({ id }) => id)).size;
    if (missing === 0 || performance.now() > until) return { missing, twice };
    await pause(200);
  }
}

async function allErrors({ apiUrl }: RunningCollector): Promise<readonly ErrorRow[]> {
  const rows: ErrorRow[] = [];
  let cursor: string | null = "";
  while (cursor !== null) {
    const page = cursor === "" ? "" : `&cursor=${cursor}`;
    const response = await fetch(`${apiUrl}/api/errors?time_range=168&limit=500${page}`);
    if (!response.ok) return []; // it is being opened
    const { data } = (await response.json()) as { readonly data: ErrorsData };
    rows.push(...data.recent_errors);
    cursor = data.next_cursor;
  }
  return rows;
}

type Request = { readonly body: Uint8Array<ArrayBuffer>; readonly ids: readonly string[] };

/** Encodes once; each request is a copy whose failing spans have trace ids of their own. */
function makeTemplate(failing: number): (number: number) => Request {
  const markers = Array.from({ length: failing }, (_, index) =>
    Buffer.from(`MARKER${String(index).padStart(10, "0")}`),
  );
  const spans = Array.from({ length: SPANS_A_REQUEST }, (_, index) => ({
    traceId: markers[index] ?? Buffer.alloc(16, 0xee),
    spanId: Buffer.alloc(8, index + 1),
    name: "GET /items/:id",
    kind: 2,
    startTimeUnixNano: String(BigInt(Date.now()) * 1_000_000n),
    endTimeUnixNano: String(BigInt(Date.now() + 7) * 1_000_000n),
    attributes: [
      { key: "http.request.method", value: { stringValue: "GET" } },
      { key: "http.route", value: { stringValue: "/items/:id" } },
      { key: "http.response.status_code", value: { intValue: index < failing ? 500 : 200 } },
    ],
    status: index < failing ? { code: 2, message: "it failed" } : {},
  }));
  const resource = { attributes: [{ key: "service.name", value: { stringValue: "shop" } }] };
  const encoded = Buffer.from(
    TRACES.encode(TRACES.fromObject({ resourceSpans: [{ resource, scopeSpans: [{ spans }] }] })).finish(),
  );
  const places = markers.map((marker) => encoded.indexOf(marker));
  assert.ok(places.every((place) => place > 0));
  return (number) => {
    const body = new Uint8Array(encoded);
    const ids = places.map((place, index) => {
      const id = Buffer.alloc(16);
      id.writeUInt32BE(0x5e150000, 0);
      id.writeUInt32BE(number + 1, 8);
      id.writeUInt32BE(index + 1, 12);
      body.set(id, place);
      return id.toString("hex");
    });
    return { body, ids };
  };
}
