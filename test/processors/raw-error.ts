/** Live errors as the path takes them. */
import type { RawError, RedactedError } from "../../src/event";
import { readError } from "../../src/processors/read-error";
import { redact } from "../../src/processors/redact";
import { compileRules } from "../../src/processors/rules";

/** As the doors make it: the thrown value read, the rest plain. */
export function rawFrom(error: unknown, extra: Partial<RawError> = {}): RawError {
  return {
    id: "00000000-0000-4000-8000-000000000000",
    source: "capture",
    origin: "root",
    timeUnixMillis: 1_700_000_000_000,
    ...readError(error),
    handled: true,
    fatal: false,
    resource: { service: "shop", worker: "worker-1" },
    attributes: {},
    details: {},
    given: {},
    ...extra,
  };
}

export function redactedFrom(error: unknown, extra: Partial<RawError> = {}): RedactedError {
  return redact(rawFrom(error, extra), DEFAULT_RULES.redaction);
}

const DEFAULT_RULES = compileRules({});
