/**
 * The journal: one JSON line for each error event, the durable truth.
 *
 *   export ──write──► error_log.jsonl ──fdatasync, within a second──► disk
 *             └─failed─► error_log_fallback.txt ─failed─► rejected
 *
 * All events of one call are one write into the page cache (5 µs), so `accepted` means written: nothing waits in this
 * process, and what kills it takes no line along. Only the sync can take milliseconds; it runs beside the event loop.
 */
import type { DatabaseContext, ErrorEvent, ErrorExporter, ExportResult, RequestContext, StackFrame } from "../event";
import {
  type AppendFile,
  type AppendFileOptions,
  createAppendFile,
  escapeControls,
  type Telemetry,
} from "../telemetry";

/** Path, size and number of older files hold for journal and fallback alike. */
export interface JournalOptions extends AppendFileOptions {
  readonly fallbackPath: string;
  readonly telemetry: Telemetry;
}

/** Rejects with `journal_failed` what neither journal nor fallback takes, and tries the files anew with each event. */
export function createJournal(options: JournalOptions): ErrorExporter {
  const { telemetry } = options;
  const file = createAppendFile(options);
  const fallback = createAppendFile({ ...options, path: options.fallbackPath });
  let syncTimer: NodeJS.Timeout | undefined;
  let isShutDown = false;

  function append(to: AppendFile, lines: string): boolean {
    const result = to.append(lines);
    if (result.status === "written") return true;
    telemetry.logLimited("error", `journal:${to.path}`, `cannot write ${to.path}: ${result.error.message}`);
    return false;
  }

  function write(events: readonly ErrorEvent[]): readonly ExportResult[] {
    if (append(file, events.map((event) => `${journalLine(event)}\n`).join(""))) {
      syncTimer ??= setTimeout(() => void sync(), SYNC_INTERVAL_MILLIS).unref();
      return events.map(() => ACCEPTED);
    }
    return events.map((event) => (append(fallback, `${plainLine(event)}\n`) ? ACCEPTED : FAILED));
  }

  function report(error: Error | undefined): void {
    if (error === undefined) return;
    telemetry.logLimited("error", "journal:sync", `cannot sync ${file.path}: ${error.message}`);
  }

  async function sync(): Promise<void> {
    clearTimeout(syncTimer);
    syncTimer = undefined;
    report(await file.sync());
  }

  return {
    name: "journal",
    export(events) {
      if (isShutDown) return events.map(() => SHUT_DOWN);
      const results: ExportResult[] = [];
      for (let from = 0; from < events.length; from += MAX_LINES_A_WRITE) {
        results.push(...write(events.slice(from, from + MAX_LINES_A_WRITE)));
      }
      return results;
    },
    flushNow: () => report(file.syncNow()),
    forceFlush: sync,
    async shutdown() {
      isShutDown = true;
      await sync();
      file.close();
      fallback.close();
    },
  };
}

/** The event as JSON text without a newline: no raw control character, valid UTF-8, at most 64 kB with its newline. */
export function journalLine(event: ErrorEvent): string {
  const record = toRecord(event);
  const line = `${toJson(record).slice(0, -1)},"stack":${framesJson(event.frames)}}`;
  return Buffer.byteLength(line) < MAX_LINE_BYTES ? line : shortened({ ...record, stack: event.frames.map(toFrame) });
}

function shortened(record: JournalRecord): string {
  let short = record;
  for (const fields of CUTS) {
    short = withoutFields(short, fields);
    const line = toJson(short);
    if (Buffer.byteLength(line) < MAX_LINE_BYTES) return line;
  }
  return toJson(withShortTexts(short));
}

const MAX_LINE_BYTES = 65_536;
/** So that one write stays under 4 MB. */
const MAX_LINES_A_WRITE = 64;
const ACCEPTED: ExportResult = { status: "accepted" };
const FAILED: ExportResult = { status: "rejected", reason: "journal_failed" };
const SHUT_DOWN: ExportResult = { status: "rejected", reason: "shutdown" };
const SYNC_INTERVAL_MILLIS = 1_000;
const MAX_SHORT_CHARS = 256;
const MAX_PLAIN_CHARS = 4_096;

/** What a line that is too long goes without, in this order; named in its `truncated`. */
const CUTS: readonly (readonly string[])[] = [
  ["attributes"],
  ["user_context", "system_context", "hardware_context"],
  ["error_details"],
  ["request", "database"],
  ["causes"],
  ["stack", "stack_text"],
];

type JournalRecord = { readonly [field: string]: unknown; readonly truncated: readonly string[] };

/**
 * All but `stack`. The field names are a public format: `null` where nothing is known, so that every line has the same
 * columns.
 */
