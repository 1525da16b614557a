/**
 * Decodes the few protobuf items that matter, by protobuf's rules for what senders may write: fields in any order,
 * a message in several parts (which are merged), of several values the last. What is decoded here has been scanned
 * before: it is well formed and not nested too deeply.
 */
import { emptyBag } from "../bag";
import type { Attributes, LogRecord, RecordedException, SpanRecord } from "../event";
import { createTextReader } from "./known-bytes";
import { ANY_VALUE, EVENT, KEY_VALUE, LOG, SPAN, STATUS, VALUES } from "./otlp-protobuf-scan";
import { EXCEPTION_EVENT, MAX_EXCEPTIONS } from "./otlp-selection";
import {
  bodyText,
  bytesText,
  doubleValue,
  durationMillis,
  hasRoom,
  integerValue,
  keptKey,
  keptText,
  MAX_INNER_TEXT_LENGTH,
  MAX_INNER_VALUES,
  MAX_TEXT_LENGTH,
  type OpenAttributes,
  type OpenValue,
  openAttributes,
  putAttribute,
  recordedException,
  SPAN_ID_BYTES,
  SPAN_KINDS,
  spanStatus,
  TRACE_ID_BYTES,
  takeInner,
  unixMillis,
  type ValueBudget,
} from "./otlp-values";
import { fieldEnd, tagAt, uint32At, varintEnd, varintInt32, varintInt64, varintNumber } from "./protobuf-wire";

/** The Span at [from, end). */
export function decodeSpan(bytes: Buffer, from: number, end: number): SpanRecord {
  const attributes = openAttributes();
  const events: number[] = [];
  let traceId = "";
  let spanId = "";
  let parentSpanId = "";
  let name = "";
  let kind = 0;
  let startAt = -1;
  let endAt = -1;
  let code = 0;
  let statusMessage = "";
  eachField(bytes, from, end, (tag, at, stop) => {
    if (tag === SPAN.attributes) decodeAttribute(bytes, at, stop, attributes);
    else if (tag === SPAN.events) events.push(at, stop);
    else if (tag === SPAN.traceId) traceId = idText(bytes, at, stop, TRACE_ID_BYTES);
    else if (tag === SPAN.spanId) spanId = idText(bytes, at, stop, SPAN_ID_BYTES);
    else if (tag === SPAN.parentSpanId) parentSpanId = idText(bytes, at, stop, SPAN_ID_BYTES);
    else if (tag === SPAN.name) name = text(bytes, at, stop);
    else if (tag === SPAN.kind) kind = varintInt32(bytes, at, stop);
    else if (tag === SPAN.start) startAt = at;
    else if (tag === SPAN.end) endAt = at;
    else if (tag === SPAN.status) {
      eachField(bytes, at, stop, (inner, valueAt, valueEnd) => {
        if (inner === STATUS.code) code = varintInt32(bytes, valueAt, valueEnd);
        else if (inner === STATUS.message) statusMessage = text(bytes, valueAt, valueEnd);
      });
    }
  });
  const endNanos = nanosAt(bytes, endAt);
  return {
    traceId,
    spanId,
    parentSpanId: parentSpanId === "" ? undefined : parentSpanId,
    name,
    kind: SPAN_KINDS[kind] ?? "internal",
    endUnixMillis: unixMillis(endNanos),
    durationMillis: durationMillisAt(bytes, startAt, endAt),
    status: spanStatus(code),
    statusMessage,
    attributes: attributes.values,
    exceptions: decodeExceptions(bytes, events, endNanos),
  };
}

/** The LogRecord at [from, end). */
export function decodeLog(bytes: Buffer, from: number, end: number): LogRecord {
  const attributes = openAttributes();
  const budget: ValueBudget = { left: MAX_INNER_VALUES };
  let body: OpenValue | undefined;
  let timeAt = -1;
  let observedAt = -1;
  let severityNumber = 0;
  let eventName = "";
  let traceId = "";
  let spanId = "";
  eachField(bytes, from, end, (tag, at, stop) => {
    if (tag === LOG.attributes) decodeAttribute(bytes, at, stop, attributes);
    else if (tag === LOG.body) body = mergeValue(bytes, at, stop, body, budget, MAX_TEXT_LENGTH);
    else if (tag === LOG.time) timeAt = at;
    else if (tag === LOG.observedTime) observedAt = at;
    else if (tag === LOG.severity) severityNumber = varintInt32(bytes, at, stop);
    else if (tag === LOG.eventName) eventName = text(bytes, at, stop);
    else if (tag === LOG.traceId) traceId = idText(bytes, at, stop, TRACE_ID_BYTES);
    else if (tag === LOG.spanId) spanId = idText(bytes, at, stop, SPAN_ID_BYTES);
  });
  return {
    timeUnixMillis: unixMillis(nanosAt(bytes, timeAt) || nanosAt(bytes, observedAt)),
    eventName,
    severityNumber,
    body: bodyText(body),
    attributes: attributes.values,
    traceId: traceId === "" ? undefined : traceId,
    spanId: spanId === "" ? undefined : spanId,
  };
}

