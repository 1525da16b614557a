/**
 * What an error that came in changes of the answer that the page already has: its lists and counts are right at once,
 * without a question to the store. What cannot be known from one error (users, recurrence) waits for the next answer.
 */
import type { ErrorOrigin } from "../../src/event";
import type { Counts, ErrorRow, ErrorsData, GroupRow, TimelinePoint, WorkerRow } from "../../src/store/answers";

/** Kept in a list of recent errors. */
export const MAX_RECENT = 500;

export interface JudgedError {
  readonly id: string;
  readonly origin: ErrorOrigin | "duplicate";
}

/** Those that it already has change nothing. */
export function withErrors(data: ErrorsData, rows: readonly ErrorRow[]): ErrorsData {
  const known = new Set(data.recent_errors.map(({ id }) => id));
  const fresh = rows.filter(({ id }) => !known.has(id) && known.add(id));
  if (fresh.length === 0) return data;
  const counted = fresh.reduce((before, row) => withCount(before, row, 1), data);
  return { ...counted, recent_errors: newestFirst([...fresh, ...data.recent_errors]).slice(0, MAX_RECENT) };
}

/** The judge of origins has changed what was taken for a root. */
export function withJudgements(data: ErrorsData, changed: readonly JudgedError[]): ErrorsData {
  const judged = new Map(changed.map(({ id, origin }) => [id, origin]));
  let result = data;
  const recent: ErrorRow[] = [];
  for (const row of data.recent_errors) {
    const origin = judged.get(row.id);
    if (origin === undefined || origin === row.origin) {
      recent.push(row);
      continue;
    }
    result = withCount(result, row, -1);
    if (origin === "duplicate") continue;
    const changedRow = { ...row, origin };
    result = withCount(result, changedRow, 1);
    recent.push(changedRow);
  }
  return { ...result, recent_errors: recent };
}

export function newestFirst(rows: readonly ErrorRow[]): ErrorRow[] {
  return [...rows].sort((one, other) =>
    one.timestamp < other.timestamp ? 1 : one.timestamp > other.timestamp ? -1 : 0,
  );
}

function withCount(data: ErrorsData, row: ErrorRow, by: 1 | -1): ErrorsData {
  const { summary } = data;
  if (row.origin === "echo") {
    return { ...data, summary: { ...summary, echo_errors: atLeast0(summary.echo_errors + by) } };
  }
  const when = (condition: boolean): number => (condition ? by : 0);
  const { error_distribution: counts } = data;
  return {
    ...data,
    summary: {
      ...summary,
      total_errors: atLeast0(summary.total_errors + by),
      critical_errors: atLeast0(summary.critical_errors + when(row.severity === "critical")),
      warning_errors: atLeast0(summary.warning_errors + when(row.severity === "warning")),
      info_errors: atLeast0(summary.info_errors + when(row.severity === "info")),
      resource_errors: atLeast0(summary.resource_errors + when(row.group === "resource_error")),
      network_errors: atLeast0(summary.network_errors + when(row.group === "network_error")),
      hardware_errors: atLeast0(summary.hardware_errors + when(row.group === "hardware_error")),
      critical_hardware_errors: atLeast0(
        summary.critical_hardware_errors + when(row.group === "hardware_error" && row.severity === "critical"),
      ),
      new_groups: atLeast0(summary.new_groups + when(row.is_new)),
      errors_per_minute: atLeast0(summary.errors_per_minute + by / RATE_MINUTES),
    },
    error_distribution: {
      by_category: withOneMore(counts.by_category, row.error_category, by),
      by_group: withOneMore(counts.by_group, row.group, by),
      by_severity: withOneMore(counts.by_severity, row.severity, by),
      by_service: withOneMore(counts.by_service, row.service, by),
      by_type: withOneMore(counts.by_type, row.type, by),
    },
    error_patterns: withPattern(data.error_patterns, row, by),
    worker_errors: withWorker(data.worker_errors, row, by),
    timeline: withPoint(data.timeline, row, by),
  };
}

/** `errors_per_minute` is a mean over as many. */
const RATE_MINUTES = 5;
const MAX_COUNTED = 50;

function withOneMore(counts: Counts, name: string, by: number): Counts {
  const isListed = Object.hasOwn(counts, name);
  const key = isListed || Object.keys(counts).length < MAX_COUNTED ? name : "other";
  const before = Object.hasOwn(counts, key) ? (counts[key] ?? 0) : 0;
  return { ...counts, [key]: atLeast0(before + by) };
}

function withPattern(patterns: ErrorsData["error_patterns"], row: ErrorRow, by: number): ErrorsData["error_patterns"] {
  const pattern = Object.hasOwn(patterns, row.fingerprint) ? patterns[row.fingerprint] : undefined;
  if (pattern === undefined) return patterns;
  const last = pattern.sparkline.length - 1;
  const counted: GroupRow = {
    ...pattern,
    occurrences: atLeast0(pattern.occurrences + by),
    last_1h: atLeast0(pattern.last_1h + by),
    last_6h: atLeast0(pattern.last_6h + by),
    last_24h: atLeast0(pattern.last_24h + by),
    last_7d: atLeast0(pattern.last_7d + by),
    last_seen: later(pattern.last_seen, row.timestamp),
    is_quiet: false,
    is_regressed: pattern.is_regressed || row.is_regressed,
    sparkline: pattern.sparkline.map((value, index) => (index === last ? atLeast0(value + by) : value)),
  };
  return { ...patterns, [row.fingerprint]: counted };
}

function withWorker(workers: ErrorsData["worker_errors"], row: ErrorRow, by: number): ErrorsData["worker_errors"] {
  const worker = Object.hasOwn(workers, row.worker_id) ? workers[row.worker_id] : undefined;
  if (worker === undefined && by < 0) return workers;
  const before: WorkerRow = worker ?? {
    service: row.service,
    total: 0,
    critical: 0,
    warning: 0,
    info: 0,
    status: "stable",
    most_common_error: row.title,
    last_seen: row.timestamp,
  };
  const isWorse = before.status === "critical" || row.severity === "critical" ? "critical" : "warning";
  const counted: WorkerRow = {
    ...before,
    total: atLeast0(before.total + by),
    [row.severity]: atLeast0(before[row.severity] + by),
    status: by > 0 && row.severity !== "info" ? isWorse : before.status,
    last_seen: later(before.last_seen, row.timestamp),
  };
  return { ...workers, [row.worker_id]: counted };
}

/** The last interval grows; when time has passed it by, the timeline moves on by one. */
function withPoint(timeline: readonly TimelinePoint[], row: ErrorRow, by: number): readonly TimelinePoint[] {
  const [first, second] = timeline;
  const time = Date.parse(row.timestamp);
  if (first === undefined || second === undefined || Number.isNaN(time)) return timeline;
  const step = Date.parse(second.time) - Date.parse(first.time);
  let moved = timeline;
  let end = Date.parse(first.time) + step * timeline.length;
  for (let steps = 0; time >= end && steps < timeline.length; steps++, end += step) {
    moved = [...moved.slice(1), { time: new Date(end).toISOString(), total: 0, critical: 0, warning: 0, info: 0 }];
  }
  const at = timeline.length - 1 - Math.floor((end - 1 - time) / step);
  return moved.map((point, index) =>
    index === at
      ? { ...point, total: atLeast0(point.total + by), [row.severity]: atLeast0(point[row.severity] + by) }
      : point,
  );
}

function later(one: string, other: string): string {
  return one > other ? one : other;
}

function atLeast0(value: number): number {
  return Math.max(0, value);
}
