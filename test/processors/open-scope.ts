/** The scope of a span that has just begun, under that of another or by itself. */
import { context, trace } from "@opentelemetry/api";
import { BasicTracerProvider } from "@opentelemetry/sdk-trace-base";
import { openScope, type SpanScope } from "../../src/processors/span-scope";

export const tracer = new BasicTracerProvider().getTracer("test");

export function open(parent?: SpanScope): SpanScope {
  const around = parent === undefined ? context.active() : trace.setSpan(context.active(), parent.span);
  return openScope(tracer.startSpan("span", {}, around), around);
}
