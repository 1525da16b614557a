/**
 * Reads protobuf bodies of OTLP. The body is walked in place; bytes that nobody asked for are proved to be well formed
 * and not copied. Every message of the signal is checked to its end, nested values included: what a full decoder
 * refuses is refused here. Left unchecked are the encoding of texts (U+FFFD replaces what is not UTF-8) and the
 * inside of fields that Seismo does not know, entity references among them.
 *
 *   ExportTraceServiceRequest ─► ResourceSpans ─► ScopeSpans ─► Span ──scan──► plain: counted, not copied
 *                                  └ Resource, decoded when it is asked for     └───► else decoded, and judged
 */
import type { Resource } from "../event";
import { createTextReader, hashBytes, sameBytes } from "./known-bytes";
import { createOwnerReader, type Owner } from "./known-resources";
import {
  type LogBatch,
  MAX_SENDERS,
  type ReceivedLine,
  type ReceivedLog,
  type ReceivedSpan,
  type TraceBatch,
} from "./otlp-batch";
import {
  decodeLog,
  decodeScopeName,
  decodeSpan,
  durationMillisAt,
  idText,
  RESOURCE_ATTRIBUTES,
} from "./otlp-protobuf-decode";
import {
  checkMessage,
  emptyLogScan,
  emptySpanScan,
  ITEM_NESTING,
  type SpanScan,
  scanLog,
  scanSpan,
} from "./otlp-protobuf-scan";
import {
  checkKept,
  isWorthKeeping,
  isWorthKeepingLog,
  type LogReadOptions,
  requestOf,
  routeLabel,
  severityOf,
  type TraceReadOptions,
} from "./otlp-selection";
import { SPAN_KINDS, TRACE_ID_BYTES } from "./otlp-values";
import { fieldEnd, tagAt, varintEnd } from "./protobuf-wire";
import { addRequest, createRequestGroups, type OpenGroup, type RequestGroups } from "./request-groups";

/** Fields of ExportTraceServiceRequest and ExportLogsServiceRequest, and of what is in them: the same for both signals. */
const REQUEST_RESOURCES = 0x0a;
const RESOURCE = 0x0a;
const RESOURCE_SCOPES = 0x12;
const SCOPE = 0x0a;
const SCOPE_ATTRIBUTES = 0x1a;
const SCOPE_ITEMS = 0x12;

const SERVER_KIND = SPAN_KINDS.indexOf("server");
const OK_STATUS = 200;

/** Throws MalformedOtlpError. Keeps nothing of the body. */
export function readTracesProtobuf(body: Uint8Array, options: TraceReadOptions): TraceBatch {
  const bytes = bufferOf(body);
  const groups = createRequestGroups<number>();
  const known = createKnownRequests(bytes, groups);
  const scan = emptySpanScan();
  const spans: ReceivedSpan[] = [];
  const samples: ReceivedSpan[] = [];
  let spanCount = 0;
  const senders = eachItem(bytes, (from, scope, item, at, end) => {
    spanCount += 1;
    if (scanSpan(bytes, at, end, scan) && (scan.kind !== SERVER_KIND || countPlain(from))) return;
    const span = decodeSpan(bytes, at, end);
    const request = requestOf(span);
    if (request !== undefined) {
      const group = groups.groupOf(from.resource().service, request, scan.traceIdAt);
      addRequest(group, span.durationMillis, scan.traceIdAt);
    }
    const isKept = isWorthKeeping(span, request, options);
    if (!isKept && (request === undefined || samples.length >= options.maxSamples)) return;
    if (isKept) checkKept(spans.length);
    const { resource, resourceAttributes } = from.owner();
    (isKept ? spans : samples).push({
      ...{ resource, resourceAttributes, span },
      place: { resource: from.index, scope, item },
    });
  });
  return { senders, spanCount, requests: groups.finish((at) => traceIdAt(bytes, at)), spans, samples };

  /** True when the plain server span of the scan is dealt with; false for a slow one, and for a sample. */
  function countPlain(from: ResourceReader): boolean {
    if (scan.methodAt < 0 && scan.oldMethodAt < 0) return true;
    if (samples.length < options.maxSamples) return false;
    const durationMillis = durationMillisAt(bytes, scan.startAt, scan.endAt);
    if (durationMillis >= options.slowMillis) return false;
    addRequest(known.groupOf(from.resource().service, scan), durationMillis, scan.traceIdAt);
    return true;
  }
}

