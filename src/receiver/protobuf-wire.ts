/**
 * The protobuf wire format (protobuf.dev/programming-guides/encoding), read in place. Nothing is allocated and no state
 * is kept: a position goes in, a position comes out, and what does not fit between `pos` and `end` throws.
 *
 *   pos      start            end of the field
 *   │ tag    │ length │ content │           start = varintEnd(pos), content = [varintEnd(start), contentEnd(…))
 */
import { MalformedOtlpError } from "./otlp-batch";

/** Levels of messages and groups, one within the other. Checked before a level is entered: no input can exhaust the stack. */
const MAX_NESTING = 100;

const VARINT = 0;
const FIXED64 = 1;
const LENGTH = 2;
const GROUP_START = 3;
const GROUP_END = 4;
const FIXED32 = 5;
const MAX_VARINT_BYTES = 10;
const TWO_TO_32 = 0x1_0000_0000;

/** The byte at a position that is known to be within the body. */
export function byteAt(bytes: Uint8Array, pos: number): number {
  return bytes[pos] ?? 0;
}

/** Where the varint that begins at `pos` ends. */
export function varintEnd(bytes: Uint8Array, pos: number, end: number): number {
  return pos < end && byteAt(bytes, pos) < 0x80 ? pos + 1 : longVarintEnd(bytes, pos, end);
}

/** The value of the varint at [pos, stop), exact below 2^53. Of a larger one only its being large is kept. */
export function varintNumber(bytes: Uint8Array, pos: number, stop: number): number {
  return stop - pos === 1 ? byteAt(bytes, pos) : longVarintNumber(bytes, pos, stop);
}

/** The value of the varint at [pos, stop) as int32 or enum: the low 32 bits, as a negative number has ten bytes. */
export function varintInt32(bytes: Uint8Array, pos: number, stop: number): number {
  if (stop - pos === 1) return byteAt(bytes, pos);
  let value = 0;
  for (let at = Math.min(stop, pos + 5) - 1; at >= pos; at--) value = (value << 7) | (byteAt(bytes, at) & 0x7f);
  return value;
}

/** The value of the varint at [pos, stop) as int64. */
export function varintInt64(bytes: Uint8Array, pos: number, stop: number): bigint {
  let value = 0n;
  for (let at = stop - 1; at >= pos; at--) value = (value << 7n) | BigInt(byteAt(bytes, at) & 0x7f);
  return BigInt.asIntN(64, value);
}

export function uint32At(bytes: Uint8Array, pos: number): number {
  const low = byteAt(bytes, pos) | (byteAt(bytes, pos + 1) << 8) | (byteAt(bytes, pos + 2) << 16);
  return low + byteAt(bytes, pos + 3) * 0x100_0000;
}

/** Number and wire type of the field whose tag is at [pos, stop). */
export function tagAt(bytes: Uint8Array, pos: number, stop: number): number {
  const tag = varintNumber(bytes, pos, stop);
  if (tag < 8 || tag >= TWO_TO_32) throw malformed("a field number that there cannot be", pos);
  return tag;
}

/** The end of the content that begins at `start` and whose length is the varint at [pos, start). */
export function contentEnd(bytes: Uint8Array, pos: number, start: number, end: number): number {
  const length = varintNumber(bytes, pos, start);
  if (length > end - start) throw malformed("a length that goes over the end", pos);
  return start + length;
}

/** The end of the eight bytes at `pos`. */
export function fixed64End(pos: number, end: number): number {
  if (end - pos < 8) throw malformed("a 64-bit field that is cut off", pos);
  return pos + 8;
}

/** The end of a field that nobody asked for and whose tag ended at `pos`, whatever its wire type. */
export function fieldEnd(bytes: Uint8Array, tag: number, pos: number, end: number, nesting: number): number {
  switch (tag & 7) {
    case VARINT:
      return varintEnd(bytes, pos, end);
    case FIXED64:
      return fixed64End(pos, end);
    case LENGTH:
      return contentEnd(bytes, pos, varintEnd(bytes, pos, end), end);
    case GROUP_START:
      return groupEnd(bytes, tag, pos, end, enter(nesting, pos));
    case FIXED32:
      if (end - pos < 4) throw malformed("a 32-bit field that is cut off", pos);
      return pos + 4;
    default:
      throw malformed("a wire type that there cannot be", pos);
  }
}

/** The nesting within a message that is entered at `pos`. */
export function enter(nesting: number, pos: number): number {
  if (nesting >= MAX_NESTING) throw malformed(`more than ${MAX_NESTING} levels`, pos);
  return nesting + 1;
}

function groupEnd(bytes: Uint8Array, startTag: number, pos: number, end: number, nesting: number): number {
  const endTag = startTag - GROUP_START + GROUP_END;
  let at = pos;
  while (at < end) {
    const start = varintEnd(bytes, at, end);
    const tag = tagAt(bytes, at, start);
    if (tag === endTag) return start;
    at = fieldEnd(bytes, tag, start, end, nesting);
  }
  throw malformed("a group without an end", pos);
}

function longVarintEnd(bytes: Uint8Array, pos: number, end: number): number {
  if (end - pos > 1 && byteAt(bytes, pos + 1) < 0x80) return pos + 2;
  const limit = Math.min(end, pos + MAX_VARINT_BYTES);
  for (let at = pos; at < limit; at++) {
    if (byteAt(bytes, at) < 0x80) return at + 1;
  }
  throw malformed(limit === end ? "a varint that is cut off" : "a varint of more than ten bytes", pos);
}

function longVarintNumber(bytes: Uint8Array, pos: number, stop: number): number {
  let value = 0;
  for (let at = stop - 1; at >= pos; at--) value = value * 0x80 + (byteAt(bytes, at) & 0x7f);
  return value;
}

function malformed(what: string, pos: number): MalformedOtlpError {
  return new MalformedOtlpError(`protobuf: ${what}, at byte ${pos}`);
}
