/** A JSON request as two of about half its size, for a receiver that takes no larger ones. */
import type { OtlpSignal } from "../event";
import type { Half } from "./halve-protobuf";
import { applyEdits } from "./item-tags";
import { elementsOf, isArray, isObject, lastMember, rootOf, type Span } from "./json-scan";
import { LIST_KEYS } from "./tag-json";

/** Cut between two resources; `undefined` when there is only one. Throws an Error when the body is not JSON. */
export function halve(body: Buffer, signal: OtlpSignal): readonly [Half, Half] | undefined {
  const root = rootOf(body);
  const list = lastMember(body, { start: root, end: body.length }, LIST_KEYS[signal][0]);
  if (list === undefined || !isArray(body, list)) return undefined;
  const resources = [...elementsOf(body, list.start)];
  const middle = (list.start + list.end) / 2;
  const second = Math.max(
    1,
    resources.findIndex(({ end }) => end >= middle),
  );
  const first = resources[second - 1];
  const next = resources[second];
  if (first === undefined || next === undefined) return undefined;
  const empty = Buffer.alloc(0);
  return [
    {
      body: applyEdits(body, [{ start: first.end, end: list.end - 1, bytes: empty }]),
      itemCount: countAll(body, signal, resources.slice(0, second)),
    },
    {
      body: applyEdits(body, [{ start: list.start + 1, end: next.start, bytes: empty }]),
      itemCount: countAll(body, signal, resources.slice(second)),
    },
  ];
}

function countAll(body: Buffer, signal: OtlpSignal, resources: readonly Span[]): number {
  return resources.reduce((count, resource) => count + countItems(body, resource, LIST_KEYS[signal].slice(1)), 0);
}

function countItems(body: Buffer, value: Span, keys: readonly string[]): number {
  const [key, ...below] = keys;
  if (key === undefined) return 1;
  const list = isObject(body, value) ? lastMember(body, value, key) : undefined;
  if (list === undefined || !isArray(body, list)) return 0;
  return [...elementsOf(body, list.start)].reduce((count, element) => count + countItems(body, element, below), 0);
}
