/** Rows by time, the newest first, a page at a time. What comes in between two pages moves neither. */
import type { Conditions } from "./conditions";
import { readPageCursor, toPageCursor } from "./page-cursor";
import type { Row, Statements } from "./statements";

export interface Page {
  readonly limit: number;
  readonly cursor?: string | undefined;
}

/**
 * Of a table that has `time` and `seq`. `select` gets what follows the name of the table, from WHERE to LIMIT. A cursor
 * that is none leads to an empty page.
 */
export async function newestFirst(
  statements: Statements,
  select: (which: string) => string,
  conditions: readonly string[],
  { bind, values }: Conditions,
  { limit, cursor }: Page,
): Promise<{ readonly rows: readonly Row[]; readonly nextCursor: string | null }> {
  const all = [...conditions];
  if (cursor !== undefined) {
    const behind = readPageCursor(cursor);
    if (behind === undefined) return { rows: [], nextCursor: null };
    const time = bind(behind[0]);
    all.push(`time <= ${time} AND (time < ${time} OR seq < ${bind(Number(behind[1]))})`);
  }
  const which = `WHERE ${all.join(" AND ")} ORDER BY time DESC, seq DESC LIMIT ${bind(limit + 1)}`;
  const rows = await statements.ask(select(which), values);
  const shown = rows.slice(0, limit);
  const last = rows.length > limit ? shown.at(-1) : undefined;
  return {
    rows: shown,
    nextCursor: last === undefined ? null : toPageCursor([Number(last["time"]), Number(last["seq"])]),
  };
}
