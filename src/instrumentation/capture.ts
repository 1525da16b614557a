/**
 * What the library offers to the application's own code. Nothing here throws into the caller, for any argument.
 */
import { trace } from "@opentelemetry/api";
import type { BreadcrumbLevel, JsonObject, RawError, Severity } from "../event";
import type { Note } from "../processors/breadcrumbs";
import { requestContext } from "../processors/extract";
import { readError, readJson, readProperty } from "../processors/read-error";
import { redactLabel } from "../processors/redact";
import { type AddedContext, activeScope, localRoot, requestAttributes, type SpanScope } from "../processors/span-scope";
import { type Runtime, runtime } from "./runtime";

export interface CaptureOptions {
  readonly category?: string;
  readonly severity?: Severity;
  /** Parts of the fingerprint; `{{ default }}` stands for what Seismo would have chosen. */
  readonly fingerprint?: readonly string[];
  readonly details?: JsonObject;
  readonly user?: User;
  readonly sessionId?: string;
  readonly page?: string;
  /** False when the error was not dealt with. Default true. */
  readonly handled?: boolean;
}

export interface User {
  readonly id?: string;
  readonly [key: string]: string | number | boolean | undefined;
}

/** Where an error happened, for the track… functions. Unknown keys are kept as details. */
export interface TrackContext extends CaptureOptions {
  readonly endpoint?: string;
  readonly method?: string;
  readonly statusCode?: number;
  readonly systemContext?: JsonObject;
  readonly hardwareContext?: JsonObject;
}

/** Reports a caught error. Returns the event's id, or undefined when it was ignored or counted before. */
export function captureError(error: unknown, options: CaptureOptions = {}): string | undefined {
  return guarded("captureError", (current) => record(current, error, { ...readError(error), ...contextOf(options) }));
}

/** Reports an error that is not an exception. */
export function trackError(
  type: string,
  message: string,
  details: JsonObject = {},
  context: TrackContext = {},
): string | undefined {
  return track({ type, message, details, context, category: undefined });
}

/** A file that could not be taken, read, converted or cleaned up. */
export function trackFileProcessingError(
  message: string,
  file: { readonly name?: string; readonly size?: number; readonly mimeType?: string } & JsonObject,
  context: TrackContext = {},
): string | undefined {
  return track({ type: "FileProcessingError", message, details: { file }, context, category: "file_upload" });
}

/** A step of an analysis, or a whole one, that failed. */
export function trackAnalysisError(
  message: string,
  analysis: { readonly step?: string } & JsonObject,
  context: TrackContext = {},
): string | undefined {
  const category = hasStep(analysis) ? "analysis_step" : "analysis_failed";
  return track({ type: "AnalysisError", message, details: { analysis }, context, category });
}

/** A failure in a user interface that this service answers for. */
export function trackUiError(
  message: string,
  ui: { readonly component?: string } & JsonObject,
  context: TrackContext = {},
): string | undefined {
  const category = hasComponent(ui) ? "ui_component" : "ui_session";
  return track({ type: "UiError", message, details: { ui }, context, category });
}

/** Times a function, counts its failures, and returns what it returns. A failure passes through to the caller. */
export function trackPerformance<T>(name: string, run: () => T): T {
  const stop = metrics.timer(name);
  const fail = (error: unknown): void => {
    stop();
    captureError(error, { details: { operation: plain(name) }, handled: false });
  };
  let result: T;
  try {
    result = run();
  } catch (error) {
    fail(error);
    throw error;
  }
  // The caller's promise is returned as it is; this branch only looks on.
  if (!onSettled(result, stop, fail)) stop();
  return result;
}

/** Adds details to every error of the active span and those under it. */
export function addErrorContext(details: JsonObject): void {
  add("addErrorContext", (added) => {
    added.details = { ...added.details, ...readJson(details) };
  });
}

export interface BreadcrumbOptions {
  /** A word of the application's own. Default `custom`. */
  readonly category?: string;
  /** Default `info`. */
  readonly level?: BreadcrumbLevel;
}

/** Says that something happened: errors that come after it in the same request or job tell of it. */
export function addBreadcrumb(message: string, data: JsonObject = {}, options: BreadcrumbOptions = {}): void {
  guarded("addBreadcrumb", ({ errorSpans }) => {
    const level = readProperty(options, "level");
    const note: Note = {
      timeUnixMillis: Date.now(),
      type: "custom",
      category: ifGiven(readProperty(options, "category"), plain) ?? "custom",
      message: plain(message),
      level: isLevel(level) ? level : "info",
      data: readJson(data),
    };
    errorSpans.leaveBreadcrumb(note, activeScope());
  });
}

