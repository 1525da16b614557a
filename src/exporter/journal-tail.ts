/**
 * The end of the journal, for a collector that starts: which groups are known, and which errors its predecessor had
 * written and not yet counted when it died.
 *
 *   error_log.jsonl.1 │ error_log.jsonl
 *        ──── tail ───┼──────────────►│
 *                   judged │ unjudged
 */
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import type { EventSummary } from "../event";
import { readJournalLine } from "./journal-line";

export interface JournalTail {
  /** In the order in which they were written; those that were judged first. */
  readonly events: readonly EventSummary[];
  /** How many of them, at the end, no judgement has reached. */
  readonly unjudged: number;
  /** Lines that cannot be read, such as one that a crash tore. */
  readonly corrupt: number;
}

/**
 * Reads at most `maxBytes` from the end of the file and, if it is shorter, from the end of the one set aside before it.
 * A file that is not there is empty; throws what the file system says of one that cannot be read.
 */
export function readJournalTail(path: string, maxBytes: number): JournalTail {
  const newest = readEnd(path, maxBytes);
  const older = readEnd(`${path}.1`, maxBytes - newest.length);
  const events: EventSummary[] = [];
  let corrupt = 0;
  let judged = 0;
  for (const line of `${older}${newest}`.split("\n")) {
    if (line === "") continue;
    const entry = readJournalLine(line);
    if (entry === undefined) corrupt += 1;
    else if (entry.action === "error") events.push(entry.event);
    else judged = Math.max(judged, 1 + events.findLastIndex(({ id }) => id === entry.through));
  }
  return { events, unjudged: events.length - judged, corrupt };
}

/** The last whole lines, at most `maxBytes` of them. */
function readEnd(path: string, maxBytes: number): Buffer {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return Buffer.alloc(0);
    throw error;
  }
  try {
    const { size } = fstatSync(fd);
    const length = Math.min(size, Math.max(maxBytes, 0));
    const bytes = Buffer.alloc(length);
    let read = 0;
    while (read < length) {
      const count = readSync(fd, bytes, read, length - read, size - length + read);
      if (count === 0) break; // it was cut meanwhile
      read += count;
    }
    return length === size ? bytes.subarray(0, read) : bytes.subarray(bytes.indexOf("\n") + 1, read);
  } finally {
    closeSync(fd);
  }
}