/** Throws MalformedOtlpError. Keeps nothing of the body. */
export function readLogsProtobuf(body: Uint8Array, options: LogReadOptions): LogBatch {
  const bytes = bufferOf(body);
  const logs: ReceivedLog[] = [];
  const lines: ReceivedLine[] = [];
  const scan = emptyLogScan();
  let logCount = 0;
  let lineCount = 0;
  const senders = eachItem(bytes, (from, scope, item, at, end) => {
    logCount += 1;
    const isPlain = scanLog(bytes, at, end, scan);
    const isLine = severityOf(scan) >= options.lineSeverity;
    if (isLine) lineCount += 1;
    const isKeptLine = isLine && lines.length < options.maxLines;
    if (isPlain && !isKeptLine && !options.errorLogs) return;
    const log = decodeLog(bytes, at, end);
    const { resource, resourceAttributes } = from.owner();
    if (isKeptLine) lines.push({ resource, log, logger: from.scopeName() });
    if (!isWorthKeepingLog(log, options)) return;
    checkKept(logs.length);
    logs.push({ resource, resourceAttributes, log, place: { resource: from.index, scope, item } });
  });
  return { senders, logCount, logs, lineCount, lines };
}

/** The resource of the items at hand, decoded when it is first asked for. */
interface ResourceReader {
  readonly index: number;
  resource(): Resource;
  owner(): Owner;
  /** Of the scope of the item at hand. */
  scopeName(): string;
  enterScope(from: number, end: number): void;
}

type OnItem = (from: ResourceReader, scope: number, item: number, at: number, end: number) => void;

/** Gives the senders. */
function eachItem(bytes: Buffer, onItem: OnItem): readonly Resource[] {
  const senders: Resource[] = [];
  let index = 0;
  let pos = 0;
  while (pos < bytes.length) {
    const start = varintEnd(bytes, pos, bytes.length);
    const tag = tagAt(bytes, pos, start);
    pos = fieldEnd(bytes, tag, start, bytes.length, ITEM_NESTING - 3);
    if (tag !== REQUEST_RESOURCES) continue;
    const reader = eachItemOfResource(bytes, varintEnd(bytes, start, pos), pos, index++, onItem);
    if (reader !== undefined && senders.length < MAX_SENDERS) senders.push(reader.resource());
  }
  return senders;
}

/** Undefined for a resource without items. */
function eachItemOfResource(
  bytes: Buffer,
  from: number,
  end: number,
  index: number,
  onItem: OnItem,
): ResourceReader | undefined {
  let hasScopes = false;
  // From the first field of the resource to the end of the last: it may come in parts.
  let resourceAt = end;
  let resourceEnd = end;
  for (let pos = from; pos < end; ) {
    const at = pos;
    const start = varintEnd(bytes, pos, end);
    const tag = tagAt(bytes, pos, start);
    pos = fieldEnd(bytes, tag, start, end, ITEM_NESTING - 2);
    if (tag === RESOURCE) {
      checkMessage(bytes, varintEnd(bytes, start, pos), pos, RESOURCE_ATTRIBUTES, ITEM_NESTING - 1);
      resourceAt = Math.min(resourceAt, at);
      resourceEnd = pos;
    } else if (tag === RESOURCE_SCOPES) {
      hasScopes = true;
    }
  }
  if (!hasScopes) return undefined;
  const reader = createResourceReader(bytes, resourceAt, resourceEnd, index);
  let scope = 0;
  let items = 0;
  for (let pos = from; pos < end; ) {
    const start = varintEnd(bytes, pos, end);
    const tag = tagAt(bytes, pos, start);
    pos = fieldEnd(bytes, tag, start, end, ITEM_NESTING - 2);
    if (tag !== RESOURCE_SCOPES) continue;
    items += eachItemOfScope(bytes, varintEnd(bytes, start, pos), pos, reader, scope++, onItem);
  }
  return items === 0 ? undefined : reader;
}

/** Gives their number. */
function eachItemOfScope(
  bytes: Buffer,
  from: number,
  end: number,
  reader: ResourceReader,
  scope: number,
  onItem: OnItem,
): number {
  let item = 0;
  reader.enterScope(from, end);
  for (let pos = from; pos < end; ) {
    const start = varintEnd(bytes, pos, end);
    const tag = tagAt(bytes, pos, start);
    pos = fieldEnd(bytes, tag, start, end, ITEM_NESTING - 1);
    if (tag === SCOPE_ITEMS) onItem(reader, scope, item++, varintEnd(bytes, start, pos), pos);
    else if (tag === SCOPE) checkMessage(bytes, varintEnd(bytes, start, pos), pos, SCOPE_ATTRIBUTES, ITEM_NESTING);
  }
  return item;
}

