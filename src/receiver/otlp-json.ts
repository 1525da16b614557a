/**
 * Reads JSON bodies of OTLP: the JSON mapping of proto3 as OTLP restricts it. Ids are hex digits, enums are numbers (their
 * names are refused, as the specification forbids them), 64-bit integers are numbers or decimal strings, null means
 * absent, unknown fields are ignored. What Seismo reads must have the right type; the error says where it has not.
 *
 * A time that is written as a bare number has gone through a double: it is exact to 256 ns. Senders write strings.
 */
import { emptyBag } from "../bag";
import type { Attributes, LogRecord, RecordedException, Resource, SpanRecord } from "../event";
import { jsonFault } from "./json-shape";
import {
  type LogBatch,
  MAX_SENDERS,
  MalformedOtlpError,
  type ReceivedLine,
  type ReceivedLog,
  type ReceivedSpan,
  type TraceBatch,
} from "./otlp-batch";
import {
  checkKept,
  EXCEPTION_EVENT,
  isWorthKeeping,
  isWorthKeepingLog,
  type LogReadOptions,
  MAX_EXCEPTIONS,
  requestOf,
  severityOf,
  type TraceReadOptions,
  toResource,
} from "./otlp-selection";
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
import { addRequest, createRequestGroups } from "./request-groups";

/** Levels of objects and lists, one within the other; counted before anything recursive sees the text. */
export const MAX_JSON_NESTING = 100;
/** Objects and lists of one body, counted before it is parsed: two bytes each could hold the event loop for seconds. */
export const MAX_JSON_CONTAINERS = 1_000_000;

/** Throws MalformedOtlpError. */
export function readTracesJson(body: Uint8Array, options: TraceReadOptions): TraceBatch {
  const groups = createRequestGroups<string>();
  const spans: ReceivedSpan[] = [];
  const samples: ReceivedSpan[] = [];
  let spanCount = 0;
  const senders = eachItem(parse(body), ["resourceSpans", "scopeSpans", "spans"], (value, at, owner, place) => {
    spanCount += 1;
    const span = readSpan(value, at);
    const request = requestOf(span);
    if (request !== undefined) {
      addRequest(groups.groupOf(owner().resource.service, request, span.traceId), span.durationMillis, span.traceId);
    }
    if (isWorthKeeping(span, request, options)) {
      checkKept(spans.length);
      spans.push({ ...owner(), span, place });
    } else if (request !== undefined && samples.length < options.maxSamples) {
      samples.push({ ...owner(), span, place });
    }
  });
  return { senders, spanCount, requests: groups.finish((traceId) => traceId), spans, samples };
}

/** Throws MalformedOtlpError. */
export function readLogsJson(body: Uint8Array, options: LogReadOptions): LogBatch {
  const logs: ReceivedLog[] = [];
  const lines: ReceivedLine[] = [];
  let logCount = 0;
  let lineCount = 0;
  const path = ["resourceLogs", "scopeLogs", "logRecords"] as const;
  const senders = eachItem(parse(body), path, (value, at, owner, place, logger) => {
    logCount += 1;
    const log = readLog(value, at);
    if (severityOf(log) >= options.lineSeverity) {
      lineCount += 1;
      if (lines.length < options.maxLines) lines.push({ resource: owner().resource, log, logger });
    }
    if (!isWorthKeepingLog(log, options)) return;
    checkKept(logs.length);
    logs.push({ ...owner(), log, place });
  });
  return { senders, logCount, logs, lineCount, lines };
}

/** A step of the way to a value, for the message of an error alone. */
interface At {
  readonly above: At | undefined;
  readonly name: string;
  /** Within the list of that name; -1 for no list. */
  readonly index: number;
}

/** An object of the body: own keys only are asked for, and none that an object has by itself. */
type Fields = { readonly [name: string]: unknown };

type Owner = () => Pick<ReceivedSpan, "resource" | "resourceAttributes">;

function parse(body: Uint8Array): Fields {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const fault = jsonFault(bytes, { nesting: MAX_JSON_NESTING, containers: MAX_JSON_CONTAINERS });
  if (fault !== undefined) throw new MalformedOtlpError(fault);
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)); // which takes a byte order mark away
  } catch {
    throw new MalformedOtlpError("the body is not JSON in UTF-8"); // the parser's own message quotes the body
  }
  return asFields(parsed, undefined);
}

/** Gives the senders. */
function eachItem(
  request: Fields,
  [resources, scopes, items]: readonly [resources: string, scopes: string, items: string],
  onItem: (value: unknown, at: At, owner: Owner, place: ReceivedSpan["place"], scopeName: string) => void,
): readonly Resource[] {
  const senders: Resource[] = [];
  let sender: Owner | undefined;
  eachOf(request, resources, undefined, (ofResource, resourceAt, resource) => {
    const fields = asFields(ofResource, resourceAt);
    const owner = ownerOf(readAttributes(fieldsAt(fields, "resource", resourceAt), step(resourceAt, "resource")));
    eachOf(fields, scopes, resourceAt, (ofScope, scopeAt, scope) => {
      const scopeFields = asFields(ofScope, scopeAt);
      const own = fieldsAt(scopeFields, "scope", scopeAt);
      const ownAt = step(scopeAt, "scope");
      const scopeName = textAt(own, "name", ownAt);
      readAttributes(own, ownAt);
      eachOf(scopeFields, items, scopeAt, (value, at, item) => {
        if (senders.length < MAX_SENDERS && sender !== owner) senders.push(owner().resource);
        sender = owner;
        onItem(value, at, owner, { resource, scope, item }, scopeName);
      });
    });
  });
  return senders;
}

