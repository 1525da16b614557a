/** Reads the thresholds and writes, or checks, the rules that follow from them. */
import { readFileSync, statSync, writeFileSync } from "node:fs";
import type { ConfigProblem } from "../config";
import { firstLine, showValue } from "../config/problems";
import { alertRules, METRIC_PREFIX, rulesFile } from "./alert-rules";
import { readThresholds } from "./thresholds";

export interface MakeRulesOptions {
  readonly thresholdsFile: string;
  /** `-` is the standard output. */
  readonly outFile: string;
  readonly prefix: string;
  /** Writes nothing, and says whether the file is as it would be written. */
  readonly check: boolean;
}

export type MadeRules =
  | { readonly status: "made"; readonly content: string }
  | { readonly status: "written" | "fresh"; readonly rules: number }
  | { readonly status: "refused"; readonly problems: readonly ConfigProblem[] };

export const DEFAULT_THRESHOLDS_FILE = "alerting/thresholds.yaml";
export const DEFAULT_RULES_FILE = "alerting/rules.yml";
export const DEFAULT_METRIC_PREFIX = "seismo_";

export function makeRules(options: MakeRulesOptions): MadeRules {
  const { thresholdsFile, outFile, prefix, check } = options;
  if (!METRIC_PREFIX.test(prefix)) {
    const rule = "expected the beginning of a metric's name: letters, digits and _, at most 64";
    return refused({ source: "command line", key: "--prefix", value: showValue(prefix), rule });
  }
  const text = readText(thresholdsFile);
  if (typeof text !== "string") return refused(text);
  const read = readThresholds(text, thresholdsFile);
  if (read.status === "invalid") return { status: "refused", problems: read.problems };

  const groups = alertRules(read.thresholds, prefix);
  const content = rulesFile(groups, commandFor(options));
  const rules = groups.reduce((sum, group) => sum + group.rules.length, 0);
  if (outFile === "-") return { status: "made", content };
  if (check) {
    const found = readText(outFile);
    if (typeof found !== "string") return refused(found);
    const rule = `expected what follows from ${thresholdsFile}; write it with: ${commandFor(options)}`;
    return found === content ? { status: "fresh", rules } : refused({ source: outFile, key: "", value: "", rule });
  }
  try {
    writeFileSync(outFile, content);
  } catch (error) {
    const rule = `expected a file that can be written: ${firstLine(error)}`;
    return refused({ source: outFile, key: "", value: "", rule });
  }
  return { status: "written", rules };
}

const MAX_FILE_BYTES = 1_048_576;

function readText(file: string): string | ConfigProblem {
  try {
    const { size } = statSync(file);
    if (size > MAX_FILE_BYTES) throw new Error(`at most ${MAX_FILE_BYTES} bytes`);
    return readFileSync(file, "utf8");
  } catch (error) {
    return { source: file, key: "", value: "", rule: `expected a file that can be read: ${firstLine(error)}` };
  }
}

function refused(problem: ConfigProblem): MadeRules {
  return { status: "refused", problems: [problem] };
}

/** Only what differs from the defaults. */
function commandFor({ thresholdsFile, outFile, prefix }: MakeRulesOptions): string {
  const options = [
    ["--thresholds", thresholdsFile, DEFAULT_THRESHOLDS_FILE],
    ["--out", outFile, DEFAULT_RULES_FILE],
    ["--prefix", prefix, DEFAULT_METRIC_PREFIX],
  ] as const;
  const given = options.flatMap(([name, value, fallback]) => (value === fallback ? [] : [name, value]));
  // In a comment of one line, whatever the file is called.
  return ["seismo rules", ...given].join(" ").replace(/\s+/g, " ");
}
