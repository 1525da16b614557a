/** Groups of errors: what the rows of one fingerprint say together. Roots only. */
import type { Severity } from "../event";
import type { ErrorFilter, GroupRow, TimeRange } from "./answers";
import { createConditions } from "./conditions";
import { errorsBySeq, isoTime, numberOf, numberOrNull, textOf, textOrNull } from "./error-rows";
import { countable } from "./hour-counts";
import { peopleOfGroups } from "./people";
import type { Row, Statements } from "./statements";
import { HOUR_MILLIS, spanOf } from "./timeline";

/** Of these fingerprints, in their order; those that are not kept are left out. */
export async function groupRows(
  statements: Statements,
  fingerprints: readonly string[],
  filter: ErrorFilter,
  timeRange: TimeRange,
  nowMillis: number,
  /** `sinceMillis` as in timeline(); `keptMillis`: what came before it is not looked at. */
  {
    sinceMillis = 0,
    keptMillis = nowMillis - 168 * HOUR_MILLIS,
  }: { readonly sinceMillis?: number; readonly keptMillis?: number } = {},
): Promise<readonly GroupRow[]> {
  if (fingerprints.length === 0) return [];
  const { fromMillis } = spanOf(timeRange, nowMillis);
  const counts = await countByInterval(statements, fingerprints, filter, timeRange, nowMillis, {
    sinceMillis,
    keptMillis,
  });
  const people = await peopleOfGroups(statements, fingerprints, { filter, timeRange, nowMillis, sinceMillis });
  const rowsOf = new Map<string, Row[]>(fingerprints.map((fingerprint) => [fingerprint, []]));
  for (const row of counts) rowsOf.get(textOf(row["fingerprint"]))?.push(row);
  const latest = await latestErrors(statements, [...rowsOf.values()]);
  const [titles, firstSeen] = [await titlesAfter(statements, latest), await firstSeenOf(statements, fingerprints)];
  return [...rowsOf].flatMap(([fingerprint, rows]) => {
    const last = latest.get(fingerprint);
    if (last === undefined) return [];
    const inRange = rows.filter(({ interval }) => numberOf(interval) >= 0);
    const sum = (column: string, of: readonly Row[] = rows): number =>
      of.reduce((total, row) => total + numberOf(row[column]), 0);
    const lastHour = sum("last_1h");
    const known = people.get(fingerprint);
    const seen = Math.min(firstSeen.get(fingerprint) ?? Infinity, numberOf(last["time"]));
    const gravity = Math.max(0, ...inRange.map((row) => numberOf(row["gravity"])));
    return [
      {
        fingerprint,
        title: textOf(last["title"]),
        type: textOf(last["type"]),
        message: textOf(last["message"]),
        error_category: textOf(last["category"]),
        group: textOf(last["group"]),
        severity: SEVERITIES[gravity] ?? "info",
        occurrences: sum("count", inRange),
        last_1h: lastHour,
        last_6h: sum("last_6h"),
        last_24h: sum("last_24h"),
        last_7d: sum("last_7d"),
        first_seen: isoTime(seen),
        last_seen: isoTime(last["time"]),
        trend: trendOf(last["trend"]),
        is_new: seen >= fromMillis,
        is_regressed: last["is_regressed"] === true,
        is_quiet: lastHour === 0 && sum("count") >= 2,
        services: known?.services ?? [],
        workers: known?.workers ?? 0,
        users: known?.users ?? 0,
        sessions: known?.sessions ?? 0,
        sparkline: sparkline(inRange),
        recovery_ms: numberOrNull(last["recovery_ms"]),
        usually_after: usuallyAfter(last["usually_after"], titles),
      },
    ];
  });
}

const SEVERITIES: readonly Severity[] = ["info", "warning", "critical"];
/** Of a sparkline. */
const INTERVALS = 24;

