import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject, StackFrame } from "../../src/event";
import { carriedAttributes, MAX_JSON_LENGTH } from "../../src/exporter/carried-attributes";
import { errorEvent } from "./error-event";

const FRAME: StackFrame = { function: "pay", module: "shop", file: "/app/shop.js", line: 7, column: 3, inApp: true };
const explained = (variables: JsonObject): StackFrame => ({
  ...FRAME,
  context: { pre: ["a"], line: "b", post: ["c"] },
  variables,
});

function framesOf(frames: readonly StackFrame[]): readonly StackFrame[] {
  const { attributes } = carriedAttributes({ ...errorEvent(), frames });
  return JSON.parse(String(attributes["seismo.frames"]));
}

test("frames go with their source lines and variables", () => {
  const frames = [explained({ basket: ["tea"], id: "7" }), FRAME];
  assert.deepEqual(framesOf(frames), frames);
});

test("frames of which no more is known than the stack says are not said again", () => {
  assert.equal(carriedAttributes({ ...errorEvent(), frames: [FRAME] }).attributes["seismo.frames"], undefined);
});

test("where there is no room for all, the outer frames go without what is known of them, and none is left out", () => {
  const frames = Array.from({ length: 50 }, () => explained({ text: "x".repeat(1_000) }));
  const carried = framesOf(frames);
  assert.equal(carried.length, frames.length);
  const count = carried.filter(({ variables }) => variables !== undefined).length;
  assert.ok(count > 3 && count < 50, `${count} frames have variables`);
  assert.ok(
    carried.slice(0, count).every(({ variables }) => variables !== undefined),
    "the innermost have them",
  );
  assert.ok(JSON.stringify(carried).length <= MAX_JSON_LENGTH);
});
