/**
 * Decides what counts as an error, for both doors: a span that ended in this process and the same span received
 * by OTLP give the same RawErrors. What is no failure costs one look at status, kind, event count and two attributes.
 *
 *   span   exception events ──────────────┐
 *          exception.* as attributes ─────┤
 *          status ERROR alone ────────────┼─► RawError (one per exception, or one for the span or record)
 *          HTTP 4xx / 5xx alone ──────────┤
 *   log    exception.* as attributes ─────┤
 *          event name `….exception` ──────┤
 *          severity ERROR, when asked for ┤
 *          an event of Seismo's own ──────┘
 *
 * The forms are those of OpenTelemetry's semantic conventions, exceptions on spans and in logs.
 */
import { emptyBag } from "../bag";
import type {
  Attributes,
  AttributeValue,
  DatabaseContext,
  JsonObject,
  LogRecord,
  RawError,
  RecordedException,
  RequestContext,
  Resource,
  Severity,
  SpanKind,
  SpanRecord,
} from "../event";
import { isCarried, withCarried } from "./carried";
import { errorType, type ReadError, readError } from "./read-error";
import type { ToldError } from "./stack";
import { headerName } from "./stack/v8";

/** Exceptions taken from one span; the SDK itself keeps 128. */
export const MAX_EXCEPTIONS_PER_SPAN = 128;

export interface ExtractOptions {
  /** Answers of 400 to 499 without an exception count as errors (severity info). */
  readonly httpClientErrors: boolean;
  /** Log records of severity ERROR and above are errors without an exception too. Default false. */
  readonly errorLogs?: boolean | undefined;
}

/** What the surroundings of a span or log record add to its errors. */
export interface Surroundings {
  readonly resource: Resource;
  readonly newId: () => string;
  /** The attributes of the server span that this span runs under, when it is not that span itself. */
  readonly serverAttributes?: Attributes | undefined;
  readonly requestId?: string | undefined;
}

/** True for the few spans that are worth a SpanRecord. Must stay cheap: every healthy span pays for it. */
export function mayHaveFailed(
  isError: boolean,
  eventCount: number,
  isServer: boolean,
  attributes: Attributes,
): boolean {
  if (isError || eventCount > 0) return true;
  if (attributes["exception.type"] !== undefined || attributes["exception.message"] !== undefined) return true;
  return isServer && (httpStatus(attributes) ?? 0) >= 400;
}

/** The errors of a finished span, in the order in which they were recorded. Empty for a healthy one. */
export function extractErrors(span: SpanRecord, around: Surroundings, options: ExtractOptions): readonly RawError[] {
  const errors = toldErrorsOf(span, around, options);
  const [only] = errors;
  // Of several, nobody says which of them it is about.
  if (only === undefined || errors.length > 1 || !isCarried(span.attributes)) return errors;
  return [withCarried(only, span.attributes)];
}

function toldErrorsOf(span: SpanRecord, around: Surroundings, options: ExtractOptions): readonly RawError[] {
  if (span.exceptions.length > 0) {
    return distinct(span.exceptions)
      .slice(0, MAX_EXCEPTIONS_PER_SPAN)
      .map((exception) => fromException(exception, span, around));
  }
  const exception = attributeException(span.attributes);
  if (exception !== undefined) return [fromAttributes(exception, span, around)];
  const status = httpStatus(span.attributes);
  if (span.status === "error" || (span.kind === "server" && status !== undefined && status >= 500)) {
    return [fromStatus(span, around)];
  }
  if (options.httpClientErrors && span.kind === "server" && status !== undefined && status >= 400) {
    return [fromStatus(span, around)];
  }
  return [];
}

/**
 * The error that a log record tells of, if any: at most one.
 *
 * `handled`: a program that logs an exception has caught it. Only what dies of it (FATAL), what escaped by its own
 * word (`exception.escaped`, deprecated and still sent), and a named event of severity ERROR is not handled: those come
 * from instrumentations, which the conventions tell to use ERROR for what the application left unhandled, WARN below.
 */
export function extractLogErrors(log: LogRecord, around: Surroundings, options: ExtractOptions): readonly RawError[] {
  const exception = attributeException(log.attributes);
  if (exception !== undefined && isCarried(log.attributes)) {
    return [fromCarried(exception, log, around)];
  }
  const isEvent = log.eventName === "exception" || log.eventName.endsWith(".exception");
  const isErrorLog = options.errorLogs === true && log.severityNumber >= ERROR_SEVERITY;
  return exception === undefined && !isEvent && !isErrorLog ? [] : [fromLog(exception, isEvent, log, around)];
}

/** True for what tells of an exception, false for what failed by its status or severity alone. */
export function hasException(record: SpanRecord | LogRecord): boolean {
  if ("exceptions" in record && record.exceptions.length > 0) return true;
  return attributeException(record.attributes) !== undefined;
}

