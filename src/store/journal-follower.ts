/**
 * Reads the journal as it grows and rotates: whole lines, from a place that is kept to one that can be kept.
 *
 *   error_log.jsonl.2 │ error_log.jsonl.1 │ error_log.jsonl
 *                     │      place ──────►│────────────────►│ waits for more
 *
 * A file is known again by how it begins, whatever it is called by now: its first line holds an id that no other has. Where
 * the place is in doubt, reading begins anew with the oldest file; whoever takes the lines knows what it has already.
 */
import { isAscii } from "node:buffer";
import { createHash } from "node:crypto";
import { closeSync, constants, fstatSync, openSync, readdirSync, readSync, type Stats, statSync } from "node:fs";
import { basename, dirname } from "node:path";
import { codeOf } from "../node-error";

/** Up to where the journal was read. */
export interface JournalPosition {
  readonly inode: number;
  /** Of the file's first `headBytes` bytes, a hash. */
  readonly head: string;
  readonly headBytes: number;
  /** In bytes from the file's begin; the begin of a line. */
  readonly place: number;
}

export interface JournalLines {
  /** They are what comes after the lines before, or after the place that was kept; false: reading began anew. */
  readonly continues: boolean;
  readonly lines: readonly string[];
  /** That they take in the journal. */
  readonly bytes: number;
  /** Lines that are too long, or were left without an end. */
  readonly corrupt: number;
  /** Where to read on, once these lines are kept. */
  readonly position: JournalPosition;
}

export interface JournalFollower {
  /** The next lines, not more than that, nor all that there are; undefined: none for now. Throws what the file system says. */
  next(maxLines: number): JournalLines | undefined;
  /** Not read yet. */
  lagBytes(): number;
  /** Bytes that are known to have gone before they were read, since the last call. */
  takeMissedBytes(): number;
  close(): void;
}

/** `from`: undefined reads all that there is. */
export function createJournalFollower(path: string, from: JournalPosition | undefined): JournalFollower {
  const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
  let position = from;
  let open: OpenFile | undefined;
  /** Heads of files that were read to their end, of those that are there. */
  let finished = new Set<string>();
  /** Sizes of files that are still to be read, by inode, when they were looked at last. */
  let ahead = new Map<number, number>();
  let missedBytes = 0;
  let continues = true;

  /** The oldest first. */
  function list(): readonly FileThere[] {
    const files = journalFiles(path);
    const inodes = new Set(files.map(({ stat }) => stat.ino));
    for (const [inode, size] of ahead) {
      if (inodes.has(inode) || inode === open?.inode) continue;
      missedBytes += size;
      ahead.delete(inode);
    }
    return files;
  }

  /** What comes after the place; all that is not known to be read, when the file of the place is gone. */
  function unread(files: readonly FileThere[]): readonly FileThere[] {
    const heads = new Map(files.map((file) => [file, headOf(file.path, HEAD_BYTES)]));
    finished = new Set([...heads.values()].filter((head) => finished.has(head)));
    const found = position === undefined ? -1 : indexOf(files, position);
    const rest = files.slice(found + 1).filter((file) => !finished.has(heads.get(file) ?? ""));
    ahead = new Map(rest.map(({ stat }) => [stat.ino, stat.size]));
    return rest;
  }

  function enter(file: FileThere, place: number): OpenFile | undefined {
    const fd = openThere(file.path);
    if (fd === undefined) return undefined;
    const stat = fstatSync(fd);
    if (stat.ino !== file.stat.ino) {
      closeSync(fd); // rotated at this moment: found again by the next look
      return undefined;
    }
    open = { fd, inode: stat.ino, place, skips: false };
    return open;
  }

  function leave(): void {
    if (open !== undefined) closeSync(open.fd);
    open = undefined;
  }

  /** The file of the position, else the oldest that is not read yet. */
  function find(): OpenFile | undefined {
    const files = list();
    const mine = position === undefined ? undefined : files[indexOf(files, position)];
    continues = mine !== undefined;
    const later = unread(files);
    if (position !== undefined && mine !== undefined && !finished.has(headOf(mine.path, HEAD_BYTES))) {
      return enter(mine, position.place);
    }
    const [next] = later;
    return next === undefined ? undefined : enter(next, 0);
  }

  /** It will not grow any more: another file has its name. */
  function isLeftByWriter(file: OpenFile): boolean {
    const there = statOf(path);
    return there !== undefined && there.ino !== file.inode;
  }

  /** It was cut, or written over, by somebody else. */
  function isChanged(file: OpenFile): boolean {
    const { size } = fstatSync(file.fd);
    if (size < file.place) return true;
    return position !== undefined && file.place > 0 && headOfOpen(file.fd, position.headBytes) !== position.head;
  }

  function positionIn(file: OpenFile): JournalPosition {
    const headBytes = Math.min(HEAD_BYTES, file.place);
    const isKnown = position?.inode === file.inode && position.headBytes === headBytes && position.place <= file.place;
    const head = isKnown && position !== undefined ? position.head : headOfOpen(file.fd, headBytes);
    return { inode: file.inode, head, headBytes, place: file.place };
  }

  /** Said once: what follows these lines continues them. */
  function takeContinues(): boolean {
    const taken = continues;
    continues = true;
    return taken;
  }

  function finish(file: OpenFile): void {
    finished.add(headOfOpen(file.fd, HEAD_BYTES));
    position = positionIn(file);
    leave();
  }

  return {
    next(maxLines) {
      for (;;) {
        const file = open ?? find();
        if (file === undefined) return undefined;
        if (isChanged(file)) {
          leave();
          // A copy may have the rest of it; else all is read anew.
          if (position !== undefined && indexOf(list(), position) < 0) position = undefined;
          continue;
        }
        const isLeft = isLeftByWriter(file);
        const read = readLines(file, buffer, maxLines);
        if (read !== undefined) {
          position = positionIn(file);
          return { ...read, continues: takeContinues(), position };
        }
        if (!isLeft) return undefined;
        const torn = fstatSync(file.fd).size > file.place || file.skips ? 1 : 0;
        finish(file);
        if (torn > 0 && position !== undefined) {
          return { lines: [], bytes: 0, corrupt: torn, continues: takeContinues(), position };
        }
      }
    },
    lagBytes() {
      const rest = open === undefined ? 0 : Math.max(0, fstatSync(open.fd).size - open.place);
      const later = unread(list()).filter(({ stat }) => stat.ino !== open?.inode);
      return later.reduce((sum, { stat }) => sum + stat.size, rest);
    },
    takeMissedBytes() {
      const bytes = missedBytes;
      missedBytes = 0;
      return bytes;
    },
    close: leave,
  };
}

