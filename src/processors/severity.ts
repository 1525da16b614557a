/**
 * How bad an error is, and every reason for it. The caller and the user's rules decide alone where they speak;
 * else all signs are read (category, death, hardware, load, answer, recurrence) and the worst of them wins.
 */
import type {
  Classification,
  JsonValue,
  Recurrence,
  RedactedError,
  Severity,
  SeverityRating,
  SeverityRule,
} from "../event";
import { firstMatch, type Rules } from "./rules";
import { errorStatus, httpStatusOf, member } from "./status-codes";

/** Pure. `reasons` begins with those that made the severity. */
export function rateSeverity(
  error: RedactedError,
  classification: Classification,
  recurrence: Recurrence,
  rules: Rules,
): SeverityRating {
  const { given } = error;
  if (given.severity !== undefined) return { severity: given.severity, reasons: ["given by the caller"] };
  const rule = firstMatch<SeverityRule>(rules.severities, error, classification.category);
  if (rule !== undefined) {
    const number = 1 + rules.severities.findIndex((compiled) => compiled.rule === rule);
    return { severity: rule.severity, reasons: [`rule ${number}: ${JSON.stringify(rule.match)}`] };
  }
  const status = answeredStatus(error);
  const signs = [
    ofCategory(error, classification, status),
    ...ofDeath(error),
    ...ofAnswer(status),
    ...ofHardware(error.hardwareContext),
    ...ofLoad(error.systemContext),
  ];
  if (recurrence.lastHour >= rules.recurringAfter && signs.every(([severity]) => severity === "info")) {
    signs.push(["warning", `seen ${recurrence.lastHour} times in the last hour`]);
  }
  signs.sort(([a], [b]) => RANK[a] - RANK[b]);
  return { severity: signs[0]?.[0] ?? "info", reasons: signs.map(([, reason]) => reason) };
}

type Sign = readonly [severity: Severity, reason: string];

const RANK: Readonly<Record<Severity, number>> = { critical: 0, warning: 1, info: 2 };

const CRITICAL_CATEGORIES: ReadonlySet<string> = new Set([
  "hardware_not_available",
  "hardware_overheating",
  "resource_exhausted",
  "worker_crashed",
]);

const CPU_PERCENT = { critical: 90, warning: 75 };
const MEMORY_PERCENT = { critical: 95, warning: 80 };
const FREE_DISK_PERCENT = 5;

/** The status that the request was, or is to be, answered with. */
function answeredStatus({ attributes, request, properties }: RedactedError): number | undefined {
  return (
    errorStatus(attributes["http.response.status_code"] ?? attributes["http.status_code"]) ??
    errorStatus(request?.statusCode) ??
    httpStatusOf(properties)
  );
}

function ofCategory({ handled }: RedactedError, { group, category }: Classification, status = 0): Sign {
  const reason = `category ${category}`;
  if (CRITICAL_CATEGORIES.has(category)) return ["critical", reason];
  switch (group) {
    case "hardware_error":
    case "resource_error":
    case "worker_error":
    case "network_error":
    case "database_error":
    case "quota_error":
      return ["warning", reason];
    case "http_error":
      return [category === "http_client_error" ? "info" : "warning", reason];
    case "connection_error":
    case "validation_error":
    case "auth_error":
    case "content_filter":
    case "test_error":
    case "unknown_error":
      return ["info", reason];
    case "file_error":
    case "analysis_error":
    case "ui_error":
    case "application_error": {
      const isRefusal = status >= 400 && status < 500;
      return handled || isRefusal ? ["info", reason] : ["warning", `${reason}, unhandled`];
    }
    default:
      return group satisfies never;
  }
}

function ofDeath({ fatal }: RedactedError): readonly Sign[] {
  return fatal ? [["critical", "the process died"]] : [];
}

function ofAnswer(status: number | undefined): readonly Sign[] {
  return status === undefined ? [] : [[status >= 500 ? "warning" : "info", `status ${status}`]];
}

function ofHardware(context: RedactedError["hardwareContext"]): readonly Sign[] {
  const status = context?.["hardware_status"];
  const signs: Sign[] = [];
  if (member(status, "overheating") === true) signs.push(["critical", "hardware is overheating"]);
  if (member(status, "memory_pressure") === true) signs.push(["critical", "hardware is under memory pressure"]);
  if (member(status, "throttling") === true) signs.push(["warning", "hardware is throttled"]);
  return signs;
}

function ofLoad(context: RedactedError["systemContext"]): readonly Sign[] {
  const metrics = context?.["metrics"];
  const free = freeDiskPercent(member(metrics, "disk"));
  return [
    ...above("CPU", member(member(metrics, "cpu"), "percent"), CPU_PERCENT),
    ...above("memory", member(member(metrics, "memory"), "used_percent"), MEMORY_PERCENT),
    ...(free < FREE_DISK_PERCENT
      ? [["critical", `free disk ${round(free)} %, below ${FREE_DISK_PERCENT} %`] as const]
      : []),
  ];
}

function above(
  what: string,
  percent: JsonValue | undefined,
  limits: { critical: number; warning: number },
): readonly Sign[] {
  if (typeof percent !== "number") return [];
  if (percent > limits.critical) return [["critical", `${what} ${round(percent)} %, above ${limits.critical} %`]];
  if (percent > limits.warning) return [["warning", `${what} ${round(percent)} %, above ${limits.warning} %`]];
  return [];
}

/** From free and total space, else from the share in use; NaN when neither is told. */
function freeDiskPercent(disk: JsonValue | undefined): number {
  const free = member(disk, "free_gb");
  const total = member(disk, "total_gb");
  if (typeof free === "number" && typeof total === "number" && total > 0) return (free / total) * 100;
  const used = member(disk, "used_percent");
  return typeof used === "number" ? 100 - used : Number.NaN;
}

function round(percent: number): number {
  return Math.round(percent * 10) / 10;
}
