/** The answer to `errors()`: one walk over the rows of the time range for all counts, and a few for what else is shown. */
import type { Counts, ErrorsData, ErrorsQuery, ErrorsSummary, HardwareData, MachineRow, WorkerRow } from "./answers";
import { createConditions, errorCondition } from "./conditions";
import { isoTime, newestErrors, numberOf, numberOrNull, textOf, textOrNull } from "./error-rows";
import { groupRows } from "./group-rows";
import { countable } from "./hour-counts";
import { peopleOfAll } from "./people";
import type { Row, Statements } from "./statements";
import { spanOf, timeline } from "./timeline";

export async function answerErrors(statements: Statements, query: ErrorsQuery, nowMillis: number): Promise<ErrorsData> {
  const { timeRange, limit, cursor } = query;
  const { fromMillis } = spanOf(timeRange, nowMillis);
  const zeroMillis = await countedSince(statements);
  const sinceMillis = Math.max(fromMillis, zeroMillis ?? 0);
  const counted = await countAll(statements, query, sinceMillis, nowMillis);
  const asked = { filter: query, timeRange, nowMillis, sinceMillis };
  const people = await peopleOfAll(statements, asked, counted.total);
  const page = await newestErrors(statements, query, { fromMillis, limit, cursor });
  const patterns = counted.by("fingerprint").slice(0, MAX_NAMES);
  const groups = await groupRows(statements, patterns.map(nameOf), query, timeRange, nowMillis, { sinceMillis });
  return {
    timestamp: isoTime(nowMillis),
    counted_since: zeroMillis === undefined ? null : isoTime(zeroMillis),
    summary: {
      ...counted.summary,
      affected_sessions: people.sessions,
      affected_users: people.users,
      previous_total_errors: await countBefore(statements, query, nowMillis, zeroMillis),
      time_range_hours: timeRange,
    },
    recent_errors: page.rows,
    next_cursor: page.nextCursor,
    error_distribution: {
      by_category: countsOf(counted.by("category"), counted.total),
      by_group: countsOf(counted.by("group"), counted.total),
      by_severity: countsOf(counted.by("severity"), counted.total),
      by_service: countsOf(counted.by("service"), counted.total),
      by_type: countsOf(counted.by("type"), counted.total),
    },
    error_patterns: Object.fromEntries(groups.map((group) => [group.fingerprint, group])),
    worker_errors: Object.fromEntries(counted.by("worker").map((row) => [nameOf(row), toWorker(row)])),
    hardware_errors: await hardware(statements, query, counted, sinceMillis),
    timeline: await timeline(statements, query, timeRange, nowMillis, zeroMillis ?? 0),
  };
}

export async function resetCounts(statements: Statements, nowMillis: number): Promise<string> {
  await statements.run("UPDATE settings SET counted_since = $1", [nowMillis]);
  return isoTime(nowMillis);
}

async function countedSince(statements: Statements): Promise<number | undefined> {
  const [row] = await statements.ask("SELECT counted_since FROM settings");
  return numberOrNull(row?.["counted_since"] ?? null) ?? undefined;
}

/** Of categories, types and so on that are told by name. */
const MAX_NAMES = 50;
const MAX_WORKERS = 200;
const MAX_MACHINES = 200;
const MAX_HARDWARE_ERRORS = 50;
const RECENT_MILLIS = 300_000;
const RECENT_MINUTES = RECENT_MILLIS / 60_000;

const NAMED = [
  ...["category", "group", "severity", "service", "type", "fingerprint", "worker"],
  ...["hardware_type", "hardware_status"],
] as const;

interface Counted {
  readonly total: number;
  readonly summary: Omit<
    ErrorsSummary,
    "affected_sessions" | "affected_users" | "previous_total_errors" | "time_range_hours"
  >;
  /** With most roots first. */
  by(name: (typeof NAMED)[number]): readonly Row[];
}

