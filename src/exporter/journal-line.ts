/**
 * The line of an event in the journal: a public format, written here and read back here.
 *
 *   ErrorEvent ──journalLine()──► {"id":…,"timestamp":…,"action":"error",…} ──readJournalLine()──► ErrorEvent
 */
import {
  type Breadcrumb,
  CATEGORIES,
  type DatabaseContext,
  type ErrorEvent,
  type EventSummary,
  type Group,
  type JsonObject,
  type RequestContext,
  type Severity,
  type StackFrame,
} from "../event";
import { escapeControls } from "../telemetry";
import { titleOf } from "./error-title";

/** The event as JSON text without a newline: no raw control character, valid UTF-8, at most 64 kB with its newline. */
export function journalLine(event: ErrorEvent): string {
  const record = toRecord(event);
  const line = `${toJson(record).slice(0, -1)},"stack":${framesJson(event.frames)}}`;
  return Buffer.byteLength(line) < MAX_LINE_BYTES ? line : shortened(record, event.frames);
}

/** What a judgement says: see journal.ts. */
export interface Judgement {
  /** The id of the latest event of an unbroken run from the beginning that are all judged. */
  readonly through: string;
  readonly changed: readonly JudgedEvent[];
}

export interface JudgedEvent {
  readonly id: string;
  readonly origin: "echo" | "duplicate";
  /** The event that a duplicate repeats. */
  readonly of?: string | undefined;
}

export function judgementLine({ through, changed }: Judgement, nowMillis: number): string {
  return toJson({ action: "origin", timestamp: new Date(nowMillis).toISOString(), through, changed });
}

export type JournalEntry =
  | { readonly action: "error"; readonly event: EventSummary }
  | { readonly action: "origin"; readonly through: string; readonly changed: readonly { readonly id: string }[] };

/** Undefined for a line that is torn, damaged or not of a journal. Lines are as trusted as the file that they are in. */
export function readJournalLine(line: string): JournalEntry | undefined {
  let record: unknown;
  try {
    record = JSON.parse(line);
  } catch {
    return undefined; // torn by a crash, or damaged: the caller counts it
  }
  if (!isObject(record) || Array.isArray(record)) return undefined;
  if (record["action"] === "origin") {
    const changed = Array.isArray(record["changed"]) ? record["changed"].filter(isJudged) : [];
    return { action: "origin", through: textOf(record["through"]), changed };
  }
  const severity = textOf(record["severity"]);
  const group = textOf(record["group"]);
  const timeUnixMillis = Date.parse(textOf(record["timestamp"]));
  if (record["action"] !== "error" || !isSeverity(severity) || !isGroup(group) || Number.isNaN(timeUnixMillis)) {
    return undefined;
  }
  const recurrence = isObject(record["recurrence"]) ? record["recurrence"] : {};
  const firstSeenUnixMillis = Date.parse(textOf(recurrence["first_seen"])); // older lines have none
  return {
    action: "error",
    event: {
      id: textOf(record["id"]),
      timeUnixMillis,
      type: textOf(record["error_type"]),
      origin: record["origin"] === "echo" ? "echo" : "root",
      resource: { service: textOf(record["service"]), worker: textOf(record["worker_id"]) },
      traceId: textOf(record["trace_id"]) || undefined,
      systemContext: contextOf(record["system_context"]),
      hardwareContext: contextOf(record["hardware_context"]),
      classification: { group, category: textOf(record["error_category"]) },
      fingerprint: {
        id: textOf(record["fingerprint"]),
        previous: textOf(record["fingerprint_previous"]) || undefined,
      },
      recurrence: {
        isNew: recurrence["is_new"] === true,
        isRegressed: recurrence["is_regressed"] === true,
        ...(Number.isNaN(firstSeenUnixMillis) ? {} : { firstSeenUnixMillis }),
      },
      rating: { severity },
    },
  };
}

function shortened(record: JournalRecord, whole: readonly StackFrame[]): string {
  let frames = whole;
  let short: JournalRecord = withFewerBreadcrumbs({ ...record, stack: frames.map(toFrame) });
  if (short.truncated !== record.truncated) {
    const line = toJson(short);
    if (Buffer.byteLength(line) < MAX_LINE_BYTES) return line;
  }
  for (const part of FRAME_CUTS) {
    if (!frames.some((frame) => frame[part] !== undefined)) continue;
    frames = frames.map((frame) => ({ ...frame, [part]: undefined }));
    short = { ...short, stack: frames.map(toFrame), truncated: [...short.truncated, `stack.${part}`] };
    const line = toJson(short);
    if (Buffer.byteLength(line) < MAX_LINE_BYTES) return line;
  }
  for (const fields of CUTS) {
    short = withoutFields(short, fields);
    const line = toJson(short);
    if (Buffer.byteLength(line) < MAX_LINE_BYTES) return line;
  }
  return toJson(withShortTexts(short));
}

