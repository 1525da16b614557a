/**
 * What the library offers to the application's own code. Nothing here throws into the caller, for any argument.
 */
import { trace } from "@opentelemetry/api";
import type { JsonObject, RawError, Severity } from "../event";
import { requestContext } from "../processors/extract";
import { readError } from "../processors/read-error";
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
  return guarded("captureError", (current) => {
    const read = readError(error);
    return record(current, error, { ...read, ...contextOf(options) }, options);
  });
}

/** Reports an error that is not an exception. */
export function trackError(
  type: string,
  message: string,
  details: JsonObject = {},
  context: TrackContext = {},
): string | undefined {
  return guarded("trackError", (current) =>
    record(
      current,
      undefined,
      { type: plain(type), message: plain(message), ...contextOf(context), details: json(details) },
      context,
    ),
  );
}

/** A file that could not be taken, read, converted or cleaned up. */
export function trackFileProcessingError(
  message: string,
  file: { readonly name?: string; readonly size?: number; readonly mimeType?: string } & JsonObject,
  context: TrackContext = {},
): string | undefined {
  return trackError("FileProcessingError", message, { file }, { category: "file_upload", ...context });
}

/** A step of an analysis, or a whole one, that failed. */
export function trackAnalysisError(
  message: string,
  analysis: { readonly step?: string } & JsonObject,
  context: TrackContext = {},
): string | undefined {
  const category = hasStep(analysis) ? "analysis_step" : "analysis_failed";
  return trackError("AnalysisError", message, { analysis }, { category, ...context });
}

/** A failure in a user interface that this service answers for. */
export function trackUiError(
  message: string,
  ui: { readonly component?: string } & JsonObject,
  context: TrackContext = {},
): string | undefined {
  const category = hasComponent(ui) ? "ui_component" : "ui_session";
  return trackError("UiError", message, { ui }, { category, ...context });
}

/** Times a function, counts its failures, and returns what it returns. A failure passes through to the caller. */
export function trackPerformance<T>(name: string, run: () => T): T {
  const stop = metrics.timer(name);
  let result: T;
  try {
    result = run();
  } catch (error) {
    stop();
    captureError(error, { details: { operation: plain(name) }, handled: false });
    throw error;
  }
  if (!isPromise(result)) {
    stop();
    return result;
  }
  // The caller's promise is returned as it is; this branch only looks on.
  result.then(stop, (error: unknown) => {
    stop();
    captureError(error, { details: { operation: plain(name) }, handled: false });
  });
  return result;
}

/** Adds details to every error of the active span and those under it. */
export function addErrorContext(details: JsonObject): void {
  add("addErrorContext", (added) => {
    added.details = { ...added.details, ...json(details) };
  });
}

/** Names the database call that runs now: `system`, `operation`, `collection`, `query`, `namespace`. */
export function addDatabaseContext(database: JsonObject): void {
  add("addDatabaseContext", (added) => {
    added.database = { ...added.database, ...json(database) };
  });
}

/** Names the request that is served now, for servers that are not instrumented: `method`, `route`, `url`, `statusCode`. */
export function addRequestContext(request: JsonObject): void {
  add("addRequestContext", (added) => {
    added.request = { ...added.request, ...json(request) };
  });
}

/** Says who is affected by errors of the current request from now on. */
export function setUser(user: User, sessionId?: string): void {
  guarded("setUser", () => {
    const scope = activeScope();
    if (scope === undefined) return;
    const added = addedTo(localRoot(scope));
    const { id, ...rest } = json(user);
    added.userId = id === undefined ? undefined : plain(id);
    added.userContext = rest;
    if (sessionId !== undefined) added.sessionId = plain(sessionId);
  });
}

/** Groups the errors of the active span and those under it by these parts; `{{ default }}` stands for Seismo's choice. */
export function setErrorFingerprint(parts: readonly string[]): void {
  add("setErrorFingerprint", (added) => {
    added.fingerprint = Array.from(parts, plain);
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
        current.metrics.recordOperation(plain(name), { kind: "duration", millis: taken });
        remember(plain(name), taken);
      });
      return taken;
    };
  },
  record(name, value) {
    guarded("metrics.record", (current) => {
      if (Number.isFinite(value)) current.metrics.recordOperation(plain(name), { kind: "value", value });
    });
  },
  increment(name, count = 1) {
    guarded("metrics.increment", (current) => {
      if (count >= 0 && Number.isFinite(count)) current.metrics.recordOperation(plain(name), { kind: "event", count });
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

function record(
  current: Runtime,
  thrown: unknown,
  parts: Partial<RawError> & Pick<RawError, "type" | "message">,
  options: CaptureOptions,
): string | undefined {
  const scope = activeScope();
  return current.recordError(thrown, { ...parts, ...placeOf(scope), handled: options.handled ?? true }, scope)?.id;
}

/** The span and request that the code runs under. */
function placeOf(scope: SpanScope | undefined): Partial<RawError> {
  const request = scope && requestAttributes(localRoot(scope));
  const context = (scope?.span ?? trace.getActiveSpan())?.spanContext();
  return {
    traceId: context?.traceId,
    spanId: context?.spanId,
    requestId: scope?.requestId,
    request: request && requestContext(request),
  };
}

function contextOf(options: TrackContext): Partial<RawError> {
  const { category, severity, fingerprint, details, user, sessionId, page, ...rest } = options;
  const { id, ...userContext } = user === undefined ? {} : json(user);
  const { endpoint, method, statusCode, systemContext, hardwareContext } = rest;
  return {
    given: {
      category: category === undefined ? undefined : plain(category),
      severity: severity === "critical" || severity === "warning" || severity === "info" ? severity : undefined,
      fingerprint: Array.isArray(fingerprint) ? fingerprint.map(plain) : undefined,
    },
    details: details === undefined ? {} : json(details),
    sessionId: sessionId === undefined ? undefined : plain(sessionId),
    page: page === undefined ? undefined : plain(page),
    userId: id === undefined ? undefined : plain(id),
    userContext: user === undefined ? undefined : userContext,
    systemContext: systemContext === undefined ? undefined : json(systemContext),
    hardwareContext: hardwareContext === undefined ? undefined : json(hardwareContext),
    ...(endpoint === undefined ? {} : { request: { route: plain(endpoint), method, statusCode } }),
  };
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

/** A bounded, JSON-safe copy of what the caller gave, whatever that is. */
function json(value: unknown): JsonObject {
  return typeof value === "object" && value !== null ? readError(value).properties : {};
}

function plain(value: unknown): string {
  return typeof value === "string" ? value : readError(value).message;
}

function hasStep(value: unknown): boolean {
  return typeof json(value)["step"] === "string";
}

function hasComponent(value: unknown): boolean {
  return typeof json(value)["component"] === "string";
}

function isPromise(value: unknown): value is Promise<unknown> {
  return value instanceof Promise;
}

/** The edge of the host's code: a bug of ours ends here, counted and logged. */
function guarded<T>(where: string, run: (current: Runtime) => T): T | undefined {
  const current = runtime();
  try {
    return run(current);
  } catch (error) {
    current.telemetry.internalError(where, error);
    return undefined;
  }
}
