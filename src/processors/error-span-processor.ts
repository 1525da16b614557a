/**
 * Turns the failing spans of this process into error events, each failure once.
 *
 *   recordException(E) ─► scope.live          E on the database span, on the route's span, on the server span:
 *   span.end() ─► extract ─► counted before? ─┤ one event, made where it was first seen
 *                              │no            └ the others only get its name as attributes
 *                              └─► pipeline ─► attributes error.category, error.group, error.severity, error.fingerprint
 *
 * A failure without its Error waits for it first: held-failures.ts.
 */
import { type Context, SpanKind, SpanStatusCode } from "@opentelemetry/api";
import { hrTimeToMilliseconds } from "@opentelemetry/core";
import type { ReadableSpan, Span as SdkSpan, SpanProcessor } from "@opentelemetry/sdk-trace-base";
import type {
  Attributes,
  CallVariables,
  ErrorEvent,
  PoolState,
  RawError,
  SpanKind as RecordKind,
  Resource,
  SpanRecord,
} from "../event";
import type { Telemetry } from "../telemetry";
import { breadcrumbsBefore, createTrail, keep, keepNote, type Note, type Trail } from "./breadcrumbs";
import { type ExtractOptions, extractErrors, mayHaveFailed, withDriverCodes } from "./extract";
import { createHeldFailures, type HeldFailure, type HeldFailures, takeHeld } from "./held-failures";
import type { Pipeline } from "./pipeline";
import { errorChain, isErrorLike } from "./read-error";
import {
  type AddedContext,
  type Counted,
  countedByIdentity,
  countedByText,
  localRoot,
  markCounted,
  openScope,
  requestAttributes,
  type SpanScope,
  scopeOf,
} from "./span-scope";
import { exceptionsOf, keepThrownValues } from "./thrown-values";

export interface ErrorSpanProcessorDependencies {
  readonly pipeline: Pipeline;
  readonly telemetry: Telemetry;
  readonly resource: Resource;
  readonly extract: ExtractOptions;
  readonly newId: () => string;
  /** Breadcrumbs that are kept of one request or job; 0 keeps none. */
  readonly maxBreadcrumbs: number;
  /** The local variables that were kept of a thrown object. */
  readonly variablesOf?: ((thrown: object) => readonly CallVariables[] | undefined) | undefined;
  /** Of the pool of connections to the database that a span's attributes name. */
  readonly poolOf?: ((attributes: Attributes) => PoolState | undefined) | undefined;
  /** Calls back once after so many milliseconds, without keeping the process alive. */
  readonly later: (callback: () => void, millis: number) => void;
}

const KINDS: { readonly [kind in SpanKind]: RecordKind } = {
  [SpanKind.INTERNAL]: "internal",
  [SpanKind.SERVER]: "server",
  [SpanKind.CLIENT]: "client",
  [SpanKind.PRODUCER]: "producer",
  [SpanKind.CONSUMER]: "consumer",
};

export class ErrorSpanProcessor implements SpanProcessor {
  readonly #deps: ErrorSpanProcessorDependencies;
  readonly #held: HeldFailures;
  /** Of what happens in no request and no job. */
  readonly #elsewhere: Trail;
  readonly #countedElsewhere = new WeakMap<object, Counted>();
  /** What each error was counted as last, under whatever span. */
  readonly #latest = new WeakMap<object, Counted>();
  #lastTold: { readonly message: string; readonly counted: Counted } | undefined;

  constructor(dependencies: ErrorSpanProcessorDependencies) {
    this.#deps = dependencies;
    this.#elsewhere = createTrail(dependencies.maxBreadcrumbs);
    this.#held = createHeldFailures({ later: dependencies.later, count: (failure) => this.#countHeld(failure) });
  }

  onStart(span: SdkSpan, parentContext: Context): void {
    keepThrownValues(span);
    openScope(span, parentContext);
  }

