/**
 * The SDK keeps only the texts of a recorded exception. Here the thrown values stay at hand, with the span's scope,
 * so that causes, members and own properties are not lost.
 */
import type { Span } from "@opentelemetry/api";
import { hrTimeToMilliseconds } from "@opentelemetry/core";
import type { ReadableSpan, Span as SdkSpan } from "@opentelemetry/sdk-trace-base";
import type { RecordedException } from "../event";
import { readError } from "./read-error";
import { type SpanScope, scopeOf } from "./span-scope";

/** Thrown values that a span may keep for which the SDK wrote no event. */
const MAX_UNRECORDED = 256;

/** Patches recordException() of the span's class, once. */
export function keepThrownValues(span: SdkSpan): void {
  const prototype: unknown = Object.getPrototypeOf(span);
  if (typeof prototype !== "object" || prototype === null || patched.has(prototype)) return;
  patched.add(prototype);
  const record = span.recordException;
  if (typeof record !== "function" || !Object.hasOwn(prototype, "recordException")) return;
  Object.defineProperty(prototype, "recordException", {
    configurable: true,
    writable: true,
    value: function recordException(
      this: SdkSpan & { readonly events?: readonly object[] },
      ...args: Parameters<typeof record>
    ) {
      const before = this.events?.at(-1);
      record.apply(this, args);
      const written = this.events?.at(-1);
      if (written === undefined || written === before) return keepUnrecorded(this, args[0]);
      const scope = scopeOf(this);
      if (scope === undefined) return;
      scope.live ??= new Map();
      scope.live.set(written, args[0]);
    },
  });
}
const patched = new WeakSet<object>();

/** Keeps a thrown value with a span for which recordException() could not write an event. */
export function keepUnrecorded(span: Span, thrown: unknown): void {
  const scope = scopeOf(span);
  if (scope === undefined) return;
  scope.unrecorded ??= [];
  if (scope.unrecorded.length < MAX_UNRECORDED) scope.unrecorded.push(thrown);
}

/** All exceptions of a span that has ended, with their thrown values where they are known. */
export function exceptionsOf(span: ReadableSpan, scope: SpanScope | undefined): RecordedException[] {
  return [...recordedExceptions(span, scope), ...unrecordedExceptions(scope, hrTimeToMilliseconds(span.endTime))];
}

function recordedExceptions(span: ReadableSpan, scope: SpanScope | undefined): RecordedException[] {
  return span.events
    .filter((event) => event.name === "exception")
    .map((event) => ({
      timeUnixMillis: hrTimeToMilliseconds(event.time),
      type: textOf(event.attributes?.["exception.type"]),
      message: textOf(event.attributes?.["exception.message"]),
      stack: textOf(event.attributes?.["exception.stacktrace"]),
      live: scope?.live?.get(event),
    }));
}

function unrecordedExceptions(scope: SpanScope | undefined, timeUnixMillis: number): RecordedException[] {
  return (scope?.unrecorded ?? []).map((live) => {
    const { type, message, stack } = readError(live);
    return { timeUnixMillis, type, message, stack, live };
  });
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