function ownerOf(resourceAttributes: Attributes): Owner {
  let owner: ReturnType<Owner> | undefined;
  return () => {
    owner ??= { resource: toResource(resourceAttributes), resourceAttributes };
    return owner;
  };
}

function readSpan(value: unknown, at: At): SpanRecord {
  const fields = asFields(value, at);
  const startNanos = nanosAt(fields, "startTimeUnixNano", at);
  const endNanos = nanosAt(fields, "endTimeUnixNano", at);
  const status = fieldsAt(fields, "status", at);
  const statusAt = step(at, "status");
  eachOf(fields, "links", at, (link, linkAt) => readAttributes(asFields(link, linkAt), linkAt));
  return {
    traceId: idAt(fields, "traceId", at, TRACE_ID_BYTES),
    spanId: idAt(fields, "spanId", at, SPAN_ID_BYTES),
    parentSpanId: idAt(fields, "parentSpanId", at, SPAN_ID_BYTES) || undefined,
    name: textAt(fields, "name", at),
    kind: SPAN_KINDS[enumAt(fields, "kind", at)] ?? "internal",
    endUnixMillis: unixMillis(endNanos),
    durationMillis: durationMillis(high(startNanos), low(startNanos), high(endNanos), low(endNanos)),
    status: spanStatus(enumAt(status, "code", statusAt)),
    statusMessage: textAt(status, "message", statusAt),
    attributes: readAttributes(fields, at),
    exceptions: readExceptions(fields, at, endNanos),
  };
}

function readExceptions(fields: Fields, at: At, endNanos: bigint): readonly RecordedException[] {
  const exceptions: RecordedException[] = [];
  eachOf(fields, "events", at, (event, eventAt) => {
    const eventFields = asFields(event, eventAt);
    const name = textAt(eventFields, "name", eventAt);
    const nanos = nanosAt(eventFields, "timeUnixNano", eventAt);
    const attributes = readAttributes(eventFields, eventAt);
    if (name !== EXCEPTION_EVENT || exceptions.length === MAX_EXCEPTIONS) return;
    exceptions.push(recordedException(attributes, nanos, endNanos));
  });
  return exceptions;
}

function readLog(value: unknown, at: At): LogRecord {
  const fields = asFields(value, at);
  const nanos = nanosAt(fields, "timeUnixNano", at);
  const observedNanos = nanosAt(fields, "observedTimeUnixNano", at);
  const body = readValue(fields["body"], step(at, "body"), { left: MAX_INNER_VALUES }, MAX_TEXT_LENGTH);
  return {
    timeUnixMillis: unixMillis(nanos || observedNanos),
    eventName: textAt(fields, "eventName", at),
    severityNumber: enumAt(fields, "severityNumber", at),
    body: bodyText(body),
    attributes: readAttributes(fields, at),
    traceId: idAt(fields, "traceId", at, TRACE_ID_BYTES) || undefined,
    spanId: idAt(fields, "spanId", at, SPAN_ID_BYTES) || undefined,
  };
}

function readAttributes(fields: Fields, at: At): Attributes {
  const attributes = openAttributes();
  eachOf(fields, "attributes", at, (entry, entryAt) => {
    const entryFields = asFields(entry, entryAt);
    const budget = { left: MAX_INNER_VALUES };
    const value = readValue(entryFields["value"], step(entryAt, "value"), budget, MAX_TEXT_LENGTH);
    const key = readKey(entryFields, entryAt);
    if (hasRoom(attributes, key)) putAttribute(attributes, key, value);
  });
  return attributes.values;
}

function readKey(fields: Fields, at: At): string {
  return keptKey(stringOf(fields["key"], at, "key"));
}

/** Of several members the last counts, as on the wire. */
function readValue(given: unknown, at: At, budget: ValueBudget, maxText: number): OpenValue | undefined {
  if (given === undefined || given === null) return undefined;
  const fields = asFields(given, at);
  let value: OpenValue | undefined;
  for (const name of Object.keys(fields)) {
    const member = fields[name];
    if (member !== null) value = readMember(name, member, fields, at, budget, maxText) ?? value;
  }
  return value;
}

/** Undefined for a member that is none of AnyValue's. */
function readMember(
  name: string,
  member: unknown,
  fields: Fields,
  at: At,
  budget: ValueBudget,
  maxText: number,
): OpenValue | undefined {
  switch (name) {
    case "stringValue":
      return keptText(stringOf(member, at, name), maxText);
    case "boolValue":
      if (typeof member !== "boolean") throw wrongType(step(at, name), "true or false");
      return member;
    case "intValue":
      return integerValue(int64Of(member, step(at, name)));
    case "doubleValue":
      return doubleValue(doubleOf(member, step(at, name)));
    case "bytesValue":
      return bytesText(Buffer.from(stringOf(member, at, name), "base64"), maxText);
    case "arrayValue":
      return readItems(fieldsAt(fields, name, at), step(at, name), budget);
    case "kvlistValue":
      return readEntries(fieldsAt(fields, name, at), step(at, name), budget);
    default:
      return undefined;
  }
}

