/**
 * Where the spans are made by an SDK of the application's own, Seismo has no hook in the HTTP instrumentation. Node
 * announces each request on a diagnostics channel, and the instrumentation starts its span next: that ties the two.
 */
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { IncomingMessage, ServerResponse } from "node:http";
import { type Context, SpanKind } from "@opentelemetry/api";
import type { ReadableSpan, Span, SpanProcessor } from "@opentelemetry/sdk-trace-base";
import { noteIfAborted } from "./client-abort";
import { bindRequest, echoRequestId } from "./request-errors";

const CHANNEL = "http.server.request.start";

interface Incoming {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** Behind the processor that gives request ids. */
export class JoinedRequestSpanProcessor implements SpanProcessor {
  #incoming: Incoming | undefined;
  readonly #onRequest = (message: unknown): void => {
    this.#incoming = message as Incoming; // the channel's documented message
    // The span is started before the server returns to its event loop, or never.
    queueMicrotask(() => {
      this.#incoming = undefined;
    });
  };

  constructor() {
    subscribe(CHANNEL, this.#onRequest);
  }

  onStart(span: Span, _parentContext: Context): void {
    const incoming = this.#incoming;
    if (incoming === undefined || span.kind !== SpanKind.SERVER) return;
    this.#incoming = undefined;
    const { request, response } = incoming;
    bindRequest(request, span);
    echoRequestId(span, response);
    // Before the instrumentation's own listener, which ends the span.
    response.once("close", () => noteIfAborted(span, request, response));
  }

  onEnd(_span: ReadableSpan): void {}
  async forceFlush(): Promise<void> {}
  async shutdown(): Promise<void> {
    unsubscribe(CHANNEL, this.#onRequest);
  }
}