/** The attributes of all parts of a resource; `resourceTag` is their field within the message at [from, end). */
export function decodeResourceAttributes(bytes: Buffer, from: number, end: number, resourceTag: number): Attributes {
  const attributes = openAttributes();
  eachField(bytes, from, end, (tag, at, stop) => {
    if (tag !== resourceTag) return;
    eachField(bytes, at, stop, (inner, innerAt, innerEnd) => {
      if (inner === RESOURCE_ATTRIBUTES) decodeAttribute(bytes, innerAt, innerEnd, attributes);
    });
  });
  return attributes.values;
}
export const RESOURCE_ATTRIBUTES = 0x0a;

/** Of the InstrumentationScope at [from, end); undefined when it has none. */
export function decodeScopeName(bytes: Buffer, from: number, end: number): string | undefined {
  let name: string | undefined;
  eachField(bytes, from, end, (tag, at, stop) => {
    if (tag === SCOPE_NAME) name = text(bytes, at, stop);
  });
  return name;
}
const SCOPE_NAME = 0x0a;

/** The bytes as lower-case hex digits; `""` for what is no valid id: of another length, or all zero. */
export function idText(bytes: Buffer, at: number, end: number, length: number): string {
  if (end - at !== length) return "";
  let first = at;
  while (first < end && bytes[first] === 0) first++;
  return first === end ? "" : bytes.toString("hex", at, end);
}

/** Between the times at two positions, of which -1 stands for none. */
export function durationMillisAt(bytes: Uint8Array, startAt: number, endAt: number): number {
  if (startAt < 0 || endAt < 0) return 0;
  return durationMillis(
    uint32At(bytes, startAt + 4),
    uint32At(bytes, startAt),
    uint32At(bytes, endAt + 4),
    uint32At(bytes, endAt),
  );
}

function decodeExceptions(bytes: Buffer, events: readonly number[], endNanos: bigint): RecordedException[] {
  const exceptions: RecordedException[] = [];
  for (let index = 0; index < events.length && exceptions.length < MAX_EXCEPTIONS; index += 2) {
    const from = events[index] ?? 0;
    const end = events[index + 1] ?? 0;
    const attributes = openAttributes();
    let name = "";
    let timeAt = -1;
    eachField(bytes, from, end, (tag, at, stop) => {
      if (tag === EVENT.name) name = text(bytes, at, stop);
      else if (tag === EVENT.time) timeAt = at;
      else if (tag === EVENT.attributes) decodeAttribute(bytes, at, stop, attributes);
    });
    if (name !== EXCEPTION_EVENT) continue;
    exceptions.push(recordedException(attributes.values, nanosAt(bytes, timeAt), endNanos));
  }
  return exceptions;
}

/** The key first, wherever it stands: most of a million attributes are never decoded. */
function decodeAttribute(bytes: Buffer, from: number, end: number, attributes: OpenAttributes): void {
  const key = decodeKey(bytes, from, end);
  if (!hasRoom(attributes, key)) return;
  putAttribute(attributes, key, decodeValue(bytes, from, end, { left: MAX_INNER_VALUES }, MAX_TEXT_LENGTH));
}

function decodeKey(bytes: Buffer, from: number, end: number): string {
  let key = "";
  for (let pos = from; pos < end; ) {
    const start = varintEnd(bytes, pos, end);
    const tag = tagAt(bytes, pos, start);
    pos = fieldEnd(bytes, tag, start, end, ALREADY_CHECKED);
    if (tag === KEY_VALUE.key) key = keptKey(readKey(bytes, varintEnd(bytes, start, end), pos));
  }
  return key;
}
const readKey = createTextReader();

