/**
 * What people are told of an error, and why. Plain JSON: it waits on disk, and the generic webhook sends it as it is
 * (docs/notifications.md; a field more is no new version, a field less is).
 *
 *   ErrorEvent ──notificationOf──► GroupNotification ─┐
 *   held back by the budget ──► Tally ──digestOf──► Digest ─┴─► Slack, e-mail, webhook, Alertmanager
 */
import type { ErrorEvent, EventSummary, Recurrence, RequestContext, Severity } from "../event";
import { titleOf } from "./error-title";
import { cut, oneLine } from "./one-line";

export type Notification = GroupNotification | Digest;

/** In the order in which they count when only one is shown. */
export const REASONS = ["new", "regressed", "spiking", "critical"] as const;
export type Reason = (typeof REASONS)[number];

export interface GroupNotification {
  readonly version: 1;
  readonly kind: "error_group";
  /** UUID of the notification: the same when it is sent again. */
  readonly id: string;
  /** ISO 8601: when it was decided to tell. */
  readonly created: string;
  /** At least one, the most important first. */
  readonly reasons: readonly Reason[];
  readonly group: {
    readonly fingerprint: string;
    readonly category: string;
    readonly category_group: string;
    /** Unknown for what a killed predecessor had not counted. */
    readonly occurrences: { readonly last_1h: number; readonly last_6h: number; readonly last_24h: number } | null;
  };
  readonly error: NotifiedError;
  /** The group on the live page. */
  readonly link: string;
}

/** `""` and `null` where nothing is known. */
export interface NotifiedError {
  readonly id: string;
  readonly timestamp: string;
  /** One line: see error-title.ts. */
  readonly title: string;
  readonly type: string;
  readonly message: string;
  /** What to do about it. */
  readonly advice: string;
  readonly severity: Severity;
  readonly severity_reasons: readonly string[];
  readonly service: string;
  readonly service_version: string | null;
  readonly environment: string | null;
  readonly worker_id: string;
  /** Without its query. */
  readonly request: { readonly method: string; readonly route: string; readonly status_code: number | null } | null;
  readonly request_id: string | null;
  readonly trace_id: string | null;
  /** As text, from its top. */
  readonly stack: string;
  /** `Type: message`, the outermost first. */
  readonly causes: readonly string[];
}

export interface Digest {
  readonly version: 1;
  readonly kind: "digest";
  readonly id: string;
  readonly created: string;
  /** When the first of them was held back. */
  readonly since: string;
  /** Notifications that the budget did not allow. */
  readonly held_back: number;
  /** Distinct groups among them. */
  readonly groups: number;
  readonly by_severity: { readonly [severity in Severity]: number };
  /** The services with most of them, most first. */
  readonly services: readonly { readonly service: string; readonly count: number }[];
  readonly link: string;
}

/** What is known of an event when it is written, before it is known whether its failure began there. */
export type Draft = Pick<GroupNotification, "group" | "error" | "reasons">;

/** Why an event is worth telling; empty for most. */
export function reasonsOf(event: ErrorEvent): readonly Reason[] {
  const { recurrence, rating } = event;
  return inOrder({
    new: recurrence.isNew,
    regressed: recurrence.isRegressed,
    spiking: isSpiking(recurrence),
    critical: rating.severity === "critical",
  });
}

/** As `reasonsOf`, by what is left of an event when it is counted. */
export function lastingReasonsOf({ recurrence, rating }: EventSummary): readonly Reason[] {
  return inOrder({
    new: recurrence.isNew,
    regressed: recurrence.isRegressed,
    spiking: false,
    critical: rating.severity === "critical",
  });
}

export function joinReasons(...lists: readonly (readonly Reason[])[]): readonly Reason[] {
  const all = new Set(lists.flat());
  return REASONS.filter((reason) => all.has(reason));
}

