/**
 * The body of `POST /api/report-error`: checked field by field, then an error like any other. A wrong type is refused,
 * so that a sender with a fault learns of it; a field of which nothing is known is kept as a detail.
 *
 *   JSON ──parseReport()──► RawError (source "report")
 *                    └────► what is wrong with each field
 */
import { z } from "zod";
import type {
  Breadcrumb,
  BreadcrumbLevel,
  JsonObject,
  JsonValue,
  RawError,
  RequestContext,
  Resource,
  Severity,
} from "../event";
import type { FieldError } from "./answer";

export type ParsedReport =
  | { readonly status: "valid"; readonly raw: RawError }
  | { readonly status: "invalid"; readonly errors: readonly FieldError[] };

export interface ReportSurroundings {
  /** Whose error it is when the report does not say so. */
  readonly resource: Pick<Resource, "service" | "worker">;
  newId(): string;
  nowMillis(): number;
}

export const MAX_NAME_CHARS = 256;
/** Fields of which nothing is known; the rest are only counted, in the detail `omitted_fields`. */
export const MAX_UNKNOWN_FIELDS = 128;
/** A time outside of these is not the error's: a clock that was never set, or one in another zone. */
export const MAX_AGE_MILLIS: number = 30 * 86_400_000;
export const MAX_AHEAD_MILLIS = 3_600_000;

/** Never throws. The parts of `body` become parts of the error, so its maker must not change it afterwards. */
export function parseReport(body: JsonValue, around: ReportSurroundings): ParsedReport {
  const object = asObject(body);
  if (object === undefined) return { status: "invalid", errors: [{ path: "", message: "expected a JSON object" }] };
  const checked = REPORT.safeParse(object);
  const errors: FieldError[] = (checked.error?.issues ?? []).map(({ path, message }) => ({
    path: path.join("."),
    message,
  }));
  if (isBlank(object["type"]) && isBlank(object["message"])) {
    errors.push({ path: "message", message: "type or message is required" });
  }
  if (!checked.success || errors.length > 0) return { status: "invalid", errors: errors.slice(0, MAX_LISTED_ERRORS) };
  return { status: "valid", raw: toRawError(checked.data, object, around) };
}

const MAX_LISTED_ERRORS = 20;
const MAX_DEVICES = 1_024;
const MAX_REPORTED_BREADCRUMBS = 1_000;
const MAX_BREADCRUMBS = 100;

/** Absent, or `null` as other languages write what they have not. */
const text = z.string().nullish();
const name = z.string().max(MAX_NAME_CHARS).nullish();
const flag = z.boolean().nullish();
const amount = z.number().min(0).max(Number.MAX_SAFE_INTEGER).nullish();
const count = z.int().min(0).nullish();
/** Looked at as a whole: a mebibyte of wrong items must not become as many messages. */
const texts = z
  .custom<readonly string[]>(isTexts, "expected a list of texts")
  .meta({ type: "array", items: { type: "string" } });
const object = z
  .custom<JsonObject>((value) => asObject(value) !== undefined, "expected an object")
  .meta({ type: "object" })
  .nullish();
const counts = z.object({ last_1h: count, last_6h: count, last_24h: count }).nullish();

const GPU = z.object({
  index: z.union([z.int(), z.string()], "expected a number or text").nullish(),
  name: text,
  memory_utilization: amount,
  temperature: z.number().nullish(),
});

const SYSTEM_CONTEXT = z.object({
  hostname: text,
  platform: text,
  architecture: text,
  metrics: z
    .object({
      cpu: z.object({ percent: amount, count, physical_count: count, frequency_mhz: amount }).nullish(),
      memory: z.object({ used_percent: amount, total_gb: amount, available_gb: amount }).nullish(),
      disk: z.object({ used_percent: amount, total_gb: amount, free_gb: amount }).nullish(),
    })
    .nullish(),
  gpu_metrics: z
    .object({ count, devices: z.array(z.unknown()).max(MAX_DEVICES).pipe(z.array(GPU)).nullish() })
    .nullish(),
});

const HARDWARE_CONTEXT = z.object({
  hardware_type: text,
  hardware_types: texts.nullish(),
  hardware_status: z.object({ overheating: flag, memory_pressure: flag, throttling: flag }).nullish(),
});

const time = z.iso.datetime({ offset: true, local: true, error: "expected a date and time of ISO 8601" }).nullish();

/** What happened before, the newest last. */
const BREADCRUMB = z.object({ timestamp: time, category: text, message: text, level: text, data: object });

const REPORT = z.object({
  timestamp: time,
  service: name,
  worker_id: name,
  type: text,
  error_category: name,
  message: text,
  traceback: z.union([z.string(), texts], "expected text or a list of texts").nullish(),
  handled: flag,
  fatal: flag,
  system_context: SYSTEM_CONTEXT.nullish(),
  hardware_context: HARDWARE_CONTEXT.nullish(),
  error_frequency: z.object({ recurring: flag, same_type: counts, similar_message: counts }).nullish(),
  request_id: text,
  session_id: text,
  user_id: text,
  page: text,
  user_agent: text,
  user_context: object,
  error_details: object,
  breadcrumbs: z.array(z.unknown()).max(MAX_REPORTED_BREADCRUMBS).pipe(z.array(BREADCRUMB)).nullish(),
  endpoint: text,
  method: text,
  status_code: z.int().min(100).max(599).nullish(),
  trace_id: text,
  span_id: text,
});
type Report = z.infer<typeof REPORT>;
/** For the document of the API. Fields of which nothing is known are kept as details. */
export const REPORT_BODY: z.ZodType = REPORT.loose().meta({
  anyOf: [{ required: ["type"] }, { required: ["message"] }],
});
const KNOWN_FIELDS: ReadonlySet<string> = new Set(Object.keys(REPORT.shape));

