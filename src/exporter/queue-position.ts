/**
 * How far a disk queue was read, in a file of two slots that are written in turn: a write that is torn leaves the other.
 *
 *   slot  acked (8) │ committed (8) │ generation (8) │ CRC (4)          at byte 0 and 512, two sectors of a disk
 */
import { closeSync, constants, fdatasync, fstatSync, openSync, readSync, writeSync } from "node:fs";
import { crc32 } from "node:zlib";

export interface Position {
  /** The sequence of the first record that was not acknowledged by the reader. */
  readonly acked: number;
  /** All records below are on the disk, said the queue to those who wrote them. */
  readonly committed: number;
}

export interface PositionFile {
  /** What was found at open; `undefined` when there was nothing, or both slots are damaged. */
  readonly found: Position | undefined;
  /** Into the page cache, over what is there: needs no space, and outlives this process. */
  write(position: Position): Error | undefined;
  sync(): Promise<Error | undefined>;
  close(): void;
}

/** Throws what the file system says. */
export function openPositionFile(path: string): PositionFile {
  const fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
  let newest: Slot | undefined;
  try {
    if (!fstatSync(fd).isFile()) throw new Error(`${path} is no file`);
    newest = SLOTS.flatMap((offset) => readSlot(fd, offset) ?? []).sort((a, b) => b.generation - a.generation)[0];
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  let generation = newest?.generation ?? 0;
  return {
    found: newest,
    write(position) {
      generation += 1;
      const slot = encodeSlot({ ...position, generation });
      try {
        const written = writeSync(fd, slot, 0, slot.length, SLOTS[generation % SLOTS.length]);
        return written === slot.length ? undefined : new Error("short write");
      } catch (error) {
        return error instanceof Error ? error : new Error(String(error));
      }
    },
    sync: () => new Promise((resolve) => fdatasync(fd, (error) => resolve(error ?? undefined))),
    close: () => closeSync(fd),
  };
}

interface Slot extends Position {
  readonly generation: number;
}

const SLOTS: readonly number[] = [0, 512];
const SLOT_BYTES = 28;

function encodeSlot({ acked, committed, generation }: Slot): Buffer {
  const slot = Buffer.alloc(SLOT_BYTES);
  for (const [index, value] of [acked, committed, generation].entries()) {
    slot.writeBigUInt64LE(BigInt(value), index * 8);
  }
  slot.writeUInt32LE(crc32(slot.subarray(0, 24)), 24);
  return slot;
}

function readSlot(fd: number, offset: number): Slot | undefined {
  const slot = Buffer.alloc(SLOT_BYTES);
  if (readSync(fd, slot, 0, SLOT_BYTES, offset) !== SLOT_BYTES) return undefined;
  if (crc32(slot.subarray(0, 24)) !== slot.readUInt32LE(24)) return undefined;
  const [acked = 0, committed = 0, generation = 0] = [0, 8, 16].map((at) => Number(slot.readBigUInt64LE(at)));
  return { acked, committed, generation };
}
