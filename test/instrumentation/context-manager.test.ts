import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { test } from "node:test";
import { createContextKey, ROOT_CONTEXT } from "@opentelemetry/api";
import { createContextManager } from "../../src/instrumentation/context-manager";

const KEY = createContextKey("test");
const request = ROOT_CONTEXT.setValue(KEY, "request");
const other = ROOT_CONTEXT.setValue(KEY, "other");

test("listeners of a bound emitter run in its context, whoever emits and whenever they were added", () => {
  const manager = createContextManager();
  const emitter = new EventEmitter();
  const seen: unknown[] = [];
  const listener = (): void => void seen.push(manager.active().getValue(KEY));
  emitter.on("close", listener);
  manager.bind(request, emitter);
  emitter.once("close", listener);

  emitter.emit("close");
  manager.with(other, () => emitter.emit("close"));

  assert.deepEqual(seen, ["request", "request", "request"]);
  assert.equal(manager.active(), ROOT_CONTEXT);
});

test("a bound emitter passes on arguments, receiver, answer and errors, and forgets removed listeners", () => {
  const manager = createContextManager();
  const emitter = manager.bind(request, new EventEmitter());
  const calls: unknown[] = [];
  function listener(this: unknown, ...args: unknown[]): void {
    calls.push(this, ...args);
  }
  emitter.on("data", listener);

  assert.equal(emitter.emit("data", 1, 2), true);
  emitter.off("data", listener);
  assert.equal(emitter.emit("data"), false);
  assert.deepEqual(calls, [emitter, 1, 2]);
  assert.throws(() => emitter.emit("error", new Error("unheard")), /unheard/);
});

test("an emitter stays in the context that it was bound to first", () => {
  const manager = createContextManager();
  const emitter = new EventEmitter();
  manager.bind(request, emitter);
  manager.bind(other, emitter);
  let seen: unknown;
  emitter.on("close", () => {
    seen = manager.active().getValue(KEY);
  });

  emitter.emit("close");

  assert.equal(seen, "request");
});

test("a bound function keeps its context, receiver and number of parameters", async () => {
  const manager = createContextManager();
  const receiver = { name: "receiver" };
  const bound = manager.bind(request, async function (this: unknown, left: number, right: number) {
    await null;
    return [this, left + right, manager.active().getValue(KEY)];
  });

  assert.equal(bound.length, 2);
  assert.deepEqual(await bound.call(receiver, 1, 2), [receiver, 3, "request"]);
});
