/**
 * What can be asked about the errors, requests and logs that are kept, and the answers. They leave by REST and WebSocket as
 * they are, hence the names in snake case; times are ISO 8601 in UTC, durations milliseconds. Fields are `null` where
 * nothing is known. docs/rest.md tells the same to people.
 */
import type { ErrorOrigin, JsonObject, Severity } from "../event";

/** Hours before now. */
export const TIME_RANGES = [1, 6, 24, 168] as const;
export type TimeRange = (typeof TIME_RANGES)[number];

/** All that are given must hold. */
export interface ErrorFilter {
  readonly service?: string | undefined;
  readonly category?: string | undefined;
  readonly group?: string | undefined;
  readonly severity?: Severity | undefined;
  readonly worker?: string | undefined;
  readonly fingerprint?: string | undefined;
  readonly origin?: ErrorOrigin | undefined;
  /** A part of message, type, route or an id, whatever its case. */
  readonly q?: string | undefined;
}

export interface ErrorsQuery extends ErrorFilter {
  readonly timeRange: TimeRange;
  /** Of `recent_errors`; 1 to 500. */
  readonly limit: number;
  /** `next_cursor` of the page before. */
  readonly cursor?: string | undefined;
}

/** `data` of `GET /api/errors` and of the WebSocket's answer to `error_visualization_init`. */
export interface ErrorsData {
  readonly timestamp: string;
  /** Of the last reset: what came before is not in the counts, nor in the timeline. */
  readonly counted_since: string | null;
  readonly summary: ErrorsSummary;
  /** The newest first. Roots and echoes. */
  readonly recent_errors: readonly ErrorRow[];
  readonly next_cursor: string | null;
  /** Counts of roots, the most frequent 50 of each; the rest is under `other`. */
  readonly error_distribution: {
    readonly by_category: Counts;
    readonly by_group: Counts;
    readonly by_severity: Counts;
    readonly by_service: Counts;
    readonly by_type: Counts;
  };
  /** By fingerprint, the most frequent 50. */
  readonly error_patterns: { readonly [fingerprint: string]: GroupRow };
  /** By worker, those with the most errors, at most 200. */
  readonly worker_errors: { readonly [worker: string]: WorkerRow };
  readonly hardware_errors: HardwareData;
  /** From the earliest to the latest, without gaps, 60 to 168 of equal length. */
  readonly timeline: readonly TimelinePoint[];
}

export interface Counts {
  readonly [name: string]: number;
}

/** Counts of roots within the time range and since the reset, but where it says otherwise. */
export interface ErrorsSummary {
  readonly total_errors: number;
  readonly echo_errors: number;
  /** Of groups that were seen more than once. */
  readonly recurring_errors: number;
  readonly resource_errors: number;
  readonly network_errors: number;
  readonly hardware_errors: number;
  readonly critical_hardware_errors: number;
  readonly critical_errors: number;
  readonly warning_errors: number;
  readonly info_errors: number;
  readonly unique_types: number;
  readonly unique_groups: number;
  readonly new_groups: number;
  readonly affected_sessions: number;
  readonly affected_users: number;
  readonly affected_workers: number;
  /** A minute, mean of the last five. */
  readonly errors_per_minute: number;
  /** Roots in the time range before this one. */
  readonly previous_total_errors: number;
  readonly time_range_hours: TimeRange;
}

/** One error in a list. Long texts are cut (`message` to 1,000 characters); `GET /api/errors/:id` has them whole. */
export interface ErrorRow {
  readonly id: string;
  readonly timestamp: string;
  readonly title: string;
  readonly type: string;
  readonly message: string;
  readonly error_category: string;
  readonly group: string;
  readonly severity: Severity;
  readonly is_critical: boolean;
  readonly fingerprint: string;
  readonly origin: ErrorOrigin;
  readonly service: string;
  readonly worker_id: string;
  readonly request_id: string | null;
  readonly session_id: string | null;
  readonly user_id: string | null;
  readonly trace_id: string | null;
  readonly method: string | null;
  readonly route: string | null;
  readonly status_code: number | null;
  readonly hardware_type: string | null;
  readonly handled: boolean;
  readonly is_new: boolean;
  readonly is_regressed: boolean;
}

export interface TimelinePoint {
  /** When the interval begins. */
  readonly time: string;
  readonly total: number;
  readonly critical: number;
  readonly warning: number;
  readonly info: number;
}

export interface WorkerRow {
  readonly service: string;
  readonly total: number;
  readonly critical: number;
  readonly warning: number;
  readonly info: number;
  /** Critical with a critical error in the last five minutes, warning with any but an info. */
  readonly status: "critical" | "warning" | "stable";
  readonly most_common_error: string;
  readonly last_seen: string;
}

export interface HardwareData {
  readonly total: number;
  readonly by_type: Counts;
  /** `overheating`, `memory_pressure`, `throttling`, `other`. */
  readonly by_status: Counts;
  /** Errors a minute of the time range. */
  readonly errors_per_minute: Counts;
  /** By worker, what its latest report says of the machine. At most 200. */
  readonly machines: { readonly [worker: string]: MachineRow };
  readonly recent: readonly ErrorRow[];
}