async function countAll(
  statements: Statements,
  query: ErrorsQuery,
  sinceMillis: number,
  nowMillis: number,
): Promise<Counted> {
  const { bind, values } = createConditions();
  const countableErrors = await countable(statements, sinceMillis);
  const recentMillis = nowMillis - RECENT_MILLIS;
  const rootsOf = (condition: string): string => `coalesce(sum(n) FILTER (WHERE ${condition}), 0)`;
  const newlyOf = (condition: string): string => `coalesce(sum(newly) FILTER (WHERE ${condition}), 0)`;
  // Measured: a second column to group rows by takes DuckDB twice as long, and GROUPING SETS of the names three times as
  // long as one walk over pairs of what is named and its name.
  const rows = await statements.ask(
    `WITH counted AS MATERIALIZED (
       SELECT series, sum(n) AS n_all, coalesce(sum(n) FILTER (WHERE is_echo), 0) AS n_echoes, max(time) AS latest,
         coalesce(sum(n) FILTER (WHERE NOT is_echo AND time >= ${bind(recentMillis)}), 0) AS newly
       FROM ${countableErrors({ fromMillis: sinceMillis, cuts: [recentMillis] }, query, bind)} GROUP BY series),
     named AS MATERIALIZED (
       SELECT s.*, c.* EXCLUDE series, n_all - n_echoes AS n FROM counted c JOIN series s ON s.id = c.series),
     worker_types AS (
       SELECT worker, arg_max(type, roots) AS type, arg_max(service, latest) AS service
       FROM (
         SELECT worker, type, max(service) AS service, max(latest) AS latest, sum(n) AS roots
         FROM named WHERE n > 0 GROUP BY ALL)
       GROUP BY worker),
     known_groups AS (
       SELECT sum(n) AS roots, coalesce(min(first_seen), min(oldest)) AS first_seen FROM (
         SELECT fingerprint, sum(n) AS n, min(latest) AS oldest FROM named WHERE n > 0 GROUP BY fingerprint) f
       LEFT JOIN groups g USING (fingerprint) GROUP BY fingerprint)
     SELECT c.*, t.type AS common_type, t.service AS worker_service,
       (SELECT coalesce(sum(roots), 0) FROM known_groups WHERE roots > 1 OR first_seen < ${bind(sinceMillis)}) AS recurring,
       (SELECT count(*) FROM known_groups) AS fingerprints, (SELECT count(*) FROM worker_types) AS workers,
       (SELECT count(DISTINCT type) FROM named WHERE n > 0) AS types,
       (SELECT count(*) FROM known_groups WHERE first_seen >= ${bind(sinceMillis)}) AS new_groups
     FROM (
       SELECT what, name, sum(n) AS roots, sum(n_echoes) AS echoes, max(latest) AS last_seen,
         ${rootsOf("severity = 'critical'")} AS critical, ${rootsOf("severity = 'warning'")} AS warning,
         ${rootsOf("severity = 'info'")} AS info, sum(newly) AS recent,
         ${newlyOf("severity = 'critical'")} AS recent_critical, ${newlyOf("severity <> 'info'")} AS recent_grave,
         ${rootsOf(`"group" = 'resource_error'`)} AS resource, ${rootsOf(`"group" = 'network_error'`)} AS network,
         ${rootsOf(`"group" = 'hardware_error'`)} AS hardware,
         ${rootsOf(`"group" = 'hardware_error' AND severity = 'critical'`)} AS critical_hardware
       FROM (
         SELECT n, n_echoes, newly, latest, severity, "group",
           unnest(['all', ${NAMED.map((name) => `'${name}'`).join(", ")}]) AS what,
           unnest(['', ${NAMED.map((name) => `"${name}"`).join(", ")}]) AS name
         FROM named)
       WHERE name IS NOT NULL GROUP BY what, name
       QUALIFY row_number() OVER (PARTITION BY what ORDER BY roots DESC, last_seen DESC) <= ${MAX_WORKERS}) c
     LEFT JOIN worker_types t ON t.worker = c.name AND what = 'worker'
     ORDER BY roots DESC, last_seen DESC`,
    values,
  );
  const all = rows.find(({ what }) => what === "all");
  const of = (column: string): number => numberOf(all?.[column]);
  return {
    total: of("roots"),
    summary: {
      total_errors: of("roots"),
      echo_errors: of("echoes"),
      recurring_errors: of("recurring"),
      resource_errors: of("resource"),
      network_errors: of("network"),
      hardware_errors: of("hardware"),
      critical_hardware_errors: of("critical_hardware"),
      critical_errors: of("critical"),
      warning_errors: of("warning"),
      info_errors: of("info"),
      unique_types: of("types"),
      unique_groups: of("fingerprints"),
      new_groups: of("new_groups"),
      affected_workers: of("workers"),
      errors_per_minute: of("recent") / RECENT_MINUTES,
    },
    by: (name) => rows.filter(({ what, roots }) => what === name && numberOf(roots) > 0),
  };
}

