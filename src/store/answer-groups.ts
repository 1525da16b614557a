/** The answers to `groups()` and `group()`. */

import { answerError } from "./answer-error";
import type { Counts, GroupDetail, GroupsData, GroupsQuery, TimeRange } from "./answers";
import { createConditions, errorCondition } from "./conditions";
import { newestErrors, numberOf, textOf } from "./error-rows";
import { groupRows } from "./group-rows";
import { readPageCursor, toPageCursor } from "./page-cursor";
import type { Statements } from "./statements";
import { spanOf, timeline } from "./timeline";

export async function answerGroups(statements: Statements, query: GroupsQuery, nowMillis: number): Promise<GroupsData> {
  const { bind, values } = createConditions();
  const { fromMillis } = spanOf(query.timeRange, nowMillis);
  const cursor = query.cursor === undefined ? undefined : readPageCursor(query.cursor);
  if (query.cursor !== undefined && cursor === undefined) return { groups: [], next_cursor: null };
  const behind =
    cursor === undefined
      ? "true"
      : `(rank < ${bind(cursor[0])} OR (rank = ${bind(cursor[0])} AND fingerprint > ${bind(String(cursor[1]))}))`;
  const rows = await statements.ask(
    `SELECT fingerprint, rank FROM (
       SELECT s.fingerprint, ${SORTED_BY[query.sort]} AS rank
       FROM (SELECT * FROM errors WHERE time >= ${bind(fromMillis)} AND NOT is_echo AND ${errorCondition(query, bind)}) e
       JOIN series s ON s.id = e.series LEFT JOIN groups g ON g.fingerprint = s.fingerprint GROUP BY s.fingerprint)
     WHERE ${behind} ORDER BY rank DESC, fingerprint LIMIT ${bind(query.limit + 1)}`,
    values,
  );
  const shown = rows.slice(0, query.limit);
  const last = rows.length > query.limit ? shown.at(-1) : undefined;
  const fingerprints = shown.map(({ fingerprint }) => textOf(fingerprint));
  return {
    groups: await groupRows(statements, fingerprints, query, query.timeRange, nowMillis),
    next_cursor: last === undefined ? null : toPageCursor([numberOf(last["rank"]), textOf(last["fingerprint"])]),
  };
}

/** The largest first. */
const SORTED_BY: { readonly [sort in GroupsQuery["sort"]]: string } = {
  occurrences: "count(*)",
  last_seen: "max(e.time)",
  first_seen: "coalesce(min(g.first_seen), min(e.time))",
  users: "count(DISTINCT e.user_id)",
};

export async function answerGroup(
  statements: Statements,
  fingerprint: string,
  timeRange: TimeRange,
  nowMillis: number,
): Promise<GroupDetail | undefined> {
  const filter = { fingerprint };
  const [group] = await groupRows(statements, [fingerprint], filter, timeRange, nowMillis, { keptMillis: 0 });
  if (group === undefined) return undefined;
  const { fromMillis } = spanOf(timeRange, nowMillis);
  const { rows } = await newestErrors(statements, filter, { fromMillis, limit: MAX_RECENT });
  const [latest] = rows.length > 0 ? rows : (await newestErrors(statements, filter, { fromMillis: 0, limit: 1 })).rows;
  const detail = latest && (await answerError(statements, latest.id));
  const by = (column: string): Promise<Counts> => countBy(statements, fingerprint, fromMillis, column);
  return {
    ...group,
    fingerprint_version: typeof detail?.["fingerprint_version"] === "number" ? detail["fingerprint_version"] : 0,
    fingerprint_reason: typeof detail?.["fingerprint_reason"] === "string" ? detail["fingerprint_reason"] : "",
    advice: typeof detail?.["advice"] === "string" ? detail["advice"] : "",
    by_worker: await by("worker"),
    by_service: await by("service"),
    by_release: await by("release"),
    timeline: await timeline(statements, filter, timeRange, nowMillis, 0),
    recent_errors: rows,
  };
}

const MAX_RECENT = 50;
const MAX_NAMES = 50;

async function countBy(
  statements: Statements,
  fingerprint: string,
  fromMillis: number,
  column: string,
): Promise<Counts> {
  const rows = await statements.ask(
    `SELECT s.${column} AS name, count(*) AS count FROM errors e JOIN series s ON s.id = e.series
     WHERE e.time >= $1 AND NOT e.is_echo AND s.fingerprint = $2 AND s.${column} IS NOT NULL
     GROUP BY ALL ORDER BY count DESC, name`,
    [fromMillis, fingerprint],
  );
  const rest = rows.slice(MAX_NAMES).reduce((sum, { count }) => sum + numberOf(count), 0);
  const named = rows.slice(0, MAX_NAMES).map(({ name, count }) => [textOf(name), numberOf(count)] as const);
  return Object.fromEntries(rest > 0 ? [...named, ["other", rest]] : named);
}
