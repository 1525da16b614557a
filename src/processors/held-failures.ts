/**
 * Failures of which only texts are known so far: mysql2, mongodb and pg keep the Error from the span. The same failure
 * with its live Error usually reaches an ancestor span a moment later; then both make one event.
 *
 *   database span ends, "Duplicate entry …"  ─► hold() ─┬─ the Error on a span above, in time ─► takeHeld(): call and Error, one event
 *                                                       └─ a second later, or the root has ended ─► an event of the texts alone
 */
import type { RawError } from "../event";
import { type Counted, localRoot, type SpanScope } from "./span-scope";

export interface HeldFailure {
  readonly scope: SpanScope;
  readonly raw: RawError;
  readonly texts: readonly string[];
  /** Set when it became an event without its Error, which took too long. */
  counted: Counted | undefined;
}

/** How long a failure may wait for its live Error to reach an ancestor span. */
export const HOLD_MILLIS = 1_000;
/** Failures that may wait under one local root; more become events at once. */
export const MAX_HELD = 256;

export interface HeldFailuresDependencies {
  /** Calls back once after so many milliseconds, without keeping the process alive. */
  readonly later: (callback: () => void, millis: number) => void;
  /** Makes an event of a failure whose wait is over. */
  readonly count: (failure: HeldFailure) => Counted;
}

export interface HeldFailures {
  /** False when there is no room left: then the failure is to be counted at once. */
  hold(failure: HeldFailure): boolean;
  /** The span of a failure that waits, or waited in vain, and has this text. */
  findScope(text: string): SpanScope | undefined;
  /** Ends the wait of all failures under a local root. They stay with it: their Error may still come, and is no new failure then. */
  release(root: SpanScope): void;
  releaseAll(): void;
}

export function createHeldFailures({ later, count }: HeldFailuresDependencies): HeldFailures {
  const roots = new Set<SpanScope>();
  const release = (root: SpanScope): void => {
    roots.delete(root);
    for (const failure of root.held ?? []) failure.counted ??= count(failure);
  };
  return {
    release,
    hold(failure) {
      const root = localRoot(failure.scope);
      root.held ??= [];
      // The same failure on a span and on its parent, both without an Error: the inner one is enough.
      const inner = takeHeld(failure.scope, failure.texts);
      if (root.held.length >= MAX_HELD) return false;
      root.held.push(inner ?? failure);
      if (!roots.has(root)) later(() => release(root), HOLD_MILLIS);
      roots.add(root);
      return true;
    },
    findScope(text) {
      for (const root of roots) {
        for (const { scope, texts } of root.held ?? []) if (texts.includes(text)) return scope;
      }
      return undefined;
    },
    releaseAll() {
      for (const root of roots) release(root);
    },
  };
}

/** Takes out the latest held failure of this scope or below it that has one of these texts. */
export function takeHeld(scope: SpanScope, texts: readonly string[]): HeldFailure | undefined {
  const held = localRoot(scope).held;
  if (held === undefined) return undefined;
  for (let index = held.length - 1; index >= 0; index--) {
    const failure = held[index];
    if (failure === undefined || !isWithin(failure.scope, scope)) continue;
    if (!failure.texts.some((text) => texts.includes(text))) continue;
    held.splice(index, 1);
    return failure;
  }
  return undefined;
}

function isWithin(scope: SpanScope, ancestor: SpanScope): boolean {
  for (let at: SpanScope | undefined = scope; at !== undefined; at = at.parent) if (at === ancestor) return true;
  return false;
}
