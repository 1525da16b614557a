/**
 * Runs each error along the path and hands the event to the exporters: the one place where
 * received = kept + dropped{reason} is counted.
 */
import type { ErrorEvent, ErrorExporter, RawError } from "../event";
import type { Telemetry } from "../telemetry";
import type { Frequency } from "./frequency";
import { processError } from "./process-error";
import type { Rules } from "./rules";

export interface Pipeline {
  /** Names and rates an error; the exporters get it with the next deliver(). Undefined when rules ignore it. Never throws. */
  record(raw: RawError): ErrorEvent | undefined;
  /** Gives an undelivered event up for a better one of the same failure. False when it has left already. */
  replace(event: ErrorEvent, raw: RawError): boolean;
  /** Hands all recorded events to the exporters now. */
  deliver(): void;
  /** Synchronous: the process is about to die. */
  flushNow(): void;
  forceFlush(): Promise<void>;
  shutdown(): Promise<void>;
}

export interface PipelineOptions {
  readonly rules: Rules;
  readonly frequency: Frequency;
  readonly exporters: readonly ErrorExporter[];
  readonly telemetry: Telemetry;
  readonly nowMillis: () => number;
  /** Runs its argument soon, when the caller's work is done. */
  readonly defer: (deliver: () => void) => void;
  /** Undelivered events kept at most; more are delivered at once. */
  readonly maxWaiting?: number;
}

export const DEFAULT_MAX_WAITING = 1_000;

export function createPipeline(options: PipelineOptions): Pipeline {
  const { rules, frequency, exporters, telemetry, nowMillis, defer } = options;
  const maxWaiting = options.maxWaiting ?? DEFAULT_MAX_WAITING;
  let waiting: ErrorEvent[] = [];
  let isScheduled = false;

  function deliver(): void {
    isScheduled = false;
    const events = waiting;
    waiting = [];
    for (const event of events) deliverOne(event);
  }

  function deliverOne(event: ErrorEvent): void {
    let isKept = true;
    for (const exporter of exporters) {
      try {
        if (exporter.export(event).status !== "accepted") isKept = false;
      } catch (error) {
        telemetry.logLimited("error", exporter.name, `exporter ${exporter.name} failed: ${String(error)}`);
        isKept = false;
      }
    }
    if (isKept) telemetry.kept("errors");
    else telemetry.dropped("errors", "export_failed");
  }

  return {
    record(raw) {
      telemetry.received("errors");
      try {
        const event = processError(raw, rules, frequency, nowMillis());
        if (rules.ignores(event, event.classification.category)) {
          telemetry.dropped("errors", "ignored");
          return undefined;
        }
        waiting.push(event);
        if (waiting.length >= maxWaiting) deliver();
        else if (!isScheduled) {
          isScheduled = true;
          defer(deliver);
        }
        return event;
      } catch (error) {
        telemetry.internalError("processError", error);
        return undefined;
      }
    },
    replace(event, raw) {
      const index = waiting.indexOf(event);
      if (index < 0) return false;
      const better = processError(raw, rules, frequency, nowMillis());
      waiting[index] = { ...better, recurrence: event.recurrence };
      return true;
    },
    deliver,
    flushNow() {
      deliver();
      for (const exporter of exporters) exporter.flushNow();
    },
    async forceFlush() {
      deliver();
      await Promise.all(exporters.map((exporter) => exporter.forceFlush()));
    },
    async shutdown() {
      deliver();
      await Promise.all(exporters.map((exporter) => exporter.shutdown()));
    },
  };
}