function toRawError(report: Report, body: JsonObject, around: ReportSurroundings): RawError {
  const now = around.nowMillis();
  const time = timeOf(report.timestamp ?? undefined, now);
  return {
    id: around.newId(),
    source: "report",
    origin: "root",
    timeUnixMillis: time ?? now,
    type: isBlank(report.type) ? "Error" : (report.type ?? ""),
    message: report.message ?? "",
    stack: stackOf(report.traceback),
    causes: [],
    properties: {},
    handled: report.handled ?? (report.fatal !== true && (report.status_code ?? 0) < 500),
    fatal: report.fatal ?? false,
    resource: {
      service: report.service || around.resource.service,
      worker: report.worker_id || report.system_context?.hostname || around.resource.worker,
    },
    traceId: hexId(report.trace_id, 32),
    spanId: hexId(report.span_id, 16),
    attributes: {},
    request: requestOf(report),
    requestId: report.request_id ?? undefined,
    sessionId: report.session_id ?? undefined,
    userId: report.user_id ?? undefined,
    page: report.page ?? undefined,
    userAgent: report.user_agent ?? undefined,
    userContext: asObject(body["user_context"]),
    breadcrumbs: report.breadcrumbs?.slice(-MAX_BREADCRUMBS).map((breadcrumb) => toBreadcrumb(breadcrumb, time ?? now)),
    details: detailsOf(body, time === undefined),
    // As they came: what was checked of them has lost the fields of which nothing is known.
    systemContext: asObject(body["system_context"]),
    hardwareContext: asObject(body["hardware_context"]),
    given: { category: report.error_category ?? undefined, severity: severityOf(body["severity"]) },
  };
}

function toBreadcrumb(
  { timestamp, category, message, level, data }: z.infer<typeof BREADCRUMB>,
  errorUnixMillis: number,
): Breadcrumb {
  const name = LEVELS.get(level?.toLowerCase() ?? "") ?? "info";
  const timeUnixMillis = timeOf(timestamp ?? undefined, errorUnixMillis) ?? errorUnixMillis;
  return {
    timeUnixMillis,
    type: "custom",
    category: category ?? "custom",
    message: message ?? "",
    level: name,
    data: data ?? {},
  };
}

/** As several loggers spell them. */
const LEVELS: ReadonlyMap<string, BreadcrumbLevel> = new Map([
  ["trace", "debug"],
  ["debug", "debug"],
  ["warn", "warning"],
  ["warning", "warning"],
  ["error", "error"],
  ["critical", "error"],
  ["fatal", "error"],
]);

/** Own fields only, whatever they are called: `Object.fromEntries` makes even of `__proto__` a field like any other. */
function detailsOf(body: JsonObject, keepsTimestamp: boolean): JsonObject {
  const unknown = Object.entries(body).filter(([field]) => !KNOWN_FIELDS.has(field));
  const omitted = unknown.length - MAX_UNKNOWN_FIELDS;
  return Object.fromEntries<JsonValue>([
    ...unknown.slice(0, MAX_UNKNOWN_FIELDS),
    ...(omitted > 0 ? [["omitted_fields", omitted] as const] : []),
    ...Object.entries(asObject(body["error_details"]) ?? {}),
    ...["error_frequency", ...(keepsTimestamp ? ["timestamp"] : [])].flatMap((field) => {
      const value = body[field] ?? null;
      return value === null ? [] : [[field, value] as const];
    }),
  ]);
}

/** Undefined for a time that cannot be the error's: the time of arrival stands for it. */
function timeOf(timestamp: string | undefined, now: number): number | undefined {
  if (timestamp === undefined) return now;
  // Without a zone it is read as UTC: the machine of the sender may be anywhere, and the answer should not depend on ours.
  const time = Date.parse(/(?:Z|[+-]\d\d:\d\d)$/i.test(timestamp) ? timestamp : `${timestamp}Z`);
  return time >= now - MAX_AGE_MILLIS && time <= now + MAX_AHEAD_MILLIS ? time : undefined;
}

function stackOf(traceback: Report["traceback"]): string {
  if (typeof traceback === "string") return traceback;
  return (traceback ?? []).map((line) => line.replace(/\n$/, "")).join("\n");
}

/** An endpoint with a query or a host is a URL, whose parameters may be secret; else it is the template of a route. */
function requestOf({ endpoint, method, status_code }: Report): RequestContext | undefined {
  if (isBlank(endpoint) && isBlank(method) && status_code == null) return undefined;
  const isUrl = /[?#]|:\/\//.test(endpoint ?? "");
  return {
    method: method ?? undefined,
    route: isUrl ? undefined : (endpoint ?? undefined),
    url: isUrl ? (endpoint ?? undefined) : undefined,
    statusCode: status_code ?? undefined,
  };
}

function severityOf(given: JsonValue | undefined): Severity | undefined {
  return given === "critical" || given === "warning" || given === "info" ? given : undefined;
}

/** An id that is none does not cost the error. */
function hexId(id: string | null | undefined, length: number): string | undefined {
  const lower = id?.toLowerCase() ?? "";
  return lower.length === length && /^[0-9a-f]+$/.test(lower) && /[^0]/.test(lower) ? lower : undefined;
}

function isBlank(value: JsonValue | undefined): boolean {
  return value === undefined || value === null || (typeof value === "string" && value.trim() === "");
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

/** For parts of a JSON value, where what is an object and no list can be nothing else. */
function asObject(value: unknown): JsonObject | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;
}
