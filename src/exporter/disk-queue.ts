/**
 * A queue of binary records on disk: what was committed is there after `kill -9` and after a power cut.
 *
 *   append ──write──► page cache ──commit: fdatasync, many callers at once──► disk ──peek──► reader ──ack──► position
 *
 *   folder   lock · position · segments (queue-segment.ts), oldest first; the newest is written, the oldest is read
 *
 * At least once: the position is written with every ack, so that a killed process repeats at most the record that was
 * being read, and synced every 64 acks, so that a power cut repeats at most 64 more. A new process begins a new
 * segment: old files are only read, and removed when all their records were acknowledged.
 *
 * Every record has a number, so what is missing is known by its number and counted. A damaged file gives what can still
 * be read of it, and is then set aside as `*.corrupt-<time>`, never deleted.
 */
import * as nodeFs from "node:fs";
import { closeSync, constants, ftruncateSync, lstatSync, mkdirSync, openSync, readdirSync, unlinkSync } from "node:fs";
import { rename, unlink } from "node:fs/promises";
import { join } from "node:path";
import { attempt, codeOf, toError } from "../node-error";
import type { Signal, Telemetry } from "../telemetry";
import { lockFolder } from "./folder-lock";
import { openPositionFile } from "./queue-position";
import {
  encodeHead,
  lengthOf,
  newSegmentName,
  parseSegmentName,
  RECORD_HEAD_BYTES,
  readRecord,
  SEGMENT_MAGIC,
  type SegmentName,
} from "./queue-segment";

export interface DiskQueueOptions {
  /** Made when it is not there (0700). One process at a time. */
  readonly folder: string;
  /** Of all segment files together, with what was acknowledged but shares a file with what was not. Default 256 MiB. */
  readonly maxBytes?: number;
  /** A segment that would grow over this is ended; a larger record has one of its own. Default 16 MiB, or an eighth of `maxBytes`. */
  readonly segmentBytes?: number;
  readonly nowMillis: () => number;
  readonly telemetry: Telemetry;
  /** Whose loss a damaged record is: one is counted for each, since what it held cannot be known. */
  readonly signal: Signal;
  /** Default: Node's. */
  readonly fileSystem?: QueueFileSystem;
}

/** The calls that a failing disk makes fail. */
export type QueueFileSystem = Pick<typeof nodeFs, "writevSync" | "fdatasync">;

export type AppendOutcome =
  | { readonly status: "queued"; readonly sequence: number }
  | { readonly status: "full" }
  | { readonly status: "failed"; readonly error: Error };

/** Nothing here throws but `peek`. */
export interface DiskQueue {
  /** Into the page cache. To be promised to others only after `commit`. */
  append(record: Buffer | readonly Buffer[]): AppendOutcome;
  /**
   * Waits for a sync that began after the record of that number was appended. Without a number: the record that was
   * appended last, so to be called in the turn of the event loop that appended. On an error the record is not in the
   * queue any more; the file is closed, since a second sync of it would say nothing, and the next record begins a new one.
   */
  commit(sequence?: number): Promise<Error | undefined>;
  /** The oldest committed record, the same one until `ack`. Throws when it cannot be read now, but may be later (no descriptors left, say). */
  peek(): Buffer | undefined;
  /** The record that `peek` gave is done with. */
  ack(): void;
  /** Records that are not acknowledged. Lost ones are in it until the reader comes to their place. */
  readonly length: number;
  /** On disk. */
  readonly bytes: number;
  readonly capacityBytes: number;
  /** Records that could not be read, and ends of files that a crash had torn off, since this queue was opened. */
  readonly lostRecords: number;
  /** Commits what was appended, and lets another process have the folder. */
  close(): Promise<void>;
}

/**
 * Opens whatever the folder holds. Throws an Error that names the folder when it cannot be used at all: no rights, or
 * in use by another living process.
 */