export interface MachineRow {
  readonly service: string;
  readonly timestamp: string;
  readonly hostname: string | null;
  readonly platform: string | null;
  readonly status: "critical" | "warning" | "stable";
  readonly cpu_percent: number | null;
  readonly memory_percent: number | null;
  readonly disk_percent: number | null;
  readonly gpus: readonly {
    readonly index: number;
    readonly name: string;
    readonly memory_percent: number | null;
    readonly temperature_celsius: number | null;
  }[];
}

/** `data` of `GET /api/errors/:id`: the line of the journal, parsed (docs/journal.md), with the judged origin. */
export interface ErrorDetail extends JsonObject {}

export interface GroupsQuery extends ErrorFilter {
  readonly timeRange: TimeRange;
  readonly sort: "occurrences" | "last_seen" | "first_seen" | "users";
  readonly limit: number;
  readonly cursor?: string | undefined;
}

export interface GroupsData {
  readonly groups: readonly GroupRow[];
  readonly next_cursor: string | null;
}

/** Roots of one fingerprint. */
export interface GroupRow {
  readonly fingerprint: string;
  readonly title: string;
  readonly type: string;
  /** The message of the latest. */
  readonly message: string;
  readonly error_category: string;
  readonly group: string;
  /** The gravest in the time range. */
  readonly severity: Severity;
  /** In the time range. */
  readonly occurrences: number;
  readonly last_1h: number;
  readonly last_6h: number;
  readonly last_24h: number;
  readonly last_7d: number;
  readonly first_seen: string;
  readonly last_seen: string;
  readonly trend: "rising" | "steady" | "falling" | null;
  /** First seen in the time range. */
  readonly is_new: boolean;
  readonly is_regressed: boolean;
  /** The last hour without any, after at least two. */
  readonly is_quiet: boolean;
  readonly services: readonly string[];
  readonly workers: number;
  readonly users: number;
  readonly sessions: number;
  /** Counts over the time range, 24 of equal length, the earliest first. */
  readonly sparkline: readonly number[];
  readonly recovery_ms: number | null;
  readonly usually_after: {
    readonly fingerprint: string;
    readonly within: string;
    readonly title: string | null;
  } | null;
}

/** `data` of `GET /api/groups/:fingerprint`. */
export interface GroupDetail extends GroupRow {
  readonly fingerprint_version: number;
  readonly fingerprint_reason: string;
  readonly advice: string;
  readonly by_worker: Counts;
  readonly by_service: Counts;
  readonly by_release: Counts;
  readonly timeline: readonly TimelinePoint[];
  readonly recent_errors: readonly ErrorRow[];
}

export interface RequestsQuery {
  readonly timeRange: TimeRange;
  readonly service?: string | undefined;
  readonly route?: string | undefined;
  readonly slow?: boolean | undefined;
  readonly failed?: boolean | undefined;
  readonly limit: number;
  readonly cursor?: string | undefined;
}

/** `data` of `GET /api/requests`. */
export interface RequestsData {
  readonly endpoints: readonly EndpointRow[];
  /** The newest first: every slow and failed one, and some of the others. */
  readonly requests: readonly RequestRow[];
  readonly next_cursor: string | null;
}

/** Exact: of all requests, not of those that are kept. */
export interface EndpointRow {
  readonly service: string;
  readonly method: string;
  readonly route: string;
  readonly count: number;
  readonly per_minute: number;
  /** Answered with 5xx. */
  readonly errors: number;
  readonly slow: number;
  /** Percentiles from a histogram: right to a bucket. */
  readonly p50_ms: number;
  readonly p95_ms: number;
  readonly p99_ms: number;
  readonly max_ms: number;
}

/** A finished request of a server. */
export interface RequestRow {
  readonly timestamp: string;
  readonly service: string;
  readonly worker_id: string;
  readonly method: string;
  readonly route: string;
  readonly status_code: number;
  readonly duration_ms: number;
  readonly slow: boolean;
  readonly failed: boolean;
  readonly request_id: string | null;
  readonly session_id: string | null;
  readonly user_id: string | null;
  readonly trace_id: string | null;
  readonly span_id: string | null;
}

/** Everything under one request id, session, user or trace. */
export interface JourneyQuery {
  readonly by: "request_id" | "session_id" | "user_id" | "trace_id";
  readonly value: string;
  readonly limit: number;
}

/** `data` of `GET /api/journey/:request_id`. The earliest first; cut at the end when there are more. */
export interface JourneyData {
  readonly steps: readonly JourneyStep[];
  readonly is_cut: boolean;
}

export type JourneyStep =
  | ({ readonly kind: "error" } & ErrorRow)
  | ({ readonly kind: "request" } & RequestRow)
  | ({ readonly kind: "log" } & LogRow);

export type LogLevelName = "TRACE" | "DEBUG" | "INFO" | "WARN" | "ERROR" | "FATAL";

export interface LogsQuery {
  readonly timeRange: TimeRange;
  /** This and graver. */
  readonly level?: LogLevelName | undefined;
  readonly service?: string | undefined;
  readonly q?: string | undefined;
  readonly limit: number;
  readonly cursor?: string | undefined;
}

/** `data` of `GET /api/logs`. The newest first. */
export interface LogsData {
  readonly logs: readonly LogRow[];
  readonly next_cursor: string | null;
}

export interface LogRow {
  readonly timestamp: string;
  readonly level: LogLevelName;
  readonly service: string;
  readonly worker_id: string;
  readonly message: string;
  readonly logger: string | null;
  readonly request_id: string | null;
  readonly trace_id: string | null;
}
