/**
 * What goes again: what is older than the limit, and the oldest of each kind when the file is larger than its limit. DuckDB
 * gives the space back with the checkpoint that follows.
 */
import { statSync } from "node:fs";
import { DATABASE_NAME, ROW_GROUP_ROWS } from "./database";
import { deleteHourCounts } from "./hour-counts";
import type { Statements } from "./statements";

export interface Deleted {
  readonly errors: number;
  readonly other: number;
}

/** Of everything. */
export async function deleteOlderThan(statements: Statements, unixMillis: number): Promise<Deleted> {
  return statements.transaction(async () => {
    let other = 0;
    const errors = await deleted(statements, "errors", "time < $1", [unixMillis]);
    for (const table of ["requests", "logs", "request_counts", "request_durations", "machines"]) {
      other += await deleted(statements, table, "time < $1", [unixMillis]);
    }
    if (errors > 0) {
      await deleteHourCounts(statements, unixMillis);
      await deleteUnused(statements);
    }
    return { errors, other };
  });
}

export interface SizeLimit {
  /**
   * Deletes of the oldest until the rest fits, a tenth at a time. What a question still reads, DuckDB does not give back: that
   * is waited for with the next call, else each would delete a tenth more. `nowMillis`: of a clock that nobody sets back.
   */
  keep(nowMillis: number): Promise<Deleted>;
}

/** Without the log. */
export function createSizeLimit(statements: Statements, maxBytes: number): SizeLimit {
  /** What was used when the oldest were deleted, and until when a question may be reading them. */
  let owed: { readonly bytes: number; readonly untilMillis: number } | undefined;
  return {
    async keep(nowMillis) {
      let [errors, other] = [0, 0];
      while ((await usedBytesOf(statements)) > maxBytes) {
        if (owed !== undefined) await touch(statements);
        await checkpoint(statements);
        const bytes = await usedBytesOf(statements);
        if (bytes <= maxBytes) break;
        if (owed !== undefined && bytes >= owed.bytes && nowMillis < owed.untilMillis) return { errors, other };
        const deleted = await deleteOldest(statements);
        if (deleted.errors + deleted.other === 0) break;
        errors += deleted.errors;
        other += deleted.other;
        owed = { bytes, untilMillis: nowMillis + LONGEST_READ_MILLIS };
      }
      owed = undefined;
      return { errors, other };
    },
  };
}

/** Twice as long as a question may take. */
const LONGEST_READ_MILLIS = 10_000;

/** Gives back what was deleted and nobody reads. */
export async function checkpoint(statements: Statements): Promise<void> {
  await statements.run("CHECKPOINT").catch((error: unknown) => {
    if (!/other (write )?transactions/.test(String(error))) throw error;
    // A question is at work: the next look finds the log as long as it is.
  });
}

/** A checkpoint after which nothing changed does not look at what questions read before. */
async function touch(statements: Statements): Promise<void> {
  await statements.run("CREATE OR REPLACE TABLE touched (nothing INTEGER)");
  await statements.run("DROP TABLE touched");
}

/** The oldest tenth of everything, and at least so many rows that DuckDB can give space back. */
async function deleteOldest(statements: Statements): Promise<Deleted> {
  return statements.transaction(async () => {
    let other = 0;
    let errors = 0;
    for (const table of ["errors", "requests", "logs", "request_counts", "request_durations"]) {
      const [size] = await statements.ask(`SELECT count(*) AS count FROM ${table}`);
      const rows = Math.max(Math.ceil(Number(size?.["count"] ?? 0) * OLDEST_SHARE), MIN_ROWS);
      const newest = await statements.ask(`SELECT time FROM ${table} ORDER BY time LIMIT 1 OFFSET $1`, [rows - 1]);
      // All of a table that is small stays: it is not what takes the space.
      const until = newest[0]?.["time"];
      if (typeof until !== "number") continue;
      const count = await deleted(statements, table, "time <= $1", [until]);
      if (table === "errors") {
        errors = count;
        await deleteHourCounts(statements, until);
      } else other += count;
    }
    if (errors > 0) await deleteUnused(statements);
    return { errors, other };
  });
}

/** Of the file and its log; what was deleted counts until it is reused. */
export function fileBytesOf(path: string): number {
  return [path, `${path}.wal`].reduce((sum, file) => sum + bytesOf(file), 0);
}

export function walBytesOf(path: string): number {
  return bytesOf(`${path}.wal`);
}

/** Of the file's blocks, those that hold something. */
export async function usedBytesOf(statements: Statements): Promise<number> {
  const [size] = await statements.ask(
    "SELECT block_size * used_blocks AS bytes FROM pragma_database_size() WHERE database_name = $1",
    [DATABASE_NAME],
  );
  return Number(size?.["bytes"] ?? 0);
}

const OLDEST_SHARE = 0.1;
const MIN_ROWS = 2 * ROW_GROUP_ROWS;

async function deleted(
  statements: Statements,
  table: string,
  condition: string,
  values: readonly number[],
): Promise<number> {
  const [row] = await statements.ask(`DELETE FROM ${table} WHERE ${condition}`, values);
  return Number(row?.["Count"] ?? 0);
}

async function deleteUnused(statements: Statements): Promise<void> {
  await statements.run("DELETE FROM series WHERE id NOT IN (SELECT DISTINCT series FROM errors)");
  await statements.run("DELETE FROM groups WHERE fingerprint NOT IN (SELECT fingerprint FROM series)");
  await statements.run("DELETE FROM endpoints WHERE id NOT IN (SELECT DISTINCT endpoint FROM request_counts)");
}

function bytesOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
