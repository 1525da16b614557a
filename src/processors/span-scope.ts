/**
 * What Seismo remembers of a span while it is open, kept on the span itself, so that it lives and dies with it.
 *
 *   server span ── scope ◄─parent── scope ── database span
 *                  │ requestId             │ exceptions (live)
 *                  └ counted: which errors of its descendants are already events
 */
import type { Context, Span } from "@opentelemetry/api";
import { SpanKind, trace } from "@opentelemetry/api";
import { getRPCMetadata } from "@opentelemetry/core";
import type { Attributes, ErrorEvent, JsonObject, JsonValue } from "../event";
import type { Trail } from "./breadcrumbs";
import type { HeldFailure } from "./held-failures";

export interface SpanScope {
  readonly span: Span;
  readonly parent: SpanScope | undefined;
  /** Undefined for a local root itself. */
  readonly root: SpanScope | undefined;
  requestId: string | undefined;
  /** The application gave this outgoing request a request id of its own: its word stands. */
  namesRequestId: boolean;
  /** Thrown values by the exception event that the SDK wrote for each. */
  live: Map<object, unknown> | undefined;
  /** Thrown values for which the SDK wrote no event (null, a value whose getters throw). */
  unrecorded: unknown[] | undefined;
  /** The error that a web framework handed on last. */
  lastNoted: unknown;
  /** Where the HTTP instrumentation keeps the matched route while the request runs. */
  rpc: { route?: string } | undefined;
  /** Failures of this span and those below it that are events already. */
  counted: CountedFailures | undefined;
  /** On a local root: failures below it that wait for their thrown value, or waited in vain. */
  held: HeldFailure[] | undefined;
  /** On a local root: what happened under it so far. */
  trail: Trail | undefined;
  /** Context that the application added: user, session, details. */
  added: AddedContext | undefined;
}

export interface AddedContext {
  userId?: string | undefined;
  sessionId?: string | undefined;
  page?: string | undefined;
  userContext?: JsonObject | undefined;
  details?: { [key: string]: JsonValue } | undefined;
  fingerprint?: readonly string[] | undefined;
  request?: JsonObject | undefined;
  database?: JsonObject | undefined;
}

/** A failure that became an event, or waits to become one. */
export interface Counted {
  event: ErrorEvent | undefined;
}

/** Remembered failures of one scope; the oldest give way, so that a span that never ends holds a bounded number. */
export interface CountedFailures {
  readonly byIdentity: Map<object, Counted>;
  readonly byText: Map<string, Counted>;
  last: Counted | undefined;
}

export const MAX_COUNTED = 256;

// Registered, so that two copies of Seismo in one process share the scope of a span.
const SCOPE: unique symbol = Symbol.for("seismo.span_scope");
type Scoped = { [SCOPE]?: SpanScope };

export function openScope(span: Span, parentContext: Context): SpanScope {
  const scoped = span as Span & Scoped; // the symbol is ours
  const existing = scoped[SCOPE];
  if (existing !== undefined) return existing;
  const parentSpan = trace.getSpan(parentContext);
  const parent = parentSpan === undefined ? undefined : scopeOf(parentSpan);
  // The HTTP instrumentation puts it into the context of what runs under the request.
  if (parent !== undefined && parent.parent === undefined) parent.rpc ??= getRPCMetadata(parentContext);
  const scope: SpanScope = {
    span,
    parent,
    root: parent?.root ?? parent,
    requestId: parent?.requestId,
    namesRequestId: false,
    live: undefined,
    unrecorded: undefined,
    lastNoted: undefined,
    rpc: undefined,
    counted: undefined,
    held: undefined,
    trail: undefined,
    added: undefined,
  };
  scoped[SCOPE] = scope;
  return scope;
}

export function scopeOf(span: object): SpanScope | undefined {
  return (span as Scoped)[SCOPE]; // the symbol is ours
}

export function activeScope(): SpanScope | undefined {
  const span = trace.getActiveSpan();
  return span === undefined ? undefined : scopeOf(span);
}

/** The scope of the request, message or job that this one runs under: the outermost in this process. */
export function localRoot(scope: SpanScope): SpanScope {
  return scope.root ?? scope;
}

/** What is known so far of the HTTP request at this local root: the attributes of its server span, the matched route too. */
export function requestAttributes({ span, rpc }: SpanScope): Attributes | undefined {
  if (!("attributes" in span) || !("kind" in span) || span.kind !== SpanKind.SERVER) return undefined;
  const attributes = span.attributes as Attributes; // the SDK's spans have plain attribute objects
  // The HTTP instrumentation writes the route when the request ends.
  return rpc?.route === undefined ? attributes : { "http.route": rpc.route, ...attributes };
}

/** Marks a failure as counted for this scope and all above it: there, the same error is no new failure. */
export function markCounted(
  scope: SpanScope | undefined,
  identities: readonly object[],
  texts: readonly string[],
  counted: Counted,
): void {
  for (let at = scope; at !== undefined; at = at.parent) {
    at.counted ??= { byIdentity: new Map(), byText: new Map(), last: undefined };
    for (const identity of identities) keep(at.counted.byIdentity, identity, counted);
    for (const text of texts) if (text !== "") keep(at.counted.byText, text, counted);
    at.counted.last = counted;
  }
}

/** The earlier failure, of this scope or below it, that any of these identities belongs to. */
export function countedByIdentity(scope: SpanScope | undefined, identities: readonly object[]): Counted | undefined {
  const known = scope?.counted?.byIdentity;
  if (known === undefined) return undefined;
  for (const identity of identities) {
    const counted = known.get(identity);
    if (counted !== undefined) return counted;
  }
  return undefined;
}

export function countedByText(scope: SpanScope | undefined, texts: readonly string[]): Counted | undefined {
  const known = scope?.counted?.byText;
  if (known === undefined) return undefined;
  for (const text of texts) {
    const counted = text === "" ? undefined : known.get(text);
    if (counted !== undefined) return counted;
  }
  return undefined;
}

function keep<K>(map: Map<K, Counted>, key: K, counted: Counted): void {
  if (map.size >= MAX_COUNTED && !map.has(key)) {
    const oldest = map.keys().next();
    if (oldest.done !== true) map.delete(oldest.value);
  }
  map.set(key, counted);
}
