/**
 * Events between the journal and the metrics: they are written at once, and counted when it is known whether their
 * failure began there.
 *
 *   journal ◄── export ── written() ──► add() ──► judge ──due──► root, echo: counted      duplicate: dropped
 *      ▲                     │                      │
 *      └── judge ◄───────────┴── through: everything written before it is judged
 */
import type { ErrorOrigin, EventSummary } from "../event";
import type { Journal } from "../exporter/journal";
import type { JudgedEvent } from "../exporter/journal-line";
import type { Metrics } from "../exporter/prometheus";
import type { Decision, OriginJudge } from "../processors/origin";
import type { OriginFailure } from "../processors/origin-failure";
import type { Telemetry } from "../telemetry";

export interface HeldEvents {
  /** In the turn of the event loop that writes them to the journal, so that the order is the same here. */
  written(ids: readonly string[]): void;
  /** What was written is not acknowledged, and so not counted either. */
  refused(ids: readonly string[]): void;
  /** The request that brought it is acknowledged. Keeps the event until it is counted. */
  add(event: EventSummary, failure: OriginFailure): void;
  /** As add(), for what needs no judgement: it is a root. */
  count(event: EventSummary): void;
  /** Counts what is decided by now; to be called a few times a second. */
  decideDue(): void;
  /** Decides all that waits, with what is known. */
  decideAll(): void;
  /** Undefined while it is not decided. What was forgotten is a root. */
  originOf(id: string): ErrorOrigin | undefined;
  /** Acknowledged events that are not counted yet. */
  waiting(): number;
}

export interface HeldEventsOptions {
  readonly judge: OriginJudge;
  readonly journal: Journal;
  readonly metrics: Metrics;
  readonly telemetry: Telemetry;
  /** A clock that is never set back. */
  readonly monotonicMillis: () => number;
  /** An event is counted whose failure began there. Must not throw. */
  readonly onRoot?: (event: EventSummary) => void;
  /** What is no root after all. Must not throw. */
  readonly onJudged?: (changed: readonly JudgedEvent[]) => void;
}

export function createHeldEvents(options: HeldEventsOptions): HeldEvents {
  const { judge, journal, metrics, telemetry, monotonicMillis } = options;
  const pending = new Map<string, EventSummary>();
  const written = createWrittenRun();
  const echoes = createBoundedSet(MAX_ECHOES);
  /** Fingerprints that are new, or have regressed, and of which none was counted yet: the first event may be a duplicate. */
  const fresh = createBoundedSet(MAX_FRESH);
  const regressed = createBoundedSet(MAX_FRESH);

  function countNow(event: EventSummary, origin: ErrorOrigin): void {
    const { id } = event.fingerprint;
    const recurrence = { isNew: fresh.delete(id), isRegressed: regressed.delete(id) };
    const counted = { ...event, origin, recurrence };
    const [result] = metrics.export([counted]);
    if (result?.status === "accepted") telemetry.kept("errors");
    else telemetry.dropped("errors", "internal_error");
    if (origin === "root") options.onRoot?.(counted);
  }

  function settle(decisions: readonly Decision[]): void {
    const changed: JudgedEvent[] = [];
    for (const { id, origin, of } of decisions) {
      const event = pending.get(id);
      pending.delete(id);
      written.done(id);
      if (event === undefined) continue;
      if (origin === "duplicate") telemetry.dropped("errors", "duplicate");
      else countNow(event, origin);
      if (origin === "echo") echoes.add(id);
      if (origin !== event.origin && origin !== "root") changed.push({ id, origin, of });
    }
    const through = written.takeThrough();
    if (through !== undefined) journal.judge({ through, changed });
    if (changed.length > 0) options.onJudged?.(changed);
  }

  function noteNew(event: EventSummary): void {
    telemetry.received("errors");
    if (event.recurrence.isNew) fresh.add(event.fingerprint.id);
    if (event.recurrence.isRegressed) regressed.add(event.fingerprint.id);
  }

  return {
    written: written.begin,
    refused(ids) {
      for (const id of ids) written.done(id);
    },
    add(event, failure) {
      noteNew(event);
      pending.set(event.id, event);
      judge.add(failure, monotonicMillis());
    },
    count(event) {
      noteNew(event);
      countNow(event, event.origin);
      written.done(event.id);
    },
    decideDue: () => settle(judge.due(monotonicMillis())),
    decideAll: () => settle(judge.flush()),
    originOf(id) {
      if (pending.has(id)) return undefined;
      return echoes.has(id) ? "echo" : "root";
    },
    waiting: () => pending.size,
  };
}

/** For the tags of what is passed on, which may have to wait for its receiver for long. */
const MAX_ECHOES = 50_000;
const MAX_FRESH = 10_000;

/** The events in the order in which they were written, until all of a beginning are done. */
function createWrittenRun(): {
  begin(ids: readonly string[]): void;
  done(id: string): void;
  /** The last of a run from the beginning that are all done; undefined when there is no more than last time. */
  takeThrough(): string | undefined;
} {
  const open = new Map<string, { isDone: boolean }>();
  return {
    begin(ids) {
      for (const id of ids) open.set(id, { isDone: false });
    },
    done(id) {
      const entry = open.get(id);
      if (entry !== undefined) entry.isDone = true;
    },
    takeThrough() {
      let through: string | undefined;
      for (const [id, { isDone }] of open) {
        if (!isDone) break;
        open.delete(id);
        through = id;
      }
      return through;
    },
  };
}

/** The oldest give way. */
function createBoundedSet(limit: number): {
  add(id: string): void;
  has(id: string): boolean;
  delete(id: string): boolean;
} {
  const ids = new Set<string>();
  return {
    add(id) {
      if (ids.size >= limit) {
        const oldest = ids.values().next();
        if (oldest.done !== true) ids.delete(oldest.value);
      }
      ids.add(id);
    },
    has: (id) => ids.has(id),
    delete: (id) => ids.delete(id),
  };
}
