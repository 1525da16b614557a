/**
 * The conditions of a question, and the values that are bound to them: no text of a question is ever part of the SQL.
 * Whole numbers are: DuckDB plans a statement with values that are still to come twice, and plans take longer than most answers.
 */
import type { ErrorFilter } from "./answers";
import type { SqlValue } from "./statements";

export interface Conditions {
  /** What it returns stands for the value in the SQL. */
  bind(value: SqlValue): string;
  readonly values: readonly SqlValue[];
}

export function createConditions(): Conditions {
  const values: SqlValue[] = [];
  return {
    bind(value) {
      if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return String(value);
      values.push(value);
      return `$${values.length}`;
    },
    values,
  };
}

/** Of rows of `errors`; "true" when all will do. What errors share is looked for among `series`, once for all of them. */
export function errorCondition(filter: ErrorFilter, bind: Conditions["bind"]): string {
  const shared = SHARED_FIELDS.flatMap((field) => {
    const value = filter[field];
    return value === undefined ? [] : [`"${field}" = ${bind(value)}`];
  });
  const conditions: string[] = [];
  if (shared.length > 0) conditions.push(`series IN (SELECT id FROM series WHERE ${shared.join(" AND ")})`);
  if (filter.origin !== undefined) conditions.push(filter.origin === "echo" ? "is_echo" : "NOT is_echo");
  if (filter.q !== undefined && filter.q !== "") {
    const part = bind(filter.q);
    const inSeries = SEARCHED_IN_SERIES.map((field) => contains(field, part)).join(" OR ");
    const inRow = SEARCHED.map((field) => contains(field, part)).join(" OR ");
    conditions.push(`(${inRow} OR series IN (SELECT id FROM series WHERE ${inSeries}))`);
  }
  return conditions.length === 0 ? "true" : conditions.join(" AND ");
}

/** Whether a text has a part, whatever its case. */
export function contains(column: string, part: string): string {
  return `contains(lower(${column}), lower(${part}))`;
}

const SHARED_FIELDS = ["service", "category", "group", "severity", "worker", "fingerprint"] as const;
const SEARCHED_IN_SERIES = ["type", "fingerprint"];
const SEARCHED = ["message", "route", "id", "request_id", "session_id", "user_id", "trace_id"];