/** The HTTP status of a span, stable name first. */
export function httpStatus(attributes: Attributes): number | undefined {
  const value = attributes["http.response.status_code"] ?? attributes["http.status_code"];
  const status = typeof value === "string" ? Number(value) : value;
  return typeof status === "number" && Number.isInteger(status) ? status : undefined;
}

/** `isServer`: they are those of a span that serves the request, so its peer is who asked. */
export function requestContext(
  attributes: Attributes,
  durationMillis?: number,
  isServer = false,
): RequestContext | undefined {
  const method = text(attributes["http.request.method"], attributes["http.method"]);
  if (method === undefined) return undefined;
  return {
    method,
    route: text(attributes["http.route"]),
    url: text(attributes["url.full"], attributes["http.url"]) ?? pathAndQuery(attributes),
    statusCode: httpStatus(attributes),
    peer: peerOf(attributes),
    clientAddress:
      text(attributes["client.address"], attributes["http.client_ip"]) ??
      (isServer ? askedFrom(attributes) : undefined),
    headers: headersOf(attributes),
    durationMillis,
  };
}

function fromException(exception: RecordedException, span: SpanRecord, around: Surroundings): RawError {
  const isLive = typeof exception.live === "object" && exception.live !== null;
  const error = isLive ? readError(exception.live) : fromTexts(completed(exception, span));
  return assemble(error, exception.timeUnixMillis, span, around);
}

/** Some instrumentations record a bare text, without a type, and put the message into the status and the code into `error.type`. */
function completed(exception: RecordedException, span: SpanRecord): RecordedException {
  if (exception.stack !== "" || exception.type !== "") return exception;
  return {
    ...exception,
    type: text(span.attributes["error.type"]) ?? "",
    message: span.statusMessage !== "" ? span.statusMessage : exception.message,
  };
}

/**
 * The recorded texts of an exception. Its type is `code || name` when a JavaScript SDK wrote it:
 * the header of the stack (`TypeError [CODE]: …`) gives the name back.
 */
function fromTexts(exception: RecordedException): ReadError {
  const { type, message, stack } = exception;
  // Where errors are live, other languages' traces are hardly ever met: what reads them is loaded for the first.
  const { toldErrors } = require("./stack") as typeof import("./stack");
  const told = toldErrors(stack);
  if (told.length > 0) return fromTold(exception, told);
  const name = headerName(stack) ?? "";
  if (name === "" || name === type || !/^[A-Z0-9_]+$/.test(type)) {
    return { type: type === "" ? "Error" : type, message, stack, causes: [], properties: {} };
  }
  return { type: errorType(name, type), message, stack, causes: [], properties: { code: type } };
}

/**
 * Other languages print their errors into the stack, causes and all, and recorders differ in what they say beside it:
 * Python's logging names no module and gives the first argument for the message (`2` for `[Errno 2] No such file…`), Java's
 * names a nested class by `$` or by `.`. One error must have one name, whoever tells of it.
 */
function fromTold({ type, message, stack }: RecordedException, [own, ...behind]: readonly ToldError[]): ReadError {
  const named = type.replaceAll("$", ".");
  const isOwn = own !== undefined && (type === "" || isQualified(named, own.type) || isQualified(own.type, named));
  const name = isOwn && own.type.length > named.length ? own.type : named;
  // The stack was cut short, or goes on with notes on the error.
  const isCut = own !== undefined && (message.startsWith(own.message) || own.message.startsWith(`${message}\n`));
  return {
    type: name === "" ? "Error" : name.replace(/^__main__\.(?=.)/, ""),
    message: isOwn && !isCut ? own.message : message,
    stack,
    causes: behind.map((cause) => ({ ...cause, properties: {} })),
    properties: {},
  };
}

/** `shop.OutOfStock` is `OutOfStock`, and says where it is from. */
function isQualified(qualified: string, name: string): boolean {
  return qualified === name || qualified.endsWith(`.${name}`);
}

/** An exception written as attributes, on a span or a log record. */
interface AttributeException {
  readonly type: string | undefined;
  readonly message: string | undefined;
  readonly stack: string;
}

/** Type or message is required of an exception; a stack alone says nothing about itself. */
function attributeException(attributes: Attributes): AttributeException | undefined {
  const type = text(attributes["exception.type"]);
  const message = text(attributes["exception.message"]);
  if (type === undefined && message === undefined) return undefined;
  return { type, message, stack: text(attributes["exception.stacktrace"]) ?? "" };
}

function fromAttributes(exception: AttributeException, span: SpanRecord, around: Surroundings): RawError {
  const error = fromTexts({
    timeUnixMillis: span.endUnixMillis,
    type: exception.type ?? text(span.attributes["error.type"]) ?? "",
    message: exception.message ?? span.statusMessage,
    stack: exception.stack,
  });
  return assemble(error, span.endUnixMillis, span, around);
}

