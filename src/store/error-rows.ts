/** Rows of `errors` as they are shown. */
import type { ErrorOrigin, Severity } from "../event";
import type { ErrorFilter, ErrorRow } from "./answers";
import { createConditions, errorCondition } from "./conditions";
import { newestFirst, type Page } from "./newest-first";
import type { Row, SqlValue, Statements } from "./statements";

export interface ErrorPage {
  readonly rows: readonly ErrorRow[];
  readonly nextCursor: string | null;
}

/** The newest first. */
export async function newestErrors(
  statements: Statements,
  filter: ErrorFilter,
  page: Page & { readonly fromMillis: number; readonly only?: string },
): Promise<ErrorPage> {
  const conditions = createConditions();
  const { bind } = conditions;
  const wanted = [`time >= ${bind(page.fromMillis)}`, errorCondition(filter, bind), page.only ?? "true"];
  // First which ones, then all of them: in one step DuckDB sorts whole rows.
  const select = (which: string): string => `SELECT time, seq FROM errors ${which}`;
  const { rows, nextCursor } = await newestFirst(statements, select, wanted, conditions, page);
  const errors = await errorsBySeq(
    statements,
    rows.map(({ seq }) => numberOf(seq)),
  );
  return { rows: errors.map(toErrorRow), nextCursor };
}

/** With what they share with others, the newest first. */
export async function errorsBySeq(statements: Statements, seqs: readonly number[]): Promise<readonly Row[]> {
  if (seqs.length === 0) return [];
  return statements.ask(
    `SELECT e.* REPLACE (left(e.message, ${MAX_MESSAGE_CHARS}) AS message), s.* EXCLUDE id
     FROM (SELECT * EXCLUDE line FROM errors
       WHERE seq BETWEEN $1 AND $2 AND seq IN (SELECT unnest($3)::BIGINT)) e JOIN series s ON s.id = e.series
     ORDER BY e.time DESC, e.seq DESC`,
    [Math.min(...seqs), Math.max(...seqs), seqs.map(String)],
  );
}

const MAX_MESSAGE_CHARS = 1_000;

export function toErrorRow(row: Row): ErrorRow {
  const severity = severityOf(row["severity"]);
  return {
    id: textOf(row["id"]),
    timestamp: isoTime(row["time"]),
    title: textOf(row["title"]),
    type: textOf(row["type"]),
    message: textOf(row["message"]),
    error_category: textOf(row["category"]),
    group: textOf(row["group"]),
    severity,
    is_critical: severity === "critical",
    fingerprint: textOf(row["fingerprint"]),
    origin: originOf(row["is_echo"]),
    service: textOf(row["service"]),
    worker_id: textOf(row["worker"]),
    request_id: textOrNull(row["request_id"]),
    session_id: textOrNull(row["session_id"]),
    user_id: textOrNull(row["user_id"]),
    trace_id: textOrNull(row["trace_id"]),
    method: textOrNull(row["method"]),
    route: textOrNull(row["route"]),
    status_code: numberOrNull(row["status_code"]),
    hardware_type: textOrNull(row["hardware_type"]),
    handled: row["handled"] === true,
    is_new: row["is_new"] === true,
    is_regressed: row["is_regressed"] === true,
  };
}

export function originOf(isEcho: SqlValue | undefined): ErrorOrigin {
  return isEcho === true ? "echo" : "root";
}

export function severityOf(value: SqlValue | undefined): Severity {
  return value === "critical" || value === "warning" ? value : "info";
}

export function textOf(value: SqlValue | undefined): string {
  return typeof value === "string" ? value : "";
}

export function textOrNull(value: SqlValue | undefined): string | null {
  return typeof value === "string" ? value : null;
}

export function numberOf(value: SqlValue | undefined): number {
  return typeof value === "number" ? value : 0;
}

export function numberOrNull(value: SqlValue | undefined): number | null {
  return typeof value === "number" ? value : null;
}

export function isoTime(unixMillis: SqlValue | undefined): string {
  const date = new Date(numberOf(unixMillis));
  return Number.isNaN(date.getTime()) ? new Date(0).toISOString() : date.toISOString();
}
