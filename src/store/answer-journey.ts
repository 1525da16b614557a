/** The answer to `journey()`: errors, requests and logs under one id, the earliest first. */

import { toLogRow } from "./answer-logs";
import { toRequestRow } from "./answer-requests";
import type { JourneyData, JourneyQuery, JourneyStep } from "./answers";
import { numberOf, toErrorRow } from "./error-rows";
import type { Row, Statements } from "./statements";

export async function answerJourney(statements: Statements, query: JourneyQuery): Promise<JourneyData> {
  const { by, value, limit } = query;
  const values = [value, limit + 1];
  const mine = `"${by}" = $1`;
  // A log knows its request and its trace, and by its request the session and the user.
  const requestIds = `SELECT request_id FROM errors WHERE ${mine} UNION SELECT request_id FROM requests WHERE ${mine}`;
  const ofLog = by === "request_id" || by === "trace_id" ? mine : `request_id IN (${requestIds})`;
  const earliest = `ORDER BY time, seq LIMIT $2`;
  const errors = await statements.ask(
    `SELECT e.* REPLACE (left(e.message, 1000) AS message), s.* EXCLUDE id
     FROM (SELECT * EXCLUDE line FROM errors WHERE ${mine} ${earliest}) e JOIN series s ON s.id = e.series`,
    values,
  );
  const requests = await statements.ask(`SELECT * FROM requests WHERE ${mine} ${earliest}`, values);
  const logs = await statements.ask(`SELECT * FROM logs WHERE ${ofLog} ${earliest}`, values);
  const steps = [
    ...requests.map((row) => stepOf(row, { kind: "request", ...toRequestRow(row) })),
    ...logs.map((row) => stepOf(row, { kind: "log", ...toLogRow(row) })),
    ...errors.map((row) => stepOf(row, { kind: "error", ...toErrorRow(row) })),
  ].sort((one, other) => one.time - other.time);
  return { steps: steps.slice(0, limit).map(({ step }) => step), is_cut: steps.length > limit };
}

function stepOf(row: Row, step: JourneyStep): { readonly time: number; readonly step: JourneyStep } {
  return { time: numberOf(row["time"]), step };
}