const MAX_LINE_BYTES = 65_536;
const MAX_SHORT_CHARS = 256;

/** What the frames of a line that is too long go without before it loses anything else. */
const FRAME_CUTS = ["context", "variables"] as const;

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
    title: titleOf(event),
    error_type: event.type,
    error_message: event.message,
    error_category: event.given.category ?? classification.category,
    group: classification.group,
    severity: rating.severity,
    severity_reasons: rating.reasons,
    advice: event.advice,
    fingerprint: fingerprint.id,
    fingerprint_previous: fingerprint.previous ?? null,
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
    breadcrumbs: event.breadcrumbs?.map(toBreadcrumb) ?? [],
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
      is_regressed: recurrence.isRegressed,
      is_recurring: recurrence.isRecurring,
      first_seen: isoTime(recurrence.firstSeenUnixMillis),
      previous_seen: isoTime(recurrence.previousSeenUnixMillis),
      last_1h: recurrence.lastHour,
      last_6h: recurrence.last6Hours,
      last_24h: recurrence.last24Hours,
      last_7d: recurrence.last7Days,
      trend: recurrence.trend ?? null,
      usually_after: recurrence.usuallyAfter ?? null,
      recovery_ms: recurrence.recoveryMillis ?? null,
    },
    truncated: event.truncated,
  };
}

function toBreadcrumb(breadcrumb: Breadcrumb): object {
  const { timeUnixMillis, type, category, message, level, offsetMillis, durationMillis, data } = breadcrumb;
  return {
    timestamp: isoTime(timeUnixMillis),
    type,
    category,
    message,
    level,
    offset_ms: toMicros(offsetMillis),
    duration_ms: toMicros(durationMillis),
    data,
  };
}

/** Milliseconds to three places: clocks know no more. */
function toMicros(millis: number | undefined): number | undefined {
  return millis === undefined ? undefined : Math.round(millis * 1_000) / 1_000;
}

/** A time that no calendar has must not cost the event. */
export function timestampOf(event: ErrorEvent): string {
  return isoTime(event.timeUnixMillis) ?? new Date(0).toISOString();
}

function isoTime(unixMillis: number | undefined): string | null {
  const date = new Date(unixMillis ?? Number.NaN);
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
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
  const { module, file, line, column, context, variables } = frame;
  // What is undefined has no place in the JSON text.
  return { function: frame.function, module, file, line, column, in_app: frame.inApp, context, variables };
}

function toRequest(request: RequestContext): object {
  const { method, route, url, statusCode, peer, clientAddress, headers, durationMillis } = request;
  const [status_code, duration_ms, client_address] = [statusCode, durationMillis, clientAddress];
  return { method, route, url, peer, headers, status_code, duration_ms, client_address };
}

function toDatabase(database: DatabaseContext): object {
  const { system, namespace, operation, collection, query, statusCode, constraint, pool } = database;
  return { system, namespace, operation, collection, query, constraint, status_code: statusCode, pool };
}

/** JSON.stringify escapes a surrogate without its partner; such an escape is valid ASCII, but readers refuse it. */
export function toJson(value: object): string {
  const json = escapeControls(JSON.stringify(value));
  return json.includes("\\ud") ? json.replace(/\\(?:ud[89a-f][0-9a-f]{2}|.)/g, toWellFormed) : json;
}

function toWellFormed(sequence: string): string {
  return sequence.startsWith("\\ud") ? "\\ufffd" : sequence;
}

/** What happened longest ago is missed least: as many of the latest as leave room for all the rest. */
function withFewerBreadcrumbs(record: JournalRecord): JournalRecord {
  const all: unknown = record["breadcrumbs"];
  if (!Array.isArray(all) || all.length === 0) return record;
  const truncated = [...record.truncated, "breadcrumbs"];
  const bytesOf = (part: object): number => Buffer.byteLength(toJson(part));
  let room = MAX_LINE_BYTES - bytesOf({ ...record, breadcrumbs: [], truncated });
  const kept: unknown[] = [];
  for (const breadcrumb of all.toReversed()) {
    room -= bytesOf(breadcrumb) + 1;
    if (room <= 0) break;
    kept.push(breadcrumb);
  }
  return { ...record, breadcrumbs: kept.reverse(), truncated };
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

function isJudged(value: unknown): value is { readonly id: string } {
  return isObject(value) && typeof value["id"] === "string";
}

function isSeverity(text: string): text is Severity {
  return text === "critical" || text === "warning" || text === "info";
}

function isGroup(text: string): text is Group {
  return Object.hasOwn(CATEGORIES, text);
}

/** What JSON.parse made is JSON. */
function contextOf(value: unknown): JsonObject | undefined {
  return isObject(value) && !Array.isArray(value) ? (value as JsonObject) : undefined;
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
