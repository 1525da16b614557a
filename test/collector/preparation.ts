/** What tests of other languages need, made by the tools of these languages from their registries. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import type { TestContext } from "node:test";
import { promisify } from "node:util";

export interface Step {
  readonly command: string;
  readonly args: readonly string[];
  readonly folder?: string;
}

/** Where a tool or its registry is missing, the test is skipped and says why; in CI it fails. False when it is skipped. */
export async function isPrepared(context: TestContext, steps: readonly Step[]): Promise<boolean> {
  for (const { command, args, folder } of steps) {
    try {
      await promisify(execFile)(command, [...args], { cwd: folder, timeout: MAX_MILLIS });
    } catch (error) {
      const reason = error instanceof Error ? error.message.trim() : String(error);
      assert.notEqual(process.env["CI"], "true", reason);
      context.skip(`${command} ${args[0]}: ${reason.split("\n").at(-1)}`);
      return false;
    }
  }
  return true;
}

/** Within the time that a test may take. */
const MAX_MILLIS = 400_000;
