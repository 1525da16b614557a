/** A line of the journal as the store takes it: the columns that are asked about, and the line itself. */
import type { ErrorOrigin, Group, JsonObject, JsonValue, Severity } from "../event";
import { hardwareFaults, utilization } from "../exporter/hardware-context";
import { oneLine } from "../exporter/one-line";

export type JournalRecord =
  | { readonly kind: "error"; readonly error: ErrorRecord }
  | { readonly kind: "judgement"; readonly unixMillis: number; readonly changed: readonly Judged[] }
  /** Of a kind that this version does not know. */
  | { readonly kind: "unknown" };

export interface Judged {
  readonly id: string;
  readonly origin: "echo" | "duplicate";
}

export interface ErrorRecord {
  readonly id: string;
  /** As the event says. */
  readonly unixMillis: number;
  readonly series: Series;
  readonly origin: ErrorOrigin;
  readonly handled: boolean;
  readonly isNew: boolean;
  readonly isRegressed: boolean;
  readonly firstSeenUnixMillis: number;
  readonly title: string;
  readonly message: string;
  readonly method: string | null;
  readonly route: string | null;
  readonly statusCode: number | null;
  readonly requestId: string | null;
  readonly sessionId: string | null;
  readonly userId: string | null;
  readonly traceId: string | null;
  readonly trend: string | null;
  readonly recoveryMillis: number | null;
  /** `{"fingerprint","within"}`, JSON. */
  readonly usuallyAfter: string | null;
  readonly machine: Machine | undefined;
  readonly line: string;
}

/** What many errors share. */
export interface Series {
  readonly service: string;
  readonly worker: string;
  readonly category: string;
  readonly group: string;
  readonly type: string;
  readonly severity: Severity;
  readonly fingerprint: string;
  readonly release: string | null;
  readonly hardwareType: string | null;
  readonly hardwareStatus: string | null;
}

/** What an error tells of the machine under it. */
export interface Machine {
  readonly hostname: string | null;
  readonly platform: string | null;
  readonly status: "critical" | "warning" | "stable";
  readonly cpuPercent: number | null;
  readonly memoryPercent: number | null;
  readonly diskPercent: number | null;
  readonly gpus: readonly {
    readonly index: number;
    readonly name: string;
    readonly memory_percent: number | null;
    readonly temperature_celsius: number | null;
  }[];
}

/** Undefined for a line that is torn, damaged or not of a journal. Older lines have fewer fields, newer ones more. */
export function readJournalRecord(line: string): JournalRecord | undefined {
  const record = parseShort(line) ?? parse(line);
  if (record === undefined) return undefined;
  switch (record["action"]) {
    case "error": {
      const error = readError(record, line);
      return error && { kind: "error", error };
    }
    case "origin": {
      const unixMillis = Date.parse(text(record["timestamp"]));
      const changed = list(record["changed"]).flatMap(readJudged);
      return Number.isNaN(unixMillis) ? undefined : { kind: "judgement", unixMillis, changed };
    }
    default:
      return typeof record["action"] === "string" ? { kind: "unknown" } : undefined;
  }
}

function readError(record: JsonObject, line: string): ErrorRecord | undefined {
  const id = text(record["id"]);
  const unixMillis = Date.parse(text(record["timestamp"]));
  if (id === "" || id.length > MAX_ID_CHARS || Number.isNaN(unixMillis)) return undefined;
  const request = object(record["request"]);
  const recurrence = object(record["recurrence"]);
  const firstSeen = Date.parse(text(recurrence["first_seen"]));
  const type = text(record["error_type"]);
  const message = text(record["error_message"]);
  const series = readSeries(record, type);
  return {
    id,
    unixMillis,
    series,
    origin: record["origin"] === "echo" ? "echo" : "root",
    handled: record["handled"] === true,
    isNew: recurrence["is_new"] === true,
    isRegressed: recurrence["is_regressed"] === true,
    firstSeenUnixMillis: Number.isNaN(firstSeen) ? unixMillis : Math.min(firstSeen, unixMillis),
    title: text(record["title"]) || oneLine(message === "" ? type : `${type}: ${message}`, MAX_TITLE_CHARS),
    message,
    method: textOrNull(request["method"]),
    route: textOrNull(request["route"]),
    statusCode: statusCode(request["status_code"]),
    requestId: textOrNull(record["request_id"]),
    sessionId: textOrNull(record["session_id"]),
    userId: textOrNull(record["user_id"]),
    traceId: textOrNull(record["trace_id"]),
    trend: textOrNull(recurrence["trend"]),
    recoveryMillis: typeof recurrence["recovery_ms"] === "number" ? recurrence["recovery_ms"] : null,
    usuallyAfter: recurrence["usually_after"] ? JSON.stringify(recurrence["usually_after"]) : null,
    machine: readMachine(object(record["system_context"]), series),
    line,
  };
}