  onEnd(span: ReadableSpan): void {
    const scope = scopeOf(span);
    const isError = span.status.code === SpanStatusCode.ERROR;
    const mayHave = mayHaveFailed(isError, span.events.length, span.kind === SpanKind.SERVER, span.attributes);
    if (mayHave || scope?.held !== undefined || scope?.unrecorded !== undefined) {
      try {
        this.#onFailure(span, scope);
      } catch (error) {
        this.#deps.telemetry.internalError("ErrorSpanProcessor.onEnd", error);
      }
    }
    if (scope?.root !== undefined) keep(this.#trailOf(scope.root), span);
  }

  async forceFlush(): Promise<void> {
    this.releaseHeld();
    await this.#deps.pipeline.forceFlush();
  }

  async shutdown(): Promise<void> {
    this.releaseHeld();
    this.#deps.pipeline.deliver();
  }

  /** Makes events of all failures that still wait. */
  releaseHeld(): void {
    this.#held.releaseAll();
  }

  /** An error seen without a finished span: captured by hand, passed to next(), or uncaught. Counted once like any other. */
  recordThrown(thrown: unknown, raw: RawError, scope: SpanScope | undefined): ErrorEvent | undefined {
    const identities = identitiesOf(thrown);
    if (raw.source === "uncaught") return this.#recordUncaught(raw, identities, scope);
    return this.#record(raw, identities, scope)?.event;
  }

  /** Something happened, in this scope or in none: errors that come after it will tell of it. */
  leaveBreadcrumb(note: Note, scope: SpanScope | undefined): void {
    const root = scope && localRoot(scope);
    keepNote(root === undefined ? this.#elsewhere : this.#trailOf(root), note, root);
  }

  /** An error that is counted, but under no span, or by another process: when a span brings it too, it is no new failure. */
  noteCounted(thrown: unknown, event: ErrorEvent | undefined): void {
    for (const identity of identitiesOf(thrown)) this.#countedElsewhere.set(identity, { event });
  }

  #onFailure(span: ReadableSpan, scope: SpanScope | undefined): void {
    const record = toSpanRecord(span, scope);
    // With an exception at hand the wait of those below is over before the span's own status is judged.
    if (scope?.parent === undefined && scope !== undefined && record.exceptions.length === 0) this.#held.release(scope);
    const { resource, newId, extract } = this.#deps;
    const root = scope && localRoot(scope);
    const errors = extractErrors(
      record,
      { resource, newId, requestId: scope?.requestId, serverAttributes: root && requestAttributes(root) },
      extract,
    );
    for (const [index, raw] of errors.entries()) {
      const live = record.exceptions[index]?.live;
      const counted = this.#record(this.#withPool(withAdded(raw, scope)), identitiesOf(live), scope);
      if (counted?.event !== undefined) tag(span, counted.event);
    }
    if (scope !== undefined && scope === root) this.#held.release(scope);
  }

  /** As it is now, when the call has just failed. */
  #withPool(raw: RawError): RawError {
    if (raw.database === undefined) return raw;
    const pool = this.#deps.poolOf?.(raw.attributes);
    return pool === undefined ? raw : { ...raw, database: { ...raw.database, pool } };
  }

  #record(raw: RawError, identities: readonly object[], scope: SpanScope | undefined): Counted | undefined {
    const texts = [raw.message, ...raw.causes.map((cause) => cause.message)];
    if (identities.length > 0) {
      // Two spans side by side may end with one Error: ioredis has a span for queueing a command and one for sending it.
      const known = countedByIdentity(scope && localRoot(scope), identities) ?? this.#knownElsewhere(identities);
      if (known !== undefined) return known;
      const held = scope && takeHeld(scope, texts);
      if (held?.counted !== undefined) {
        markCounted(held.scope, identities, [], held.counted);
        return held.counted;
      }
      if (held === undefined) return this.#count(raw, identities, scope);
      const counted = this.#count(merged(raw, held.raw), identities, held.scope);
      // A collector sees two spans that fail, the outer one with an error that may be another by its text.
      if (counted.event !== undefined) tag(held.scope.span, counted.event);
      return counted;
    }
    const isBareStatus = raw.type.startsWith("HTTP ") && raw.stack === "";
    if (isBareStatus) return this.#recordStatus(raw, scope);
    const known = countedByText(scope, texts);
    if (known !== undefined) return known;
    if (scope?.parent !== undefined && this.#held.hold({ scope, raw, texts, counted: undefined })) return undefined;
    return this.#count(raw, identities, scope);
  }

