/**
 * The answers as schemas, for the document that describes the API to machines. The compiler holds them against the types of
 * `store/answers.ts`, a test holds live answers against them.
 */
import { z } from "zod";
import { CATEGORIES } from "../event";
import type * as answers from "../store/answers";
import { TIME_RANGES } from "../store/answers";
import type { StatsData } from "./stats";

/** A field more or less, or one that may be null on one side alone, does not compile. */
function exactly<T>() {
  return <S extends z.ZodType<T>>(schema: T extends z.output<S> ? S : never): z.ZodType<T> => schema;
}

const list = <S extends z.ZodType>(item: S) => z.array(item).readonly();
const number = z.number();
const count = z.int().min(0);
const text = z.string();
const time = z.iso.datetime();
const textOrNull = z.string().nullable();
const counts = z.record(z.string(), count);
const severity = z.enum(["critical", "warning", "info"]);
const status = z.enum(["critical", "warning", "stable"]);
const cursor = textOrNull.describe("The `cursor` of the next page; null on the last one.");

const errorRow = z.strictObject({
  id: text,
  timestamp: time,
  title: text,
  type: text,
  message: text.describe("At most 1,000 characters."),
  error_category: text,
  group: text.meta({ enum: Object.keys(CATEGORIES) }),
  severity,
  is_critical: z.boolean(),
  fingerprint: text,
  origin: z.enum(["root", "echo"]),
  service: text,
  worker_id: text,
  request_id: textOrNull,
  session_id: textOrNull,
  user_id: textOrNull,
  trace_id: textOrNull,
  method: textOrNull,
  route: textOrNull,
  status_code: z.int().nullable(),
  hardware_type: textOrNull,
  handled: z.boolean(),
  is_new: z.boolean(),
  is_regressed: z.boolean(),
});
export const ERROR_ROW: z.ZodType<answers.ErrorRow> = exactly<answers.ErrorRow>()(errorRow);

const timelinePoint = z.strictObject({ time, total: count, critical: count, warning: count, info: count });
export const TIMELINE_POINT: z.ZodType<answers.TimelinePoint> = exactly<answers.TimelinePoint>()(timelinePoint);

const workerRow = z.strictObject({
  service: text,
  ...{ total: count, critical: count, warning: count, info: count },
  status,
  most_common_error: text,
  last_seen: time,
});
export const WORKER_ROW: z.ZodType<answers.WorkerRow> = exactly<answers.WorkerRow>()(workerRow);

const machineRow = z.strictObject({
  service: text,
  timestamp: time,
  hostname: textOrNull,
  platform: textOrNull,
  status,
  cpu_percent: number.nullable(),
  memory_percent: number.nullable(),
  disk_percent: number.nullable(),
  gpus: list(
    z.strictObject({
      index: number,
      name: text,
      memory_percent: number.nullable(),
      temperature_celsius: number.nullable(),
    }),
  ),
});
export const MACHINE_ROW: z.ZodType<answers.MachineRow> = exactly<answers.MachineRow>()(machineRow);

const groupRow = z.strictObject({
  fingerprint: text,
  title: text,
  type: text,
  message: text,
  error_category: text,
  group: text,
  severity,
  occurrences: count,
  last_1h: count,
  last_6h: count,
  last_24h: count,
  last_7d: count,
  first_seen: time,
  last_seen: time,
  trend: z.enum(["rising", "steady", "falling"]).nullable(),
  is_new: z.boolean(),
  is_regressed: z.boolean(),
  is_quiet: z.boolean(),
  services: list(text),
  workers: count,
  users: count,
  sessions: count,
  sparkline: list(count).describe("24 counts of equal length, the earliest first."),
  recovery_ms: number.nullable(),
  usually_after: z.strictObject({ fingerprint: text, within: text, title: textOrNull }).nullable(),
});
export const GROUP_ROW: z.ZodType<answers.GroupRow> = exactly<answers.GroupRow>()(groupRow);

const summary = z.strictObject({
  total_errors: count,
  echo_errors: count,
  recurring_errors: count,
  resource_errors: count,
  network_errors: count,
  hardware_errors: count,
  critical_hardware_errors: count,
  critical_errors: count,
  warning_errors: count,
  info_errors: count,
  unique_types: count,
  unique_groups: count,
  new_groups: count,
  affected_sessions: count,
  affected_users: count,
  affected_workers: count,
  errors_per_minute: number,
  previous_total_errors: count,
  time_range_hours: z.literal([...TIME_RANGES]),
});
export const ERRORS_SUMMARY: z.ZodType<answers.ErrorsSummary> = exactly<answers.ErrorsSummary>()(summary);