/** A line has 64 KiB at most; one that is longer than this was written by somebody else. */
const READ_BYTES = 2_097_152;
const HEAD_BYTES = 256;
const NEWLINE = 0x0a;

interface OpenFile {
  readonly fd: number;
  readonly inode: number;
  place: number;
  /** In the midst of a line that is too long. */
  skips: boolean;
}

interface FileThere {
  readonly path: string;
  readonly stat: Stats;
}

function readLines(
  file: OpenFile,
  buffer: Buffer,
  maxLines: number,
): Pick<JournalLines, "lines" | "bytes" | "corrupt"> | undefined {
  const count = readSync(file.fd, buffer, 0, buffer.length, file.place);
  const end = endOfLines(buffer.subarray(0, count), maxLines);
  if (end < 0) {
    if (count < buffer.length) return undefined; // a line without an end waits for it
    file.place += count;
    file.skips = true;
    return { lines: [], bytes: count, corrupt: 0 };
  }
  const lines = decoded(buffer.subarray(0, end)).split("\n");
  file.place += end + 1;
  const corrupt = file.skips ? 1 : 0;
  file.skips = false;
  return { lines: corrupt === 0 ? lines : lines.slice(1), bytes: end + 1, corrupt };
}

/** Mostly ASCII, which Node 20 takes an eighth of the time for when it is told. */
function decoded(utf8: Buffer): string {
  return utf8.toString(isAscii(utf8) ? "latin1" : "utf8");
}

/** Where the last of so many lines ends; -1: there is no whole line. */
function endOfLines(bytes: Buffer, maxLines: number): number {
  let end = -1;
  for (let lines = 0; lines < maxLines; lines++) {
    const next = bytes.indexOf(NEWLINE, end + 1);
    if (next < 0) break;
    end = next;
  }
  return end;
}

/** The oldest first: `.9` before `.1` before the file itself. */
function journalFiles(path: string): readonly FileThere[] {
  const name = basename(path);
  const numbers = entriesOf(dirname(path))
    .map((entry) => (entry.startsWith(`${name}.`) ? entry.slice(name.length + 1) : ""))
    .filter((rest) => /^[1-9]\d{0,5}$/.test(rest))
    .map(Number)
    .sort((one, other) => other - one);
  return [...numbers.map((number) => `${path}.${number}`), path].flatMap((file) => {
    const stat = statOf(file);
    return stat === undefined || (stat.size === 0 && file !== path) ? [] : [{ path: file, stat }];
  });
}

function entriesOf(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return [];
    throw error;
  }
}

/** Undefined for what is not there, or is no file. */
function statOf(path: string): Stats | undefined {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat?.isFile() ? stat : undefined;
}

/** A file that begins alike and is long enough; among several that with the same inode. -1: none. */
function indexOf(files: readonly FileThere[], at: JournalPosition): number {
  const isIt = ({ path, stat }: FileThere): boolean =>
    stat.size >= at.place && at.headBytes > 0 && headOf(path, at.headBytes) === at.head;
  const same = files.findIndex((file) => file.stat.ino === at.inode && isIt(file));
  return same >= 0 ? same : files.findIndex(isIt);
}

/** `""` for a file that is gone or is shorter. */
function headOf(path: string, bytes: number): string {
  const fd = openThere(path);
  if (fd === undefined) return "";
  try {
    return headOfOpen(fd, bytes);
  } finally {
    closeSync(fd);
  }
}

function headOfOpen(fd: number, bytes: number): string {
  const head = Buffer.alloc(bytes);
  const count = readSync(fd, head, 0, bytes, 0);
  return createHash("sha256").update(head.subarray(0, count)).digest("hex").slice(0, 32);
}

function openThere(path: string): number | undefined {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}
