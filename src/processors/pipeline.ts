/**
 * Runs each error along the path and hands the event to the exporters: the one place where
 * received = kept + dropped{reason} is counted.
 */
import type { ErrorEvent, ErrorExporter, ExportResult, RawError } from "../event";
import { DROP_REASONS, type DropReason, type Telemetry } from "../telemetry";
import { explainEvent, type FrameExplainer } from "./explain-frames";
import type { Frequency } from "./frequency";
import type { processError } from "./process-error";
import type { Rules } from "./rules";

export interface Pipeline {
  /** Names and rates an error; the exporters get it with the next deliver(). Undefined when rules ignore it. Never throws. */
  record(raw: RawError): ErrorEvent | undefined;
  /** Names and rates an undelivered event anew, with more known about it. Undefined when it has left already. */
  amend(event: ErrorEvent, changes: Partial<RawError>): ErrorEvent | undefined;
  /** Recorded events that are not delivered yet, or not to all. */
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
  /** Who reads frames waits until it has found out about them. Without one, frames stay as their text has them. */
  readonly explainer?: FrameExplainer | undefined;
}

/** Events that the exporters get together. */
interface Batch {
  readonly events: readonly ErrorEvent[];
  /** For each, why it is lost, if it is. */
  readonly lostTo: (DropReason | undefined)[];
  /** Settles when what can be known of the frames is known. */
  prepared: Promise<void> | undefined;
  isReady: boolean;
}

export const DEFAULT_MAX_WAITING = 1_000;

/** What names and rates errors is a third of Seismo's modules: a start need not wait for it. Cheap after the first call. */
export function errorPath(): typeof processError {
  loadedPath ??= (require("./process-error") as typeof import("./process-error")).processError;
  return loadedPath;
}
let loadedPath: typeof processError | undefined;

export function createPipeline(options: PipelineOptions): Pipeline {
  const { rules, frequency, exporters, telemetry, nowMillis, defer } = options;
  const maxWaiting = options.maxWaiting ?? DEFAULT_MAX_WAITING;
  // Where nobody shows frames there is nothing to find out.
  const explainer = exporters.some((exporter) => exporter.readsFrames) ? options.explainer : undefined;
  const quick = explainer === undefined ? exporters : exporters.filter((exporter) => exporter.readsFrames !== true);
  const patient = exporters.filter((exporter) => !quick.includes(exporter));
  let waiting: ErrorEvent[] = [];
  const held = new Set<Batch>();
  let heldCount = 0;
  let isScheduled = false;

  /** To those who look at no frames at once: what counts errors must not wait for the disk. */
  function takeWaiting(): Batch {
    isScheduled = false;
    const batch: Batch = { events: waiting, lostTo: waiting.map(() => undefined), prepared: undefined, isReady: false };
    waiting = [];
    held.add(batch);
    heldCount += batch.events.length;
    exportTo(quick, batch);
    return batch;
  }

  function deliverSoon(): void {
    const batch = takeWaiting();
    batch.prepared = explainer?.prepare(batch.events.map((event) => event.frames));
    if (batch.prepared === undefined) setReady(batch);
    else void batch.prepared.then(() => setReady(batch));
  }

  /** Who has nothing to wait for stays behind those who came first. */
  function setReady(ready: Batch): void {
    ready.isReady = true;
    for (const batch of held) {
      if (!batch.isReady) return;
      finish(batch);
    }
  }

  function finish(batch: Batch): void {
    held.delete(batch);
    heldCount -= batch.events.length;
    if (explainer !== undefined) for (const event of batch.events) explain(event, explainer);
    exportTo(patient, batch);
    for (const reason of batch.lostTo) {
      if (reason === undefined) telemetry.kept("errors");
      else telemetry.dropped("errors", reason);
    }
  }

  function deliver(): void {
    takeWaiting();
    for (const batch of held) finish(batch);
  }

  async function deliverPrepared(): Promise<void> {
    if (waiting.length > 0) deliverSoon();
    await Promise.all([...held].map((batch) => batch.prepared));
    deliver();
  }

  function undeliveredCount(): number {
    return waiting.length + heldCount;
  }

  function undelivered(): readonly ErrorEvent[] {
    return [...[...held].flatMap((batch) => batch.events), ...waiting];
  }

  function explain(event: ErrorEvent, by: FrameExplainer): void {
    try {
      explainEvent(event, by);
    } catch (error) {
      telemetry.internalError("explainEvent", error);
    }
  }

  function exportTo(some: readonly ErrorExporter[], { events, lostTo }: Batch): void {
    if (events.length === 0) return;
    for (const exporter of some) {
      for (const [index, reason] of resultsOf(exporter, events).entries()) lostTo[index] ??= reason;
    }
  }

  /** For each event, why this exporter did not take it. */
  function resultsOf(exporter: ErrorExporter, events: readonly ErrorEvent[]): readonly (DropReason | undefined)[] {
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
        const event = errorPath()(raw, rules, frequency, nowMillis());
        if (rules.ignores(event, event.classification.category)) {
          telemetry.dropped("errors", "ignored");
          return undefined;
        }
        waiting.push(event);
        if (undeliveredCount() >= maxWaiting) deliver();
        else if (!isScheduled) {
          isScheduled = true;
          defer(deliverSoon);
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
      const counted = { record: () => recurrence };
      const amended = { ...errorPath()({ ...event, ...changes }, rules, counted, nowMillis()), truncated };
      waiting[index] = amended;
      return amended;
    },
    waiting: undeliveredCount,
    deliver,
    flushNow() {
      explainer?.prepareNow(undelivered().map((event) => event.frames));
      deliver();
      for (const exporter of exporters) exporter.flushNow();
    },
    async forceFlush() {
      await deliverPrepared();
      await Promise.all(exporters.map((exporter) => exporter.forceFlush()));
    },
    async shutdown() {
      await deliverPrepared();
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
