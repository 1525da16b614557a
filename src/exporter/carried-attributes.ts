/**
 * What goes with an event to a collector beside what OpenTelemetry's conventions have a name for.
 *
 *   ErrorEvent ──carriedAttributes()──► span or log record ──extract──► RawError
 */
import { CARRIED_ATTRIBUTES as CARRIED, type ErrorEvent, type StackFrame } from "../event";

export type CarriedAttributes = { [key: string]: string | boolean };

/** UTF-16 units of one object as JSON text. What has more goes without its last fields. */
export const MAX_JSON_LENGTH = 16_384;

/** `dropped`: fields for which there was no room. */
export function carriedAttributes(event: ErrorEvent): {
  readonly attributes: CarriedAttributes;
  readonly dropped: number;
} {
  const attributes: CarriedAttributes = { [CARRIED.handled]: event.handled, [CARRIED.fatal]: event.fatal };
  let dropped = 0;
  const put = (key: string, value: object | undefined): void => {
    if (value === undefined) return;
    const { json, left } = jsonWithin(value, MAX_JSON_LENGTH);
    dropped += left;
    attributes[key] = json;
  };

  if (event.sessionId !== undefined) attributes["session.id"] = event.sessionId;
  if (event.userId !== undefined) attributes["user.id"] = event.userId;
  if (event.page !== undefined) attributes[CARRIED.page] = event.page;
  put(CARRIED.systemContext, event.systemContext);
  put(CARRIED.hardwareContext, event.hardwareContext);
  put(CARRIED.details, unlessEmpty(event.details));
  put(CARRIED.properties, unlessEmpty(event.properties));
  put(CARRIED.causes, unlessEmpty(event.causes));
  put(CARRIED.userContext, event.userContext);
  put(CARRIED.pool, event.database?.pool);
  put(CARRIED.breadcrumbs, unlessEmpty(event.breadcrumbs ?? []));
  // What the stack's text says as well need not be said again.
  if (event.frames.some(isExplained)) attributes[CARRIED.frames] = framesJson(event.frames);
  return { attributes, dropped };
}

/** What every event has, and most have nothing in. */
function unlessEmpty(value: object): object | undefined {
  return Object.keys(value).length === 0 ? undefined : value;
}

function isExplained({ context, variables }: StackFrame): boolean {
  return context !== undefined || variables !== undefined;
}

/** A stack that comes again has the same frames object, but for its variables. */
function framesJson(frames: readonly StackFrame[]): string {
  let json = KNOWN_FRAMES.get(frames);
  if (json === undefined) {
    json = jsonWithin(withRoom(frames), MAX_JSON_LENGTH).json;
    KNOWN_FRAMES.set(frames, json);
  }
  return json;
}
const KNOWN_FRAMES = new WeakMap<readonly StackFrame[], string>();

/** All frames, and as many of the explanations as have room, the innermost first: a frame that is left out is missed more. */
function withRoom(frames: readonly StackFrame[]): readonly StackFrame[] {
  let room = MAX_JSON_LENGTH - JSON.stringify(frames.map(withoutExplanation)).length;
  return frames.map((frame) => {
    const plain = withoutExplanation(frame);
    const cost = JSON.stringify(frame).length - JSON.stringify(plain).length;
    if (cost > room) return plain;
    room -= cost;
    return frame;
  });
}

function withoutExplanation({ context, variables, ...plain }: StackFrame): StackFrame {
  return plain;
}

/** Of an object that is too long as many of its fields as have room, in their order; of a list its items. */
function jsonWithin(value: object, maxLength: number): { readonly json: string; readonly left: number } {
  const whole = JSON.stringify(value);
  if (whole.length <= maxLength) return { json: whole, left: 0 };
  const isList = Array.isArray(value);
  const parts = Object.entries(value).map(([key, member]) => {
    const json = JSON.stringify(member);
    return isList ? json : `${JSON.stringify(key)}:${json}`;
  });
  let length = "{}".length;
  const kept = parts.filter((part) => {
    const hasRoom = length + part.length < maxLength;
    if (hasRoom) length += part.length + 1;
    return hasRoom;
  });
  const inner = kept.join(",");
  return { json: isList ? `[${inner}]` : `{${inner}}`, left: parts.length - kept.length };
}
