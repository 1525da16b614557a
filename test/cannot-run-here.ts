/** What a test needs and the machine lacks: the test is skipped and says why. With CI=true nothing may be lacking. */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";

export function cannotRunHere(context: TestContext, reason: string): void {
  assert.notEqual(process.env["CI"], "true", reason);
  context.skip(reason);
}