function readItems(fields: Fields, at: At, budget: ValueBudget): OpenValue {
  const list: OpenValue[] = [];
  eachOf(fields, "values", at, (item, itemAt) => {
    asFields(item, itemAt);
    if (!takeInner(budget, list)) return;
    list.push(readValue(item, itemAt, budget, MAX_INNER_TEXT_LENGTH) ?? null);
  });
  return list;
}

function readEntries(fields: Fields, at: At, budget: ValueBudget): OpenValue {
  const entries = emptyBag<OpenValue>();
  eachOf(fields, "values", at, (entry, entryAt) => {
    const entryFields = asFields(entry, entryAt);
    if (!takeInner(budget)) return;
    const key = readKey(entryFields, entryAt);
    entries[key] = readValue(entryFields["value"], step(entryAt, "value"), budget, MAX_INNER_TEXT_LENGTH) ?? null;
  });
  return entries;
}

function eachOf(
  fields: Fields,
  name: string,
  at: At | undefined,
  onItem: (item: unknown, at: At, index: number) => void,
): void {
  const list = fields[name];
  if (list === undefined || list === null) return;
  if (!Array.isArray(list)) throw wrongType(step(at, name), "a list");
  for (let index = 0; index < list.length; index++) onItem(list[index], { above: at, name, index }, index);
}

/** The message under a name; one without fields when there is none. */
function fieldsAt(fields: Fields, name: string, at: At): Fields {
  const value = fields[name];
  return value === undefined || value === null ? NO_FIELDS : asFields(value, step(at, name));
}
const NO_FIELDS: Fields = {};

function asFields(value: unknown, at: At | undefined): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrongType(at, "an object");
  return value as Fields; // an object that JSON.parse made
}

function textAt(fields: Fields, name: string, at: At): string {
  return keptText(stringOf(fields[name], at, name));
}

function stringOf(value: unknown, at: At, name: string): string {
  if (value === undefined || value === null) return "";
  if (typeof value !== "string") throw wrongType(step(at, name), "a string");
  return value;
}

function enumAt(fields: Fields, name: string, at: At): number {
  const value = fields[name] ?? 0;
  if (typeof value !== "number" || !Number.isInteger(value)) throw wrongType(step(at, name), "a number of an enum");
  return value;
}

/** Lower-case hex digits; `""` for what is no valid id: of another length, or all zero. */
function idAt(fields: Fields, name: string, at: At, bytes: number): string {
  const id = stringOf(fields[name], at, name);
  return id.length === bytes * 2 && /^[0-9a-f]+$/i.test(id) && !/^0+$/.test(id) ? id.toLowerCase() : "";
}

function nanosAt(fields: Fields, name: string, at: At): bigint {
  const value = fields[name];
  if (value === undefined || value === null) return 0n;
  const nanos = integerOf(value, MAX_UINT64);
  if (nanos === undefined || BigInt.asUintN(64, nanos) !== nanos) throw wrongType(step(at, name), "nanoseconds");
  return nanos;
}

function int64Of(value: unknown, at: At): bigint {
  const integer = integerOf(value, MAX_INT64);
  if (integer === undefined || BigInt.asIntN(64, integer) !== integer) throw wrongType(at, "a 64-bit integer");
  return integer;
}

const MAX_UINT64 = (1n << 64n) - 1n;
const MAX_INT64 = (1n << 63n) - 1n;

/** Undefined for what is no integer. A bare number at the upper bound has been rounded to just over it. */
function integerOf(value: unknown, max: bigint): bigint | undefined {
  if (typeof value === "string") return /^-?\d{1,20}$/.test(value) ? BigInt(value) : undefined;
  if (typeof value !== "number" || !Number.isInteger(value)) return undefined;
  const integer = BigInt(value);
  return integer === max + 1n ? max : integer;
}

function doubleOf(value: unknown, at: At): number {
  if (typeof value === "number") return value;
  if (typeof value === "string" && /^(NaN|-?Infinity|-?\d[\d.eE+-]*)$/.test(value)) return Number(value);
  throw wrongType(at, "a number");
}

function high(nanos: bigint): number {
  return Number(nanos >> 32n);
}

function low(nanos: bigint): number {
  return Number(nanos & 0xffff_ffffn);
}

function step(above: At | undefined, name: string): At {
  return { above, name, index: -1 };
}

function wrongType(at: At | undefined, expected: string): MalformedOtlpError {
  return new MalformedOtlpError(`${at === undefined ? "the body" : pathOf(at)}: expected ${expected}`);
}

function pathOf({ above, name, index }: At): string {
  const own = index < 0 ? name : `${name}[${index}]`;
  return above === undefined ? own : `${pathOf(above)}.${own}`;
}