function readSeries(record: JsonObject, type: string): Series {
  const category = text(record["error_category"]);
  const group = text(record["group"]) || "unknown_error";
  // The group is only looked at: what is none of ours has no hardware faults either.
  const classification = { category, group: group as Group };
  const hardwareContext = record["hardware_context"] === null ? undefined : object(record["hardware_context"]);
  const [fault] = hardwareFaults({ classification, hardwareContext });
  return {
    service: text(record["service"]),
    worker: text(record["worker_id"]),
    category,
    group,
    type,
    severity: severity(record["severity"]),
    fingerprint: text(record["fingerprint"]),
    release: textOrNull(record["service_version"]),
    hardwareType: fault?.type ?? null,
    hardwareStatus: fault === undefined ? null : HARDWARE_STATUSES.includes(fault.status) ? fault.status : "other",
  };
}

function readMachine(context: JsonObject, { hardwareStatus }: Series): Machine | undefined {
  if (Object.keys(context).length === 0) return undefined;
  const { cpuPercent = null, memoryPercent = null, diskPercent = null, gpus } = utilization(context);
  const devices = list(object(context["gpu_metrics"])["devices"]).map(object);
  const isHot = hardwareStatus === "overheating" || hardwareStatus === "memory_pressure";
  const loads = [
    [cpuPercent, 90, 75],
    [memoryPercent, 95, 80],
    [diskPercent, 95, 95],
  ] as const;
  const isAbove = (limit: 1 | 2): boolean => loads.some((load) => load[0] !== null && load[0] > load[limit]);
  return {
    hostname: textOrNull(context["hostname"]),
    platform: textOrNull(context["platform"]),
    status: isHot || isAbove(1) ? "critical" : hardwareStatus !== null || isAbove(2) ? "warning" : "stable",
    cpuPercent,
    memoryPercent,
    diskPercent,
    gpus: gpus.map(({ memoryPercent: memory = null, temperatureCelsius = null }, position) => ({
      index: typeof devices[position]?.["index"] === "number" ? Number(devices[position]["index"]) : position,
      name: text(devices[position]?.["name"]),
      memory_percent: memory,
      temperature_celsius: temperatureCelsius,
    })),
  };
}

const MAX_ID_CHARS = 128;
const MAX_TITLE_CHARS = 120;
const HARDWARE_STATUSES = ["overheating", "memory_pressure", "throttling"];

function readJudged(value: JsonValue): Judged[] {
  const { id, origin } = object(value);
  return typeof id === "string" && (origin === "echo" || origin === "duplicate") ? [{ id, origin }] : [];
}

/** The whole of a line that was read before; without its stack where that is damaged. */
export function parseJournalLine(line: string): JsonObject {
  return parse(line) ?? { ...parseShort(line), stack: [] };
}

/**
 * All but the stack, which comes last, is most of a line, and is not asked about. Undefined for a line that does not end as one
 * with a stack. What looks like that elsewhere is in something that is open still: cut there it is no JSON.
 */
function parseShort(line: string): JsonObject | undefined {
  if (!line.endsWith("]}")) return undefined;
  const at = line.lastIndexOf(',"stack":[');
  return at < 0 ? undefined : parse(`${line.slice(0, at)}}`);
}

function parse(line: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(line);
    // What JSON.parse made is JSON.
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;
  } catch {
    return undefined; // torn by a crash, or damaged: the caller counts it
  }
}

function text(value: JsonValue | undefined): string {
  return typeof value === "string" ? value : "";
}

function textOrNull(value: JsonValue | undefined): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

function list(value: JsonValue | undefined): readonly JsonValue[] {
  // TypeScript cannot tell a readonly array by Array.isArray().
  return Array.isArray(value) ? (value as readonly JsonValue[]) : [];
}

function object(value: JsonValue | undefined): JsonObject {
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  return isObject ? (value as JsonObject) : NOTHING;
}
const NOTHING: JsonObject = {};

function severity(value: JsonValue | undefined): Severity {
  return value === "critical" || value === "warning" ? value : "info";
}

function statusCode(value: JsonValue | undefined): number | null {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value < 1_000 ? value : null;
}
