/** Where the page is: what is looked at, and through which filters. All of it is in the URL, so that a view can be shared. */
import type { Severity } from "../../src/event";
import { TIME_RANGES, type TimeRange } from "../../src/store/answers";

export const VIEWS = [
  "overview",
  "distribution",
  "patterns",
  "workers",
  "hardware",
  "requests",
  "journey",
  "logs",
] as const;
export type View = (typeof VIEWS)[number];

export const GROUP_SORTS = ["occurrences", "last_seen", "first_seen", "users"] as const;
export const JOURNEY_KEYS = ["request_id", "session_id", "user_id", "trace_id"] as const;
export const LOG_LEVELS = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"] as const;
export const SEVERITIES: readonly Severity[] = ["critical", "warning", "info"];

/** `""` where nothing is chosen. */
export interface Place {
  readonly view: View;
  readonly range: TimeRange;
  readonly service: string;
  readonly category: string;
  readonly group: string;
  readonly severity: "" | Severity;
  readonly worker: string;
  readonly origin: "" | "root" | "echo";
  readonly fingerprint: string;
  readonly q: string;
  readonly sort: (typeof GROUP_SORTS)[number];
  /** Which requests. */
  readonly only: "" | "slow" | "failed";
  readonly route: string;
  readonly by: (typeof JOURNEY_KEYS)[number];
  readonly value: string;
  readonly level: "" | (typeof LOG_LEVELS)[number];
  /** The id of the error that is open. */
  readonly error: string;
  /** The fingerprint of the pattern that is open. */
  readonly pattern: string;
}

export const HOME: Place = {
  view: "overview",
  range: 24,
  service: "",
  category: "",
  group: "",
  severity: "",
  worker: "",
  origin: "",
  fingerprint: "",
  q: "",
  sort: "occurrences",
  only: "",
  route: "",
  by: "request_id",
  value: "",
  level: "",
  error: "",
  pattern: "",
};

/** Whatever the URL says: what is not known is left out. */
export function readPlace(search: string): Place {
  const params = new URLSearchParams(search);
  const text = (name: string): string => (params.get(name) ?? "").slice(0, MAX_CHARS);
  const one = <T extends string>(name: string, allowed: readonly T[], fallback: T): T =>
    allowed.find((value) => value === params.get(name)) ?? fallback;
  return {
    view: one("view", VIEWS, HOME.view),
    range: TIME_RANGES.find((hours) => String(hours) === params.get("range")) ?? HOME.range,
    service: text("service"),
    category: text("category"),
    group: text("group"),
    severity: one<Place["severity"]>("severity", SEVERITIES as readonly Severity[], ""),
    worker: text("worker"),
    origin: one<Place["origin"]>("origin", ["root", "echo"], ""),
    fingerprint: text("fingerprint"),
    q: text("q"),
    sort: one("sort", GROUP_SORTS, HOME.sort),
    only: one<Place["only"]>("only", ["slow", "failed"], ""),
    route: text("route"),
    by: one("by", JOURNEY_KEYS, HOME.by),
    value: text("value"),
    level: one<Place["level"]>("level", LOG_LEVELS, ""),
    error: text("error"),
    pattern: text("pattern"),
  };
}

/** `""` or `?…`: only what differs from the first look at the page. */
export function writePlace(place: Place): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(place)) {
    if (value !== HOME[name as keyof Place]) params.set(name, String(value)); // the keys of a Place
  }
  const text = params.toString();
  return text === "" ? "" : `?${text}`;
}

/** Another view keeps the range and the service; its other filters begin anew. */
export function placeIn(view: View, place: Place, patch: Partial<Place> = {}): Place {
  return { ...HOME, range: place.range, service: place.service, ...patch, view };
}

const MAX_CHARS = 256;