  /** Spans may have told of this error already; nobody says under which of them it got away. */
  #recordUncaught(raw: RawError, identities: readonly object[], scope: SpanScope | undefined): ErrorEvent | undefined {
    const told = this.#toldBySpan(raw, identities);
    if (told?.event === undefined)
      return this.#record(raw, identities, scope ?? this.#held.findScope(raw.message))?.event;
    const { event } = told;
    const { source, handled, fatal } = raw;
    const details = { ...event.details, ...raw.details };
    const amended = this.#deps.pipeline.amend(event, { source, handled, fatal, details });
    if (amended !== undefined) {
      told.event = amended;
      return amended;
    }
    if (identities.length === 0) return this.#count(raw, identities, scope).event;
    // An event that has left cannot be called back; that the process dies of it is an echo.
    return fatal ? this.#count({ ...raw, origin: "echo" }, identities, scope).event : event;
  }

  /** What has no identity is known by its text, as long as that is the last that was told. */
  #toldBySpan({ message }: RawError, identities: readonly object[]): Counted | undefined {
    const told =
      identities.length === 0
        ? [this.#lastTold?.message === message ? this.#lastTold.counted : undefined]
        : identities.map((identity) => this.#latest.get(identity));
    return told.find((counted) => counted?.event !== undefined && counted.event.source !== "uncaught");
  }

  #knownElsewhere(identities: readonly object[]): Counted | undefined {
    for (const identity of identities) {
      const counted = this.#countedElsewhere.get(identity);
      if (counted !== undefined) return counted;
    }
    return undefined;
  }

  /** An answer of 4xx or 5xx with a failure below it happened because of that failure. */
  #recordStatus(raw: RawError, scope: SpanScope | undefined): Counted | undefined {
    const cause = raw.spanKind === "server" ? scope?.counted?.last : undefined;
    return this.#count(cause === undefined ? raw : { ...raw, origin: "echo" }, [], scope);
  }

  #count(raw: RawError, identities: readonly object[], scope: SpanScope | undefined): Counted {
    const variables = this.#variablesOf(identities);
    const breadcrumbs = this.#breadcrumbsBefore(raw, scope);
    const isPlain = variables === undefined && breadcrumbs === undefined;
    const counted: Counted = {
      event: this.#deps.pipeline.record(isPlain ? raw : { ...raw, variables, breadcrumbs }),
    };
    markCounted(scope, identities, [raw.message], counted);
    for (const identity of identities) this.#latest.set(identity, counted);
    this.#lastTold = { message: raw.message, counted };
    return counted;
  }

  #trailOf(root: SpanScope): Trail {
    root.trail ??= createTrail(this.#deps.maxBreadcrumbs);
    return root.trail;
  }

  #breadcrumbsBefore({ spanId }: RawError, scope: SpanScope | undefined): RawError["breadcrumbs"] {
    const root = scope && localRoot(scope);
    const trail = root === undefined ? this.#elsewhere : root.trail;
    return trail === undefined || trail.entries.length === 0 ? undefined : breadcrumbsBefore(trail, root, spanId);
  }

  /** Of the error itself; of one that wraps another, those of what it wraps belong to other frames. */
  #variablesOf([thrown]: readonly object[]): readonly CallVariables[] | undefined {
    return thrown === undefined ? undefined : this.#deps.variablesOf?.(thrown);
  }

  /** Its Error did not come in time. */
  #countHeld({ raw, scope }: HeldFailure): Counted {
    const counted = this.#count(raw, [], scope);
    if (counted.event !== undefined) tag(scope.span, counted.event);
    return counted;
  }
}

function toSpanRecord(span: ReadableSpan, scope: SpanScope | undefined): SpanRecord {
  const context = span.spanContext();
  return {
    traceId: context.traceId,
    spanId: context.spanId,
    parentSpanId: span.parentSpanContext?.spanId,
    name: span.name,
    kind: KINDS[span.kind],
    endUnixMillis: hrTimeToMilliseconds(span.endTime),
    durationMillis: hrTimeToMilliseconds(span.duration),
    status:
      span.status.code === SpanStatusCode.ERROR ? "error" : span.status.code === SpanStatusCode.OK ? "ok" : "unset",
    statusMessage: span.status.message ?? "",
    attributes: span.attributes,
    exceptions: exceptionsOf(span, scope),
  };
}

/** Only errors have an identity worth comparing; a bare text has none. */
function identitiesOf(thrown: unknown): readonly object[] {
  return isErrorLike(thrown) ? errorChain(thrown) : [];
}

/** The live error, placed at the span where it was first seen. */
function merged(raw: RawError, held: RawError): RawError {
  const { id, traceId, spanId, spanName, spanKind, attributes, database } = held;
  return {
    ...raw,
    id,
    traceId,
    spanId,
    spanName,
    spanKind,
    attributes,
    database: database && withDriverCodes(database, raw.properties),
  };
}

/** The context that the application added to this span or to those above it; the innermost wins. */
export function withAdded(raw: RawError, scope: SpanScope | undefined): RawError {
  let result = raw;
  for (let at = scope; at !== undefined; at = at.parent) {
    if (at.added !== undefined) result = addTo(result, at.added);
  }
  return result;
}

function addTo(raw: RawError, added: AddedContext): RawError {
  return {
    ...raw,
    userId: raw.userId ?? added.userId,
    sessionId: raw.sessionId ?? added.sessionId,
    page: raw.page ?? added.page,
    userContext: { ...added.userContext, ...raw.userContext },
    details: { ...added.details, ...raw.details },
    request: added.request === undefined ? raw.request : { ...added.request, ...raw.request },
    database: added.database === undefined ? raw.database : { ...added.database, ...raw.database },
    given: { ...raw.given, fingerprint: raw.given.fingerprint ?? added.fingerprint },
  };
}

function isReadable(span: unknown): span is ReadableSpan {
  return typeof span === "object" && span !== null && "attributes" in span && "kind" in span;
}

/** The event that began with this span, if one did: what is known of it is complete only when the span has ended. */
export function eventOf(span: object): ErrorEvent | undefined {
  return EVENTS.get(span);
}
const EVENTS = new WeakMap<object, ErrorEvent>();

/** Written into the finished span: its attributes object is what exporters serialise later. */
function tag(span: object, event: ErrorEvent): void {
  if (!isReadable(span)) return;
  if (event.spanId === span.spanContext().spanId) EVENTS.set(span, event);
  const attributes = span.attributes;
  attributes["error.category"] = event.classification.category;
  attributes["error.group"] = event.classification.group;
  attributes["error.severity"] = event.rating.severity;
  attributes["error.fingerprint"] = event.fingerprint.id;
  const { previous } = event.fingerprint;
  if (previous !== undefined) attributes["error.fingerprint_previous"] = previous;
  attributes["error.origin"] = event.origin;
}
