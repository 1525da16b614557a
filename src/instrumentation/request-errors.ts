/**
 * Errors on their way through a web framework. Tracing the layers of a framework costs a span each and still misses
 * errors; Seismo watches where the frameworks hand an error on, and records it on the request's server span.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { context, type Span, trace } from "@opentelemetry/api";
import { getRPCMetadata } from "@opentelemetry/core";
import { scopeOf } from "../processors/span-scope";
import { keepUnrecorded } from "../processors/thrown-values";

const spans = new WeakMap<object, Span>();

/** Ties a request to its server span: some drivers lose the async context, the request object is never lost. */
export function bindRequest(request: object, span: Span): void {
  spans.set(request, span);
}

/** Answers with the id of the request, while its headers are still to be sent. */
export function echoRequestId(span: Span, response: ServerResponse): void {
  const requestId = scopeOf(span)?.requestId;
  if (requestId !== undefined && !response.headersSent) response.setHeader("X-Request-ID", requestId);
}

/** Records an error that a framework was given for this request, once however many layers it passes. Never throws. */
export function noteRequestError(error: unknown, request: IncomingMessage | object | undefined): void {
  const span = (request && spans.get(request)) ?? trace.getActiveSpan();
  const scope = span && scopeOf(span);
  if (span === undefined || scope === undefined || scope.lastNoted === error) return;
  scope.lastNoted = error;
  scope.rpc ??= getRPCMetadata(context.active());
  noteError(span, error);
}

/** recordException() that takes anything that can be thrown. */
export function noteError(span: Span, error: unknown): void {
  try {
    // Of anything else the SDK writes no event, but a warning with the value's text, however long that takes.
    if (typeof error !== "object" && typeof error !== "string") keepUnrecorded(span, error);
    else span.recordException(error as Error); // the SDK reads name, code, message and stack of whatever it gets
  } catch {
    keepUnrecorded(span, error); // its getters throw: the value itself is kept and read with care
  }
}
