/** Whether one failure is another one told again, or was brought about by it. Pure; says nothing about who stands above whom. */
import type { OriginFailure } from "./origin-failure";

/** Clocks of two hosts may differ by so much. */
export const CLOCK_SKEW_MILLIS = 50;
/** Spans of one process are timed by one clock, but not always ended in the order in which things happened. */
export const PROCESS_DISORDER_MILLIS = 10;

/** One exception, recorded twice. Where one of the two has no stack, type and message must do. */
export function isSameException(one: OriginFailure, other: OriginFailure): boolean {
  return (
    one.hasOwnException &&
    other.hasOwnException &&
    one.message === other.message &&
    one.type === other.type &&
    (one.frame === other.frame || one.frame === "" || other.frame === "")
  );
}

/** Seismo in the failing process has made both one event: it knows the causes of an exception, which few stacks of OTLP tell. */
export function isNamedAlike({ given }: OriginFailure, upper: OriginFailure): boolean {
  return given !== undefined && upper.hasOwnException && given.fingerprint === upper.given?.fingerprint;
}

/**
 * Drivers keep the Error from their span: it fails by its message alone. Seismo in that process has made one event of it
 * and the Error, and named only the span above that the Error reached.
 */
export function isErrorOf(upper: OriginFailure, call: OriginFailure): boolean {
  if (call.hasOwnException || call.given !== undefined || call.message === "") return false;
  return upper.hasOwnException && upper.given?.origin === "root" && upper.message === call.message;
}

/** One names the other as its cause, or its message quotes the whole message of the other and adds to it. */
export function wraps(outer: OriginFailure, inner: OriginFailure): boolean {
  const { type, message } = inner;
  if (inner.hasOwnException && outer.causes.some((cause) => cause.type === type && cause.message === message))
    return true;
  return message.length >= MIN_QUOTE && outer.message.length > message.length && outer.message.includes(message);
}

/** Shorter messages (`timeout`, `error`) are found in others by chance. */
const MIN_QUOTE = 8;

/** `upper`, at a span above that of `lower`, failed because `lower` did. */
export function passedOn(lower: OriginFailure, upper: OriginFailure): boolean {
  if (isTooLate(lower, upper)) return false;
  if (!upper.hasOwnException) return true;
  if (upper.message !== "" && upper.message === lower.message && upper.type === lower.type) return true;
  if (wraps(upper, lower)) return true;
  const isOtherService = lower.service !== upper.service;
  if (isOtherService && upper.kind === "client") return true;
  return (isOtherService || lower.kind === "client") && tellsOfCall(upper, lower);
}

/** By the clock that both share: `upper` had failed already. */
export function isTooLate(lower: OriginFailure, upper: OriginFailure): boolean {
  return isSameProcess(lower, upper) && lower.timeUnixMillis > upper.timeUnixMillis + PROCESS_DISORDER_MILLIS;
}

export function isSameProcess(one: OriginFailure, other: OriginFailure): boolean {
  return one.service === other.service && one.worker === other.worker;
}

/** The exception of `upper` says no more than that a call failed, and `call` is such a call. */
function tellsOfCall(upper: OriginFailure, call: OriginFailure): boolean {
  const { category } = upper;
  if (category.startsWith("network_")) return true;
  if (HTTP_CATEGORIES.has(category)) return call.service !== upper.service || !call.category.startsWith("database_");
  if (category === call.category && !SILENT_CATEGORIES.has(category)) return true;
  return call.statusCode !== undefined && mentions(upper.message, String(call.statusCode));
}

const HTTP_CATEGORIES: ReadonlySet<string> = new Set(["http_upstream_error", "http_server_error", "http_client_error"]);
/** To share one of these is no sign of kinship. */
const SILENT_CATEGORIES: ReadonlySet<string> = new Set(["application_error", "unknown_error"]);

/** `orders answered 503`, but not `order 15037 is gone`. */
function mentions(message: string, number: string): boolean {
  for (let at = message.indexOf(number); at >= 0; at = message.indexOf(number, at + 1)) {
    if (!isDigit(message.charCodeAt(at - 1)) && !isDigit(message.charCodeAt(at + number.length))) return true;
  }
  return false;
}

/** False for NaN, beyond either end of a text. */
function isDigit(charCode: number): boolean {
  return charCode >= 0x30 && charCode <= 0x39;
}
