/**
 * What of an OTLP request is worth an object: failures, slow requests, calls of language models, and what another
 * Seismo has named already. A superset of the errors: what truly is one is decided later, for all doors alike.
 * HTTP requests are read as in process, so that both doors give the same numbers.
 */
import type { Attributes, LogRecord, Resource, SpanRecord } from "../event";
import { MalformedOtlpError } from "./otlp-batch";
import { keptText } from "./otlp-values";

export interface TraceReadOptions {
  /** HTTP server spans that last at least so long become objects, too. */
  readonly slowMillis: number;
  /** So many of the other HTTP server spans become objects as well, the first of them. */
  readonly maxSamples: number;
}

export interface LogReadOptions {
  /** Records of level ERROR and above become objects also when they tell of no exception. */
  readonly errorLogs: boolean;
  /** Records of this level and above are lines that are kept; see `severityOf`. */
  readonly lineSeverity: number;
  /** So many of these become objects, the first of them. */
  readonly maxLines: number;
}

/** What the request metrics need of an HTTP server span, but for its time. */
export interface HttpRequest {
  readonly method: string;
  readonly route: string;
  readonly statusCode: number;
}

/** Exceptions kept of one span. */
export const MAX_EXCEPTIONS = 128;
export const EXCEPTION_EVENT = "exception";
/** UTF-16 units of what becomes a label: service, version, method, route. */
const MAX_LABEL_LENGTH = 1_024;
const UNMATCHED_ROUTE = "unmatched";
/** A client that went away before the answer was complete. */
const CLIENT_CLOSED_REQUEST = 499;

/** The HTTP request of a server span; undefined for any other span. */
export function requestOf(span: SpanRecord): HttpRequest | undefined {
  if (span.kind !== "server") return undefined;
  const { attributes } = span;
  const method = attributes["http.request.method"] ?? attributes["http.method"];
  if (method === undefined) return undefined;
  const isAborted = attributes["http.client_aborted"] === true;
  const answered = httpStatus(attributes) ?? statusWithoutAnswer(span);
  return {
    method: keptLabel(method),
    route: routeLabel(attributes["http.route"]),
    statusCode: isAborted ? CLIENT_CLOSED_REQUEST : answered,
  };
}

export function isWorthKeeping(span: SpanRecord, request: HttpRequest | undefined, options: TraceReadOptions): boolean {
  const { attributes } = span;
  return (
    span.status === "error" ||
    span.exceptions.length > 0 ||
    hasException(attributes) ||
    attributes["gen_ai.operation.name"] !== undefined ||
    attributes["error.category"] !== undefined ||
    attributes["error.fingerprint"] !== undefined ||
    (span.kind === "server" && (httpStatus(attributes) ?? 0) >= 400) ||
    (request !== undefined && span.durationMillis >= options.slowMillis)
  );
}

/** A number of OpenTelemetry's log data model; who does not say how grave it is means no trouble. */
export function severityOf({ severityNumber }: Pick<LogRecord, "severityNumber">): number {
  return severityNumber > 0 ? severityNumber : INFO;
}

export function isWorthKeepingLog(log: LogRecord, { errorLogs }: LogReadOptions): boolean {
  return hasException(log.attributes) || isExceptionName(log.eventName) || (errorLogs && log.severityNumber >= ERROR);
}

/** The first of the levels of each name in OpenTelemetry's log data model. */
const INFO = 9;
const ERROR = 17;

/** Of one request. What costs an object must not cost an object for each six bytes of a body. */
export const MAX_KEPT_ITEMS = 16_384;

export function checkKept(count: number): void {
  if (count >= MAX_KEPT_ITEMS) throw new MalformedOtlpError(`more than ${MAX_KEPT_ITEMS} failures in one request`);
}

export function isExceptionName(eventName: string): boolean {
  return eventName === EXCEPTION_EVENT || eventName.endsWith(`.${EXCEPTION_EVENT}`);
}

/** Who speaks. `process.pid` is not looked at: a worker keeps its name when it is started again. */
export function toResource(attributes: Attributes): Resource {
  return {
    service: keptLabel(text(attributes, "service.name") ?? "unknown_service"),
    serviceVersion: label(attributes, "service.version"),
    environment: label(attributes, "deployment.environment.name", "deployment.environment"),
    worker: keptLabel(text(attributes, "seismo.worker.id", "service.instance.id", "host.name") ?? "unknown"),
  };
}

export function routeLabel(route: unknown): string {
  return keptLabel(route) || UNMATCHED_ROUTE;
}

export function keptLabel(value: unknown): string {
  return typeof value === "string" ? keptText(value, MAX_LABEL_LENGTH) : "";
}

/** Of a request whose span says nothing of its answer. */
export function statusWithoutAnswer(span: Pick<SpanRecord, "status">): number {
  return span.status === "error" ? 500 : 200;
}

function hasException(attributes: Attributes): boolean {
  return attributes["exception.type"] !== undefined || attributes["exception.message"] !== undefined;
}

/** Stable name first; a number or its digits. */
function httpStatus(attributes: Attributes): number | undefined {
  const value = attributes["http.response.status_code"] ?? attributes["http.status_code"];
  const status = typeof value === "string" ? Number(value) : value;
  return typeof status === "number" && Number.isInteger(status) ? status : undefined;
}

function label(attributes: Attributes, ...names: readonly string[]): string | undefined {
  const value = text(attributes, ...names);
  return value === undefined ? undefined : keptLabel(value);
}

function text(attributes: Attributes, ...names: readonly string[]): string | undefined {
  for (const name of names) {
    const value = attributes[name];
    if (typeof value === "string" && value !== "") return value;
    if (typeof value === "number") return String(value);
  }
  return undefined;
}
