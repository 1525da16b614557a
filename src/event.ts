/**
 * The nouns that every folder speaks.
 *
 *   span, log, crash, report ──► RawError ──redact()──► RedactedError ──processError()──► ErrorEvent
 *                                (secrets)              (safe, unnamed)                   (safe, named, rated)
 */

export type Severity = "critical" | "warning" | "info";

/** The kinds of trouble and the categories within each. Reported categories outside this table are kept as given. */
export const CATEGORIES = {
  hardware_error: ["hardware_not_available", "hardware_overheating", "hardware_throttled", "hardware_other"],
  resource_error: ["resource_exhausted", "resource_memory_pressure", "resource_limit"],
  worker_error: ["worker_crashed", "worker_timeout", "worker_other"],
  network_error: ["network_connection", "network_timeout", "network_dns", "network_tls"],
  connection_error: ["connection_aborted", "connection_reset_by_client"],
  database_error: [
    "database_connection",
    "database_timeout",
    "database_constraint",
    "database_deadlock",
    "database_syntax",
    "database_other",
  ],
  http_error: ["http_client_error", "http_server_error", "http_upstream_error"],
  validation_error: ["validation_input", "validation_schema"],
  auth_error: ["auth_unauthenticated", "auth_forbidden"],
  quota_error: ["quota_rate_limited", "quota_exhausted"],
  content_filter: ["content_filter"],
  file_error: [
    "file_upload",
    "file_unsupported_format",
    "file_too_large",
    "file_not_found",
    "file_permission",
    "file_cleanup",
  ],
  analysis_error: ["analysis_failed", "analysis_step"],
  ui_error: ["ui_component", "ui_session"],
  test_error: ["test_assertion", "test_timeout", "test_setup"],
  application_error: ["application_error"],
  unknown_error: ["unknown_error"],
} as const;

export type Group = keyof typeof CATEGORIES;
export type Category = (typeof CATEGORIES)[Group][number];

/** A value that JSON can hold: no BigInt, function, NaN or cycle. */
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };
export type JsonObject = { readonly [key: string]: JsonValue };

/** Span and log attributes, as OpenTelemetry has them. Read by own key only; keys may be hostile (`__proto__`). */
export type AttributeValue = string | number | boolean | ReadonlyArray<string | number | boolean | null | undefined>;
export type Attributes = { readonly [key: string]: AttributeValue | undefined };

export type SpanKind = "internal" | "server" | "client" | "producer" | "consumer";

/** One recorded exception of a span. `live` is the thrown value itself, when this process still holds it. */
export interface RecordedException {
  readonly timeUnixMillis: number;
  readonly type: string;
  readonly message: string;
  readonly stack: string;
  readonly live?: unknown;
}

/** A finished span, whether it ended in this process or came by OTLP. */
export interface SpanRecord {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string | undefined;
  readonly name: string;
  readonly kind: SpanKind;
  readonly endUnixMillis: number;
  readonly durationMillis: number;
  readonly status: "unset" | "ok" | "error";
  readonly statusMessage: string;
  readonly attributes: Attributes;
  readonly exceptions: readonly RecordedException[];
}

/** A log record, as OTLP has it. */
export interface LogRecord {
  readonly timeUnixMillis: number;
  /** `""` when it has none. */
  readonly eventName: string;
  /** 1 to 24; 17 and above is ERROR, 21 and above FATAL; 0 when it was not said. */
  readonly severityNumber: number;
  /** The body as text, structured ones as JSON. */
  readonly body: string;
  readonly attributes: Attributes;
  readonly traceId?: string | undefined;
  readonly spanId?: string | undefined;
}

/**
 * What an event knows and OpenTelemetry's conventions have no name for, as attributes of the span or log record by which it
 * goes to a collector: written by the exporter, read back when errors are extracted. Objects are JSON texts.
 */
export const CARRIED_ATTRIBUTES = {
  handled: "seismo.handled",
  fatal: "seismo.fatal",
  page: "seismo.page",
  properties: "seismo.properties",
  causes: "seismo.causes",
  details: "seismo.details",
  userContext: "seismo.user_context",
  breadcrumbs: "seismo.breadcrumbs",
  pool: "seismo.pool",
  systemContext: "seismo.system_context",
  hardwareContext: "seismo.hardware_context",
  frames: "seismo.frames",
} as const;

/** Who speaks: labels of every metric and fields of every event. `worker` is never a process id. */
export interface Resource {
  readonly service: string;
  readonly serviceVersion?: string | undefined;
  readonly environment?: string | undefined;
  readonly worker: string;
}

