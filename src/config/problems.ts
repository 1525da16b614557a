/** What is wrong with a configuration: collected within bounds, with the nearest known name, and no secret shown. */
import type { ConfigProblem } from "../config";

export function createProblemList(): { add(problem: ConfigProblem): void; list(): readonly ConfigProblem[] } {
  const problems: ConfigProblem[] = [];
  let more = 0;
  return {
    add(problem: ConfigProblem): void {
      if (problems.length < MAX_PROBLEMS) problems.push(problem);
      else more += 1;
    },
    list: (): readonly ConfigProblem[] =>
      more === 0
        ? problems
        : [...problems, { source: "configuration", key: "", value: "", rule: `${more} more problems` }],
  };
}

/** By edit distance, case and separators ignored; the last part of a dotted key may stand for the whole. */
export function nearestName(name: string, known: readonly string[]): string {
  const subject = plain(name);
  const distances = known.map((candidate) => {
    const part = candidate.slice(candidate.lastIndexOf(".") + 1);
    return Math.min(editDistance(subject, plain(candidate)), editDistance(subject, plain(part)) + 0.5);
  });
  return known[distances.indexOf(Math.min(...distances))] ?? "";
}

/** As given, without the password of a URL. */
export function showValue(value: unknown): string {
  const shown = typeof value === "string" ? value : (JSON.stringify(value) ?? String(value));
  return shown.replace(/\/\/[^/@\s]{1,200}@/g, `//${HIDDEN}@`).slice(0, MAX_SHOWN_CHARS);
}

export function firstLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.split("\n", 1)[0]?.slice(0, 300) ?? "";
}

/** A `SEISMO_` variable or a key that nothing reads. */
export function unknownName(source: string, key: string, value: unknown, known: readonly string[]): ConfigProblem {
  const nearest = nearestName(key, known);
  const isSecret = SECRET_NAME.test(key) || SECRET_NAME.test(nearest) || /headers$/i.test(key);
  return { source, key, value: isSecret ? HIDDEN : showValue(value), rule: "nothing reads this", nearest };
}

/** The source of what the environment says. */
export const ENVIRONMENT = "environment";
export const HIDDEN = "[REDACTED]";

export const SECRET_NAME: RegExp =
  /auth|token|secret|passw|pwd|cookie|session|credential|signature|private|api-?key|jwt|csrf|xsrf|dsn|webhook/i;
const MAX_PROBLEMS = 100;
const MAX_SHOWN_CHARS = 80;

function plain(name: string): string {
  return name.slice(0, MAX_SHOWN_CHARS).toLowerCase().replace(/[-_]/g, "");
}

/** Levenshtein, one row at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substituted, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