export function openDiskQueue(options: DiskQueueOptions): DiskQueue {
  const { folder, telemetry, signal, nowMillis } = options;
  const { writevSync, fdatasync } = options.fileSystem ?? nodeFs;
  const maxBytes = checkBytes("maxBytes", options.maxBytes ?? MAX_BYTES);
  const segmentBytes = checkBytes("segmentBytes", options.segmentBytes ?? Math.min(SEGMENT_BYTES, maxBytes / 8));
  const { lock, position, folderFd, segments, found } = openFolder(folder);

  /** The one that is written. */
  let tail: Segment | undefined;
  let reader: Reader | undefined;
  let current: { readonly sequence: number; readonly payload: Buffer } | undefined;
  let nextSequence = found.next;
  /** What the reader comes to next, if nothing is missing. */
  let expected = found.expected;
  let length = Math.max(0, found.readable - found.expected);
  let bytes = segments.reduce((sum, segment) => sum + segment.size, 0);
  let lostRecords = 0;

  /** On the disk, or refused: every record below. */
  let settled = found.next;
  let committed = found.next;
  const unsynced = new Set<Segment>();
  const refusals: Refusal[] = [];
  let isFolderUnsynced = false;
  let syncing: Promise<void> | undefined;

  let acksSinceSync = 0;
  /** What still uses the open files. */
  const background = new Set<Promise<unknown>>();
  let isClosed = false;
  let closing: Promise<void> | undefined;

  function countLost(records: number, where: string): void {
    if (records <= 0) return;
    lostRecords += records;
    telemetry.received(signal, records);
    telemetry.dropped(signal, "corrupt", records);
    telemetry.logLimited("warning", `queue:lost:${folder}`, `${records} records are lost in ${join(folder, where)}`);
  }

  function writePosition(): void {
    const error = position.write({ acked: current?.sequence ?? expected, committed });
    if (error === undefined) return;
    telemetry.logLimited("error", `queue:position:${folder}`, `cannot write in ${folder}: ${error.message}`);
  }

  /** Not before the position is on the disk: else, after a power cut, its records would seem to be lost. */
  function remove({ name, isDamaged }: Segment): void {
    const path = join(folder, name.file);
    const removal = position
      .sync()
      .then(() => (isDamaged ? rename(path, `${path}.corrupt-${nowMillis()}`) : unlink(path)))
      .catch((error: unknown) => {
        if (codeOf(error) === "ENOENT") return;
        telemetry.logLimited("error", `queue:remove:${folder}`, `cannot remove ${path}: ${toError(error).message}`);
      });
    untilDone(removal);
  }

  function untilDone(work: Promise<unknown>): void {
    background.add(work);
    void work.finally(() => background.delete(work));
  }

  function retire(segment: Segment): void {
    closeReader();
    segments.shift();
    bytes -= segment.size;
    writePosition();
    remove(segment);
  }

  function closeReader(): void {
    if (reader?.fd !== undefined) closeSync(reader.fd);
    reader = undefined;
  }

  function readerOf(segment: Segment): Reader {
    if (reader?.segment === segment) return reader;
    closeReader();
    expected = Math.max(expected, segment.name.firstSequence);
    reader = { segment, fd: openIfThere(join(folder, segment.name.file)), offset: SEGMENT_MAGIC.length };
    return reader;
  }

  function peek(): Buffer | undefined {
    while (current === undefined && !isClosed) {
      const [segment] = segments;
      if (segment === undefined) return undefined;
      const open = readerOf(segment);
      const limit = segment.fd === undefined ? segment.size : segment.syncedSize;
      const reading = open.fd === undefined ? MISSING_FILE : readRecord(open.fd, open.offset, limit, segment.name.salt);
      if (reading.status === "end") {
        if (segment.fd !== undefined) return undefined; // more may come
        segment.isDamaged ||= reading.damage !== "none";
        skipTo(segment.endSequence, segment);
        retire(segment);
        continue;
      }
      open.offset = reading.end;
      segment.isDamaged ||= reading.afterDamage;
      if (reading.sequence < expected) continue; // acknowledged before this process began
      skipTo(reading.sequence, segment);
      expected = reading.sequence + 1;
      current = reading;
    }
    return current?.payload;
  }

  function skipTo(sequence: number, segment: Segment): void {
    const missing = sequence - expected;
    if (missing <= 0) return;
    segment.isDamaged = true;
    expected = sequence;
    length -= missing;
    countLost(missing, segment.name.file);
  }

  /** No more is written to it; it is closed when it is synced. */
  function endTail(): void {
    if (tail === undefined) return;
    const segment = tail;
    tail = undefined;
    segment.endSequence = nextSequence;
    if (!unsynced.has(segment)) closeSegment(segment);
  }

  function hasRoomFor(size: number): boolean {
    const needed = size + SEGMENT_MAGIC.length;
    if (bytes + needed > maxBytes && length === 0) {
      endTail();
      peek(); // removes what holds nothing but acknowledged records
    }
    return bytes + needed <= maxBytes;
  }

  function tailFor(size: number): OpenSegment {
    if (tail !== undefined && tail.size > SEGMENT_MAGIC.length && tail.size + size > segmentBytes) endTail();
    if (isOpen(tail)) return tail;
    const segment = createSegment(folder, nextSequence, writevSync);
    isFolderUnsynced = true;
    segments.push(segment);
    bytes += segment.size;
    tail = segment;
    return segment;
  }

  function write(segment: OpenSegment, parts: readonly Buffer[], size: number): void {
    try {
      writeFully(writevSync, segment.fd, parts, segment.size);
    } catch (error) {
      // Whole records only: the half of this one goes, or nothing is written behind it.
      if (attempt(() => ftruncateSync(segment.fd, segment.size)) !== undefined) endTail();
      throw error;
    }
    segment.size += size;
    bytes += size;
    unsynced.add(segment);
  }

  function append(record: Buffer | readonly Buffer[]): AppendOutcome {
    if (isClosed) return { status: "failed", error: new Error("the queue is closed") };
    const payload = Buffer.isBuffer(record) ? [record] : record;
    const size = RECORD_HEAD_BYTES + lengthOf(payload);
    try {
      if (!hasRoomFor(size)) return { status: "full" };
      const segment = tailFor(size);
      write(segment, [encodeHead(nextSequence, payload, segment.name.salt), ...payload], size);
    } catch (error) {
      return { status: "failed", error: toError(error) };
    }
    const sequence = nextSequence;
    nextSequence += 1;
    length += 1;
    return { status: "queued", sequence };
  }

  async function syncFiles(files: readonly Segment[]): Promise<Error | undefined> {
    for (const { fd } of files) {
      const error = fd === undefined ? undefined : await sync(fdatasync, fd);
      if (error !== undefined) return error;
    }
    if (!isFolderUnsynced || folderFd === undefined) return undefined;
    isFolderUnsynced = false;
    return sync(nodeFs.fsync, folderFd);
  }

  async function settle(): Promise<void> {
    const covered = nextSequence;
    const sizes = [...unsynced].map((segment) => ({ segment, size: segment.size }));
    const error = await syncFiles(sizes.map(({ segment }) => segment));
    if (error !== undefined) return refuse(error);
    for (const { segment, size } of sizes) {
      segment.syncedSize = size;
      if (segment.size > size) continue;
      unsynced.delete(segment);
      if (segment !== tail) closeSegment(segment);
    }
    settled = covered;
    committed = covered;
    writePosition();
  }

  /** What was not committed leaves the queue: its writers are told that it was not taken, and may write it again. */
  function refuse(error: Error): void {
    telemetry.logLimited("error", `queue:sync:${folder}`, `cannot sync ${folder}: ${error.message}`);
    endTail();
    for (const segment of unsynced) {
      const { fd, syncedSize } = segment;
      bytes -= segment.size - syncedSize;
      segment.size = syncedSize;
      segment.endSequence = Math.max(segment.name.firstSequence, Math.min(segment.endSequence, settled));
      if (fd !== undefined) attempt(() => ftruncateSync(fd, syncedSize));
      closeSegment(segment);
      if (syncedSize > 0) continue;
      segments.splice(segments.indexOf(segment), 1);
      if (reader?.segment === segment) closeReader();
      attempt(() => unlinkSync(join(folder, segment.name.file)));
    }
    unsynced.clear();
    length -= nextSequence - settled;
    refusals.push({ from: settled, to: nextSequence, error });
    if (refusals.length > MAX_REFUSALS) refusals.shift();
    settled = nextSequence;
  }

  async function commit(sequence = nextSequence - 1): Promise<Error | undefined> {
    while (Math.min(sequence, nextSequence - 1) >= settled) {
      syncing ??= settle().finally(() => {
        syncing = undefined;
      });
      await syncing;
    }
    return refusals.find(({ from, to }) => sequence >= from && sequence < to)?.error;
  }

  async function close(): Promise<void> {
    isClosed = true;
    await commit();
    endTail();
    closeReader();
    await Promise.all(background);
    await position.sync();
    position.close();
    if (folderFd !== undefined) closeSync(folderFd);
    lock.release();
  }

  countLost(found.lostAtEnd, segments.at(-1)?.name.file ?? "");
  while (segments[0] !== undefined && segments[0].endSequence <= expected && !segments[0].isDamaged) {
    retire(segments[0]);
  }
  writePosition();

  return {
    append,
    commit,
    peek,
    ack() {
      if (current === undefined || isClosed) return;
      current = undefined;
      length -= 1;
      writePosition();
      acksSinceSync += 1;
      if (acksSinceSync < ACKS_PER_SYNC) return;
      acksSinceSync = 0;
      untilDone(position.sync());
    },
    get length() {
      return length;
    },
    get bytes() {
      return bytes;
    },
    capacityBytes: maxBytes,
    get lostRecords() {
      return lostRecords;
    },
    close() {
      closing ??= close();
      return closing;
    },
  };
}

