/**
 * The path of a request through a collector, in one reading. Nothing is counted before it is acknowledged, and nothing
 * is acknowledged before it is on the disk.
 *
 *   body ──read──► batch ──extract, process──► events ──► queue (to pass on), journal ──sync──► counted ──► 200
 *            └─ malformed: 400                                     └─ not written: 503
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import { type ErrorEvent, type EventSummary, type Place, type RawError, summaryOf } from "../event";
import type { PendingTags } from "../exporter/forward-record";
import type { Journal } from "../exporter/journal";
import type { Notifier } from "../exporter/notifier";
import type { Forwarder } from "../exporter/otlp-forwarder";
import type { Metrics } from "../exporter/prometheus";
import { type ExtractOptions, extractErrors, extractLogErrors } from "../processors/extract";
import type { Frequency } from "../processors/frequency";
import { llmUsage } from "../processors/llm-usage";
import { logFailure, type OriginFailure, spanFailure } from "../processors/origin-failure";
import { processError } from "../processors/process-error";
import { redactLabel, redactResource } from "../processors/redact";
import type { Rules } from "../processors/rules";
import { type SlowRequestOptions, slowThreshold } from "../processors/slow-request-span-processor";
import { type LogBatch, MalformedOtlpError, type TraceBatch } from "../receiver/otlp-batch";
import { readLogsJson, readTracesJson } from "../receiver/otlp-json";
import { readLogsProtobuf, readTracesProtobuf } from "../receiver/otlp-protobuf";
import type { OtlpAnswer, OtlpRequest } from "../receiver/otlp-response";
import type { LogReadOptions, TraceReadOptions } from "../receiver/otlp-selection";
import type { LiveFeed } from "../server/live-feed";
import type { ReportOutcome } from "../server/report-routes";
import type { DropReason, Signal, Telemetry } from "../telemetry";
import type { HeldEvents } from "./held-events";
import type { RecordKeeper } from "./kept-records";

export interface IngestOptions {
  readonly rules: Rules;
  readonly frequency: Frequency;
  readonly extract: ExtractOptions;
  readonly slow: Pick<SlowRequestOptions, "slowMillis" | "routes">;
  readonly journal: Journal;
  /** Undefined: nothing is passed on. */
  readonly forwarder: Forwarder | undefined;
  readonly held: HeldEvents;
  readonly keeper: RecordKeeper;
  /** Undefined: nobody is told. */
  readonly notifier: Notifier | undefined;
  readonly live: LiveFeed;
  readonly metrics: Metrics;
  readonly telemetry: Telemetry;
  /** The answer waits for the disk. Else the journal is synced once a second. */
  readonly syncs: boolean;
  /** Little of the heap is left: senders are asked to come again. */
  readonly isMemoryTight: () => boolean;
  readonly newId: () => string;
  readonly nowMillis: () => number;
}

export interface Ingest {
  acceptOtlp(request: OtlpRequest): Promise<OtlpAnswer>;
  acceptReport(raw: RawError): Promise<ReportOutcome>;
}