function fromStatus(span: SpanRecord, around: Surroundings): RawError {
  const message = span.statusMessage;
  const status = httpStatus(span.attributes);
  const type = text(span.attributes["error.type"]) ?? (status === undefined ? "Error" : `HTTP ${status}`);
  return assemble(
    {
      type: /^\d{3}$/.test(type) ? `HTTP ${type}` : type,
      message: message !== "" || status === undefined ? message : `${span.name} answered ${status}`,
      stack: "",
      causes: [],
      properties: {},
    },
    span.endUnixMillis,
    span,
    around,
  );
}

function assemble(error: ReadError, timeUnixMillis: number, span: SpanRecord, around: Surroundings): RawError {
  const { attributes } = span;
  const server = span.kind === "server" ? attributes : around.serverAttributes;
  const status = httpStatus(attributes);
  const seen: Seen = {
    source: "span",
    timeUnixMillis,
    handled: span.status !== "error" && (status === undefined || status < 500),
    fatal: false,
    traceId: span.traceId,
    spanId: span.spanId,
    spanName: span.name,
    spanKind: span.kind,
    request:
      requestContext(attributes, span.durationMillis, span.kind === "server") ??
      (server && requestContext(server, undefined, true)),
    details: {},
  };
  return rawError(error, seen, attributes, server, around);
}

function fromLog(
  exception: AttributeException | undefined,
  isEvent: boolean,
  log: LogRecord,
  around: Surroundings,
): RawError {
  const { timeUnixMillis, attributes, body, severityNumber } = log;
  const server = around.serverAttributes;
  const stack = exception?.stack ?? "";
  // An exception may have no message; only one without a stack as well needs the words of its record.
  const message = exception?.message ?? (stack === "" ? body : "");
  const type = exception?.type ?? text(attributes["error.type"]) ?? "";
  const escaped = attributes["exception.escaped"];
  const isUnhandledEvent = isEvent && severityNumber >= ERROR_SEVERITY && escaped !== false;
  // Loggers call much fatal that the process outlives: it is critical, and nobody died of it as far as is known.
  const isFatal = severityNumber >= FATAL_SEVERITY;
  const seen: Seen = {
    source: "log",
    timeUnixMillis,
    handled: !isFatal && escaped !== true && !isUnhandledEvent,
    fatal: false,
    traceId: log.traceId,
    spanId: log.spanId,
    spanKind: eventKind(log.eventName),
    request: requestContext(attributes) ?? (server && requestContext(server, undefined, true)),
    details: body === "" || body === message ? {} : { log_message: body },
  };
  const raw = rawError(fromTexts({ timeUnixMillis, type, message, stack }), seen, attributes, server, around);
  return isFatal ? { ...raw, given: { ...raw.given, severity: raw.given.severity ?? "critical" } } : raw;
}

/** An event of another process's Seismo, as it was there: type and stack are as that process read them. */
function fromCarried(exception: AttributeException, log: LogRecord, around: Surroundings): RawError {
  const { type = "", message = "", stack } = exception;
  const seen: Seen = {
    source: "log",
    timeUnixMillis: log.timeUnixMillis,
    handled: true,
    fatal: false,
    traceId: log.traceId,
    spanId: log.spanId,
    request: requestContext(log.attributes),
    details: {},
  };
  const error: ReadError = { type, message, stack, causes: [], properties: {} };
  return withCarried(rawError(error, seen, log.attributes, undefined, around), log.attributes);
}

/** The first number of each range in OpenTelemetry's log data model. */
const ERROR_SEVERITY = 17;
const FATAL_SEVERITY = 21;

/** `http.client.request.exception` comes from a client: it is categorised and grouped like the exception of its span. */
function eventKind(eventName: string): SpanKind | undefined {
  const parts = eventName.split(".", MAX_EVENT_NAME_PARTS);
  return EVENT_KINDS.find((kind) => parts.includes(kind));
}

const EVENT_KINDS: readonly SpanKind[] = ["client", "server", "producer", "consumer"];
const MAX_EVENT_NAME_PARTS = 16;

/** What a span and a log record each say in their own way. */
type Seen = Pick<RawError, "source" | "timeUnixMillis" | "handled" | "fatal" | "request" | "details"> &
  Pick<RawError, "traceId" | "spanId" | "spanName" | "spanKind">;

/**
 * Adds what both say with the same attributes. Field by field, as in redact(): spreading one object into another of
 * thirty fields costs a microsecond.
 */
