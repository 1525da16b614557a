/**
 * Carries the request id between services: `X-Request-ID` (then `X-Correlation-ID`) and W3C baggage on the way in,
 * `X-Request-ID` and baggage on the way out. Trace context itself is left to the propagator that it wraps.
 */
import {
  type Context,
  propagation,
  type TextMapGetter,
  type TextMapPropagator,
  type TextMapSetter,
  trace,
} from "@opentelemetry/api";
import { REQUEST_ID_BAGGAGE, setRequestId, validRequestId } from "../processors/request-id-span-processor";
import { scopeOf } from "../processors/span-scope";

export const REQUEST_ID_HEADER = "x-request-id";

export class RequestIdPropagator implements TextMapPropagator {
  readonly #inner: TextMapPropagator;
  readonly #headers: readonly string[];

  /** `headers`: lower-case names that an id is adopted from, in order. */
  constructor(inner: TextMapPropagator, headers: readonly string[]) {
    this.#inner = inner;
    this.#headers = headers;
  }

  inject(context: Context, carrier: unknown, setter: TextMapSetter): void {
    const span = trace.getSpan(context);
    const scope = span && scopeOf(span);
    const requestId = scope?.requestId;
    if (requestId === undefined) {
      this.#inner.inject(context, carrier, setter);
      return;
    }
    const baggage = propagation.getBaggage(context) ?? propagation.createBaggage();
    const carried = propagation.setBaggage(context, baggage.setEntry(REQUEST_ID_BAGGAGE, { value: requestId }));
    this.#inner.inject(carried, carrier, setter);
    if (!scope?.namesRequestId && !namesHeader(carrier)) setter.set(carrier, REQUEST_ID_HEADER, requestId);
  }

  extract(context: Context, carrier: unknown, getter: TextMapGetter): Context {
    const extracted = this.#inner.extract(context, carrier, getter);
    for (const header of this.#headers) {
      const requestId = validRequestId(first(getter.get(carrier, header)));
      if (requestId !== undefined) return setRequestId(extracted, requestId);
    }
    return extracted;
  }

  fields(): string[] {
    return [...new Set([...this.#inner.fields(), REQUEST_ID_HEADER])];
  }
}

/** The application set the header of this outgoing request itself: its word stands. */
function namesHeader(carrier: unknown): boolean {
  if (typeof carrier !== "object" || carrier === null) return false;
  return Object.keys(carrier).some((key) => key.toLowerCase() === REQUEST_ID_HEADER);
}

function first(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === "string" ? value : value?.[0];
}
