/**
 * What happened before an error in the same request or job: finished spans, lines of its log, and what the application
 * said itself. While all goes well nothing is copied: an ended span is put into the ring of its local root, and that is
 * all.
 *
 *   span ends, line is logged, addBreadcrumb() ──keep──► Trail of the local root  ○ ○ ● ● ●   the oldest gives way
 *                                                          └── an error ──breadcrumbsBefore()──► its breadcrumbs
 */
import { SpanKind, SpanStatusCode } from "@opentelemetry/api";
import { hrTimeToMilliseconds } from "@opentelemetry/core";
import type { ReadableSpan } from "@opentelemetry/sdk-trace-base";
import { emptyBag } from "../bag";
import type { Attributes, Breadcrumb, JsonObject, JsonValue } from "../event";
import { detached } from "./memoized";
import type { SpanScope } from "./span-scope";

/** The latest of one local root, in the order in which they ended. */
export interface Trail {
  readonly size: number;
  readonly entries: (ReadableSpan | Breadcrumb)[];
  /** Where the oldest is, once the ring is full. */
  next: number;
}

/** What is told of something that happened now. */
export type Note = Omit<Breadcrumb, "offsetMillis" | "durationMillis" | "spanId">;

export function createTrail(size: number): Trail {
  return { size, entries: [], next: 0 };
}

/** An ended span stays itself until an error asks for it: every healthy one pays for this. */
export function keep(trail: Trail, entry: ReadableSpan | Breadcrumb): void {
  if (trail.entries.length < trail.size) trail.entries.push(entry);
  else if (trail.size > 0) {
    trail.entries[trail.next] = entry;
    trail.next = (trail.next + 1) % trail.size;
  }
}

/** `root`: the local root that it belongs to, if any. Most notes are never asked for, so they are made small first. */
export function keepNote(trail: Trail, note: Note, root: SpanScope | undefined): void {
  keep(trail, {
    ...note,
    message: note.message.length > MAX_TEXT ? detached(note.message.slice(0, MAX_TEXT)) : note.message,
    offsetMillis: offsetIn(root, note.timeUnixMillis),
    data: fieldsWithin(note.data, MAX_DATA_LENGTH),
  });
}

/** In the order in which they ended; without the span `except`, which is the error's own. */
export function breadcrumbsBefore(
  trail: Trail,
  root: SpanScope | undefined,
  except: string | undefined,
): readonly Breadcrumb[] {
  const { entries, next } = trail;
  for (const [index, entry] of entries.entries()) if (isSpan(entry)) entries[index] = toBreadcrumb(entry, root);
  return [...entries.slice(next), ...entries.slice(0, next)].filter(
    (entry): entry is Breadcrumb => !isSpan(entry) && (except === undefined || entry.spanId !== except),
  );
}

/** Enough for redaction to see a secret whole that reaches over the end of what it keeps. */
const MAX_TEXT = 1_536;
/** As JSON, in characters. */
const MAX_DATA_LENGTH = 2_048;

/** Without the fields for which there is no room. */
function fieldsWithin(data: JsonObject, maxLength: number): JsonObject {
  let room = maxLength;
  const fields = Object.entries(data).filter(([key, value]) => {
    const length = key.length + JSON.stringify(value).length;
    if (length > room) return false;
    room -= length;
    return true;
  });
  return Object.fromEntries(fields);
}

function isSpan(entry: ReadableSpan | Breadcrumb): entry is ReadableSpan {
  return "spanContext" in entry;
}

function toBreadcrumb(span: ReadableSpan, root: SpanScope | undefined): Breadcrumb {
  const timeUnixMillis = hrTimeToMilliseconds(span.startTime);
  return {
    timeUnixMillis,
    type: "span",
    category: categoryOf(span),
    message: span.name,
    level: span.status.code === SpanStatusCode.ERROR ? "error" : "info",
    offsetMillis: offsetIn(root, timeUnixMillis),
    durationMillis: hrTimeToMilliseconds(span.duration),
    data: dataOf(span),
    spanId: span.spanContext().spanId,
  };
}

function offsetIn(root: SpanScope | undefined, timeUnixMillis: number): number | undefined {
  if (root === undefined || !("startTime" in root.span)) return undefined;
  const { startTime } = root.span as unknown as ReadableSpan; // the SDK's spans are readable
  return Math.max(0, timeUnixMillis - hrTimeToMilliseconds(startTime));
}

const KINDS: { readonly [kind in SpanKind]: string } = {
  [SpanKind.INTERNAL]: "internal",
  [SpanKind.SERVER]: "server",
  [SpanKind.CLIENT]: "client",
  [SpanKind.PRODUCER]: "messaging",
  [SpanKind.CONSUMER]: "messaging",
};

function categoryOf({ kind, attributes }: ReadableSpan): string {
  if (attributes["db.system.name"] !== undefined || attributes["db.system"] !== undefined) return "database";
  const isHttp = attributes["http.request.method"] !== undefined || attributes["http.method"] !== undefined;
  return isHttp && kind === SpanKind.CLIENT ? "http" : KINDS[kind];
}

/** What a reader wants to know of a call, under its stable name, with the older ones that are read for it. */
const TOLD: readonly (readonly [name: string, ...older: readonly string[]])[] = [
  ["db.system.name", "db.system"],
  ["db.namespace", "db.name"],
  ["db.operation.name", "db.operation"],
  ["db.collection.name", "db.sql.table", "db.mongodb.collection"],
  ["db.query.text", "db.statement"],
  ["db.response.status_code"],
  ["http.request.method", "http.method"],
  ["http.route"],
  ["url.full", "http.url"],
  ["http.response.status_code", "http.status_code"],
  ["server.address", "net.peer.name"],
  ["server.port", "net.peer.port"],
  ["messaging.system"],
  ["messaging.destination.name", "messaging.destination"],
  ["rpc.service"],
  ["rpc.method"],
  ["gen_ai.request.model"],
  ["error.type"],
];

function dataOf({ attributes, status }: ReadableSpan): JsonObject {
  const data = emptyBag<JsonValue>();
  for (const [name, ...older] of TOLD) {
    const value = told(attributes, [name, ...older]);
    if (value !== undefined) data[name] = value;
  }
  if (status.code === SpanStatusCode.ERROR && status.message) data["error"] = status.message;
  return data;
}

function told(attributes: Attributes, names: readonly string[]): JsonValue | undefined {
  for (const name of names) {
    const value = attributes[name];
    if (typeof value === "string" || typeof value === "number") return value;
  }
  return undefined;
}