/** The value of the KeyValue at [from, end), merged from its parts. */
function decodeValue(
  bytes: Buffer,
  from: number,
  end: number,
  budget: ValueBudget,
  maxText: number,
): OpenValue | undefined {
  let value: OpenValue | undefined;
  for (let pos = from; pos < end; ) {
    const start = varintEnd(bytes, pos, end);
    const tag = tagAt(bytes, pos, start);
    pos = fieldEnd(bytes, tag, start, end, ALREADY_CHECKED);
    if (tag === KEY_VALUE.value) value = mergeValue(bytes, varintEnd(bytes, start, end), pos, value, budget, maxText);
  }
  return value;
}

/** The AnyValue at [from, end), added to what the parts before it said. */
function mergeValue(
  bytes: Buffer,
  from: number,
  end: number,
  before: OpenValue | undefined,
  budget: ValueBudget,
  maxText: number,
): OpenValue | undefined {
  let value = before;
  for (let pos = from; pos < end; ) {
    const start = varintEnd(bytes, pos, end);
    const tag = tagAt(bytes, pos, start);
    const stop = fieldEnd(bytes, tag, start, end, ALREADY_CHECKED);
    const at = (tag & 7) === 2 ? varintEnd(bytes, start, end) : start;
    pos = stop;
    if (tag === ANY_VALUE.string) value = keptText(bytes.toString("utf8", at, stop), maxText);
    else if (tag === ANY_VALUE.int) value = int64Value(bytes, at, stop);
    else if (tag === ANY_VALUE.bool) value = varintInt64(bytes, at, stop) !== 0n;
    else if (tag === ANY_VALUE.double) value = doubleValue(bytes.readDoubleLE(at));
    else if (tag === ANY_VALUE.bytes) value = bytesText(bytes.subarray(at, stop), maxText);
    else if (tag === ANY_VALUE.array) value = addItems(bytes, at, stop, value, budget);
    else if (tag === ANY_VALUE.keyValueList) value = addEntries(bytes, at, stop, value, budget);
  }
  return value;
}

/** Seven bytes hold 49 bits: most integers need no BigInt. */
function int64Value(bytes: Uint8Array, at: number, end: number): number | string {
  return end - at <= 7 ? varintNumber(bytes, at, end) : integerValue(varintInt64(bytes, at, end));
}

function addItems(
  bytes: Buffer,
  from: number,
  end: number,
  before: OpenValue | undefined,
  budget: ValueBudget,
): OpenValue {
  const list = Array.isArray(before) ? before : [];
  eachField(bytes, from, end, (tag, at, stop) => {
    if (tag !== VALUES || !takeInner(budget, list)) return;
    list.push(mergeValue(bytes, at, stop, undefined, budget, MAX_INNER_TEXT_LENGTH) ?? null);
  });
  return list;
}

function addEntries(
  bytes: Buffer,
  from: number,
  end: number,
  before: OpenValue | undefined,
  budget: ValueBudget,
): OpenValue {
  const entries = isEntries(before) ? before : emptyBag<OpenValue>();
  eachField(bytes, from, end, (tag, at, stop) => {
    if (tag !== VALUES || !takeInner(budget)) return;
    entries[decodeKey(bytes, at, stop)] = decodeValue(bytes, at, stop, budget, MAX_INNER_TEXT_LENGTH) ?? null;
  });
  return entries;
}

function isEntries(value: OpenValue | undefined): value is { [key: string]: OpenValue } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The value of a length-delimited field is its content. */
function eachField(
  bytes: Uint8Array,
  from: number,
  end: number,
  onField: (tag: number, at: number, end: number) => void,
): void {
  let pos = from;
  while (pos < end) {
    const start = varintEnd(bytes, pos, end);
    const tag = tagAt(bytes, pos, start);
    pos = fieldEnd(bytes, tag, start, end, ALREADY_CHECKED);
    onField(tag, (tag & 7) === 2 ? varintEnd(bytes, start, end) : start, pos);
  }
}
/** The nesting given where it was checked by the scan. */
const ALREADY_CHECKED = 0;

function nanosAt(bytes: Buffer, at: number): bigint {
  return at < 0 ? 0n : bytes.readBigUInt64LE(at);
}

function text(bytes: Buffer, at: number, end: number): string {
  return keptText(bytes.toString("utf8", at, end));
}