/** At least ten in the last hour, and more than three times as many as in a mean hour of the 23 before it. */
export function isSpiking({ lastHour, last24Hours }: Pick<Recurrence, "lastHour" | "last24Hours">): boolean {
  const meanBefore = Math.max(0, last24Hours - lastHour) / HOURS_BEFORE;
  return lastHour >= MIN_SPIKE && meanBefore > 0 && lastHour > SPIKE_FACTOR * meanBefore;
}

export function draftOf(event: ErrorEvent): Draft {
  const { recurrence } = event;
  const occurrences = {
    last_1h: recurrence.lastHour,
    last_6h: recurrence.last6Hours,
    last_24h: recurrence.last24Hours,
  };
  return {
    reasons: reasonsOf(event),
    group: groupOf(event, occurrences),
    error: {
      ...summarisedError(event),
      message: cut(event.message, MAX_MESSAGE_CHARS),
      advice: event.advice,
      severity_reasons: event.rating.reasons.slice(0, MAX_SEVERITY_REASONS),
      request: requestOf(event.request),
      request_id: event.requestId === undefined ? null : nameOf(event.requestId),
      stack: topOf(event.stack),
      causes: event.causes.slice(0, MAX_CAUSES).map(({ type, message }) => cut(`${type}: ${message}`, MAX_CAUSE_CHARS)),
    },
  };
}

/** For an event of which only that is left: after a crash, or when too many waited at once. */
export function bareDraftOf(event: EventSummary): Draft {
  return {
    reasons: lastingReasonsOf(event),
    group: groupOf(event, null),
    error: {
      ...summarisedError(event),
      ...{ message: "", advice: "", severity_reasons: [], request: null, request_id: null, stack: "", causes: [] },
    },
  };
}

export interface Stamp {
  readonly id: string;
  readonly nowMillis: number;
  /** Of the live page's server, without a slash at its end. */
  readonly pageUrl: string;
}

export function notificationOf(draft: Draft, reasons: readonly Reason[], stamp: Stamp): GroupNotification {
  return {
    version: 1,
    kind: "error_group",
    id: stamp.id,
    created: isoTime(stamp.nowMillis),
    reasons,
    group: draft.group,
    error: draft.error,
    link: `${pageOf(stamp)}?fingerprint=${encodeURIComponent(draft.group.fingerprint)}`,
  };
}

/** What was held back since the last digest. */
export interface Tally {
  readonly sinceMillis: number;
  readonly count: number;
  readonly groups: number;
  readonly bySeverity: { readonly [severity in Severity]: number };
  /** By name, in pairs: names may be hostile. Bounded by whoever counts. */
  readonly services: readonly (readonly [service: string, count: number])[];
}

export function digestOf(tally: Tally, stamp: Stamp): Digest {
  return {
    version: 1,
    kind: "digest",
    id: stamp.id,
    created: isoTime(stamp.nowMillis),
    since: isoTime(tally.sinceMillis),
    held_back: tally.count,
    groups: tally.groups,
    by_severity: tally.bySeverity,
    services: [...tally.services]
      .sort(([, a], [, b]) => b - a)
      .slice(0, DIGEST_SERVICES)
      .map(([service, count]) => ({ service, count })),
    link: pageOf(stamp),
  };
}

/** One line, for subjects and fallbacks. */
export function headlineOf(notification: Notification): string {
  if (notification.kind === "digest") {
    const { held_back, groups } = notification;
    return `and ${held_back} more of ${groups} ${groups === 1 ? "group" : "groups"}`;
  }
  const { error, reasons } = notification;
  return `${error.title} – ${error.severity} in ${error.service} (${reasons.join(", ")})`;
}