function createResourceReader(bytes: Buffer, from: number, end: number, index: number): ResourceReader {
  let known: Owner | undefined;
  function owner(): Owner {
    known ??= readOwner(bytes, from, end);
    return known;
  }
  let scopeAt = 0;
  let scopeEnd = 0;
  let scopeName: string | undefined;
  return {
    index,
    owner,
    resource: () => owner().resource,
    scopeName() {
      scopeName ??= readScopeName(bytes, scopeAt, scopeEnd);
      return scopeName;
    },
    enterScope(at, stop) {
      scopeAt = at;
      scopeEnd = stop;
      scopeName = undefined;
    },
  };
}

/** Of the ScopeLogs at [from, end): its scope may stand behind the items, or come in parts. */
function readScopeName(bytes: Buffer, from: number, end: number): string {
  let name = "";
  for (let pos = from; pos < end; ) {
    const start = varintEnd(bytes, pos, end);
    const tag = tagAt(bytes, pos, start);
    pos = fieldEnd(bytes, tag, start, end, ITEM_NESTING - 1);
    if (tag !== SCOPE) continue;
    const content = varintEnd(bytes, start, pos);
    checkMessage(bytes, content, pos, SCOPE_ATTRIBUTES, ITEM_NESTING);
    name = decodeScopeName(bytes, content, pos) ?? name;
  }
  return name;
}

const readOwner = createOwnerReader(RESOURCE);

/** Finds the group of a plain span by the bytes of its labels: no text is decoded for a request like one before. */
interface KnownRequests {
  groupOf(service: string, scan: SpanScan): OpenGroup<number>;
}

const readLabel = createTextReader();

/** Slots; what does not find its own takes the way over the texts, and the slot. */
const KNOWN_REQUESTS = 256;

function createKnownRequests(bytes: Buffer, groups: RequestGroups<number>): KnownRequests {
  interface Known {
    readonly group: OpenGroup<number>;
    readonly methodAt: number;
    readonly methodEnd: number;
    readonly routeAt: number;
    readonly routeEnd: number;
  }
  const slots = new Array<Known | undefined>(KNOWN_REQUESTS).fill(undefined);
  return {
    groupOf(service, scan) {
      const isStable = scan.methodAt >= 0;
      const methodAt = isStable ? scan.methodAt : scan.oldMethodAt;
      const methodEnd = isStable ? scan.methodEnd : scan.oldMethodEnd;
      const routeAt = scan.routeAt < 0 ? methodAt : scan.routeAt;
      const routeEnd = scan.routeAt < 0 ? methodAt : scan.routeEnd;
      const answered = scan.statusCode >= 0 ? scan.statusCode : scan.oldStatusCode;
      const statusCode = answered >= 0 ? answered : OK_STATUS;
      const seed = hashBytes(bytes, methodAt, methodEnd, statusCode);
      const slot = hashBytes(bytes, routeAt, routeEnd, seed) & (KNOWN_REQUESTS - 1);
      const known = slots[slot];
      if (
        known !== undefined &&
        known.group.statusCode === statusCode &&
        known.group.service === service &&
        sameBytes(bytes, known.routeAt, known.routeEnd, bytes, routeAt, routeEnd) &&
        sameBytes(bytes, known.methodAt, known.methodEnd, bytes, methodAt, methodEnd)
      ) {
        return known.group;
      }
      const method = readLabel(bytes, methodAt, methodEnd);
      const route = routeLabel(readLabel(bytes, routeAt, routeEnd));
      const group = groups.groupOf(service, { method, route, statusCode }, scan.traceIdAt);
      slots[slot] = { group, methodAt, methodEnd, routeAt, routeEnd };
      return group;
    },
  };
}

function traceIdAt(bytes: Buffer, at: number): string {
  return at < 0 ? "" : idText(bytes, at, at + TRACE_ID_BYTES, TRACE_ID_BYTES);
}

/** The same memory. Buffers alone, whatever was given: engines read one kind of array faster than two. */
function bufferOf(body: Uint8Array): Buffer {
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength);
}
