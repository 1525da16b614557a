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

/**
 * Of a file that is too large, deletes the oldest until the rest fits, a tenth at a time. What a question still reads of what
 * was deleted takes space yet, and does not count: else each call would delete more for it.
 */
export async function deleteToFit(statements: Statements, maxBytes: number): Promise<Deleted> {
  let [errors, other] = [0, 0];
  for (;;) {
    await giveBack(statements);
    if ((await usedBytesOf(statements)) * (await keptShare(statements)) <= maxBytes) break;
    const oldest = await deleteOldest(statements);
    if (oldest.errors + oldest.other === 0) break;
    errors += oldest.errors;
    other += oldest.other;
  }
  return { errors, other };
}

/** Of the rows that take space, those that are not deleted. */
export async function keptShare(statements: Statements): Promise<number> {
  const [sizes] = await statements.ask(
    `SELECT (SELECT count(*) FROM errors) + (SELECT count(*) FROM requests) + (SELECT count(*) FROM logs) AS kept,
       (SELECT sum(estimated_size) FROM duckdb_tables()
        WHERE database_name = $1 AND table_name IN ('errors', 'requests', 'logs')) AS stored`,
    [DATABASE_NAME],
  );
  const stored = Number(sizes?.["stored"] ?? 0);
  return stored === 0 ? 1 : Number(sizes?.["kept"]) / stored;
}

/** What was deleted and nobody reads. */
export async function giveBack(statements: Statements): Promise<void> {
  // A checkpoint after which nothing changed does not look at what questions read before.
  await statements.run("CREATE OR REPLACE TABLE touched (nothing INTEGER)");
  await statements.run("DROP TABLE touched");
  await checkpoint(statements);
}

/** Writes the log into the file. */
export async function checkpoint(statements: Statements): Promise<void> {
  await statements.run("CHECKPOINT").catch((error: unknown) => {
    if (!/other (write )?transactions/.test(String(error))) throw error;
    // A question is at work: the next look finds the log as long as it is.
  });
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