export function createIngest(options: IngestOptions): Ingest {
  const { rules, frequency, extract, slow, journal, forwarder, held, notifier, live, metrics, telemetry } = options;
  const { newId, nowMillis } = options;
  const reading = {
    slowMillis: Math.min(slow.slowMillis, ...slow.routes.map((route) => route.slowMillis)),
    errorLogs: extract.errorLogs ?? false,
  };
  const { keeper } = options;
  const inTurn = createTurns();
  const label = (text: string): string => redactLabel(text, rules.redaction);

  /** Undefined for what rules ignore, and for what a bug of ours cannot name: the rest of its request goes on. */
  function name(raw: RawError): ErrorEvent | undefined {
    let lostTo: DropReason = "ignored";
    try {
      const event = processError(raw, rules, frequency, nowMillis());
      if (!rules.ignores(event, event.classification.category)) return event;
    } catch (error) {
      telemetry.internalError("processError", error);
      lostTo = "internal_error";
    }
    telemetry.received("errors");
    telemetry.dropped("errors", lostTo);
    return undefined;
  }

  /** Of many failures only some in each turn of the event loop. */
  async function findFailures(batch: Batch): Promise<readonly Found[]> {
    const found: Found[] = [];
    let turn = 0;
    for (const item of itemsOf(batch, newId, extract)) {
      if (++turn % FAILURES_A_TURN === 0) await nextTurn();
      const event = name(item.raw);
      if (event !== undefined) found.push({ event, place: item.place, failure: item.failureOf(event) });
    }
    return found;
  }

  /** Into the page cache. What it returns waits for the disk; an error is why it is not there. */
  function write(events: readonly ErrorEvent[], request?: Forwarded): Promise<Error | undefined> {
    const queued = request === undefined ? undefined : forwarder?.enqueue(request);
    if (queued?.status === "failed") return Promise.resolve(queued.error);
    const ids = events.map(({ id }) => id);
    held.written(ids);
    const isWritten = journal.export(events).every(({ status }) => status === "accepted");
    const onDisk = [
      isWritten ? undefined : Promise.resolve(new Error("the journal cannot be written")),
      isWritten && options.syncs && events.length > 0 ? journal.commit() : undefined,
      queued?.status === "queued" ? forwarder?.commit(queued.sequence) : undefined,
    ];
    return Promise.all(onDisk).then((results) => {
      const error = results.find((result) => result !== undefined);
      if (error !== undefined) held.refused(ids);
      return error;
    });
  }

  /** What is passed on is in the books of the forwarder. */
  function countKept({ signal, itemCount }: Forwarded): void {
    if (forwarder !== undefined) return;
    telemetry.received(SIGNALS[signal], itemCount);
    telemetry.kept(SIGNALS[signal], itemCount);
  }

  function countBatch(batch: Batch): void {
    for (const sender of batch.senders) metrics.recordSeen(redactResource(sender, rules.redaction));
    if (batch.signal === "logs") return;
    for (const group of batch.requests) {
      const { method, route } = group;
      const safe = { service: label(group.service), method: label(method), route: label(route) };
      metrics.recordRequests({ ...group, ...safe }, slowThreshold(slow, method, route));
      telemetry.received("requests", group.durationsMillis.length);
      telemetry.kept("requests", group.durationsMillis.length);
    }
    for (const { span, resource } of batch.spans) {
      const usage = llmUsage(span.attributes, label(resource.service), span.durationMillis, rules.redaction);
      if (usage !== undefined) metrics.recordLlm(usage);
    }
  }

  /** For people who look: a fault in it must not make a sender come again. */
  function keepBatch(batch: Batch): void {
    try {
      if (batch.signal === "logs") keeper.logs(batch);
      else keeper.traces(batch);
    } catch (error) {
      telemetry.internalError("keeper", error);
    }
  }

  return {
    async acceptOtlp(request) {
      if (options.isMemoryTight()) return { status: "unavailable", retryAfterMillis: RETRY_MILLIS, message: NO_MEMORY };
      const taken = await inTurn(async () => {
        const batch = read(request, { ...reading, ...keeper.limits() });
        if (batch instanceof MalformedOtlpError) return batch;
        const found = await findFailures(batch);
        const itemCount = batch.signal === "traces" ? batch.spanCount : batch.logCount;
        const forwarded: Forwarded = { ...request, itemCount, tags: found.map(tagsOf) };
        const onDisk = write(
          found.map(({ event }) => event),
          forwarded,
        );
        for (const { event } of found) notifier?.prepare(event);
        const tell = live.prepare(found.map(({ event }) => event));
        return { batch, forwarded, onDisk, tell, failures: found.map(lighter) };
      });
      if (taken instanceof MalformedOtlpError) return { status: "malformed", message: taken.message };
      if ((await taken.onDisk) !== undefined) {
        return { status: "unavailable", retryAfterMillis: RETRY_MILLIS, message: NOT_WRITTEN };
      }
      countKept(taken.forwarded);
      countBatch(taken.batch);
      keepBatch(taken.batch);
      taken.tell();
      for (const { event, failure } of taken.failures) held.add(event, failure);
      return { status: "accepted" };
    },
    async acceptReport(raw) {
      if (options.isMemoryTight()) return { status: "unavailable", reason: NO_MEMORY };
      const event = name(raw);
      if (event === undefined) return { status: "ignored" };
      const error = await write([event]);
      if (error !== undefined) return { status: "unavailable", reason: NOT_WRITTEN };
      metrics.recordSeen(event.resource);
      notifier?.prepare(event);
      live.prepare([event])();
      held.count(event);
      return { status: "accepted", fingerprint: event.fingerprint.id };
    },
  };
}

/** Some ten milliseconds of work. */
const FAILURES_A_TURN = 200;
const RETRY_MILLIS = 5_000;
const NO_MEMORY = "there is too little memory now";
const NOT_WRITTEN = "nothing can be written to the disk now";
const SIGNALS: { readonly [signal in OtlpRequest["signal"]]: Signal } = { traces: "spans", logs: "logs" };

type Batch = ({ readonly signal: "traces" } & TraceBatch) | ({ readonly signal: "logs" } & LogBatch);
type Forwarded = Parameters<Forwarder["enqueue"]>[0];

/** One at a time: a request may have many failures, and those of one are enough to have in memory. */
function createTurns(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const mine = last.then(work, work);
    last = mine;
    return mine;
  };
}

interface Found {
  readonly event: ErrorEvent;
  readonly place: Place;
  readonly failure: OriginFailure;
}

/** An error, and how the judge of origins will know it. */
interface Item {
  readonly raw: RawError;
  readonly place: Place;
  readonly failureOf: (event: ErrorEvent) => OriginFailure;
}

function read(
  { signal, encoding, body }: OtlpRequest,
  options: TraceReadOptions & LogReadOptions,
): Batch | MalformedOtlpError {
  const isJson = encoding === "json";
  try {
    return signal === "logs"
      ? { signal, ...(isJson ? readLogsJson : readLogsProtobuf)(body, options) }
      : { signal, ...(isJson ? readTracesJson : readTracesProtobuf)(body, options) };
  } catch (error) {
    if (error instanceof MalformedOtlpError) return error;
    throw error;
  }
}

function* itemsOf(batch: Batch, newId: () => string, extract: ExtractOptions): Iterable<Item> {
  if (batch.signal === "logs") {
    for (const { log, resource, place } of batch.logs) {
      const key = `${place.resource}.${place.scope}.${place.item}`;
      for (const raw of extractLogErrors(log, { resource, newId }, extract)) {
        yield { raw, place, failureOf: (event) => logFailure(event, log, key) };
      }
    }
    return;
  }
  for (const { span, resource, place } of batch.spans) {
    for (const [index, raw] of extractErrors(span, { resource, newId }, extract).entries()) {
      yield { raw, place, failureOf: (event) => spanFailure(event, span, index) };
    }
  }
}

function lighter({ event, failure }: Found): { readonly event: EventSummary; readonly failure: OriginFailure } {
  return { event: summaryOf(event), failure };
}

function tagsOf({ event, place }: Found): PendingTags {
  return {
    place,
    eventId: event.id,
    category: event.classification.category,
    group: event.classification.group,
    severity: event.rating.severity,
    fingerprint: event.fingerprint.id,
    previousFingerprint: event.fingerprint.previous,
  };
}
