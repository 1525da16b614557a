/**
 * What becomes of values, attributes and times, the same from both encodings. The limits lie above those of redaction:
 * it must see that there is more than it keeps.
 *
 *   AnyValue ──► JsonValue ──► AttributeValue     plain values and lists of them as they are, structures as JSON text
 */
import { emptyBag } from "../bag";
import type { Attributes, AttributeValue, RecordedException, SpanKind, SpanRecord } from "../event";

/** Attributes kept of one item; the keys that Seismo decides by are kept beyond it. */
export const MAX_ATTRIBUTES = 128;
/** UTF-16 units of a key. */
export const MAX_KEY_LENGTH = 1_024;
/** UTF-16 units of a text. */
export const MAX_TEXT_LENGTH = 65_536;
/** UTF-16 units of a text within a list or structure. */
export const MAX_INNER_TEXT_LENGTH = 4_096;
/** Values of one list. */
export const MAX_LIST_LENGTH = 256;
/** Values within one value, at all levels. */
export const MAX_INNER_VALUES = 1_000;

/** Numbers of opentelemetry/proto 1.x: what is unspecified, or unknown, is internal. */
export const SPAN_KINDS: readonly SpanKind[] = ["internal", "internal", "server", "client", "producer", "consumer"];
const STATUS_OK = 1;
export const STATUS_ERROR = 2;
export const TRACE_ID_BYTES = 16;
export const SPAN_ID_BYTES = 8;

/** A value that is still being put together. Null within a list or structure stands for what was not set. */
export type OpenValue = string | number | boolean | null | OpenValue[] | { [key: string]: OpenValue };

/** How many values one attribute may still hold. */
export interface ValueBudget {
  left: number;
}

/** Attributes that are still being collected. */
export interface OpenAttributes {
  readonly values: { [key: string]: AttributeValue };
  count: number;
}

/** The keys that selection and resources are read from: no number of other attributes hides them. */
const DECIDING_KEYS: ReadonlySet<string> = new Set([
  "http.request.method",
  "http.method",
  "http.route",
  "http.response.status_code",
  "http.status_code",
  "http.client_aborted",
  "exception.type",
  "exception.message",
  "exception.stacktrace",
  "error.category",
  "error.fingerprint",
  "gen_ai.operation.name",
  "service.name",
  "service.version",
  "service.instance.id",
  "deployment.environment.name",
  "deployment.environment",
  "seismo.worker.id",
  "host.name",
]);

export function spanStatus(code: number): SpanRecord["status"] {
  return code === STATUS_ERROR ? "error" : code === STATUS_OK ? "ok" : "unset";
}

/** The exception that an event named `exception` tells of. An event without a time happened when the span ended. */
export function recordedException(attributes: Attributes, nanos: bigint, endNanos: bigint): RecordedException {
  return {
    timeUnixMillis: unixMillis(nanos === 0n ? endNanos : nanos),
    type: textAt(attributes, "exception.type"),
    message: textAt(attributes, "exception.message"),
    stack: textAt(attributes, "exception.stacktrace"),
  };
}

export function openAttributes(): OpenAttributes {
  return { values: emptyBag(), count: 0 };
}

/** Whether a value under this key would be kept. Saves reading those that would not. */
export function hasRoom(attributes: OpenAttributes, key: string): boolean {
  return attributes.count < MAX_ATTRIBUTES || attributes.values[key] !== undefined || DECIDING_KEYS.has(key);
}

/** For a key that has room. The last value of a key wins; what was not set is no value. */
export function putAttribute(attributes: OpenAttributes, key: string, value: OpenValue | undefined): void {
  const kept = attributeValue(value);
  if (kept === undefined) return;
  if (attributes.values[key] === undefined) attributes.count += 1;
  attributes.values[key] = kept;
}

/** Takes one more value into account; false when there is no room for it. */
export function takeInner(budget: ValueBudget, list?: readonly OpenValue[]): boolean {
  if (budget.left === 0 || (list !== undefined && list.length >= MAX_LIST_LENGTH)) return false;
  budget.left -= 1;
  return true;
}

/** The value of a log's body as text, `""` when there is none. */
export function bodyText(value: OpenValue | undefined): string {
  return valueText(attributeValue(value));
}

/** The text under a key, that of other values as JSON; `""` when there is none. */
function textAt(attributes: Attributes, key: string): string {
  return valueText(attributes[key]);
}

/**
 * The text within its limit. Of one that is too long the end is worth more than the middle: a stack begins with the
 * message, and its outermost frames come last.
 */
export function keptText(text: string, maxLength: number = MAX_TEXT_LENGTH): string {
  if (text.length <= maxLength) return text;
  const line = text.indexOf("\n", text.length - maxLength / 2);
  const kept = line < 0 ? text.slice(0, maxLength) : text.slice(0, maxLength / 2) + text.slice(line);
  return Buffer.from(kept, "utf16le").toString("utf16le"); // a copy: a slice would keep all of the text in memory
}

export function keptKey(key: string): string {
  return key.length <= MAX_KEY_LENGTH ? key : keptText(key, MAX_KEY_LENGTH);
}

/** Bytes as base64 text of at most `maxLength` digits. */
export function bytesText(bytes: Buffer, maxLength: number): string {
  return bytes.toString("base64", 0, Math.min(bytes.length, (maxLength / 4) * 3));
}

/** A number where that is exact, else the digits. */
export function integerValue(value: bigint): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}

/** JSON has no NaN and no infinity: they become their names. */
export function doubleValue(value: number): number | string {
  return Number.isFinite(value) ? value : String(value);
}

/** Unix nanoseconds as milliseconds, rounded once, as in process. */
export function unixMillis(nanos: bigint): number {
  return Number(nanos / 1_000_000_000n) * 1_000 + Number(nanos % 1_000_000_000n) / 1_000_000;
}

/** Milliseconds between two times in nanoseconds, given as halves of 32 bits; 0 without a start and for an end before it. */
export function durationMillis(startHigh: number, startLow: number, endHigh: number, endLow: number): number {
  if (startHigh === 0 && startLow === 0) return 0;
  const nanos = (endHigh - startHigh) * 0x1_0000_0000 + (endLow - startLow);
  return nanos > 0 ? nanos / 1_000_000 : 0;
}

function attributeValue(value: OpenValue | undefined): AttributeValue | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "object") return value;
  if (Array.isArray(value) && value.every(isPlain)) return value;
  return keptText(JSON.stringify(value));
}

function isPlain(value: OpenValue): value is string | number | boolean | null {
  return typeof value !== "object" || value === null;
}

function valueText(value: AttributeValue | undefined): string {
  if (value === undefined) return "";
  if (typeof value === "string") return value;
  return typeof value === "object" ? keptText(JSON.stringify(value)) : String(value);
}
