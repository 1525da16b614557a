import assert from "node:assert/strict";
import { test } from "node:test";
import { createMemoryGuard } from "../../src/collector/memory-guard";

test("work is refused while little of the heap is left, and taken again when there is more", () => {
  let now = 0;
  let used_heap_size = 80;
  const isTight = createMemoryGuard(
    () => now,
    () => ({ used_heap_size, heap_size_limit: 100 }),
  );
  assert.equal(isTight(), false);
  used_heap_size = 91;
  assert.equal(isTight(), false, "it does not look at each request");
  now += 50;
  assert.equal(isTight(), true);
  used_heap_size = 60;
  now += 50;
  assert.equal(isTight(), false);
});
