/**
 * Counts by the hour beside the rows: of an hour that has passed, what a question would count is counted once.
 *
 *   errors of hours that have passed ──count()──► hour_counts ──┐
 *      ▲                                             │          ├─► countable() ─► questions
 *      └─ a late line, a judgement: touch() takes ───┘  errors ─┘   whole hours by counts, the rest by rows
 *         its hour out until it is counted anew
 *
 * An hour is taken out in the transaction that changes its rows, so what is counted is what the rows say, to the error.
 */
import type { ErrorFilter } from "./answers";
import { type Conditions, errorCondition } from "./conditions";
import type { Statements } from "./statements";
import { HOUR_MILLIS } from "./timeline";

export interface HourCounts {
  /** To be called in the transaction that writes, changes or deletes rows of these times. */
  touch(times: readonly number[]): Promise<void>;
  /** Counts hours that have passed and are not counted, some of them. */
  count(nowMillis: number): Promise<void>;
  /** To be called when rows and counts were deleted. */
  reload(): Promise<void>;
}

export async function createHourCounts(statements: Statements): Promise<HourCounts> {
  let counted = new Set<number>();
  /** Hours that have rows and are not counted, and when something was done to them last. */
  let open = new Map<number, number>();
  let latestMillis = -Infinity;

  async function reload(): Promise<void> {
    counted = new Set(await countedHours(statements, 0));
    const rows = await statements.ask(`SELECT DISTINCT time // ${HOUR_MILLIS} AS hour FROM errors WHERE time >= 0`);
    const hours = rows.map(({ hour }) => Number(hour)).filter((hour) => !counted.has(hour));
    open = new Map(hours.map((hour) => [hour, open.get(hour) ?? -Infinity]));
  }
  await reload();

  return {
    async touch(times) {
      const hours = new Set(times.map(hourOf));
      const changed = [...hours].filter((hour) => counted.delete(hour));
      for (const hour of hours) if (hour >= 0) open.set(hour, latestMillis);
      if (changed.length > 0) await statements.run(`DELETE FROM hour_counts WHERE hour IN (${changed.join(", ")})`);
    },
    async count(nowMillis) {
      latestMillis = nowMillis;
      const settled = [...open].filter(
        ([hour, touched]) => Math.max((hour + 1) * HOUR_MILLIS, touched) + SETTLING_MILLIS <= nowMillis,
      );
      // The latest are asked about most.
      const hours = settled
        .map(([hour]) => hour)
        .sort((one, other) => other - one)
        .slice(0, MAX_HOURS_AT_ONCE);
      if (hours.length === 0) return;
      const [from, to] = [Math.min(...hours) * HOUR_MILLIS, (Math.max(...hours) + 1) * HOUR_MILLIS];
      await statements.run(
        `INSERT INTO hour_counts
         SELECT time // ${HOUR_MILLIS} AS hour, series, is_echo, count(*), max(time), arg_max(seq, time) FROM errors
         WHERE time >= ${from} AND time < ${to} AND time // ${HOUR_MILLIS} IN (${hours.join(", ")})
         GROUP BY ALL ORDER BY hour`,
      );
      for (const hour of hours) {
        open.delete(hour);
        counted.add(hour);
      }
    },
    reload,
  };
}

/** To be called in the transaction that deletes all errors until then. */
export async function deleteHourCounts(statements: Statements, untilMillis: number): Promise<void> {
  await statements.run(`DELETE FROM hour_counts WHERE hour <= ${hourOf(untilMillis)}`);
}

export interface CountableRange {
  readonly fromMillis: number;
  /** Without it: all that came since. */
  readonly toMillis?: number;
  /** Times at which one count ends and another begins: no row stands for what came before and after. */
  readonly cuts: readonly number[];
}

/**
 * What `filter` leaves of a range, to be counted: SQL of rows with `series`, `is_echo`, `n` and, of the latest of these n
 * errors, `time` and `seq`.
 */
export type Countable = (range: CountableRange, filter: ErrorFilter, bind: Conditions["bind"]) => string;

/** For ranges that begin at `fromMillis` or later. */
export async function countable(statements: Statements, fromMillis: number): Promise<Countable> {
  const hours = await countedHours(statements, fromMillis);
  return (range, filter, bind) => {
    const { fromMillis: beginMillis, toMillis = Infinity, cuts } = range;
    const cutHours = new Set(cuts.filter((cut) => cut % HOUR_MILLIS !== 0).map(hourOf));
    const whole = hours.filter(
      (hour) => hour * HOUR_MILLIS >= beginMillis && (hour + 1) * HOUR_MILLIS <= toMillis && !cutHours.has(hour),
    );
    // A text is searched for in rows.
    const isByRows = whole.length === 0 || (filter.q !== undefined && filter.q !== "");
    const columns = isByRows ? "*, 1 AS n" : "series, is_echo, 1 AS n, time, seq";
    // One by one: DuckDB leads each to its blocks, but looks at all rows for alternatives.
    const parts = between(isByRows ? [] : whole, beginMillis, toMillis).map(([from, to]) => {
      const end = to === Infinity ? "" : `AND time < ${bind(to)}`;
      return `SELECT ${columns} FROM errors WHERE time >= ${bind(from)} ${end}`;
    });
    if (!isByRows) {
      const counts = `SELECT series, is_echo, n, latest AS time, latest_seq AS seq FROM hour_counts`;
      parts.push(`${counts} WHERE hour IN (${whole.join(", ")})`);
    }
    return `(SELECT * FROM (${parts.join(" UNION ALL ")}) WHERE ${errorCondition(filter, bind)})`;
  };
}

/** An hour to which something comes late, again and again, is left to its rows: to count it each time takes longer. */
const SETTLING_MILLIS = 30_000;
/** So that appending waits for some milliseconds at most. */
const MAX_HOURS_AT_ONCE = 8;

/** From this time on, in order. */
async function countedHours(statements: Statements, fromMillis: number): Promise<readonly number[]> {
  const rows = await statements.ask(
    `SELECT DISTINCT hour FROM hour_counts WHERE hour >= ${hourOf(fromMillis)} ORDER BY hour`,
  );
  return rows.map(({ hour }) => Number(hour));
}

function hourOf(unixMillis: number): number {
  return Math.floor(unixMillis / HOUR_MILLIS);
}

/** What of a range is in none of these hours, which are in it and in order. */
function between(
  hours: readonly number[],
  fromMillis: number,
  toMillis: number,
): readonly (readonly [from: number, to: number])[] {
  if (hours.length === 0) return [[fromMillis, toMillis]];
  const begins = [fromMillis, ...hours.map((hour) => (hour + 1) * HOUR_MILLIS)];
  const ends = [...hours.map((hour) => hour * HOUR_MILLIS), toMillis];
  return begins.map((begin, at) => [begin, ends[at] ?? toMillis] as const).filter(([begin, end]) => begin < end);
}
