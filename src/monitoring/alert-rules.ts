/**
 * All recording and alerting rules, from the thresholds to the file that Prometheus loads:
 *
 *   alerting/thresholds.yaml ─► readThresholds ─► alertRules ─► rulesFile ─► alerting/rules.yml
 */
import { stringify } from "yaml";
import type { RuleGroup } from "./alert";
import { errorRules } from "./rules/errors";
import { hardwareRules } from "./rules/hardware";
import { healthRules } from "./rules/health";
import { llmRules } from "./rules/llm";
import { requestRules } from "./rules/requests";
import { workerRules } from "./rules/workers";
import type { Thresholds } from "./thresholds";

/** What the names of metrics begin with, as Prometheus has it. */
export const METRIC_PREFIX: RegExp = /^[a-zA-Z_][a-zA-Z0-9_]{0,63}$/;

/** `prefix` is that of the metrics: `seismo_`. */
export function alertRules(thresholds: Thresholds, prefix: string): RuleGroup[] {
  const ground = { thresholds, metric: (name: string) => prefix + name };
  return [errorRules, requestRules, workerRules, hardwareRules, llmRules, healthRules].flatMap((rules) =>
    rules(ground),
  );
}

/** `madeBy` is the command that makes the file again. */
export function rulesFile(groups: readonly RuleGroup[], madeBy: string): string {
  return (
    `# Made from thresholds.yaml by \`${madeBy}\`. Change the numbers there: what is changed here is lost.\n` +
    stringify({ groups }, { lineWidth: 0, aliasDuplicateObjects: false })
  );
}
