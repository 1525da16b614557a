/**
 * Protobuf's wire form, field by field, without decoding any value.
 * https://protobuf.dev/programming-guides/encoding
 *
 *   tag (number, wire type) │ varint · 8 bytes · length and bytes · group (fields up to its end tag) · 4 bytes
 */

/** One field of a message. For a length-delimited one, `valueStart` is behind the length; for others, behind the tag. */
export interface Field {
  readonly number: number;
  readonly wireType: number;
  readonly start: number;
  readonly tagEnd: number;
  readonly valueStart: number;
  readonly end: number;
}

export const LENGTH_DELIMITED = 2;

/** The fields that stand between `start` and `end`. Throws an Error on what is no protobuf, and reads nothing outside. */
export function* fieldsOf(body: Buffer, start: number, end: number): Generator<Field, void, undefined> {
  for (let at = start; at < end; ) {
    const field = readField(body, at, end);
    yield field;
    at = field.end;
  }
}

export function encodeVarint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  bytes.push(rest);
  return Buffer.from(bytes);
}

/** A length-delimited field as it goes over the wire. */
export function encodeField(number: number, value: Buffer): Buffer {
  return Buffer.concat([encodeVarint(number * 8 + LENGTH_DELIMITED), encodeVarint(value.length), value]);
}

const VARINT = 0;
const FIXED64 = 1;
const GROUP_START = 3;
const GROUP_END = 4;
const FIXED32 = 5;
const MAX_VARINT_BYTES = 10;
const MAX_FIELD_NUMBER = 2 ** 29 - 1;

function readField(body: Buffer, start: number, limit: number): Field {
  const tagEnd = varintEnd(body, start, limit);
  const { number, wireType } = readTag(body, start, tagEnd);
  if (wireType === GROUP_END) throw malformed("a group ends that has not begun", start);
  if (wireType === GROUP_START) {
    return { number, wireType, start, tagEnd, valueStart: tagEnd, end: groupEnd(body, number, tagEnd, limit) };
  }
  const valueStart = wireType === LENGTH_DELIMITED ? varintEnd(body, tagEnd, limit) : tagEnd;
  return { number, wireType, start, tagEnd, valueStart, end: valueEnd(body, wireType, tagEnd, limit) };
}

/** With the open groups in a list, not on the call stack: nesting is as deep as the sender likes. */
function groupEnd(body: Buffer, outermost: number, start: number, limit: number): number {
  const open = [outermost];
  let at = start;
  while (open.length > 0) {
    const tagEnd = varintEnd(body, at, limit);
    const { number, wireType } = readTag(body, at, tagEnd);
    if (wireType === GROUP_START) open.push(number);
    else if (wireType === GROUP_END && open.pop() !== number) throw malformed("a group ends that has not begun", at);
    at = wireType === GROUP_START || wireType === GROUP_END ? tagEnd : valueEnd(body, wireType, tagEnd, limit);
  }
  return at;
}

/** The end of a value that is no group. */
function valueEnd(body: Buffer, wireType: number, tagEnd: number, limit: number): number {
  if (wireType === VARINT) return varintEnd(body, tagEnd, limit);
  let end: number;
  if (wireType === FIXED64) end = tagEnd + 8;
  else if (wireType === FIXED32) end = tagEnd + 4;
  else if (wireType === LENGTH_DELIMITED) {
    const lengthEnd = varintEnd(body, tagEnd, limit);
    end = lengthEnd + readVarint(body, tagEnd, lengthEnd);
  } else throw malformed("a wire type that there is not", tagEnd);
  if (end > limit) throw malformed("a field that is longer than its message", tagEnd);
  return end;
}

function readTag(body: Buffer, start: number, end: number): { number: number; wireType: number } {
  const tag = readVarint(body, start, end);
  const number = Math.floor(tag / 8);
  if (number < 1 || number > MAX_FIELD_NUMBER) throw malformed("a field number that there is not", start);
  return { number, wireType: tag % 8 };
}

function varintEnd(body: Buffer, start: number, limit: number): number {
  const last = Math.min(limit, start + MAX_VARINT_BYTES);
  for (let at = start; at < last; at++) if (byteAt(body, at) < 0x80) return at + 1;
  throw malformed("a number without an end", start);
}

/** Exact below 2^53, and above it still too large for any length. */
function readVarint(body: Buffer, start: number, end: number): number {
  let value = 0;
  for (let at = end - 1; at >= start; at--) value = value * 0x80 + (byteAt(body, at) & 0x7f);
  return value;
}

function byteAt(body: Buffer, at: number): number {
  const byte = body[at];
  if (byte === undefined) throw malformed("the end of the body", at);
  return byte;
}

function malformed(what: string, at: number): Error {
  return new Error(`not protobuf: ${what}, at byte ${at}`);
}
