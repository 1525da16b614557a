/**
 * Gives every span under a request the same `request.id`: adopted from the caller, else made at the first span.
 * The id arrives in the parent context (see the propagator) or with the parent span.
 */
import { type Context, createContextKey, propagation } from "@opentelemetry/api";
import type { ReadableSpan, Span, SpanProcessor } from "@opentelemetry/sdk-trace-base";
import { openScope } from "./span-scope";

export const REQUEST_ID_ATTRIBUTE = "request.id";
/** The W3C baggage entry that carries the id to services that know nothing of the header. */
export const REQUEST_ID_BAGGAGE = "request.id";

const REQUEST_ID_KEY = createContextKey("seismo.request_id");
const VALID = /^[A-Za-z0-9._:/+=@-]{1,128}$/;

/** A request id from outside, when it is one that may be echoed, logged and sent on. */
export function validRequestId(text: unknown): string | undefined {
  return typeof text === "string" && VALID.test(text) ? text : undefined;
}

export function setRequestId(context: Context, requestId: string): Context {
  return context.setValue(REQUEST_ID_KEY, requestId);
}

export class RequestIdSpanProcessor implements SpanProcessor {
  readonly #newId: () => string;

  constructor(newId: () => string) {
    this.#newId = newId;
  }

  onStart(span: Span, parentContext: Context): void {
    const scope = openScope(span, parentContext);
    scope.requestId ??= fromContext(parentContext) ?? this.#newId();
    span.setAttribute(REQUEST_ID_ATTRIBUTE, scope.requestId);
  }

  onEnd(_span: ReadableSpan): void {}
  async forceFlush(): Promise<void> {}
  async shutdown(): Promise<void> {}
}

function fromContext(context: Context): string | undefined {
  const own = context.getValue(REQUEST_ID_KEY);
  return typeof own === "string"
    ? own
    : validRequestId(propagation.getBaggage(context)?.getEntry(REQUEST_ID_BAGGAGE)?.value);
}
