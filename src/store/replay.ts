/** Journal files into a store that no collector has open. What it has already is left as it is. */
import { createReadStream, statSync } from "node:fs";
import { linesOf } from "../lines";
import { toError } from "../node-error";
import { openDatabase } from "./database";
import { createErrorWriter, type NextLines, type WrittenErrors } from "./error-writer";
import type { StoreProcessOptions } from "./store-messages";

export interface ReplayCounts {
  readonly bytes: number;
  readonly totalBytes: number;
  /** Written. */
  readonly errors: number;
  /** Errors that were there already. */
  readonly duplicate: number;
  readonly corrupt: number;
  /** Too old to be kept. */
  readonly tooOld: number;
}

export type ReplayResult =
  | ({ readonly status: "replayed" } & ReplayCounts)
  /** For people; names the file. */
  | { readonly status: "failed"; readonly message: string };

/** Rotated files are read before what came after them, in whatever order they are given. `onNote`: what is worth a word. */
export async function replayInto(
  options: Omit<StoreProcessOptions, "journalPath">,
  files: readonly string[],
  on: { progress(counts: ReplayCounts): void; note(message: string): void },
): Promise<ReplayResult> {
  let counts: ReplayCounts = { bytes: 0, totalBytes: 0, errors: 0, duplicate: 0, corrupt: 0, tooOld: 0 };
  try {
    counts = { ...counts, totalBytes: files.reduce((sum, file) => sum + statSync(file).size, 0) };
    const database = await openDatabase({ ...options, journalPath: "" }, false, on.note);
    try {
      const statements = await database.connect();
      const writer = await createErrorWriter(statements, options);
      for (const file of oldestFirst(files)) {
        const next = nextLinesOf(file);
        for (;;) {
          const batch = await writer.read(next, Date.now());
          if (batch === undefined) break;
          counts = plus(counts, batch.bytes, await writer.write(batch));
          on.progress(counts);
        }
      }
      await statements.run("CHECKPOINT");
      statements.close();
    } finally {
      database.close();
    }
    return { status: "replayed", ...counts };
  } catch (error) {
    return { status: "failed", message: toError(error).message };
  }
}

/** A part of a file at a time. */
function nextLinesOf(file: string): NextLines {
  const all = linesOf(createReadStream(file, "utf8"), MAX_LINE_CHARS);
  let continues = false;
  return async (maxLines) => {
    const lines: string[] = [];
    let corrupt = 0;
    let bytes = 0;
    while (lines.length < maxLines && bytes < PART_BYTES) {
      const { done, value: line } = await all.next();
      if (done === true) break;
      if (line === undefined) corrupt += 1;
      else lines.push(line);
      bytes += (line === undefined ? MAX_LINE_CHARS : Buffer.byteLength(line)) + 1;
    }
    const part = { lines, corrupt, bytes, continues };
    continues = true;
    return bytes === 0 ? undefined : part;
  };
}

const MAX_LINE_CHARS = 65_536;
const PART_BYTES = 1_048_576;

function plus(counts: ReplayCounts, bytes: number, written: WrittenErrors): ReplayCounts {
  return {
    bytes: counts.bytes + bytes,
    totalBytes: counts.totalBytes,
    errors: counts.errors + written.errors - written.deletedAsDuplicate,
    duplicate: counts.duplicate + written.duplicate + written.deletedAsDuplicate,
    corrupt: counts.corrupt + written.corrupt,
    tooOld: counts.tooOld + written.deletedByAge,
  };
}

/** `.9` before `.1` before the file itself; of several journals one after the other. */
function oldestFirst(files: readonly string[]): readonly string[] {
  const parts = files.map((file) => {
    const [, name = file, number = "0"] = /^(.*)\.(\d{1,6})$/.exec(file) ?? [];
    return { file, name, number: Number(number) };
  });
  return parts
    .sort((one, other) => one.name.localeCompare(other.name) || other.number - one.number)
    .map(({ file }) => file);
}
