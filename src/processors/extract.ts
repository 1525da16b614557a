/**
 * Decides what counts as an error, for both doors: a span that ended in this process and the same span received
 * by OTLP give the same RawErrors. What is no failure costs one look at status, kind and event count.
 *
 *   exception events ─────────┐
 *   status ERROR alone ───────┼─► RawError (one per exception, or one for the span)
 *   HTTP 4xx / 5xx alone ─────┘
 */
import type {
  Attributes,
  AttributeValue,
  DatabaseContext,
  JsonObject,
  RawError,
  RecordedException,
  RequestContext,
  Resource,
  Severity,
  SpanRecord,
} from "../event";
import { errorType, type ReadError, readError } from "./read-error";
import { headerName } from "./stack/v8";

/** Exceptions taken from one span; the SDK itself keeps 128. */
export const MAX_EXCEPTIONS_PER_SPAN = 128;

export interface ExtractOptions {
  /** Answers of 400 to 499 without an exception count as errors (severity info). */
  readonly httpClientErrors: boolean;
}

/** What the surroundings of a span add to its errors. */
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
  return isServer && (httpStatus(attributes) ?? 0) >= 400;
}

/** The errors of a finished span, in the order in which they were recorded. Empty for a healthy one. */
export function extractErrors(span: SpanRecord, around: Surroundings, options: ExtractOptions): readonly RawError[] {
  if (span.exceptions.length > 0) {
    return distinct(span.exceptions)
      .slice(0, MAX_EXCEPTIONS_PER_SPAN)
      .map((exception) => fromException(exception, span, around));
  }
  const status = httpStatus(span.attributes);
  if (span.status === "error" || (span.kind === "server" && status !== undefined && status >= 500)) {
    return [fromStatus(span, around)];
  }
  if (options.httpClientErrors && span.kind === "server" && status !== undefined && status >= 400) {
    return [fromStatus(span, around)];
  }
  return [];
}

/** The HTTP status of a span, stable name first. */
export function httpStatus(attributes: Attributes): number | undefined {
  const value = attributes["http.response.status_code"] ?? attributes["http.status_code"];
  const status = typeof value === "string" ? Number(value) : value;
  return typeof status === "number" && Number.isInteger(status) ? status : undefined;
}

export function requestContext(attributes: Attributes, durationMillis?: number): RequestContext | undefined {
  const method = text(attributes["http.request.method"], attributes["http.method"]);
  if (method === undefined) return undefined;
  return {
    method,
    route: text(attributes["http.route"]),
    url: text(attributes["url.full"], attributes["http.url"]) ?? pathAndQuery(attributes),
    statusCode: httpStatus(attributes),
    peer: peerOf(attributes),
    headers: headersOf(attributes),
    durationMillis,
  };
}

function fromException(exception: RecordedException, span: SpanRecord, around: Surroundings): RawError {
  const isLive = typeof exception.live === "object" && exception.live !== null;
  const error = isLive ? readError(exception.live) : fromTexts(completed(exception, span));
  return assemble(error, exception.timeUnixMillis, span, around);
}

/** Some instrumentations record a bare text and put the message into the status and the code into `error.type`. */
function completed(exception: RecordedException, span: SpanRecord): RecordedException {
  if (exception.stack !== "") return exception;
  return {
    ...exception,
    type: exception.type !== "" ? exception.type : (text(span.attributes["error.type"]) ?? ""),
    message: span.statusMessage !== "" ? span.statusMessage : exception.message,
  };
}

/**
 * The recorded texts of an exception. Its type is `code || name` when a JavaScript SDK wrote it:
 * the header of the stack (`TypeError [CODE]: …`) gives the name back.
 */
function fromTexts(exception: RecordedException): ReadError {
  const { type, message, stack } = exception;
  const name = headerName(stack) ?? "";
  if (name === "" || name === type || !/^[A-Z0-9_]+$/.test(type)) {
    return { type: type === "" ? "Error" : type, message, stack, causes: [], properties: {} };
  }
  return { type: errorType(name, type), message, stack, causes: [], properties: { code: type } };
}

function fromStatus(span: SpanRecord, around: Surroundings): RawError {
  const given = text(span.attributes["exception.type"]) ?? text(span.attributes["error.type"]);
  const message = text(span.attributes["exception.message"]) ?? span.statusMessage;
  const status = httpStatus(span.attributes);
  const type = given ?? (status === undefined ? "Error" : `HTTP ${status}`);
  return assemble(
    {
      type: /^\d{3}$/.test(type) ? `HTTP ${type}` : type,
      message: message !== "" || status === undefined ? message : `${span.name} answered ${status}`,
      stack: text(span.attributes["exception.stacktrace"]) ?? "",
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
  const asked = server ?? attributes;
  const status = httpStatus(attributes);
  // Field by field, as in redact(): spreading an object of five into one of thirty costs a microsecond.
  return {
    type: error.type,
    message: error.message,
    stack: error.stack,
    causes: error.causes,
    properties: error.properties,
    id: around.newId(),
    source: "span",
    origin: "root",
    timeUnixMillis,
    handled: span.status !== "error" && (status === undefined || status < 500),
    fatal: false,
    resource: around.resource,
    traceId: span.traceId,
    spanId: span.spanId,
    spanName: span.name,
    spanKind: span.kind,
    attributes,
    request: requestContext(attributes, span.durationMillis) ?? (server && requestContext(server)),
    database: databaseContext(attributes, error.properties),
    requestId: around.requestId ?? text(attributes["request.id"]),
    sessionId: text(attributes["session.id"]),
    userId: text(attributes["user.id"], attributes["enduser.id"]),
    userAgent: text(asked["user_agent.original"], asked["http.user_agent"]),
    details: {},
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

function headersOf(attributes: Attributes): JsonObject | undefined {
  const headers: { [name: string]: string } = Object.create(null);
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
