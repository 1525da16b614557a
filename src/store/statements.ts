/** One connection to the database: SQL with bound values in, plain rows out, and whole columns appended. */
import type { DuckDBConnection, DuckDBType, DuckDBValue } from "@duckdb/node-api";

export type SqlValue = string | number | boolean | null | readonly string[];
/** Numbers are numbers, whatever their type in the database. */
export type Row = { readonly [column: string]: SqlValue };

export interface Statements {
  ask(sql: string, values?: readonly SqlValue[]): Promise<readonly Row[]>;
  run(sql: string, values?: readonly SqlValue[]): Promise<void>;
  /** Commits what `work` did, or takes all of it back and throws what it threw. */
  transaction<T>(work: () => Promise<T>): Promise<T>;
  /** As a snapshot: all that `work` asks is of one moment. */
  snapshot<T>(work: () => Promise<T>): Promise<T>;
  /** Rows by columns, in the order of the table. */
  append(table: string, columns: readonly (readonly SqlValue[])[]): Promise<void>;
  /** Ends what it is doing with an error. */
  interrupt(): void;
  close(): void;
}

export function createStatements(duckdb: typeof import("@duckdb/node-api"), connection: DuckDBConnection): Statements {
  const textList = duckdb.LIST(duckdb.VARCHAR);

  function bound(values: readonly SqlValue[]): [DuckDBValue[], DuckDBType[] | undefined] {
    const types: DuckDBType[] = [];
    const list = values.map((value, index) => {
      if (!isList(value)) return value;
      types[index] = textList;
      return duckdb.listValue([...value]);
    });
    return [list, types];
  }

  async function ask(sql: string, values: readonly SqlValue[] = []): Promise<readonly Row[]> {
    const result = await (values.length === 0
      ? connection.runAndReadAll(sql)
      : connection.runAndReadAll(sql, ...bound(values)));
    const names = result.deduplicatedColumnNames();
    return result.getRows().map((row) => Object.fromEntries(row.map((value, at) => [names[at] ?? "", plain(value)])));
  }

  async function run(sql: string, values: readonly SqlValue[] = []): Promise<void> {
    await (values.length === 0 ? connection.run(sql) : connection.run(sql, ...bound(values)));
  }

  async function within<T>(begin: string, work: () => Promise<T>): Promise<T> {
    await run(begin);
    let result: T;
    try {
      result = await work();
    } catch (error) {
      await run("ROLLBACK").catch(() => undefined); // the first error says more
      throw error;
    }
    await run("COMMIT");
    return result;
  }

  return {
    ask,
    run,
    transaction: (work) => within("BEGIN", work),
    snapshot: (work) => within("BEGIN TRANSACTION READ ONLY", work),
    async append(table, columns) {
      const appender = await connection.createAppender(table);
      const types = columns.map((_, index) => appender.columnType(index));
      const count = columns[0]?.length ?? 0;
      for (let from = 0; from < count; from += CHUNK_ROWS) {
        const to = Math.min(from + CHUNK_ROWS, count);
        const given = columns.map((column, index) => givenType(column, from, to, types[index]));
        const chunk = duckdb.DuckDBDataChunk.create(given, to - from);
        for (const [index, column] of columns.entries()) {
          if (given[index] === duckdb.SQLNULL) continue;
          const vector = chunk.getColumnVector(index);
          const isWhole = isBig(types[index]);
          for (let at = from; at < to; at++) vector.setItem(at - from, toValue(column[at] ?? null, isWhole));
          vector.flush();
        }
        appender.appendDataChunk(chunk);
      }
      appender.closeSync();
    },
    interrupt: () => connection.interrupt(),
    close: () => connection.closeSync(),
  };

  /** DuckDB casts: numbers take less time than bigints, and a column of nulls than each null in a column of texts. */
  function givenType(
    column: readonly SqlValue[],
    from: number,
    to: number,
    type: DuckDBType = duckdb.SQLNULL,
  ): DuckDBType {
    for (let at = from; at < to; at++) {
      if (column[at] !== null) return isBig(type) ? duckdb.DOUBLE : type;
    }
    return duckdb.SQLNULL;
  }

  function isBig(type: DuckDBType | undefined): boolean {
    return type?.typeId === duckdb.DuckDBTypeId.BIGINT;
  }

  function toValue(value: SqlValue, isWhole: boolean): DuckDBValue {
    if (isWhole && typeof value === "number") return Math.trunc(value);
    return isList(value) ? duckdb.listValue([...value]) : value;
  }
}

/** DuckDB's own size of a vector. */
const CHUNK_ROWS = 2_048;

function isList(value: SqlValue): value is readonly string[] {
  return Array.isArray(value);
}

function plain(value: DuckDBValue): SqlValue {
  switch (typeof value) {
    case "bigint":
      return Number(value);
    case "string":
    case "number":
    case "boolean":
      return value;
    default:
      // The one list that is asked for is of texts.
      return value !== null && "items" in value && Array.isArray(value.items) ? value.items.map(String) : null;
  }
}
