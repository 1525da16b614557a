/**
 * What leaves with an exported span holds no secrets: its name, status, attributes, links, events and the exceptions
 * among them. Most spans have nothing to hide, and are passed on as they are.
 */
import type { Attributes } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace-base";
import { type RedactionRules, redactAttributes, redactText } from "./redact";

/** The same span when nothing in it is secret. Else a copy that hides it: other processors hold the span too. */
export function redactSpan(span: ReadableSpan, rules: RedactionRules): ReadableSpan {
  const name = redactText(span.name, rules);
  const status = withSafeMessage(span.status, rules);
  const attributes = safeAttributes(span.attributes, rules);
  const events = withSafeNames(withSafeAttributes(span.events, rules), rules);
  const links = withSafeAttributes(span.links, rules);
  const isSafe =
    name === span.name &&
    status === span.status &&
    attributes === span.attributes &&
    events === span.events &&
    links === span.links;
  // Of the SDK's own class, whose methods and getters go on working, whatever fields it has.
  return isSafe ? span : Object.create(span, fields({ name, status, attributes, events, links }));
}

function withSafeMessage(status: ReadableSpan["status"], rules: RedactionRules): ReadableSpan["status"] {
  if (status.message === undefined) return status;
  const message = redactText(status.message, rules);
  return message === status.message ? status : { ...status, message };
}

/** The same list when all of its members are safe. */
function withSafeAttributes<T extends { attributes?: Attributes }>(list: T[], rules: RedactionRules): T[] {
  if (list.length === 0) return list;
  const safe = list.map((item) => {
    const attributes = item.attributes && safeAttributes(item.attributes, rules);
    return attributes === item.attributes ? item : { ...item, attributes };
  });
  return safe.every((item, index) => item === list[index]) ? list : safe;
}

/** The same list when all of its members have safe names. */
function withSafeNames<T extends { name: string }>(list: T[], rules: RedactionRules): T[] {
  if (list.every(({ name }) => name === EXCEPTION || redactText(name, rules) === name)) return list;
  return list.map((item) => ({ ...item, name: redactText(item.name, rules) }));
}

/** What most events are called. */
const EXCEPTION = "exception";

function safeAttributes(attributes: Attributes, rules: RedactionRules): Attributes {
  return redactAttributes(attributes, rules) as Attributes; // the same values, but for the texts
}

function fields(values: { readonly [field: string]: unknown }): PropertyDescriptorMap {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, { value, enumerable: true }]));
}