const MAX_BYTES = 268_435_456;
const SEGMENT_BYTES = 16_777_216;
const ACKS_PER_SYNC = 64;
/** Ranges of records that were refused, for writers that ask late. */
const MAX_REFUSALS = 16;
const MISSING_FILE = { status: "end", damage: "broken" } as const;

interface Segment {
  readonly name: SegmentName;
  size: number;
  /** What of it is on the disk; of a segment that this process writes, only that is read. */
  syncedSize: number;
  /** The number behind its last record; what is missing up to it is lost. */
  endSequence: number;
  /** While it is written or not synced. */
  fd: number | undefined;
  isDamaged: boolean;
}

interface OpenSegment extends Segment {
  fd: number;
}

interface Reader {
  readonly segment: Segment;
  readonly fd: number | undefined;
  offset: number;
}

/** From the first number to the last, which is excluded. */
interface Refusal {
  readonly from: number;
  readonly to: number;
  readonly error: Error;
}

/** What a folder holds, by numbers. */
interface Found {
  /** The number of the next record that is appended. */
  readonly next: number;
  /** The first that was not acknowledged. */
  readonly expected: number;
  /** Behind the last that can be read. */
  readonly readable: number;
  /** Between `readable` and `next`, and before `expected`. */
  readonly lostAtEnd: number;
}

