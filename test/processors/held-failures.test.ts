import assert from "node:assert/strict";
import { test } from "node:test";
import {
  createHeldFailures,
  type HeldFailure,
  HOLD_MILLIS,
  MAX_HELD,
  takeHeld,
} from "../../src/processors/held-failures";
import type { SpanScope } from "../../src/processors/span-scope";
import { open } from "./open-scope";
import { rawFrom } from "./raw-error";

function failure(scope: SpanScope, text = "no connection"): HeldFailure {
  return { scope, raw: rawFrom(new Error(text)), texts: [text], counted: undefined };
}

/** Holds failures on a clock that moves by hand, and tells which became events by themselves. */
function holding() {
  const counted: HeldFailure[] = [];
  const waiting: { readonly callback: () => void; readonly millis: number }[] = [];
  const held = createHeldFailures({
    later: (callback, millis) => void waiting.push({ callback, millis }),
    count(one) {
      counted.push(one);
      return { event: undefined };
    },
  });
  return { held, counted, waiting };
}

test("of the failures that wait, the latest with that text below the scope is taken, once", () => {
  const { held } = holding();
  const root = open();
  const [left, right] = [open(root), open(root)];
  const [first, second, third] = [failure(left), failure(right, "no connection to b"), failure(right)];
  for (const one of [first, second, third]) assert.ok(held.hold(one));
  assert.equal(takeHeld(left, ["something else"]), undefined);
  assert.equal(takeHeld(right, ["no connection"]), third);
  assert.equal(takeHeld(right, ["no connection"]), undefined);
  assert.equal(takeHeld(right, ["no connection to b"]), second);
  assert.equal(takeHeld(root, ["no connection"]), first);
});

test("what waited for a second becomes an event, once, and its Error may still come", () => {
  const { held, counted, waiting } = holding();
  const root = open();
  const [one, other] = [failure(open(root)), failure(open(root), "timeout")];
  held.hold(one);
  held.hold(other);
  assert.deepEqual(
    waiting.map(({ millis }) => millis),
    [HOLD_MILLIS],
  );
  waiting[0]?.callback();
  held.release(root);
  held.releaseAll();
  assert.deepEqual(counted, [one, other]);
  const late = takeHeld(root, ["timeout"]);
  assert.equal(late, other);
  assert.ok(late?.counted);
});

test("a failure that is taken in time makes no event by itself", () => {
  const { held, counted, waiting } = holding();
  const root = open();
  held.hold(failure(open(root)));
  takeHeld(root, ["no connection"]);
  waiting[0]?.callback();
  assert.deepEqual(counted, []);
});

test("the same failure on a span and on its parent waits as one, at the inner span", () => {
  const { held, counted } = holding();
  const root = open();
  const outer = open(root);
  const inner = failure(open(outer));
  held.hold(inner);
  held.hold(failure(outer));
  held.releaseAll();
  assert.deepEqual(counted, [inner]);
});

test("a span is found by the text of a failure that waits under it, until it has been released", () => {
  const { held } = holding();
  const root = open();
  const scope = open(root);
  held.hold(failure(scope));
  assert.equal(held.findScope("no connection"), scope);
  assert.equal(held.findScope("timeout"), undefined);
  held.release(root);
  assert.equal(held.findScope("no connection"), undefined);
});

test("under one root a bounded number of failures waits", () => {
  const { held } = holding();
  const root = open();
  for (let n = 0; n < MAX_HELD; n++) assert.ok(held.hold(failure(open(root), `failure ${n}`)));
  assert.ok(!held.hold(failure(open(root), "one too many")));
  assert.ok(held.hold(failure(open(open()))));
});
