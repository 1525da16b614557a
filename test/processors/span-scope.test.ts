import assert from "node:assert/strict";
import { test } from "node:test";
import { context, type Span } from "@opentelemetry/api";
import {
  countedByIdentity,
  countedByText,
  localRoot,
  MAX_COUNTED,
  markCounted,
  openScope,
  scopeOf,
} from "../../src/processors/span-scope";
import { open, tracer } from "./open-scope";

test("a span has one scope, however often it is opened", () => {
  const span: Span = tracer.startSpan("span");
  const scope = openScope(span, context.active());
  assert.equal(openScope(span, context.active()), scope);
  assert.equal(scopeOf(span), scope);
});

test("a scope knows the span that it runs under, and takes over its request id", () => {
  const root = open();
  root.requestId = "order-7";
  const leaf = open(open(root));
  assert.equal(leaf.requestId, "order-7");
  assert.equal(localRoot(leaf), root);
});

test("a failure that is counted is known in its scope and above, not beside it", () => {
  const root = open();
  const [left, right] = [open(root), open(root)];
  const error = new Error("failed");
  const counted = { event: undefined };
  markCounted(left, [error], ["failed"], counted);
  for (const scope of [left, root]) {
    assert.equal(countedByIdentity(scope, [error]), counted);
    assert.equal(countedByText(scope, ["failed"]), counted);
  }
  assert.equal(countedByIdentity(right, [error]), undefined);
  assert.equal(countedByText(right, ["failed"]), undefined);
});

test("an empty text is no mark of a failure", () => {
  const scope = open();
  markCounted(scope, [], [""], { event: undefined });
  assert.equal(countedByText(scope, [""]), undefined);
});

test("a span that fails for ever remembers a bounded number of failures, the latest", () => {
  const scope = open();
  const errors = Array.from({ length: MAX_COUNTED + 10 }, (_, index) => new Error(`failure ${index}`));
  for (const error of errors) markCounted(scope, [error], [error.message], { event: undefined });
  assert.equal(scope.counted?.byIdentity.size, MAX_COUNTED);
  assert.equal(scope.counted?.byText.size, MAX_COUNTED);
  assert.equal(countedByIdentity(scope, [errors[0] ?? {}]), undefined);
  assert.notEqual(countedByIdentity(scope, [errors.at(-1) ?? {}]), undefined);
});