interface OpenFolder {
  readonly lock: ReturnType<typeof lockFolder>;
  readonly position: ReturnType<typeof openPositionFile>;
  /** `undefined` where a folder cannot be opened to sync it. */
  readonly folderFd: number | undefined;
  readonly segments: Segment[];
  readonly found: Found;
}

function openFolder(folder: string): OpenFolder {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const lock = lockFolder(folder);
    try {
      const position = openPositionFile(join(folder, "position"));
      const segments = listSegments(folder);
      const found = look(folder, segments, position.found);
      return { lock, position, folderFd: openFolderFd(folder), segments, found };
    } catch (error) {
      lock.release();
      throw error;
    }
  } catch (error) {
    throw new Error(`cannot use the queue in ${folder}: ${toError(error).message}`, { cause: error });
  }
}

function listSegments(folder: string): Segment[] {
  const names = readdirSync(folder).flatMap((file) => parseSegmentName(file) ?? []);
  const segments = names.flatMap((name): Segment[] => {
    const stat = lstatSync(join(folder, name.file));
    if (!stat.isFile()) return [];
    const { size } = stat;
    return [{ name, size, syncedSize: size, endSequence: name.firstSequence, fd: undefined, isDamaged: false }];
  });
  segments.sort((a, b) => a.name.firstSequence - b.name.firstSequence);
  for (const [index, segment] of segments.entries()) {
    segment.endSequence = segments[index + 1]?.name.firstSequence ?? segment.endSequence;
  }
  return segments;
}