/** What every channel shows, in the same order. Nothing that is unknown. */
export function factsOf(notification: Notification): readonly (readonly [name: string, value: string])[] {
  if (notification.kind === "digest") {
    const { by_severity, services, since, created } = notification;
    return known([
      ["Critical", countText(by_severity.critical)],
      ["Warning", countText(by_severity.warning)],
      ["Info", countText(by_severity.info)],
      ["Services", services.map(({ service, count }) => `${service} (${count})`).join(", ")],
      ["Held back", `${since} to ${created}`],
    ]);
  }
  const { error, group, reasons } = notification;
  const { request } = error;
  return known([
    ["Type", error.type],
    ["Category", group.category],
    ["Severity", error.severity],
    ["Reason", reasons.join(", ")],
    ["Service", [error.service, error.service_version ?? ""].filter(Boolean).join(" ")],
    ["Environment", error.environment ?? ""],
    ["Worker", error.worker_id],
    ["Time", error.timestamp],
    ["Request", request === null ? "" : `${request.method} ${request.route} ${request.status_code ?? ""}`.trim()],
    ["Seen in the last hour", countText(group.occurrences?.last_1h ?? 0)],
    ["Trace", error.trace_id ?? ""],
    ["Advice", error.advice],
  ]);
}

const HOURS_BEFORE = 23;
const MIN_SPIKE = 10;
const SPIKE_FACTOR = 3;
const MAX_MESSAGE_CHARS = 2_000;
const MAX_STACK_CHARS = 6_000;
const MAX_STACK_LINES = 40;
const MAX_CAUSES = 5;
const MAX_CAUSE_CHARS = 500;
const MAX_SEVERITY_REASONS = 5;
const MAX_NAME_CHARS = 256;
const DIGEST_SERVICES = 5;
const LAST_TIME_MILLIS = 8_640_000_000_000_000;

function inOrder(holds: { readonly [reason in Reason]: boolean }): readonly Reason[] {
  return REASONS.filter((reason) => holds[reason]);
}

function groupOf(
  { fingerprint, classification }: EventSummary,
  occurrences: GroupNotification["group"]["occurrences"],
): GroupNotification["group"] {
  const { category, group } = classification;
  return { fingerprint: fingerprint.id, category: nameOf(category), category_group: group, occurrences };
}

function summarisedError(
  event: EventSummary,
): Omit<NotifiedError, "message" | "advice" | "severity_reasons" | "request" | "request_id" | "stack" | "causes"> {
  const { resource } = event;
  const known = (text: string | undefined): string | null => (text === undefined ? null : nameOf(text));
  return {
    id: event.id,
    timestamp: isoTime(event.timeUnixMillis),
    title: titleOf(event),
    type: nameOf(event.type),
    severity: event.rating.severity,
    service: nameOf(resource.service),
    service_version: known(resource.serviceVersion),
    environment: known(resource.environment),
    worker_id: nameOf(resource.worker),
    trace_id: event.traceId ?? null,
  };
}

/** The template, else the path: a query may say more about a user than an error needs. */
function requestOf(request: RequestContext | undefined): NotifiedError["request"] {
  if (request?.method === undefined && request?.route === undefined && request?.url === undefined) return null;
  const route = request.route ?? request.url?.replace(/[?#].*$/s, "") ?? "";
  return { method: nameOf(request.method ?? ""), route: nameOf(route), status_code: request.statusCode ?? null };
}

/** One line: names stand in titles and subjects. */
function nameOf(text: string): string {
  return oneLine(text, MAX_NAME_CHARS);
}

function topOf(stack: string): string {
  return cut(stack, MAX_STACK_CHARS).split("\n").slice(0, MAX_STACK_LINES).join("\n");
}

function pageOf({ pageUrl }: Stamp): string {
  return `${pageUrl}/error-visualization`;
}

/** A time that no calendar has must not cost the notification. */
function isoTime(unixMillis: number): string {
  return new Date(Math.abs(unixMillis) <= LAST_TIME_MILLIS ? unixMillis : 0).toISOString();
}

function countText(count: number): string {
  return count === 0 ? "" : String(count);
}

function known(facts: readonly (readonly [string, string])[]): readonly (readonly [string, string])[] {
  return facts.filter(([, value]) => value !== "");
}
