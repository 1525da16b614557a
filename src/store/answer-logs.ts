/** The answer to `logs()`. */
import type { LogRow, LogsData, LogsQuery } from "./answers";
import { contains, createConditions } from "./conditions";
import { isoTime, numberOf, textOf, textOrNull } from "./error-rows";
import { LOG_LEVELS } from "./kept-writer";
import { newestFirst } from "./newest-first";
import type { Row, Statements } from "./statements";
import { spanOf } from "./timeline";

export async function answerLogs(statements: Statements, query: LogsQuery, nowMillis: number): Promise<LogsData> {
  const conditions = createConditions();
  const { bind } = conditions;
  const wanted = [`time >= ${bind(spanOf(query.timeRange, nowMillis).fromMillis)}`];
  if (query.level !== undefined) wanted.push(`level >= ${bind(LOG_LEVELS.indexOf(query.level))}`);
  if (query.service !== undefined) wanted.push(`service = ${bind(query.service)}`);
  if (query.q !== undefined && query.q !== "") {
    const part = bind(query.q);
    wanted.push(`(${SEARCHED.map((column) => contains(column, part)).join(" OR ")})`);
  }
  const select = (which: string): string => `SELECT * FROM logs ${which}`;
  const { rows, nextCursor } = await newestFirst(statements, select, wanted, conditions, query);
  return { logs: rows.map(toLogRow), next_cursor: nextCursor };
}

const SEARCHED = ["message", "logger", "request_id", "trace_id"];

export function toLogRow(row: Row): LogRow {
  return {
    timestamp: isoTime(row["time"]),
    level: LOG_LEVELS[numberOf(row["level"])] ?? "INFO",
    service: textOf(row["service"]),
    worker_id: textOf(row["worker_id"]),
    message: textOf(row["message"]),
    logger: textOrNull(row["logger"]),
    request_id: textOrNull(row["request_id"]),
    trace_id: textOrNull(row["trace_id"]),
  };
}