/** Reads the last segment through: only it can have a torn end. The others are read when their turn comes. */
function look(
  folder: string,
  segments: readonly Segment[],
  position: { readonly acked: number; readonly committed: number } | undefined,
): Found {
  const first = segments[0]?.name.firstSequence;
  const last = segments.at(-1);
  const acked = position?.acked ?? first ?? 0;
  const committed = position?.committed ?? acked;
  const expected = Math.max(acked, first ?? acked);
  const { readable, wasTorn } =
    last === undefined ? { readable: acked, wasTorn: false } : readThrough(join(folder, last.name.file), last);
  const next = Math.max(readable, acked, committed);
  const missing = next - Math.max(readable, acked);
  if (last !== undefined && missing > 0) last.isDamaged = true;
  const lostAtEnd = Math.max(missing, wasTorn ? 1 : 0) + (expected - acked);
  return { next, expected, readable, lostAtEnd };
}

/** Cuts off a record that was not written to its end, and says behind which number the file ends. */
function readThrough(path: string, segment: Segment): { readonly readable: number; readonly wasTorn: boolean } {
  const fd = openSync(path, constants.O_RDWR | constants.O_NOFOLLOW);
  try {
    let offset = SEGMENT_MAGIC.length;
    for (;;) {
      const reading = readRecord(fd, offset, segment.size, segment.name.salt);
      if (reading.status === "record") {
        offset = reading.end;
        segment.endSequence = Math.max(segment.endSequence, reading.sequence + 1);
        segment.isDamaged ||= reading.afterDamage;
        continue;
      }
      const wasTorn = reading.damage === "torn";
      if (wasTorn) {
        ftruncateSync(fd, offset);
        segment.size = offset;
        segment.syncedSize = offset;
      }
      segment.isDamaged ||= reading.damage === "broken";
      return { readable: segment.endSequence, wasTorn };
    }
  } finally {
    closeSync(fd);
  }
}

function createSegment(folder: string, firstSequence: number, writevSync: QueueFileSystem["writevSync"]): OpenSegment {
  const name = newSegmentName(firstSequence);
  const path = join(folder, name.file);
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const fd = openSync(path, flags, 0o600);
  try {
    writeFully(writevSync, fd, [SEGMENT_MAGIC], 0);
  } catch (error) {
    closeSync(fd);
    attempt(() => unlinkSync(path));
    throw error;
  }
  // Until it is ended, its end is wherever the next record goes.
  const endSequence = Number.MAX_SAFE_INTEGER;
  return { name, size: SEGMENT_MAGIC.length, syncedSize: 0, endSequence, fd, isDamaged: false };
}

function isOpen(segment: Segment | undefined): segment is OpenSegment {
  return segment?.fd !== undefined;
}

function closeSegment(segment: Segment): void {
  const { fd } = segment;
  segment.fd = undefined;
  if (fd !== undefined) attempt(() => closeSync(fd));
}

/** At its place, so that a write that failed is written over; a short write is gone on with. */
function writeFully(
  writevSync: QueueFileSystem["writevSync"],
  fd: number,
  parts: readonly Buffer[],
  offset: number,
): void {
  let rest = parts.filter((part) => part.length > 0);
  for (let at = offset; rest.length > 0; ) {
    let written = writevSync(fd, rest, at);
    if (written === 0) throw new Error("the file takes no more bytes");
    at += written;
    rest = rest.flatMap((part) => {
      const skipped = Math.min(written, part.length);
      written -= skipped;
      return skipped < part.length ? [part.subarray(skipped)] : [];
    });
  }
}

function sync(call: QueueFileSystem["fdatasync"], fd: number): Promise<Error | undefined> {
  return new Promise((resolve) => call(fd, (error) => resolve(error ?? undefined)));
}

function openFolderFd(folder: string): number | undefined {
  try {
    return openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch {
    return undefined; // Windows, where names need no sync of their own
  }
}

/** `undefined` when the file was removed, or is a link now. */
function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ELOOP") return undefined;
    throw error;
  }
}

function checkBytes(name: string, value: number): number {
  if (Number.isFinite(value) && value > 0) return Math.ceil(value);
  throw new Error(`${name}=${value}: expected bytes, above 0`);
}