export const ERRORS_DATA: z.ZodType<answers.ErrorsData> = exactly<answers.ErrorsData>()(
  z.strictObject({
    timestamp: time,
    counted_since: time.nullable(),
    summary,
    recent_errors: list(errorRow),
    next_cursor: cursor,
    error_distribution: z.strictObject({
      by_category: counts,
      by_group: counts,
      by_severity: counts,
      by_service: counts,
      by_type: counts,
    }),
    error_patterns: z.record(z.string(), groupRow),
    worker_errors: z.record(z.string(), workerRow),
    hardware_errors: z.strictObject({
      total: count,
      by_type: counts,
      by_status: counts,
      errors_per_minute: z.record(z.string(), number),
      machines: z.record(z.string(), machineRow),
      recent: list(errorRow),
    }),
    timeline: list(timelinePoint),
  }),
);

/** The line of the journal: its fields are described with the journal. */
export const ERROR_DETAIL: z.ZodType = z
  .looseObject({ id: text, timestamp: time, title: text, error_type: text, error_message: text, origin: text })
  .describe("The line of the journal, with the judged origin.");

export const GROUPS_DATA: z.ZodType<answers.GroupsData> = exactly<answers.GroupsData>()(
  z.strictObject({
    groups: list(groupRow),
    next_cursor: cursor,
  }),
);

export const GROUP_DETAIL_DATA: z.ZodType<answers.GroupDetail> = exactly<answers.GroupDetail>()(
  z.strictObject({
    ...groupRow.shape,
    fingerprint_version: number,
    fingerprint_reason: text,
    advice: text,
    by_worker: counts,
    by_service: counts,
    by_release: counts,
    timeline: list(timelinePoint),
    recent_errors: list(errorRow),
  }),
);

const requestRow = z.strictObject({
  timestamp: time,
  service: text,
  worker_id: text,
  method: text,
  route: text,
  status_code: z.int(),
  duration_ms: number,
  slow: z.boolean(),
  failed: z.boolean(),
  request_id: textOrNull,
  session_id: textOrNull,
  user_id: textOrNull,
  trace_id: textOrNull,
  span_id: textOrNull,
});
export const REQUEST_ROW: z.ZodType<answers.RequestRow> = exactly<answers.RequestRow>()(requestRow);

const endpointRow = z.strictObject({
  service: text,
  method: text,
  route: text,
  count,
  per_minute: number,
  errors: count,
  slow: count,
  p50_ms: number,
  p95_ms: number,
  p99_ms: number,
  max_ms: number,
});
export const ENDPOINT_ROW: z.ZodType<answers.EndpointRow> = exactly<answers.EndpointRow>()(endpointRow);

export const REQUESTS_DATA: z.ZodType<answers.RequestsData> = exactly<answers.RequestsData>()(
  z.strictObject({
    endpoints: list(endpointRow),
    requests: list(requestRow),
    next_cursor: cursor,
  }),
);

const logRow = z.strictObject({
  timestamp: time,
  level: z.enum(["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"]),
  service: text,
  worker_id: text,
  message: text,
  logger: textOrNull,
  request_id: textOrNull,
  trace_id: textOrNull,
});
export const LOG_ROW: z.ZodType<answers.LogRow> = exactly<answers.LogRow>()(logRow);

export const LOGS_DATA: z.ZodType<answers.LogsData> = exactly<answers.LogsData>()(
  z.strictObject({ logs: list(logRow), next_cursor: cursor }),
);

export const JOURNEY_DATA: z.ZodType<answers.JourneyData> = exactly<answers.JourneyData>()(
  z.strictObject({
    steps: list(
      z.discriminatedUnion("kind", [
        errorRow.extend({ kind: z.literal("error") }),
        requestRow.extend({ kind: z.literal("request") }),
        logRow.extend({ kind: z.literal("log") }),
      ]),
    ),
    is_cut: z.boolean(),
  }),
);

export const STATS_DATA: z.ZodType<StatsData> = exactly<StatsData>()(
  z.strictObject({
    timestamp: time,
    version: text,
    started_at: time,
    uptime_seconds: count,
    memory: z.strictObject({ rss_bytes: count, heap_used_bytes: count, heap_limit_bytes: count }),
    signals: z.record(
      z.string(),
      z.strictObject({ received: count, kept: count, forwarded: count, dropped: count, dropped_by_reason: counts }),
    ),
    rates: z.record(z.string(), number),
    waiting_errors: count,
    queues: list(z.strictObject({ name: text, length: number, capacity: number })),
    store: z.strictObject({
      status: z.enum(["off", "opening", "open", "unavailable"]),
      message: textOrNull,
      lag_bytes: number.nullable(),
      file_bytes: number.nullable(),
    }),
    live: z.strictObject({ clients: count, max_clients: count }),
    theme: z.enum(["system", "dark", "light"]),
  }),
);

export const RESET_DATA: z.ZodType = z.strictObject({ counted_since: time });

export const REPORTED: z.ZodType = z.strictObject({
  status: z.literal("success"),
  message: text,
  id: text.optional(),
  fingerprint: text.optional(),
});
export const DONE: z.ZodType = z.strictObject({ status: z.literal("success"), message: text });
export const FAILURE: z.ZodType = z.strictObject({
  status: z.literal("error"),
  message: text,
  errors: list(z.strictObject({ path: text, message: text })).optional(),
});
