/**
 * The errors of the chosen range and service, as the store last answered and with what has happened since. While
 * auto-refresh is off it stands still, and what comes in is only counted.
 */
import { effect, type ReadonlySignal, signal, untracked } from "@preact/signals";
import type { ErrorRow, ErrorsData } from "../../src/store/answers";
import { ask, type Problem, unlockCount, withParams } from "./api";
import { type JudgedError, MAX_RECENT, withErrors, withJudgements } from "./apply-errors";
import { place } from "./navigation";
import { refreshes, refreshSoon } from "./refresh";
import { settings } from "./settings";

export interface Errors {
  readonly data: ErrorsData | undefined;
  readonly problem: Problem | undefined;
  readonly isLoading: boolean;
  /** When the store was last heard of. */
  readonly loadedAt: number | undefined;
}

const state = signal<Errors>({ data: undefined, problem: undefined, isLoading: true, loadedAt: undefined });
export const errors: ReadonlySignal<Errors> = state;
/** Came in while the page stood still. */
const waiting = signal(0);
export const waitingErrors: ReadonlySignal<number> = waiting;

const services = signal<readonly string[]>([]);
/** All that had errors since the page was opened. */
export const knownServices: ReadonlySignal<readonly string[]> = services;

/** The latest from the feed, of every service, the newest last: what an answer of the store may not have yet. */
let recent: { readonly row: ErrorRow; readonly at: number }[] = [];
let judged: readonly JudgedError[] = [];

export function takeErrors(rows: readonly ErrorRow[]): void {
  const at = Date.now();
  recent = [...recent, ...rows.map((row) => ({ row, at }))].slice(-MAX_RECENT);
  if (!settings.peek().autoRefresh) {
    waiting.value += rows.length;
    return;
  }
  update((data) => withErrors(data, ofService(rows)));
  refreshSoon();
}

export function takeJudgements(changed: readonly JudgedError[]): void {
  judged = [...judged, ...changed].slice(-MAX_RECENT);
  update((data) => withJudgements(data, changed));
}

/** Asks whenever range, service or the round of refreshing change. */
export function followErrors(): void {
  let aborter = new AbortController();
  let shown = "";
  effect(() => {
    const { range, service } = place.value;
    // Read, so that a change of either asks again.
    void [refreshes.value, unlockCount.value];
    const path = withParams("/api/errors", { time_range: range, service, limit: 200 });
    aborter.abort();
    aborter = new AbortController();
    const { signal: aborted } = aborter;
    const askedAt = Date.now();
    untracked(() => {
      // What is shown of another range or service would be taken for an answer.
      state.value = { ...state.value, isLoading: true, ...(path !== shown && { data: undefined, problem: undefined }) };
    });
    shown = path;
    void ask<ErrorsData>(path, aborted).then((answer) => {
      if (aborted.aborted) return;
      if (answer.status !== "data") {
        state.value = { ...state.peek(), problem: answer, isLoading: false };
        return;
      }
      waiting.value = 0;
      noteServices(Object.keys(answer.data.error_distribution.by_service));
      state.value = {
        data: withWhatIsNewer(answer.data, askedAt),
        problem: undefined,
        isLoading: false,
        loadedAt: Date.now(),
      };
    });
  });
}

/** The store follows the journal at a small distance: what the feed brought shortly before may not be in its answer. */
function withWhatIsNewer(data: ErrorsData, askedAt: number): ErrorsData {
  const newer = recent.filter(({ at }) => at > askedAt - STORE_LAG_MILLIS).map(({ row }) => row);
  const oldest = data.recent_errors.at(-1);
  // Older than all that is listed: whether it was counted cannot be seen.
  const unseen = newer.filter(({ timestamp }) => data.next_cursor === null || !oldest || timestamp >= oldest.timestamp);
  return withJudgements(withErrors(data, ofService(unseen)), judged);
}

function noteServices(names: readonly string[]): void {
  const all = new Set([...services.peek(), ...names.filter((name) => name !== "other")]);
  if (all.size > services.peek().length) services.value = [...all].sort().slice(0, MAX_SERVICES);
}

const MAX_SERVICES = 200;
const STORE_LAG_MILLIS = 5_000;

function ofService(rows: readonly ErrorRow[]): readonly ErrorRow[] {
  const { service } = place.peek();
  return service === "" ? rows : rows.filter((row) => row.service === service);
}

function update(change: (data: ErrorsData) => ErrorsData): void {
  const { data } = state.peek();
  if (data !== undefined) state.value = { ...state.peek(), data: change(data) };
}