/** Roots of the range before this one. */
async function countBefore(
  statements: Statements,
  query: ErrorsQuery,
  nowMillis: number,
  zeroMillis = 0,
): Promise<number> {
  const { fromMillis, toMillis } = spanOf(query.timeRange, nowMillis);
  const { bind, values } = createConditions();
  const since = Math.max(fromMillis - (toMillis - fromMillis), zeroMillis);
  const [row] = await statements.ask(
    `SELECT count(*) AS count FROM errors WHERE time >= ${bind(since)} AND time < ${bind(fromMillis)} AND NOT is_echo
       AND ${errorCondition(query, bind)}`,
    values,
  );
  return numberOf(row?.["count"]);
}

function nameOf(row: Row): string {
  return textOf(row["name"]);
}

/** The rest under `other`, so that the sum is the total. */
function countsOf(rows: readonly Row[], total?: number): Counts {
  const named = rows.slice(0, MAX_NAMES);
  const rest = (total ?? 0) - named.reduce((sum, { roots }) => sum + numberOf(roots), 0);
  const counts = new Map(named.map((row) => [nameOf(row), numberOf(row["roots"])]));
  if (rest > 0) counts.set("other", (counts.get("other") ?? 0) + rest);
  return Object.fromEntries(counts);
}

function toWorker(row: Row): WorkerRow {
  const isGrave = numberOf(row["recent_grave"]) > 0;
  return {
    service: textOf(row["worker_service"]),
    total: numberOf(row["roots"]),
    critical: numberOf(row["critical"]),
    warning: numberOf(row["warning"]),
    info: numberOf(row["info"]),
    status: numberOf(row["recent_critical"]) > 0 ? "critical" : isGrave ? "warning" : "stable",
    most_common_error: textOf(row["common_type"]),
    last_seen: isoTime(row["last_seen"]),
  };
}

async function hardware(
  statements: Statements,
  query: ErrorsQuery,
  counted: Counted,
  sinceMillis: number,
): Promise<HardwareData> {
  const byType = counted.by("hardware_type");
  const total = byType.reduce((sum, { roots }) => sum + numberOf(roots), 0);
  const perMinute = byType
    .slice(0, MAX_NAMES)
    .map((row) => [nameOf(row), numberOf(row["roots"]) / (query.timeRange * 60)] as const);
  const only = "series IN (SELECT id FROM series WHERE hardware_type IS NOT NULL)";
  const page = { fromMillis: sinceMillis, limit: MAX_HARDWARE_ERRORS, only };
  return {
    total,
    by_type: countsOf(byType, total),
    by_status: countsOf(counted.by("hardware_status")),
    errors_per_minute: Object.fromEntries(perMinute),
    machines: await machines(statements, query, sinceMillis),
    recent: total === 0 ? [] : (await newestErrors(statements, query, page)).rows,
  };
}

async function machines(
  statements: Statements,
  { service, worker }: ErrorsQuery,
  sinceMillis: number,
): Promise<HardwareData["machines"]> {
  const { bind, values } = createConditions();
  const conditions = [`time >= ${bind(sinceMillis)}`];
  if (service !== undefined) conditions.push(`service = ${bind(service)}`);
  if (worker !== undefined) conditions.push(`worker = ${bind(worker)}`);
  const rows = await statements.ask(
    `SELECT * FROM machines WHERE ${conditions.join(" AND ")} ORDER BY time DESC LIMIT ${MAX_MACHINES}`,
    values,
  );
  return Object.fromEntries(rows.map((row) => [textOf(row["worker"]), toMachine(row)]));
}

function toMachine(row: Row): MachineRow {
  const { status } = row;
  return {
    service: textOf(row["service"]),
    timestamp: isoTime(row["time"]),
    hostname: textOrNull(row["hostname"]),
    platform: textOrNull(row["platform"]),
    status: status === "critical" || status === "warning" ? status : "stable",
    cpu_percent: numberOrNull(row["cpu_percent"]),
    memory_percent: numberOrNull(row["memory_percent"]),
    disk_percent: numberOrNull(row["disk_percent"]),
    // Written as JSON by error-writer.ts, of this very shape.
    gpus: JSON.parse(textOf(row["gpus"]) || "[]") as MachineRow["gpus"],
  };
}
