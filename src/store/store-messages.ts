/**
 * What the collector's process and the one that has the database say to each other, as JSON.
 *
 *   collector ── open, ask, cancel, keep, grew, stop ──►  store process
 *             ◄─ opened, failed, answer, refused, progress, note, stopped ──
 */
import type { ErrorsQuery, GroupsQuery, JourneyQuery, LogsQuery, RequestsQuery, TimeRange } from "./answers";
import type { KeptRecords } from "./store";

export interface StoreProcessOptions {
  /** Of the database; absolute. */
  readonly path: string;
  readonly journalPath: string;
  readonly retentionMillis: number;
  readonly maxBytes: number;
  readonly memoryLimitBytes: number;
  readonly threads: number;
}

export type Question =
  | { readonly name: "errors"; readonly query: ErrorsQuery }
  | { readonly name: "error"; readonly id: string }
  | { readonly name: "groups"; readonly query: GroupsQuery }
  | { readonly name: "group"; readonly fingerprint: string; readonly timeRange: TimeRange }
  | { readonly name: "requests"; readonly query: RequestsQuery }
  | { readonly name: "journey"; readonly query: JourneyQuery }
  | { readonly name: "logs"; readonly query: LogsQuery }
  | { readonly name: "reset" };

export type ToStoreProcess =
  | { readonly type: "open"; readonly options: StoreProcessOptions; readonly setAside: boolean }
  | { readonly type: "ask"; readonly id: number; readonly question: Question; readonly nowMillis: number }
  /** Nobody waits for the answer any more; it is still told that the work has ended. */
  | { readonly type: "cancel"; readonly id: number }
  | { readonly type: "keep"; readonly records: KeptRecords }
  /** The journal did. */
  | { readonly type: "grew" }
  | { readonly type: "stop" };

export type FromStoreProcess =
  | { readonly type: "opened" }
  /** It ends, too. */
  | { readonly type: "failed"; readonly fault: StoreFault; readonly message: string }
  /** Without `data`: not kept. */
  | { readonly type: "answer"; readonly id: number; readonly data?: unknown }
  /** `isBusy`: there is too little memory for it now. */
  | { readonly type: "refused"; readonly id: number; readonly message: string; readonly isBusy: boolean }
  | ({ readonly type: "progress" } & Progress)
  | { readonly type: "note"; readonly message: string }
  | { readonly type: "stopped" };

/** Counts since the last message of the kind. */
export interface Progress {
  readonly lagBytes: number;
  readonly fileBytes: number;
  readonly counts: StoreCounts;
}

export const STORE_COUNTS = [
  "errors", // written
  "requests",
  "logs",
  "duplicate", // errors that were there already
  "corrupt", // lines that cannot be read
  "ignored", // lines of a kind that this version does not know
  "missedBytes", // of the journal, gone before they were read; at least
  "deletedByAge", // or too old when they came
  "deletedBySize",
  "deletedAsDuplicate", // by a judgement
] as const;
export type StoreCounts = { readonly [count in (typeof STORE_COUNTS)[number]]: number };

/**
 * `missing`: DuckDB cannot be loaded. `damaged`: the file is to be set aside. `newer`: of a version that is not known.
 * `blocked`: locked, without rights, read-only, full; may be over by the next try.
 */
export type StoreFault = "missing" | "damaged" | "newer" | "blocked";