/** One error behind another: the `cause` of an error, or a member of an `AggregateError`. */
export interface RawCause {
  readonly relation: "cause" | "member";
  readonly type: string;
  readonly message: string;
  readonly stack: string;
  readonly properties: JsonObject;
}

/** The HTTP request that failed, in stable semantic-convention terms. */
export interface RequestContext {
  readonly method?: string | undefined;
  /** The matched template, never a raw path. */
  readonly route?: string | undefined;
  /** URL or path with query. Redacted like any text. */
  readonly url?: string | undefined;
  readonly statusCode?: number | undefined;
  readonly peer?: string | undefined;
  /** Of who asked; kept only where that is asked for (`redaction.client_addresses`). */
  readonly clientAddress?: string | undefined;
  readonly headers?: JsonObject | undefined;
  readonly durationMillis?: number | undefined;
}

/** The database call that failed. */
export interface DatabaseContext {
  readonly system?: string | undefined;
  readonly namespace?: string | undefined;
  readonly operation?: string | undefined;
  readonly collection?: string | undefined;
  readonly query?: string | undefined;
  /** SQLSTATE, MySQL number, MongoDB code… as text. */
  readonly statusCode?: string | undefined;
  readonly constraint?: string | undefined;
  /** When it failed, of the pool that its connections are from. */
  readonly pool?: PoolState | undefined;
}

/** Connections: open, of these unused, and how many calls wait for one. */
export interface PoolState {
  readonly size: number;
  readonly idle: number;
  readonly waiting: number;
}

/** Something that happened before an error, in the same request or job. */
export interface Breadcrumb {
  /** When it began. */
  readonly timeUnixMillis: number;
  /** A finished span, a line of the log, or what the application said itself. */
  readonly type: "span" | "log" | "custom";
  /** Of spans `database`, `http`, `messaging` or the kind of span, of lines the logger, else the application's own word. */
  readonly category: string;
  /** Of spans their name. */
  readonly message: string;
  readonly level: BreadcrumbLevel;
  /** Since the request or job began, where it has a span. */
  readonly offsetMillis?: number | undefined;
  readonly durationMillis?: number | undefined;
  /** Of spans what identifies the call, by the names of OpenTelemetry's conventions. */
  readonly data: JsonObject;
  readonly spanId?: string | undefined;
}
export type BreadcrumbLevel = "debug" | "info" | "warning" | "error";

/** What the caller said outright; it wins over what would be inferred. */
export interface GivenNames {
  readonly category?: string | undefined;
  readonly severity?: Severity | undefined;
  /** Parts of an explicit fingerprint; may hold variables such as `{{ default }}`. */
  readonly fingerprint?: readonly string[] | undefined;
  /** Of a whole id that Seismo gave upstream, the one before. */
  readonly previousFingerprint?: string | undefined;
}

/** How the failure was seen. */
export type ErrorSource = "span" | "log" | "capture" | "uncaught" | "process" | "report";

/** `root`: where a failure began. `echo`: what failed only because of it. */
export type ErrorOrigin = "root" | "echo";

/** An error as it arrived. May hold secrets: only redact() reads it. */
export interface RawError {
  /** UUID, given by the door that the error came through. */
  readonly id: string;
  readonly source: ErrorSource;
  readonly origin: ErrorOrigin;
  readonly timeUnixMillis: number;
  readonly type: string;
  readonly message: string;
  /** The trace as text, `""` when there is none. */
  readonly stack: string;
  /** Outermost cause first. */
  readonly causes: readonly RawCause[];
  /** Own properties of the thrown value: `code`, `errno`, `status`, `detail`… */
  readonly properties: JsonObject;
  /** The application dealt with it (caught and captured, or answered below 500). */
  readonly handled: boolean;
  /** The process or worker dies, or died, of it. */
  readonly fatal: boolean;
  readonly resource: Resource;
  readonly traceId?: string | undefined;
  readonly spanId?: string | undefined;
  readonly spanName?: string | undefined;
  readonly spanKind?: SpanKind | undefined;
  readonly attributes: Attributes;
  readonly request?: RequestContext | undefined;
  readonly database?: DatabaseContext | undefined;
  readonly requestId?: string | undefined;
  readonly sessionId?: string | undefined;
  readonly userId?: string | undefined;
  readonly page?: string | undefined;
  readonly userAgent?: string | undefined;
  readonly userContext?: JsonObject | undefined;
  readonly details: JsonObject;
  /** Shapes as in `POST /api/report-error`: `metrics{cpu,memory,disk}`, `gpu_metrics{devices[]}`… */
  readonly systemContext?: JsonObject | undefined;
  /** `hardware_type`, `hardware_types[]`, `hardware_status{overheating,memory_pressure,throttling}`. */
  readonly hardwareContext?: JsonObject | undefined;
  /** What came before it, in the order in which it ended. */
  readonly breadcrumbs?: readonly Breadcrumb[] | undefined;
  /** Of the calls that were under way when it was thrown. */
  readonly variables?: readonly CallVariables[] | undefined;
  /** As the process explained them in which it was thrown: the author's places, source lines, variables. Shown in place of those of `stack`. */
  readonly explained?: readonly StackFrame[] | undefined;
  readonly given: GivenNames;
}

