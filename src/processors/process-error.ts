/**
 * The path of a failure, in one reading. Pure: the clock is an argument, the memory of
 * what was seen before is `frequency`, and nothing here touches the disk or the network.
 */
import type { ErrorEvent, RawError } from "../event";
import { adviceOn } from "./advice";
import { categorize } from "./categorize";
import { fingerprint } from "./fingerprint";
import type { Frequency } from "./frequency";
import { redact } from "./redact";
import type { Rules } from "./rules";
import { rateSeverity } from "./severity";
import { parseStack } from "./stack";

/** Takes ownership of `raw`; the event shares its parts. Costs tens of microseconds; never throws for any text. */
export function processError(
  raw: RawError,
  rules: Rules,
  frequency: Pick<Frequency, "record">,
  nowMillis: number,
): ErrorEvent {
  const safe = redact(raw, rules.redaction);
  const frames = parseStack(safe.stack);
  const classification = categorize(safe, rules);
  const advice = adviceOn(safe, classification, rules);
  const name = fingerprint(safe, frames, classification, rules);
  const recurrence = frequency.record(name.id, nowMillis, safe, name.previous);
  const rating = rateSeverity(safe, classification, recurrence, rules);
  // The redacted error becomes the event: copying its fields was measured to cost as much as parsing its stack.
  return Object.assign(safe, {
    frames: safe.explained ?? frames,
    classification,
    advice,
    fingerprint: name,
    recurrence,
    rating,
  });
}