function toRecord(event: ErrorEvent): JournalRecord {
  const { classification, fingerprint, rating, recurrence, resource } = event;
  return {
    id: event.id,
    timestamp: timestampOf(event),
    action: "error",
    error_type: event.type,
    error_message: event.message,
    error_category: event.given.category ?? classification.category,
    group: classification.group,
    severity: rating.severity,
    severity_reasons: rating.reasons,
    fingerprint: fingerprint.id,
    fingerprint_version: fingerprint.version,
    fingerprint_reason: fingerprint.reason,
    service: resource.service,
    service_version: resource.serviceVersion ?? null,
    environment: resource.environment ?? null,
    worker_id: resource.worker,
    request_id: event.requestId ?? null,
    session_id: event.sessionId ?? null,
    user_id: event.userId ?? null,
    page: event.page ?? null,
    user_agent: event.userAgent ?? null,
    user_context: event.userContext ?? null,
    error_details: { ...event.properties, ...event.details },
    // Only where no frame could be read from it: a stack of an unknown language is kept as it came.
    stack_text: event.frames.length === 0 && event.stack !== "" ? event.stack : null,
    causes: event.causes,
    request: event.request ? toRequest(event.request) : null,
    database: event.database ? toDatabase(event.database) : null,
    system_context: event.systemContext ?? null,
    hardware_context: event.hardwareContext ?? null,
    trace_id: event.traceId ?? null,
    span_id: event.spanId ?? null,
    span_name: event.spanName ?? null,
    span_kind: event.spanKind ?? null,
    attributes: event.attributes,
    source: event.source,
    origin: event.origin,
    handled: event.handled,
    fatal: event.fatal,
    recurrence: {
      is_new: recurrence.isNew,
      last_1h: recurrence.lastHour,
      last_6h: recurrence.last6Hours,
      last_24h: recurrence.last24Hours,
    },
    truncated: event.truncated,
  };
}

/** A time that no calendar has must not cost the event. */
function timestampOf(event: ErrorEvent): string {
  const date = new Date(event.timeUnixMillis);
  return Number.isNaN(date.getTime()) ? new Date(0).toISOString() : date.toISOString();
}

/** A stack that comes again has the same frames object, and they are half of the line. */
function framesJson(frames: readonly StackFrame[]): string {
  let json = KNOWN_FRAMES.get(frames);
  if (json === undefined) {
    json = toJson(frames.map(toFrame));
    KNOWN_FRAMES.set(frames, json);
  }
  return json;
}
const KNOWN_FRAMES = new WeakMap<readonly StackFrame[], string>();

// Field by field: taking an object apart with `...rest` was measured to cost as much as the whole JSON text.
function toFrame(frame: StackFrame): object {
  const { module, file, line, column } = frame;
  return { function: frame.function, module, file, line, column, in_app: frame.inApp };
}

function toRequest(request: RequestContext): object {
  const { method, route, url, statusCode, peer, headers, durationMillis } = request;
  return { method, route, url, peer, headers, status_code: statusCode, duration_ms: durationMillis };
}

function toDatabase(database: DatabaseContext): object {
  const { system, namespace, operation, collection, query, statusCode, constraint } = database;
  return { system, namespace, operation, collection, query, constraint, status_code: statusCode };
}

/** JSON.stringify escapes a surrogate without its partner; such an escape is valid ASCII, but readers refuse it. */
function toJson(value: object): string {
  const json = escapeControls(JSON.stringify(value));
  return json.includes("\\ud") ? json.replace(/\\(?:ud[89a-f][0-9a-f]{2}|.)/g, toWellFormed) : json;
}

function toWellFormed(sequence: string): string {
  return sequence.startsWith("\\ud") ? "\\ufffd" : sequence;
}

function withoutFields(record: JournalRecord, fields: readonly string[]): JournalRecord {
  const present = fields.filter((field) => record[field] !== null);
  const empty = Object.fromEntries(present.map((field) => [field, null]));
  return { ...record, ...empty, truncated: [...record.truncated, ...present] };
}

/** The last resort: nothing but short texts and numbers is left. */
function withShortTexts(record: JournalRecord): JournalRecord {
  const entries = Object.entries(record).map(([field, value]) => [field, toShort(value)]);
  return { ...Object.fromEntries(entries), truncated: ["line"] };
}

function toShort(value: unknown): unknown {
  if (typeof value === "string") return value.slice(0, MAX_SHORT_CHARS);
  return typeof value === "object" ? null : value;
}

function plainLine(event: ErrorEvent): string {
  const { rating, classification, fingerprint, resource } = event;
  const about = `service=${resource.service} worker=${resource.worker} fingerprint=${fingerprint.id} id=${event.id}`;
  const text = `${timestampOf(event)} ${rating.severity} ${classification.category} ${about} ${event.type}: ${event.message}`;
  return escapeControls(text.slice(0, MAX_PLAIN_CHARS));
}
