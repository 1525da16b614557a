/**
 * Runs each error along the path and hands the event to the exporters: the one place where
 * received = kept + dropped{reason} is counted.
 */
import type { ErrorEvent, ErrorExporter, ExportResult, RawError } from "../event";
import { DROP_REASONS, type DropReason, type Telemetry } from "../telemetry";
import type { Frequency } from "./frequency";
import { processError } from "./process-error";
import type { Rules } from "./rules";

export interface Pipeline {
  /** Names and rates an error; the exporters get it with the next deliver(). Undefined when rules ignore it. Never throws. */
  record(raw: RawError): ErrorEvent | undefined;
  /** Names and rates an undelivered event anew, with more known about it. Undefined when it has left already. */
  amend(event: ErrorEvent, changes: Partial<RawError>): ErrorEvent | undefined;
  /** Recorded events that are not delivered yet. */
  waiting(): number;
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
    if (events.length === 0) return;
    const lostTo = new Array<DropReason | undefined>(events.length).fill(undefined);
    for (const exporter of exporters) {
      for (const [index, reason] of exportTo(exporter, events).entries()) lostTo[index] ??= reason;
    }
    for (const reason of lostTo) {
      if (reason === undefined) telemetry.kept("errors");
      else telemetry.dropped("errors", reason);
    }
  }

  /** For each event, why this exporter did not take it. */
  function exportTo(exporter: ErrorExporter, events: readonly ErrorEvent[]): readonly (DropReason | undefined)[] {
    try {
      return exporter.export(events).map(dropReason);
    } catch (error) {
      telemetry.logLimited("error", exporter.name, `exporter ${exporter.name} failed: ${String(error)}`);
      return events.map(() => "export_failed");
    }
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
        telemetry.dropped("errors", "internal_error");
        return undefined;
      }
    },
    amend(event, changes) {
      const index = waiting.indexOf(event);
      if (index < 0) return undefined;
      const { recurrence, truncated } = event;
      const amended = {
        ...processError({ ...event, ...changes }, rules, frequency, nowMillis()),
        recurrence,
        truncated,
      };
      waiting[index] = amended;
      return amended;
    },
    waiting: () => waiting.length,
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

/** A result's reason is free text, a metric's label is not. */
function dropReason(result: ExportResult): DropReason | undefined {
  if (result.status === "accepted") return undefined;
  const reason = result.status === "rejected" ? result.reason : undefined;
  return DROP_REASONS.find((known) => known === reason) ?? "export_failed";
}