/** Names the database call that runs now: `system`, `operation`, `collection`, `query`, `namespace`. */
export function addDatabaseContext(database: JsonObject): void {
  add("addDatabaseContext", (added) => {
    added.database = { ...added.database, ...readJson(database) };
  });
}

/** Names the request that is served now, for servers that are not instrumented: `method`, `route`, `url`, `statusCode`. */
export function addRequestContext(request: JsonObject): void {
  add("addRequestContext", (added) => {
    added.request = { ...added.request, ...readJson(request) };
  });
}

/** Says who is affected by errors of the current request from now on. */
export function setUser(user: User, sessionId?: string): void {
  guarded("setUser", () => {
    const scope = activeScope();
    if (scope === undefined) return;
    const added = addedTo(localRoot(scope));
    const { id, ...rest } = readJson(user);
    added.userId = id === undefined ? undefined : plain(id);
    added.userContext = rest;
    if (sessionId !== undefined) added.sessionId = plain(sessionId);
  });
}

/** Groups the errors of the active span and those under it by these parts; `{{ default }}` stands for Seismo's choice. */
export function setErrorFingerprint(parts: readonly string[]): void {
  add("setErrorFingerprint", (added) => {
    added.fingerprint = Object.values(readJson(parts)).map(plain);
  });
}

/** The id of the request that runs now. */
export function getRequestId(): string | undefined {
  return guarded("getRequestId", () => activeScope()?.requestId);
}

export interface OperationStats {
  readonly count: number;
  readonly totalMillis: number;
  readonly minMillis: number;
  readonly maxMillis: number;
}

export interface OperationMetrics {
  /** Starts a timer; the returned function stops it and returns milliseconds. */
  timer(name: string): () => number;
  record(name: string, value: number): void;
  increment(name: string, count?: number): void;
  /** By operation name; the first thousand names. */
  getStats(): { readonly [name: string]: OperationStats };
}

export const metrics: OperationMetrics = {
  timer(name) {
    const started = performance.now();
    let millis: number | undefined;
    return () => {
      if (millis !== undefined) return millis;
      const taken = performance.now() - started;
      millis = taken;
      guarded("metrics.timer", (current) => {
        const operation = labelOf(current, name);
        current.metrics.recordOperation(operation, { kind: "duration", millis: taken });
        remember(operation, taken);
      });
      return taken;
    };
  },
  record(name, value) {
    guarded("metrics.record", (current) => {
      if (Number.isFinite(value)) current.metrics.recordOperation(labelOf(current, name), { kind: "value", value });
    });
  },
  increment(name, count = 1) {
    guarded("metrics.increment", (current) => {
      if (Number.isFinite(count) && count >= 0) {
        current.metrics.recordOperation(labelOf(current, name), { kind: "event", count });
      }
    });
  },
  getStats() {
    return Object.fromEntries(stats);
  },
};

type Next = (error?: unknown) => void;
export type ExpressErrorHandler = (error: unknown, request: object, response: object, next: Next) => void;

/** For applications that run without `seismo/register`: reports what Express passes to it, and passes it on. */
export function expressErrorHandler(): ExpressErrorHandler {
  return (error, _request, _response, next) => {
    captureError(error, { handled: false });
    next(error);
  };
}

function labelOf({ redaction }: Runtime, name: unknown): string {
  return redactLabel(plain(name), redaction);
}

const MAX_STATS = 1_000;
const stats = new Map<string, OperationStats>();

function remember(name: string, millis: number): void {
  const known = stats.get(name);
  if (known === undefined && stats.size >= MAX_STATS) return;
  stats.set(name, {
    count: (known?.count ?? 0) + 1,
    totalMillis: (known?.totalMillis ?? 0) + millis,
    minMillis: Math.min(known?.minMillis ?? millis, millis),
    maxMillis: Math.max(known?.maxMillis ?? millis, millis),
  });
}

interface Tracked {
  readonly type: unknown;
  readonly message: unknown;
  readonly details: unknown;
  readonly context: unknown;
  /** Unless the context names one. */
  readonly category: string | undefined;
}

