/** The answer to `requests()`. */
import type { EndpointRow, RequestRow, RequestsData, RequestsQuery } from "./answers";
import { createConditions } from "./conditions";
import { isoTime, numberOf, textOf, textOrNull } from "./error-rows";
import { newestFirst } from "./newest-first";
import type { Row, Statements } from "./statements";
import { DURATION_BOUNDS_MILLIS } from "./store";
import { spanOf } from "./timeline";

export async function answerRequests(
  statements: Statements,
  query: RequestsQuery,
  nowMillis: number,
): Promise<RequestsData> {
  const { fromMillis } = spanOf(query.timeRange, nowMillis);
  return {
    endpoints: await endpoints(statements, query, fromMillis, nowMillis),
    ...(await newestRequests(statements, query, fromMillis)),
  };
}

const MAX_ENDPOINTS = 200;

/** Those with the most requests. */
async function endpoints(
  statements: Statements,
  query: RequestsQuery,
  fromMillis: number,
  nowMillis: number,
): Promise<readonly EndpointRow[]> {
  const { bind, values } = createConditions();
  const conditions = [
    ...(query.service === undefined ? [] : [`service = ${bind(query.service)}`]),
    ...(query.route === undefined ? [] : [`route = ${bind(query.route)}`]),
  ];
  const shown = conditions.length === 0 ? "true" : conditions.join(" AND ");
  // The minute that the range begins in is in it.
  const from = bind(Math.floor(fromMillis / MINUTE_MILLIS) * MINUTE_MILLIS);
  const kept = [query.slow === true ? "slow > 0" : "true", query.failed === true ? "errors > 0" : "true"];
  const rows = await statements.ask(
    `WITH top AS (
       SELECT e.service, e.method, e.route, sum(c.count) AS count, sum(c.errors) AS errors, sum(c.slow) AS slow,
         max(c.max_ms) AS max_ms
       FROM request_counts c JOIN endpoints e ON e.id = c.endpoint WHERE c.time >= ${from} AND ${shown}
       GROUP BY ALL HAVING ${kept.join(" AND ")} ORDER BY count DESC, service, method, route LIMIT ${MAX_ENDPOINTS})
     SELECT top.*, d.bucket, d.count AS bucket_count FROM top JOIN (
       SELECT e.service, e.method, e.route, d.bucket, sum(d.count) AS count
       FROM request_durations d JOIN endpoints e ON e.id = d.endpoint WHERE d.time >= ${from} AND ${shown}
       GROUP BY ALL) d USING (service, method, route)
     ORDER BY top.count DESC, service, method, route, bucket`,
    values,
  );
  const byEndpoint = new Map<string, Row[]>();
  for (const row of rows) {
    const key = JSON.stringify([row["service"], row["method"], row["route"]]);
    byEndpoint.set(key, [...(byEndpoint.get(key) ?? []), row]);
  }
  const minutes = (nowMillis - fromMillis) / MINUTE_MILLIS;
  return [...byEndpoint.values()].flatMap((buckets) => {
    const [row] = buckets;
    if (row === undefined) return [];
    const maxMillis = numberOf(row["max_ms"]);
    const percentile = (share: number): number => percentileOf(buckets, share, maxMillis);
    return [
      {
        service: textOf(row["service"]),
        method: textOf(row["method"]),
        route: textOf(row["route"]),
        count: numberOf(row["count"]),
        per_minute: numberOf(row["count"]) / minutes,
        errors: numberOf(row["errors"]),
        slow: numberOf(row["slow"]),
        p50_ms: percentile(0.5),
        p95_ms: percentile(0.95),
        p99_ms: percentile(0.99),
        max_ms: maxMillis,
      },
    ];
  });
}

const MINUTE_MILLIS = 60_000;

/** The upper bound of the bucket that it is in; never more than the maximum. */
function percentileOf(buckets: readonly Row[], share: number, maxMillis: number): number {
  const total = buckets.reduce((sum, { bucket_count }) => sum + numberOf(bucket_count), 0);
  let below = 0;
  for (const { bucket, bucket_count } of buckets) {
    below += numberOf(bucket_count);
    if (below >= share * total) return Math.min(DURATION_BOUNDS_MILLIS[numberOf(bucket)] ?? maxMillis, maxMillis);
  }
  return maxMillis;
}

async function newestRequests(
  statements: Statements,
  query: RequestsQuery,
  fromMillis: number,
): Promise<Pick<RequestsData, "requests" | "next_cursor">> {
  const conditions = createConditions();
  const { bind } = conditions;
  const wanted = [`time >= ${bind(fromMillis)}`];
  for (const field of ["service", "route", "slow", "failed"] as const) {
    const value = query[field];
    if (value !== undefined) wanted.push(`${field} = ${bind(value)}`);
  }
  const select = (which: string): string => `SELECT * FROM requests ${which}`;
  const { rows, nextCursor } = await newestFirst(statements, select, wanted, conditions, query);
  return { requests: rows.map(toRequestRow), next_cursor: nextCursor };
}

export function toRequestRow(row: Row): RequestRow {
  return {
    timestamp: isoTime(row["time"]),
    service: textOf(row["service"]),
    worker_id: textOf(row["worker_id"]),
    method: textOf(row["method"]),
    route: textOf(row["route"]),
    status_code: numberOf(row["status_code"]),
    duration_ms: numberOf(row["duration_ms"]),
    slow: row["slow"] === true,
    failed: row["failed"] === true,
    request_id: textOrNull(row["request_id"]),
    session_id: textOrNull(row["session_id"]),
    user_id: textOrNull(row["user_id"]),
    trace_id: textOrNull(row["trace_id"]),
    span_id: textOrNull(row["span_id"]),
  };
}