/** One row for each group and interval; the interval is -1 for what came before the range. */
async function countByInterval(
  statements: Statements,
  fingerprints: readonly string[],
  filter: ErrorFilter,
  timeRange: TimeRange,
  nowMillis: number,
  { sinceMillis, keptMillis }: { readonly sinceMillis: number; readonly keptMillis: number },
): Promise<readonly Row[]> {
  const { fromMillis } = spanOf(timeRange, nowMillis);
  const { bind, values } = createConditions();
  const from = Math.max(fromMillis, sinceMillis);
  const width = (timeRange * HOUR_MILLIS) / INTERVALS;
  const hoursAgo = (hours: number): number => nowMillis - hours * HOUR_MILLIS;
  const after = (hours: number): string => `coalesce(sum(n) FILTER (WHERE time >= ${bind(hoursAgo(hours))}), 0)`;
  const counts = `sum(n) AS count, ${after(1)} AS last_1h, ${after(6)} AS last_6h, ${after(24)} AS last_24h,
       ${after(168)} AS last_7d, max(time) AS latest, arg_max(seq, time) AS latest_seq`;
  const ends = [1, 6, 24, 168].map(hoursAgo);
  const intervals = Array.from({ length: INTERVALS }, (_, index) => fromMillis + index * width);
  const earliest = Math.min(fromMillis, keptMillis);
  const countableErrors = await countable(statements, earliest);
  const inRange = countableErrors({ fromMillis: from, cuts: [...ends, ...intervals] }, filter, bind);
  const before = countableErrors({ fromMillis: earliest, toMillis: from, cuts: ends }, filter, bind);
  const ofGroups = `JOIN series s ON s.id = e.series WHERE s.fingerprint IN (SELECT unnest(${bind(fingerprints)}))`;
  // What came before is the most, and is not told by interval: by the number of the series alone it is counted soonest.
  return statements.ask(
    `SELECT s.fingerprint, least((time - ${bind(fromMillis)}) // ${bind(width)}, ${INTERVALS - 1}) AS interval, ${counts},
       max(CASE s.severity WHEN 'critical' THEN 2 WHEN 'warning' THEN 1 ELSE 0 END) AS gravity
     FROM (SELECT time, seq, series, n FROM ${inRange} WHERE NOT is_echo) e ${ofGroups} GROUP BY ALL
     UNION ALL
     SELECT s.fingerprint, -1, sum(count), sum(last_1h), sum(last_6h), sum(last_24h), sum(last_7d),
       max(latest), arg_max(latest_seq, latest), 0
     FROM (SELECT series, ${counts} FROM ${before} WHERE NOT is_echo GROUP BY series) e
     ${ofGroups} GROUP BY s.fingerprint`,
    values,
  );
}

/** By fingerprint. Of the rows of each group, one: rows that are long past are slow to read. */
async function latestErrors(
  statements: Statements,
  groups: readonly (readonly Row[])[],
): Promise<ReadonlyMap<string, Row>> {
  const latest = groups.flatMap((rows) => (rows.length === 0 ? [] : [rows.reduce(later)]));
  const rows = await errorsBySeq(
    statements,
    latest.map((row) => numberOf(row["latest_seq"])),
  );
  return new Map(rows.map((row) => [textOf(row["fingerprint"]), row]));
}

function later(one: Row, other: Row): Row {
  return numberOf(one["latest"]) > numberOf(other["latest"]) ? one : other;
}

async function firstSeenOf(
  statements: Statements,
  fingerprints: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const rows = await statements.ask(
    "SELECT fingerprint, min(first_seen) AS seen FROM groups WHERE fingerprint IN (SELECT unnest($1)) GROUP BY ALL",
    [fingerprints],
  );
  return new Map(rows.map((row) => [textOf(row["fingerprint"]), numberOf(row["seen"])]));
}

/** Of the groups that these errors usually come after. */
async function titlesAfter(
  statements: Statements,
  latest: ReadonlyMap<string, Row>,
): Promise<ReadonlyMap<string, string>> {
  const wanted = [...latest.values()].flatMap((row) => readUsuallyAfter(row["usually_after"])?.fingerprint ?? []);
  if (wanted.length === 0) return new Map();
  const rows = await statements.ask(
    `SELECT s.fingerprint, arg_max(e.title, e.time) AS title FROM errors e JOIN series s ON s.id = e.series
     WHERE s.fingerprint IN (SELECT unnest($1)) GROUP BY s.fingerprint`,
    [wanted],
  );
  return new Map(rows.map((row) => [textOf(row["fingerprint"]), textOf(row["title"])]));
}

function usuallyAfter(json: Row[string] | undefined, titles: ReadonlyMap<string, string>): GroupRow["usually_after"] {
  const after = readUsuallyAfter(json);
  return after === undefined ? null : { ...after, title: titles.get(after.fingerprint) ?? null };
}

function readUsuallyAfter(json: Row[string] | undefined): { fingerprint: string; within: string } | undefined {
  const text = textOrNull(json ?? null);
  if (text === null) return undefined;
  const value: unknown = JSON.parse(text); // written by journal-record.ts
  if (typeof value !== "object" || value === null || !("fingerprint" in value) || !("within" in value))
    return undefined;
  return { fingerprint: String(value.fingerprint), within: String(value.within) };
}

function trendOf(value: Row[string] | undefined): GroupRow["trend"] {
  return value === "rising" || value === "steady" || value === "falling" ? value : null;
}

function sparkline(rows: readonly Row[]): readonly number[] {
  const counts = new Map(rows.map((row) => [numberOf(row["interval"]), numberOf(row["count"])]));
  return Array.from({ length: INTERVALS }, (_, interval) => counts.get(interval) ?? 0);
}
