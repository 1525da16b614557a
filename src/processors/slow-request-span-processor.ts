/**
 * Watches HTTP server spans: how many are open, which are open for longer than their threshold (a request that hangs
 * has no finished span, and must be seen all the same), and which took too long in the end.
 */
import { type Context, SpanKind, SpanStatusCode } from "@opentelemetry/api";
import { hrTimeToMilliseconds } from "@opentelemetry/core";
import type { ReadableSpan, Span, SpanProcessor } from "@opentelemetry/sdk-trace-base";
import type { Attributes, RequestRecord, SlowRoute } from "../event";
import { httpStatus } from "./extract";
import { type RedactionRules, redactLabel } from "./redact";
import { scopeOf } from "./span-scope";

export interface SlowRequestOptions {
  /** Of this process. */
  readonly service: string;
  /** Routes are labels of metrics. */
  readonly redaction: RedactionRules;
  /** Milliseconds; a request that takes longer is slow. */
  readonly slowMillis: number;
  /** Thresholds of single routes; the first match wins. */
  readonly routes: readonly SlowRoute[];
}

export interface OpenRequests {
  readonly inFlight: number;
  readonly stuck: number;
}

/** A client that went away before the answer was complete; nginx's name for it. */
export const CLIENT_CLOSED_REQUEST = 499;
/** Set on a server span whose client went away. */
export const CLIENT_ABORTED = "http.client_aborted";

/** The longest that a request may take, in milliseconds; the first rule that matches its route and method wins. */
export function slowThreshold(
  { slowMillis, routes }: Pick<SlowRequestOptions, "slowMillis" | "routes">,
  method: string,
  route: string,
): number {
  for (const rule of routes) {
    if (rule.route === route && (rule.method === undefined || rule.method === method)) return rule.slowMillis;
  }
  return slowMillis;
}

export class SlowRequestSpanProcessor implements SpanProcessor {
  readonly #options: SlowRequestOptions;
  readonly #onRequest: (request: RequestRecord) => void;
  readonly #nowMillis: () => number;
  /** In no order: the last one takes the place of one that ends. A Map would cost 0.2 µs a request to hash the span. */
  readonly #open: OpenRequest[] = [];
  /** Under which a span keeps its open request; of this processor alone. */
  readonly #key = Symbol("seismo.open_request");

  constructor(options: SlowRequestOptions, onRequest: (request: RequestRecord) => void, nowMillis: () => number) {
    this.#options = options;
    this.#onRequest = onRequest;
    this.#nowMillis = nowMillis;
  }

  onStart(span: Span, _parentContext: Context): void {
    if (isHttpServer(span)) this.#keepOpen(span);
  }

  onEnd(span: ReadableSpan): void {
    if (!this.#close(span)) return;
    const { attributes } = span;
    const method = text(attributes["http.request.method"] ?? attributes["http.method"]);
    const template = text(attributes["http.route"]) || "unmatched";
    const durationMillis = hrTimeToMilliseconds(span.duration);
    const threshold = slowThreshold(this.#options, method, template);
    const slow = durationMillis > threshold;
    if (slow) {
      attributes["request.slow"] = true;
      attributes["request.slow_threshold_ms"] = threshold;
    }
    const isAborted = attributes[CLIENT_ABORTED] === true;
    const statusCode = isAborted ? CLIENT_CLOSED_REQUEST : (httpStatus(attributes) ?? statusOf(span));
    const { service, redaction } = this.#options;
    const route = redactLabel(template, redaction);
    this.#onRequest({ service, method, route, statusCode, durationMillis, slow, traceId: span.spanContext().traceId });
  }

  /** Read at scrape; looks at each open request once. */
  openRequests(): OpenRequests {
    const now = this.#nowMillis();
    let stuck = 0;
    for (const { span, startedMillis } of this.#open) {
      if (now - startedMillis > this.#thresholdOfOpen(span)) stuck += 1;
    }
    return { inFlight: this.#open.length, stuck };
  }

  async forceFlush(): Promise<void> {}
  async shutdown(): Promise<void> {}

  #keepOpen(span: object): void {
    const request = { span, startedMillis: this.#nowMillis(), index: this.#open.length };
    (span as Opened)[this.#key] = request; // the symbol is ours
    this.#open.push(request);
  }

  /** False for a span that is not open here. */
  #close(span: object): boolean {
    const opened = span as Opened; // the symbol is ours
    const request = opened[this.#key];
    if (request === undefined) return false;
    const last = this.#open.pop();
    if (last !== undefined && last !== request) {
      last.index = request.index;
      this.#open[last.index] = last;
    }
    opened[this.#key] = undefined;
    return true;
  }

  #thresholdOfOpen(span: object): number {
    if (this.#options.routes.length === 0 || !isHttpServer(span)) return this.#options.slowMillis;
    return slowThreshold(this.#options, text(span.attributes["http.request.method"]), scopeOf(span)?.rpc?.route ?? "");
  }
}

interface OpenRequest {
  readonly span: object;
  /** On a clock that never goes back. */
  readonly startedMillis: number;
  /** Where it stands among the open ones. */
  index: number;
}

type Opened = { [key: symbol]: OpenRequest | undefined };

function isHttpServer(span: object): span is { readonly kind: SpanKind; readonly attributes: Attributes } {
  if (!("kind" in span) || span.kind !== SpanKind.SERVER || !("attributes" in span)) return false;
  const attributes = span.attributes as Attributes; // the SDK's spans have plain attribute objects
  return attributes["http.request.method"] !== undefined || attributes["http.method"] !== undefined;
}

function statusOf(span: ReadableSpan): number {
  return span.status.code === SpanStatusCode.ERROR ? 500 : 200;
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