function rawError(
  error: ReadError,
  seen: Seen,
  attributes: Attributes,
  server: Attributes | undefined,
  around: Surroundings,
): RawError {
  const asked = server ?? attributes;
  return {
    type: error.type,
    message: error.message,
    stack: error.stack,
    causes: error.causes,
    properties: error.properties,
    id: around.newId(),
    source: seen.source,
    origin: "root",
    timeUnixMillis: seen.timeUnixMillis,
    handled: seen.handled,
    fatal: seen.fatal,
    resource: around.resource,
    traceId: seen.traceId,
    spanId: seen.spanId,
    spanName: seen.spanName,
    spanKind: seen.spanKind,
    attributes,
    request: seen.request,
    database: databaseContext(attributes, error.properties),
    requestId: around.requestId ?? text(attributes["request.id"]),
    sessionId: text(attributes["session.id"]),
    userId: text(attributes["user.id"], attributes["enduser.id"]),
    userAgent: text(asked["user_agent.original"], asked["http.user_agent"]),
    details: seen.details,
    given: givenNames(attributes),
  };
}

function databaseContext(attributes: Attributes, properties: JsonObject): DatabaseContext | undefined {
  const system = text(attributes["db.system.name"], attributes["db.system"]);
  if (system === undefined) return undefined;
  const database = {
    system,
    namespace: text(attributes["db.namespace"], attributes["db.name"]),
    operation: text(attributes["db.operation.name"], attributes["db.operation"]),
    collection: text(attributes["db.collection.name"], attributes["db.sql.table"], attributes["db.mongodb.collection"]),
    query: text(attributes["db.query.text"], attributes["db.statement"]),
    statusCode: text(attributes["db.response.status_code"], attributes["error.type"]),
  };
  return withDriverCodes(database, properties);
}

/** Adds what the error of a driver knows better than the span: the server's code and the constraint's name. */
export function withDriverCodes(database: DatabaseContext, properties: JsonObject): DatabaseContext {
  const { code, errno, sqlMessage, constraint } = properties;
  // PostgreSQL's SQLSTATE; MySQL's number, which stands beside a name; MongoDB's number. `ECONNREFUSED` is the socket's.
  const given = sqlMessage === undefined ? code : errno;
  const isServerCode = typeof given === "number" || (typeof given === "string" && /^[0-9A-Z]{5}$/.test(given));
  return {
    ...database,
    statusCode: isServerCode ? String(given) : database.statusCode,
    constraint: typeof constraint === "string" ? constraint : database.constraint,
  };
}

function givenNames(attributes: Attributes): RawError["given"] {
  const severity = text(attributes["error.severity"]);
  const fingerprint = text(attributes["error.fingerprint"]);
  return {
    category: text(attributes["error.category"]),
    severity: isSeverity(severity) ? severity : undefined,
    fingerprint: fingerprint === undefined ? undefined : [fingerprint],
    previousFingerprint: text(attributes["error.fingerprint_previous"]),
  };
}

function isSeverity(value: string | undefined): value is Severity {
  return value === "critical" || value === "warning" || value === "info";
}

/** The same exception recorded twice on one span is one: by identity in process, by its texts from elsewhere. */
function distinct(exceptions: readonly RecordedException[]): readonly RecordedException[] {
  if (exceptions.length === 1) return exceptions;
  const seen = new Set<unknown>();
  return exceptions.filter((exception) => {
    const key = exception.live ?? JSON.stringify([exception.type, exception.message, exception.stack]);
    return !seen.has(key) && seen.add(key);
  });
}

function pathAndQuery(attributes: Attributes): string | undefined {
  const path = text(attributes["url.path"], attributes["http.target"]);
  const query = text(attributes["url.query"]);
  return path === undefined || query === undefined ? path : `${path}?${query}`;
}

function peerOf(attributes: Attributes): string | undefined {
  const address = text(attributes["server.address"], attributes["net.peer.name"]);
  const port = text(attributes["server.port"], attributes["net.peer.port"]);
  return address === undefined || port === undefined ? address : `${address}:${port}`;
}

function askedFrom(attributes: Attributes): string | undefined {
  return text(attributes["network.peer.address"], attributes["net.sock.peer.addr"], attributes["net.peer.ip"]);
}

function headersOf(attributes: Attributes): JsonObject | undefined {
  const headers = emptyBag<string>();
  let found = false;
  for (const key of Object.keys(attributes)) {
    if (!key.startsWith("http.request.header.")) continue;
    headers[key.slice("http.request.header.".length)] = String(attributes[key]);
    found = true;
  }
  return found ? headers : undefined;
}

/** The first of the values that says something, as text. */
function text(value: AttributeValue | undefined, older?: AttributeValue, oldest?: AttributeValue): string | undefined {
  if (typeof value === "string" && value !== "") return value;
  if (typeof value === "number") return String(value);
  return older === undefined && oldest === undefined ? undefined : text(older, oldest);
}
