/**
 * What is kept and can be asked about. The journal is the truth; a store is a projection of it, which may lag behind, be
 * away, or be made anew.
 *
 *   journal file ──followed by the store itself──┐
 *   requests, logs ──keep()──────────────────────┴─► store ◄── errors(), groups(), … ── server
 */
import type {
  ErrorDetail,
  ErrorsData,
  ErrorsQuery,
  GroupDetail,
  GroupsData,
  GroupsQuery,
  JourneyData,
  JourneyQuery,
  LogRow,
  LogsData,
  LogsQuery,
  RequestRow,
  RequestsData,
  RequestsQuery,
  TimeRange,
} from "./answers";

export interface Store extends Queries {
  /** Begins to open, follow and answer. Never throws; what goes wrong shows in `status()`, and is tried again. */
  start(): void;
  status(): StoreStatus;
  /** Never throws, never waits. What goes over the bound, or comes while the store is away, is dropped and counted. */
  keep(records: KeptRecords): void;
  /** There is more in the journal: sooner looked at than by the clock. Cheap; may be called for each write. */
  journalGrew(): void;
  /** Takes in what is in the journal by now, writes what was kept, and lets the file go. At most `graceMillis`. */
  stop(graceMillis: number): Promise<void>;
}

/** Each rejects with a `StoreUnavailableError` while the store is away, busy, or when it takes too long. */
export interface Queries {
  errors(query: ErrorsQuery): Promise<ErrorsData>;
  /** Undefined: not kept. */
  error(id: string): Promise<ErrorDetail | undefined>;
  groups(query: GroupsQuery): Promise<GroupsData>;
  group(fingerprint: string, timeRange: TimeRange): Promise<GroupDetail | undefined>;
  requests(query: RequestsQuery): Promise<RequestsData>;
  journey(query: JourneyQuery): Promise<JourneyData>;
  logs(query: LogsQuery): Promise<LogsData>;
  /** A new zero for the counts of `errors()`; deletes nothing. The zero, ISO 8601. */
  reset(): Promise<string>;
}

/** What is not in the journal. Safe: redacted by whoever made it. */
export interface KeptRecords {
  readonly requests?: readonly RequestRow[];
  /** Exact counts of requests, those that are not kept among them. */
  readonly requestCounts?: readonly RequestCounts[];
  readonly logs?: readonly LogRow[];
}

/** Requests of one minute that share their labels. */
export interface RequestCounts {
  /** Unix time of the minute's begin. */
  readonly minuteUnixMillis: number;
  readonly service: string;
  readonly method: string;
  readonly route: string;
  readonly count: number;
  /** Answered with 5xx. */
  readonly errors: number;
  readonly slow: number;
  readonly maxMillis: number;
  /** Requests by the buckets of `DURATION_BOUNDS_MILLIS`; one more for what is above the last. */
  readonly buckets: readonly number[];
}

/** Upper bounds of the buckets of durations: four a power of two, 1 ms to 65 s. */
export const DURATION_BOUNDS_MILLIS: readonly number[] = Array.from({ length: 65 }, (_, index) => 2 ** (index / 4));

export type StoreStatus =
  | { readonly status: "opening" }
  /** `lagBytes`: of the journal, not taken in yet. */
  | { readonly status: "open"; readonly lagBytes: number; readonly fileBytes: number }
  /** Errors are counted and journaled all the same. The message is for people and names the file. */
  | { readonly status: "unavailable"; readonly message: string };

/** The message may be shown to whoever asks. */
export class StoreUnavailableError extends Error {
  override readonly name = "StoreUnavailableError";
  readonly reason: "unavailable" | "busy" | "timeout";
  constructor(message: string, reason: StoreUnavailableError["reason"]) {
    super(message);
    this.reason = reason;
  }
}