/** An error without secrets, in limits. Made only by redact(); the brand cannot be written by hand. */
export interface RedactedError extends RawError {
  readonly [redacted]: true;
  /** Where the limits cut: `message`, `stack`, `attributes`… Empty when nothing was cut. */
  readonly truncated: readonly string[];
}
export declare const redacted: unique symbol;

export interface Classification {
  /** A group of CATEGORIES, or `application_error` for a category of the user's own. */
  readonly group: Group;
  /** Lower snake case. */
  readonly category: string;
  /** Which rule decided, for people. */
  readonly reason: string;
}

/** One call of a stack. `file` is without host-specific prefix where one is recognised. */
export interface StackFrame {
  readonly function: string;
  readonly module: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly inApp: boolean;
  /** The lines of source code around it, without secrets. */
  readonly context?: SourceContext | undefined;
  /** Its local variables when the error was thrown, without secrets. */
  readonly variables?: JsonObject | undefined;
}

export interface SourceContext {
  readonly pre: readonly string[];
  readonly line: string;
  readonly post: readonly string[];
}

/** The local variables of one call, innermost first in a list; `function` and `file` as in the frame of the call. */
export interface CallVariables {
  readonly function: string;
  readonly file: string;
  readonly values: JsonObject;
}

export interface Fingerprint {
  /** 16 lower-case hex digits. */
  readonly id: string;
  readonly version: number;
  /** Which frames, template or rule decided, for people. */
  readonly reason: string;
  /** The message with its variable parts named. */
  readonly template: string;
  /** The id before, where rules or the version changed it: the group may be known by it. */
  readonly previous?: string | undefined;
}

/** How often a fingerprint was seen, this occurrence included. */
export interface Recurrence {
  /** Never seen before by this process. */
  readonly isNew: boolean;
  /** Known, and silent for long (`errors.regressed_after_hours`) until now. */
  readonly isRegressed: boolean;
  /** Seen so often within an hour (`errors.recurring_after`). */
  readonly isRecurring: boolean;
  readonly firstSeenUnixMillis: number;
  /** The occurrence before this one, since which it was quiet; undefined for the first. */
  readonly previousSeenUnixMillis: number | undefined;
  readonly lastHour: number;
  readonly last6Hours: number;
  readonly last24Hours: number;
  readonly last7Days: number;
  /** Undefined while it is known for too short a time. */
  readonly trend: Trend | undefined;
  /** Undefined when there is none, or when it was not seen often enough to say so. */
  readonly usuallyAfter: UsualPredecessor | undefined;
  /** From the first to the last occurrence of a burst: the median of the latest that are over. */
  readonly recoveryMillis: number | undefined;
}

/** The last day, of a young group the last hour, against a mean one before it. */
export type Trend = "rising" | "steady" | "falling";

/** The group that tends to come before another, and in what both were seen. */
export interface UsualPredecessor {
  /** The id of its fingerprint. */
  readonly fingerprint: string;
  readonly within: "request" | "session" | "worker";
}

export interface SeverityRating {
  readonly severity: Severity;
  /** At least one. */
  readonly reasons: readonly string[];
}

/** An error that is safe to keep, named and rated. What every exporter takes. */
export interface ErrorEvent extends RedactedError {
  readonly frames: readonly StackFrame[];
  readonly classification: Classification;
  /** What to do about it, in a sentence or two. Never empty. */
  readonly advice: string;
  readonly fingerprint: Fingerprint;
  readonly recurrence: Recurrence;
  readonly rating: SeverityRating;
}

/** What counting needs of an event: all that is read back of one from the journal. */
export type EventSummary = Pick<
  ErrorEvent,
  "id" | "timeUnixMillis" | "type" | "origin" | "resource" | "traceId" | "systemContext" | "hardwareContext"
