/** Knows again what was read before by its bytes, so that the same few keys are not decoded over and over. */
import { byteAt } from "./protobuf-wire";

interface KnownText {
  readonly bytes: Uint8Array;
  readonly text: string;
}

/** Slots; a text that comes to a slot which another has takes it over. */
const SLOTS = 1_024;
/** Longer ones are decoded each time: so the memory stays below 1,024 texts of so many bytes. */
const MAX_BYTES = 64;

/** Turns UTF-8 within a body into text. */
export type TextReader = (bytes: Buffer, from: number, end: number) => string;

export function createTextReader(): TextReader {
  const slots = new Array<KnownText | undefined>(SLOTS).fill(undefined);
  return (bytes, from, end) => {
    if (end - from > MAX_BYTES) return bytes.toString("utf8", from, end);
    const slot = hashBytes(bytes, from, end, 0) & (SLOTS - 1);
    const known = slots[slot];
    if (known !== undefined && sameBytes(known.bytes, 0, known.bytes.length, bytes, from, end)) return known.text;
    const text = bytes.toString("utf8", from, end);
    slots[slot] = { bytes: Buffer.copyBytesFrom(bytes, from, end - from), text };
    return text;
  };
}

/** FNV-1a, its upper bits brought down to where slots are taken from. */
export function hashBytes(bytes: Uint8Array, from: number, end: number, seed: number): number {
  let value = seed ^ 0x811c9dc5;
  for (let at = from; at < end; at++) value = Math.imul(value ^ byteAt(bytes, at), 0x01000193);
  return value ^ (value >>> 15);
}

export function sameBytes(
  bytes: Uint8Array,
  from: number,
  end: number,
  others: Uint8Array,
  othersFrom: number,
  othersEnd: number,
): boolean {
  if (end - from !== othersEnd - othersFrom) return false;
  for (let at = from, other = othersFrom; at < end; at++, other++) {
    if (bytes[at] !== others[other]) return false;
  }
  return true;
}
