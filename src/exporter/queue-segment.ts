/**
 * A segment file of the disk queue: records one after the other, each with what is needed to find it again after damage.
 *
 *   name    <first sequence, 16 digits>-<salt, 8 hex digits>.queue
 *   file    SEISMOQ1 │ record │ record │ …
 *   record  marker (4) │ sequence (8) │ length (4) │ CRC of the payload (4) │ CRC of these 20 bytes (4) │ payload
 *
 * Numbers are little-endian; CRC-32 as in zlib. The CRC of a record's head begins with the salt, which no sender knows:
 * bytes inside a payload that look like a record are never taken for one.
 */
import { randomBytes } from "node:crypto";
import { readSync } from "node:fs";
import { crc32 } from "node:zlib";

export const SEGMENT_MAGIC: Buffer = Buffer.from("SEISMOQ1");
export const RECORD_HEAD_BYTES = 24;

export interface SegmentName {
  readonly file: string;
  readonly firstSequence: number;
  readonly salt: number;
}

export function newSegmentName(firstSequence: number): SegmentName {
  const salt = randomBytes(4);
  const file = `${String(firstSequence).padStart(16, "0")}-${salt.toString("hex")}.queue`;
  return { file, firstSequence, salt: salt.readUInt32BE() };
}

/** `undefined` for a file that is no segment. */
export function parseSegmentName(file: string): SegmentName | undefined {
  const [, sequence, salt] = /^(\d{16})-([0-9a-f]{8})\.queue$/.exec(file) ?? [];
  const firstSequence = Number(sequence);
  if (salt === undefined || !Number.isSafeInteger(firstSequence)) return undefined;
  return { file, firstSequence, salt: Number.parseInt(salt, 16) };
}

export function encodeHead(sequence: number, payload: readonly Buffer[], salt: number): Buffer {
  const head = Buffer.alloc(RECORD_HEAD_BYTES);
  MARKER.copy(head, 0);
  head.writeBigUInt64LE(BigInt(sequence), 4);
  head.writeUInt32LE(lengthOf(payload), 12);
  head.writeUInt32LE(
    payload.reduce((crc, part) => crc32(part, crc), 0),
    16,
  );
  head.writeUInt32LE(crc32(head.subarray(0, 20), salt), 20);
  return head;
}

export function lengthOf(payload: readonly Buffer[]): number {
  return payload.reduce((length, part) => length + part.length, 0);
}

export type Reading =
  | {
      readonly status: "record";
      readonly sequence: number;
      readonly payload: Buffer;
      /** Where the next record begins. */
      readonly end: number;
      /** Damaged bytes lay before it. */
      readonly afterDamage: boolean;
    }
  /** `damage` tells whether bytes are left that are no record; `torn` that they are the beginning of one. */
  | { readonly status: "end"; readonly damage: "none" | "torn" | "broken" };

/** The first whole record that begins at `offset` or, past damage, behind it. Reads nothing from `limit` on. */
export function readRecord(fd: number, offset: number, limit: number, salt: number): Reading {
  if (offset >= limit) return { status: "end", damage: "none" };
  const here = readAt(fd, offset, limit, salt);
  if (here.status === "record") return { ...here, afterDamage: false };
  for (let from = offset + 1; from < limit; ) {
    const candidate = findMarker(fd, from, limit);
    if (candidate === undefined) break;
    const found = readAt(fd, candidate, limit, salt);
    if (found.status === "record") return { ...found, afterDamage: true };
    from = candidate + 1;
  }
  return { status: "end", damage: here.status };
}

const MARKER = Buffer.from([0xf5, 0x51, 0xc3, 0x1e]);
const SEARCH_BYTES = 262_144;

type Attempt =
  | { readonly status: "record"; readonly sequence: number; readonly payload: Buffer; readonly end: number }
  | { readonly status: "torn" | "broken" };

function readAt(fd: number, offset: number, limit: number, salt: number): Attempt {
  const payloadStart = offset + RECORD_HEAD_BYTES;
  if (payloadStart > limit) return { status: "torn" };
  const head = read(fd, offset, RECORD_HEAD_BYTES);
  const isHead = head?.subarray(0, 4).equals(MARKER) && crc32(head.subarray(0, 20), salt) === head.readUInt32LE(20);
  if (head === undefined || !isHead) return { status: "broken" };
  const end = payloadStart + head.readUInt32LE(12);
  if (end > limit) return { status: "torn" };
  const payload = read(fd, payloadStart, end - payloadStart);
  if (payload === undefined || crc32(payload) !== head.readUInt32LE(16)) return { status: "broken" };
  return { status: "record", sequence: Number(head.readBigUInt64LE(4)), payload, end };
}

function findMarker(fd: number, start: number, limit: number): number | undefined {
  for (let at = start; at < limit; at += SEARCH_BYTES - MARKER.length + 1) {
    const found = read(fd, at, Math.min(SEARCH_BYTES, limit - at))?.indexOf(MARKER) ?? -1;
    if (found >= 0) return at + found;
  }
  return undefined;
}

/** `undefined` when the file does not give that many bytes: it was cut short, or the disk cannot read them. */
function read(fd: number, offset: number, length: number): Buffer | undefined {
  const bytes = Buffer.allocUnsafe(length);
  try {
    for (let filled = 0; filled < length; ) {
      const count = readSync(fd, bytes, filled, length - filled, offset + filled);
      if (count === 0) return undefined;
      filled += count;
    }
    return bytes;
  } catch {
    return undefined; // EIO: as good as damaged, and counted as that by the caller
  }
}
