/** Prometheus' and Alertmanager's own checkers, which are missing on some machines. */
import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import type { TestContext } from "node:test";
import { cannotRunHere } from "../cannot-run-here";

export interface Said {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export const promtool = (context: TestContext, ...args: readonly string[]): Said | undefined =>
  run(context, "promtool", "prometheus", args);

export const amtool = (context: TestContext, ...args: readonly string[]): Said | undefined =>
  run(context, "amtool", "prometheus-alertmanager", args);

/** Undefined, and the test is skipped, where the program is missing. */
function run(context: TestContext, program: string, debian: string, args: readonly string[]): Said | undefined {
  const said: SpawnSyncReturns<string> = spawnSync(program, args, { encoding: "utf8" });
  if (said.error === undefined) return said;
  cannotRunHere(context, `no ${program} found (Debian: ${debian})`);
  return undefined;
}
