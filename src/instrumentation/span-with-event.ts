/** A failing span leaves with what is known of its error: other processors and the application never see that. */
import type { ReadableSpan } from "@opentelemetry/sdk-trace-base";
import type { ErrorEvent } from "../event";
import { carriedAttributes } from "../exporter/carried-attributes";

/** The span itself when it tells of no event; else a copy, whose methods and getters go on working. */
export function withEvent(span: ReadableSpan, event: ErrorEvent | undefined): ReadableSpan {
  if (event === undefined) return span;
  const { attributes, dropped } = carriedAttributes(event);
  return Object.create(span, {
    attributes: { value: { ...span.attributes, ...attributes }, enumerable: true },
    droppedAttributesCount: { value: span.droppedAttributesCount + dropped, enumerable: true },
  });
}
