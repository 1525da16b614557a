/**
 * A connection to a database that could not be had. OpenTelemetry's instrumentations of mysql2 and mongodb make spans of
 * commands only, and without a connection there is none: such a failure gets a span of its own, as pg's has.
 */
import { type Attributes, type Context, context, SpanKind, SpanStatusCode, type Tracer } from "@opentelemetry/api";
import { readError } from "../processors/read-error";
import { noteError } from "./request-errors";
import { startedRuntime } from "./runtime";

/** When a connection was asked for, and by what code. */
export interface Asked {
  readonly startUnixMillis: number;
  readonly context: Context;
}

export function askedNow(): Asked {
  return { startUnixMillis: Date.now(), context: context.active() };
}

export interface ConnectionFailure extends Asked {
  readonly error: unknown;
  /** Such as `mysql`, as `db.system.name` has it. */
  readonly system: string;
  /** Where the connection should have led to; read from what belongs to the driver. */
  readonly attributes: () => Attributes;
}

/** Only failures make spans, so that connecting costs nothing. Never throws. */
export function noteConnectionFailure(tracer: Tracer, failure: ConnectionFailure): void {
  try {
    recordFailure(tracer, failure);
  } catch (error) {
    startedRuntime()?.telemetry.internalError("noteConnectionFailure", error);
  }
}

function recordFailure(
  tracer: Tracer,
  { error, system, attributes, startUnixMillis, context }: ConnectionFailure,
): void {
  const span = tracer.startSpan(
    `${system}.connect`,
    { kind: SpanKind.CLIENT, startTime: startUnixMillis, attributes: { "db.system.name": system, ...attributes() } },
    context,
  );
  span.setStatus({ code: SpanStatusCode.ERROR, message: readError(error).message });
  noteError(span, error);
  span.end();
}