> & {
  readonly classification: Pick<Classification, "group" | "category">;
  readonly fingerprint: Pick<Fingerprint, "id" | "previous">;
  /** When its group was first seen only of an event that is read back. */
  readonly recurrence: Pick<Recurrence, "isNew" | "isRegressed"> & Partial<Pick<Recurrence, "firstSeenUnixMillis">>;
  readonly rating: Pick<SeverityRating, "severity">;
};

/** Lets go of all but what counting needs, for events that wait to be counted. */
export function summaryOf(event: EventSummary): EventSummary {
  const { classification, recurrence, resource } = event;
  return {
    id: event.id,
    timeUnixMillis: event.timeUnixMillis,
    type: event.type,
    origin: event.origin,
    resource,
    traceId: event.traceId,
    systemContext: event.systemContext,
    hardwareContext: event.hardwareContext,
    classification: { group: classification.group, category: classification.category },
    fingerprint: { id: event.fingerprint.id, previous: event.fingerprint.previous },
    recurrence: { isNew: recurrence.isNew, isRegressed: recurrence.isRegressed },
    rating: { severity: event.rating.severity },
  };
}

/** A finished HTTP server request: what the request metrics need, and no more. */
export interface RequestRecord {
  readonly service: string;
  readonly method: string;
  /** The matched template, `unmatched` when none did. */
  readonly route: string;
  readonly statusCode: number;
  readonly durationMillis: number;
  readonly slow: boolean;
  readonly traceId: string;
}

/** Finished HTTP server requests that share their labels. */
export interface RequestGroup extends Omit<RequestRecord, "durationMillis" | "slow" | "traceId"> {
  /** One for each request. */
  readonly durationsMillis: readonly number[];
  /** Of the slowest request, 32 hex digits; `""` when it has no valid one. */
  readonly slowestTraceId: string;
}

/** A finished call of a language model, from the `gen_ai.*` semantic conventions. */
export interface LlmUsage {
  readonly service: string;
  readonly model: string;
  readonly operation: string;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly durationMillis: number;
}

/** What became of one event that an exporter was given. */
export type ExportResult =
  | { readonly status: "accepted" }
  | { readonly status: "retryable"; readonly retryAfterMillis: number }
  | { readonly status: "rejected"; readonly reason: string };

/** Where events leave. `export` never throws; `shutdown` passes on all that was given first. */
export interface ErrorExporter {
  readonly name: string;
  /** It shows frames, and rather waits a moment for their source lines. */
  readonly readsFrames?: boolean;
  /** A result for each event, in their order. */
  export(events: readonly ErrorEvent[]): readonly ExportResult[];
  /** Synchronous, bounded: the process is about to die. */
  flushNow(): void;
  forceFlush(): Promise<void>;
  shutdown(): Promise<void>;
}

export type OtlpSignal = "traces" | "logs";
export type OtlpEncoding = "protobuf" | "json";

/** Where a span or log record stands in its request, by the order of the wire: `resourceSpans[0].scopeSpans[1].spans[2]`. */
export interface Place {
  readonly resource: number;
  readonly scope: number;
  readonly item: number;
}

/** What a span or log record of a request is to say as well when the request is passed on. */
export interface ItemTags {
  readonly place: Place;
  readonly attributes: readonly (readonly [key: string, value: string])[];
}

/** What a rule of the user is held against: globs; all fields that are given must match. */
export interface RuleMatch {
  readonly type?: string | undefined;
  readonly message?: string | undefined;
  readonly service?: string | undefined;
  readonly category?: string | undefined;
  readonly attributes?: { readonly [key: string]: string } | undefined;
}

export interface CategoryRule {
  readonly match: RuleMatch;
  readonly category: string;
  /** Without it: the group that has the category, else `application_error`. */
  readonly group?: Group | undefined;
}
export interface SeverityRule {
  readonly match: RuleMatch;
  readonly severity: Severity;
}
export interface AdviceRule {
  readonly match: RuleMatch;
  /** What to do, in place of the built-in advice. */
  readonly advice: string;
}
export interface FingerprintRule {
  readonly match: RuleMatch;
  /** Parts; `{{ default }}`, `{{ type }}`, `{{ message }}`, `{{ function }}`, `{{ category }}` are filled in. */
  readonly fingerprint: readonly string[];
}

/** The slow threshold of one route. */
export interface SlowRoute {
  /** The route template, as in `http.route`. */
  readonly route: string;
  readonly method?: string | undefined;
  readonly slowMillis: number;
}
