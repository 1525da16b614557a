/**
 * The answers as schemas, for the document that describes the API to machines. The types of `store/answers.ts` are what they
 * are held against by the compiler; live answers are held against them by a test.
 */
import { z } from "zod";
import { CATEGORIES, type Group } from "../event";
import type * as answers from "../store/answers";
import { TIME_RANGES } from "../store/answers";
import type { StatsData } from "./stats";

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
  group: z.enum(Object.keys(CATEGORIES) as Group[]), // the type of CATEGORIES says so
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
export const ERROR_ROW: z.ZodType<answers.ErrorRow> = errorRow;

const timelinePoint = z.strictObject({ time, total: count, critical: count, warning: count, info: count });
export const TIMELINE_POINT: z.ZodType<answers.TimelinePoint> = timelinePoint;

const workerRow = z.strictObject({
  service: text,
  ...{ total: count, critical: count, warning: count, info: count },
  status,
  most_common_error: text,
  last_seen: time,
});
export const WORKER_ROW: z.ZodType<answers.WorkerRow> = workerRow;

const machineRow = z.strictObject({
  service: text,
  timestamp: time,
  hostname: textOrNull,
  platform: textOrNull,
  status,
  cpu_percent: number.nullable(),
  memory_percent: number.nullable(),
  disk_percent: number.nullable(),
  gpus: z.array(
    z.strictObject({
      index: number,
      name: text,
      memory_percent: number.nullable(),
      temperature_celsius: number.nullable(),
    }),
  ),
});
export const MACHINE_ROW: z.ZodType<answers.MachineRow> = machineRow;

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
  services: z.array(text),
  workers: count,
  users: count,
  sessions: count,
  sparkline: z.array(count).describe("24 counts of equal length, the earliest first."),
  recovery_ms: number.nullable(),
  usually_after: z.strictObject({ fingerprint: text, within: text, title: textOrNull }).nullable(),
});
export const GROUP_ROW: z.ZodType<answers.GroupRow> = groupRow;

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
export const ERRORS_SUMMARY: z.ZodType<answers.ErrorsSummary> = summary;

export const ERRORS_DATA: z.ZodType<answers.ErrorsData> = z.strictObject({
  timestamp: time,
  counted_since: time.nullable(),
  summary,
  recent_errors: z.array(errorRow),
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
    recent: z.array(errorRow),
  }),
  timeline: z.array(timelinePoint),
});

/** The line of the journal: its fields are described with the journal. */
export const ERROR_DETAIL: z.ZodType = z
  .looseObject({ id: text, timestamp: time, title: text, error_type: text, error_message: text, origin: text })
  .describe("The line of the journal, with the judged origin.");

export const GROUPS_DATA: z.ZodType<answers.GroupsData> = z.strictObject({
  groups: z.array(groupRow),
  next_cursor: cursor,
});

export const GROUP_DETAIL_DATA: z.ZodType<answers.GroupDetail> = z.strictObject({
  ...groupRow.shape,
  fingerprint_version: number,
  fingerprint_reason: text,
  advice: text,
  by_worker: counts,
  by_service: counts,
  by_release: counts,
  timeline: z.array(timelinePoint),
  recent_errors: z.array(errorRow),
});

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
export const REQUEST_ROW: z.ZodType<answers.RequestRow> = requestRow;

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
export const ENDPOINT_ROW: z.ZodType<answers.EndpointRow> = endpointRow;

export const REQUESTS_DATA: z.ZodType<answers.RequestsData> = z.strictObject({
  endpoints: z.array(endpointRow),
  requests: z.array(requestRow),
  next_cursor: cursor,
});

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
export const LOG_ROW: z.ZodType<answers.LogRow> = logRow;

export const LOGS_DATA: z.ZodType<answers.LogsData> = z.strictObject({ logs: z.array(logRow), next_cursor: cursor });

export const JOURNEY_DATA: z.ZodType<answers.JourneyData> = z.strictObject({
  steps: z.array(
    z.discriminatedUnion("kind", [
      errorRow.extend({ kind: z.literal("error") }),
      requestRow.extend({ kind: z.literal("request") }),
      logRow.extend({ kind: z.literal("log") }),
    ]),
  ),
  is_cut: z.boolean(),
});

export const STATS_DATA: z.ZodType<StatsData> = z.strictObject({
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
  queues: z.array(z.strictObject({ name: text, length: number, capacity: number })),
  store: z.strictObject({
    status: z.enum(["off", "opening", "open", "unavailable"]),
    message: textOrNull,
    lag_bytes: number.nullable(),
    file_bytes: number.nullable(),
  }),
  live: z.strictObject({ clients: count, max_clients: count }),
  theme: z.enum(["system", "dark", "light"]),
});

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
  errors: z.array(z.strictObject({ path: text, message: text })).optional(),
});
