/**
 * How many users, sessions and workers are behind errors. To tell them apart takes longer than all other counting: so for
 * ranges of very many errors, what was counted a moment ago is told again. A moment is a thousandth of the range.
 */
import type { ErrorFilter, TimeRange } from "./answers";
import { type Conditions, createConditions, errorCondition } from "./conditions";
import { numberOf, textOf } from "./error-rows";
import type { Statements } from "./statements";
import { HOUR_MILLIS, spanOf } from "./timeline";

export interface People {
  readonly services: readonly string[];
  readonly workers: number;
  readonly users: number;
  readonly sessions: number;
}

export interface PeopleQuery {
  readonly filter: ErrorFilter;
  readonly timeRange: TimeRange;
  readonly nowMillis: number;
  /** What came before it does not count. */
  readonly sinceMillis: number;
}

/** Of each of these groups; those without errors in the range are left out. */
export async function peopleOfGroups(
  statements: Statements,
  fingerprints: readonly string[],
  query: PeopleQuery,
): Promise<ReadonlyMap<string, People>> {
  const found = new Map<string, People>();
  for (const fingerprint of fingerprints) {
    const people = RECENT.get(keyOf(query, fingerprint), query.nowMillis);
    if (people !== undefined) found.set(fingerprint, people);
  }
  const missing = fingerprints.filter((fingerprint) => !found.has(fingerprint));
  if (missing.length === 0) return found;
  const { bind, values } = createConditions();
  const rows = await statements.ask(
    `SELECT s.fingerprint, list_sort(list(DISTINCT s.service))[:${MAX_SERVICES}] AS services, count(*) AS errors,
       count(DISTINCT s.worker) AS workers, count(DISTINCT e.user_id) AS users, count(DISTINCT e.session_id) AS sessions
     FROM (SELECT series, user_id, session_id FROM errors WHERE ${inRange(query, bind)}) e
     JOIN series s ON s.id = e.series
     WHERE s.fingerprint IN (SELECT unnest(${bind(missing)})) GROUP BY s.fingerprint`,
    values,
  );
  const errors = rows.reduce((sum, row) => sum + numberOf(row["errors"]), 0);
  for (const row of rows) {
    const people = {
      services: Array.isArray(row["services"]) ? row["services"] : [],
      workers: numberOf(row["workers"]),
      users: numberOf(row["users"]),
      sessions: numberOf(row["sessions"]),
    };
    const fingerprint = textOf(row["fingerprint"]);
    found.set(fingerprint, people);
    if (errors > MANY_ERRORS) RECENT.set(keyOf(query, fingerprint), people, query);
  }
  return found;
}

/** Of all errors that are asked about, of which there are so many. */
export async function peopleOfAll(
  statements: Statements,
  query: PeopleQuery,
  errors: number,
): Promise<Pick<People, "users" | "sessions">> {
  const known = RECENT.get(keyOf(query, ""), query.nowMillis);
  if (known !== undefined) return known;
  // One after the other: DuckDB was measured to take twice as long for both in one statement.
  const count = async (column: "user_id" | "session_id"): Promise<number> => {
    const { bind, values } = createConditions();
    const [row] = await statements.ask(
      `SELECT count(DISTINCT ${column}) AS count FROM errors WHERE ${inRange(query, bind)}`,
      values,
    );
    return numberOf(row?.["count"]);
  };
  const people = { services: [], workers: 0, users: await count("user_id"), sessions: await count("session_id") };
  if (errors > MANY_ERRORS) RECENT.set(keyOf(query, ""), people, query);
  return people;
}

const MAX_SERVICES = 50;
const MANY_ERRORS = 100_000;
const MAX_RECENT = 5_000;

/** Of this process, which has one database. */
const RECENT = createRecent();

function createRecent(): {
  get(key: string, nowMillis: number): People | undefined;
  set(key: string, people: People, query: PeopleQuery): void;
} {
  const recent = new Map<string, { readonly people: People; readonly untilMillis: number }>();
  return {
    get(key, nowMillis) {
      const found = recent.get(key);
      return found !== undefined && nowMillis < found.untilMillis ? found.people : undefined;
    },
    set(key, people, { timeRange, nowMillis }) {
      if (recent.size >= MAX_RECENT) recent.clear();
      recent.set(key, { people, untilMillis: nowMillis + (timeRange * HOUR_MILLIS) / 1_000 });
    },
  };
}

function keyOf({ filter, timeRange, nowMillis, sinceMillis }: PeopleQuery, fingerprint: string): string {
  const { service, category, group, severity, worker, origin, q } = filter;
  const isReset = sinceMillis > spanOf(timeRange, nowMillis).fromMillis;
  const wanted = [service, category, group, severity, worker, filter.fingerprint, origin, q];
  return JSON.stringify([fingerprint, timeRange, isReset ? sinceMillis : 0, wanted]);
}

function inRange({ filter, timeRange, nowMillis, sinceMillis }: PeopleQuery, bind: Conditions["bind"]): string {
  const from = Math.max(spanOf(timeRange, nowMillis).fromMillis, sinceMillis);
  return `time >= ${bind(from)} AND NOT is_echo AND ${errorCondition(filter, bind)}`;
}
