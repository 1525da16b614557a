/**
 * Events that no span carries (captured by hand, uncaught outside of a span, of dead workers) leave as log records, in
 * batches, one after the other. What a span tells of leaves with the span.
 *
 *   export ──► queue ──full batch, or after a while──► OTLP exporter
 *                └── flushNow: what it has becomes the last request of a dying process
 */
import { context } from "@opentelemetry/api";
import { type ExportResult as OtlpResult, suppressTracing } from "@opentelemetry/core";
import type { ErrorEvent, ErrorExporter } from "../event";
import type { Telemetry } from "../telemetry";

export interface OtlpLogsOptions<T> {
  readonly toRecord: (event: ErrorEvent) => T;
  /** Accounts for the records that it is given. */
  readonly outgoing: {
    export(records: T[], resultCallback: (result: OtlpResult) => void): void;
    flushNow(which: "all", drain: () => void): void;
    shutdown(): Promise<void>;
  };
  readonly telemetry: Telemetry;
  /** The longest that a record waits for others. */
  readonly delayMillis: number;
  /** Records that may wait; those over it are dropped. */
  readonly maxWaiting: number;
  /** Calls back once after so many milliseconds, without keeping the process alive. */
  readonly later: (callback: () => void, millis: number) => void;
}

export interface OtlpLogs extends ErrorExporter {
  waiting(): number;
  readonly capacity: number;
}

/** A full batch of the largest records is still one that receivers take: some 15 MB. */
export const MAX_BATCH = 64;

export function createOtlpLogs<T>(options: OtlpLogsOptions<T>): OtlpLogs {
  const { toRecord, outgoing, telemetry, delayMillis, maxWaiting, later } = options;
  let waiting: T[] = [];
  let sending: Promise<void> | undefined;
  let isDue = false;
  let isShutDown = false;

  function take(event: ErrorEvent): void {
    if (waiting.length < maxWaiting && !isShutDown) {
      waiting.push(toRecord(event));
      return;
    }
    telemetry.received("logs");
    telemetry.dropped("logs", isShutDown ? "shutdown" : "queue_full");
  }

  function send(): void {
    if (sending !== undefined || waiting.length === 0) return;
    const batch = waiting.splice(0, MAX_BATCH);
    sending = new Promise<void>((resolve) => {
      // The request is Seismo's, not the application's: no span is made of it.
      context.with(suppressTracing(context.active()), () => outgoing.export(batch, () => resolve()));
    }).then(() => {
      sending = undefined;
      schedule();
    });
  }

  function schedule(): void {
    if (waiting.length >= MAX_BATCH) send();
    else if (waiting.length > 0 && !isDue) {
      isDue = true;
      later(() => {
        isDue = false;
        send();
      }, delayMillis);
    }
  }

  async function forceFlush(): Promise<void> {
    await sending;
    for (let left = waiting.length; left > 0; left -= MAX_BATCH) {
      send();
      await sending;
    }
  }

  return {
    name: "otlp_logs",
    readsFrames: true,
    export(events) {
      for (const event of events) if (event.source !== "span") take(event);
      schedule();
      // An event is kept whether or not it also leaves: what becomes of its record is counted for itself.
      return events.map(() => ({ status: "accepted" }));
    },
    flushNow() {
      outgoing.flushNow("all", () => {
        const last = waiting;
        waiting = [];
        if (last.length > 0) outgoing.export(last, () => {});
      });
    },
    forceFlush,
    async shutdown() {
      isShutDown = true;
      await forceFlush();
      await outgoing.shutdown();
    },
    waiting: () => waiting.length,
    capacity: maxWaiting,
  };
}
