/**
 * Numbers for values that many rows share, so that a row keeps and a question reads one number.
 *
 * The database may have several numbers for the same values: questions group by the values. So what is kept in memory can be
 * bounded, and what fell out of it, or was not read at the start, gets a number anew.
 */
import type { SqlValue, Statements } from "./statements";

export interface Dictionary {
  /** Of values in the order of the columns. */
  idOf(values: readonly SqlValue[]): number;
  /** Writes what is new since the last call, in the transaction of the rows that have its numbers. */
  write(): Promise<void>;
  /** To be called when entries were deleted: what is gone must not be handed out. */
  reload(): Promise<void>;
}

export async function createDictionary(
  statements: Statements,
  table: "series" | "endpoints",
  columns: readonly string[],
): Promise<Dictionary> {
  const names = columns.map((column) => `"${column}"`).join(", ");
  const known = new Map<string, number>();
  let added: (readonly SqlValue[])[] = [];
  let lastId = 0;

  async function reload(): Promise<void> {
    known.clear();
    const rows = await statements.ask(`SELECT id, ${names} FROM ${table} ORDER BY id DESC LIMIT $1`, [MAX_KNOWN]);
    lastId = Math.max(lastId, Number(rows[0]?.["id"] ?? 0));
    for (const { id, ...values } of rows) known.set(keyOf(Object.values(values)), Number(id));
  }
  await reload();

  return {
    idOf(values) {
      const key = keyOf(values);
      const id = known.get(key);
      if (id !== undefined) return id;
      if (known.size >= MAX_KNOWN) known.clear();
      lastId += 1;
      known.set(key, lastId);
      added.push([lastId, ...values]);
      return lastId;
    },
    async write() {
      if (added.length === 0) return;
      const rowsToAdd = added;
      added = [];
      const width = columns.length + 1;
      await statements.append(
        table,
        Array.from({ length: width }, (_, at) => rowsToAdd.map((row) => row[at] ?? null)),
      );
    },
    reload,
  };
}

const MAX_KNOWN = 50_000;

function keyOf(values: readonly SqlValue[]): string {
  return JSON.stringify(values);
}