function track({ type, message, details, context, category }: Tracked): string | undefined {
  return guarded("track", (current) => {
    const given = contextOf(context);
    return record(current, undefined, {
      ...given,
      type: plain(type),
      message: plain(message),
      details: { ...given.details, ...readJson(details) },
      given: { ...given.given, category: given.given?.category ?? category },
    });
  });
}

function record(
  current: Runtime,
  thrown: unknown,
  parts: Partial<RawError> & Pick<RawError, "type" | "message">,
): string | undefined {
  const scope = activeScope();
  const place = placeOf(scope);
  const request = parts.request === undefined ? place.request : { ...place.request, ...parts.request };
  return current.recordError(thrown, { ...parts, ...place, request }, scope)?.id;
}

/** The span and request that the code runs under. */
function placeOf(scope: SpanScope | undefined): Partial<RawError> {
  const request = scope && requestAttributes(localRoot(scope));
  const context = (scope?.span ?? trace.getActiveSpan())?.spanContext();
  return {
    traceId: context?.traceId,
    spanId: context?.spanId,
    requestId: scope?.requestId,
    request: request && requestContext(request, undefined, true),
  };
}

const CONTEXT_FIELDS: ReadonlySet<string> = new Set([
  ...["category", "severity", "fingerprint", "details", "user", "sessionId", "page", "handled"],
  ...["endpoint", "method", "statusCode", "systemContext", "hardwareContext"],
]);

/** What the caller said of the error; it may be any value at all. */
function contextOf(options: unknown): Partial<RawError> {
  const field = (name: string): unknown => readProperty(options, name);
  const text = (name: string): string | undefined => ifGiven(field(name), plain);
  const others = Object.entries(readJson(options)).filter(([name]) => !CONTEXT_FIELDS.has(name));
  const severity = field("severity");
  const user = ifGiven(field("user"), readJson);
  const statusCode = field("statusCode");
  const request = {
    ...ifGiven(text("endpoint"), (route) => ({ route })),
    ...ifGiven(text("method"), (method) => ({ method })),
    ...(typeof statusCode === "number" ? { statusCode } : {}),
  };
  return {
    given: {
      category: text("category"),
      severity: severity === "critical" || severity === "warning" || severity === "info" ? severity : undefined,
      fingerprint: ifGiven(field("fingerprint"), (parts) => Object.values(readJson(parts)).map(plain)),
    },
    handled: field("handled") !== false,
    details: { ...Object.fromEntries(others), ...readJson(field("details")) },
    sessionId: text("sessionId"),
    page: text("page"),
    userId: ifGiven(user?.["id"], plain),
    userContext: user && Object.fromEntries(Object.entries(user).filter(([name]) => name !== "id")),
    systemContext: ifGiven(field("systemContext"), readJson),
    hardwareContext: ifGiven(field("hardwareContext"), readJson),
    request: Object.keys(request).length === 0 ? undefined : request,
  };
}

function ifGiven<T, R>(value: T | undefined | null, read: (value: T) => R): R | undefined {
  return value === undefined || value === null ? undefined : read(value);
}

function add(where: string, change: (added: AddedContext) => void): void {
  guarded(where, () => {
    const scope = activeScope();
    if (scope !== undefined) change(addedTo(scope));
  });
}

function addedTo(scope: SpanScope): AddedContext {
  scope.added ??= {};
  return scope.added;
}

function isLevel(value: unknown): value is BreadcrumbLevel {
  return value === "debug" || value === "info" || value === "warning" || value === "error";
}

function plain(value: unknown): string {
  return readError(value).message;
}

function hasStep(value: unknown): boolean {
  return typeof readProperty(value, "step") === "string";
}

function hasComponent(value: unknown): boolean {
  return typeof readProperty(value, "component") === "string";
}

/** False for what is no promise. Of one whose own `then` is odd, the built-in one is asked. */
function onSettled(value: unknown, onDone: () => void, onError: (error: unknown) => void): boolean {
  try {
    if (!(value instanceof Promise)) return false;
    Promise.prototype.then.call(value, onDone, onError);
    return true;
  } catch {
    return false; // a proxy that throws, or what only claims to be a promise
  }
}

/** The edge of the host's code: a bug of ours ends here, counted and logged. */
function guarded<T>(where: string, run: (current: Runtime) => T): T | undefined {
  let current: Runtime | undefined;
  try {
    current = runtime();
    return run(current);
  } catch (error) {
    // Without a runtime (SEISMO_STRICT, and a configuration that is wrong) createErrorSpanProcessor() says why.
    current?.telemetry.internalError(where, error);
    return undefined;
  }
}
