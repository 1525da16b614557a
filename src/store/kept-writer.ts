/** Requests, their counts and logs into rows. They are in no journal: what is not written yet goes with the process. */
import type { LogLevelName } from "./answers";
import { createDictionary } from "./dictionary";
import type { SqlValue, Statements } from "./statements";
import type { KeptRecords } from "./store";

export interface KeptWriter {
  write(kept: readonly KeptRecords[]): Promise<{ readonly requests: number; readonly logs: number }>;
  /** To be called when endpoints without requests were deleted. */
  reload(): Promise<void>;
}

/** The graver the higher. */
export const LOG_LEVELS: readonly LogLevelName[] = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];

export async function createKeptWriter(statements: Statements): Promise<KeptWriter> {
  const endpoints = await createDictionary(statements, "endpoints", ["service", "method", "route"]);
  const [last] = await statements.ask(
    "SELECT greatest((SELECT max(seq) FROM requests), (SELECT max(seq) FROM logs)) AS seq",
  );
  let lastSeq = Number(last?.["seq"] ?? 0);

  async function append(table: string, rows: readonly (readonly SqlValue[])[]): Promise<void> {
    const [first] = rows;
    if (first === undefined) return;
    await statements.append(
      table,
      first.map((_, at) => rows.map((row) => row[at] ?? null)),
    );
  }

  return {
    async write(kept) {
      const requests = kept
        .flatMap((records) => records.requests ?? [])
        .map((row) => [
          ...[++lastSeq, Date.parse(row.timestamp), row.service, row.worker_id, row.method, row.route, row.status_code],
          ...[
            row.duration_ms,
            row.slow,
            row.failed,
            row.request_id,
            row.session_id,
            row.user_id,
            row.trace_id,
            row.span_id,
          ],
        ]);
      const logs = kept
        .flatMap((records) => records.logs ?? [])
        .map((row) => [
          ...[++lastSeq, Date.parse(row.timestamp), LOG_LEVELS.indexOf(row.level), row.service, row.worker_id],
          ...[row.message, row.logger, row.request_id, row.trace_id],
        ]);
      const counts: (readonly SqlValue[])[] = [];
      const durations: (readonly SqlValue[])[] = [];
      for (const count of kept.flatMap((records) => records.requestCounts ?? [])) {
        const endpoint = endpoints.idOf([count.service, count.method, count.route]);
        const time = count.minuteUnixMillis;
        counts.push([time, endpoint, count.count, count.errors, count.slow, count.maxMillis]);
        for (const [bucket, number] of count.buckets.entries()) {
          if (number > 0) durations.push([time, endpoint, bucket, number]);
        }
      }
      await statements.transaction(async () => {
        await endpoints.write();
        await append("requests", requests);
        await append("logs", logs);
        await append("request_counts", counts);
        await append("request_durations", durations);
      });
      return { requests: requests.length, logs: logs.length };
    },
    reload: endpoints.reload,
  };
}
