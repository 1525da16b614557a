/**
 * The journal: one JSON line for each error event, the durable truth.
 *
 *   export ──write──► error_log.jsonl ──fdatasync, within a second or by commit()──► disk
 *             └─failed─► error_log_fallback.txt ─failed─► rejected
 *
 * All events of one call are one write into the page cache (5 µs), so `accepted` means written: nothing waits in this
 * process, and what kills it takes no line along. Only the sync can take milliseconds; it runs beside the event loop.
 *
 * Where an event began is judged later than it is written (processors/origin.ts). The judgement is a line of its own:
 * `{"action":"origin","through":…,"changed":[{"id":…,"origin":…}]}` says that everything written before the event
 * `through`, and that event, is judged, and what of it did not stay `root`.
 */
import type { ErrorEvent, ErrorExporter, ExportResult } from "../event";
import {
  type AppendFile,
  type AppendFileOptions,
  createAppendFile,
  escapeControls,
  type Telemetry,
} from "../telemetry";
import { groupCommit } from "./group-commit";
import { type Judgement, journalLine, judgementLine, timestampOf } from "./journal-line";

/** Size and number of older files hold for journal and fallback alike. */
export interface JournalOptions extends AppendFileOptions {
  /** Where a plain line goes when the journal takes none; without it such an event is rejected. */
  readonly fallbackPath?: string | undefined;
  readonly telemetry: Telemetry;
  /** Called when lines were written. Must be cheap, and must not throw. */
  readonly onGrowth?: (() => void) | undefined;
}

export interface Journal extends ErrorExporter {
  /** Resolves when all that was written before is on the disk; the error says that it may not be. Callers share a sync. */
  commit(): Promise<Error | undefined>;
  /** Lines that went to the fallback file. */
  readonly fallbackLines: number;
  /** Writes a judgement; what could not be written is judged anew after a restart. */
  judge(judgement: Judgement): void;
}

/** Rejects with `journal_failed` what neither journal nor fallback takes, and tries the files anew with each event. */
export function createJournal(options: JournalOptions): Journal {
  const { telemetry } = options;
  const file = createAppendFile(options);
  const { fallbackPath } = options;
  const fallback = fallbackPath === undefined ? undefined : createAppendFile({ ...options, path: fallbackPath });
  let syncTimer: NodeJS.Timeout | undefined;
  let isShutDown = false;
  let fallbackLines = 0;

  function append(to: AppendFile, lines: string): boolean {
    const result = to.append(lines);
    if (result.status === "written") {
      if (to === file) options.onGrowth?.();
      return true;
    }
    telemetry.logLimited("error", `journal:${to.path}`, `cannot write ${to.path}: ${result.error.message}`);
    return false;
  }

  function write(events: readonly ErrorEvent[]): readonly ExportResult[] {
    if (append(file, events.map((event) => `${journalLine(event)}\n`).join(""))) {
      syncTimer ??= setTimeout(() => void commit(), SYNC_INTERVAL_MILLIS).unref();
      return events.map(() => ACCEPTED);
    }
    return events.map((event) => {
      if (fallback === undefined || !append(fallback, `${plainLine(event)}\n`)) return FAILED;
      fallbackLines += 1;
      return ACCEPTED;
    });
  }

  function report(error: Error | undefined): void {
    if (error === undefined) return;
    telemetry.logLimited("error", "journal:sync", `cannot sync ${file.path}: ${error.message}`);
  }

  const commit = groupCommit(async () => {
    clearTimeout(syncTimer);
    syncTimer = undefined;
    const error = await file.sync();
    report(error);
    return error;
  });

  return {
    name: "journal",
    readsFrames: true,
    commit,
    get fallbackLines() {
      return fallbackLines;
    },
    judge(judgement) {
      append(file, `${judgementLine(judgement, Date.now())}\n`);
    },
    export(events) {
      if (isShutDown) return events.map(() => SHUT_DOWN);
      const results: ExportResult[] = [];
      for (let from = 0; from < events.length; from += MAX_LINES_A_WRITE) {
        results.push(...write(events.slice(from, from + MAX_LINES_A_WRITE)));
      }
      return results;
    },
    flushNow: () => report(file.syncNow()),
    async forceFlush() {
      await commit();
    },
    async shutdown() {
      isShutDown = true;
      await commit();
      file.close();
      fallback?.close();
    },
  };
}

/** So that one write stays under 4 MB. */
const MAX_LINES_A_WRITE = 64;
const ACCEPTED: ExportResult = { status: "accepted" };
const FAILED: ExportResult = { status: "rejected", reason: "journal_failed" };
const SHUT_DOWN: ExportResult = { status: "rejected", reason: "shutdown" };
const SYNC_INTERVAL_MILLIS = 1_000;
const MAX_PLAIN_CHARS = 4_096;

function plainLine(event: ErrorEvent): string {
  const { rating, classification, fingerprint, resource } = event;
  const about = `service=${resource.service} worker=${resource.worker} fingerprint=${fingerprint.id} id=${event.id}`;
  const text = `${timestampOf(event)} ${rating.severity} ${classification.category} ${about} ${event.type}: ${event.message}`;
  return escapeControls(text.slice(0, MAX_PLAIN_CHARS));
}
