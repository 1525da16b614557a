/**
 * Says what kind of trouble an error is: by the name that the caller gave it, the span's `error.category`, the user's
 * rules, or the evidence, in this order. Every category belongs to a group; the names of others are kept as given.
 */
import {
  CATEGORIES,
  type Category,
  type CategoryRule,
  type Classification,
  type Group,
  type RedactedError,
} from "../event";
import { evidenceOf } from "./evidence";
import { firstMatch, type Rules } from "./rules";

/** Characters of a category that somebody else has named. */
export const MAX_CATEGORY = 64;

/** Pure. Takes a microsecond or two, tens of them for the longest message. */
export function categorize(error: RedactedError, rules: Rules): Classification {
  return (
    named(error.given.category, "given by the caller") ??
    named(error.attributes["error.category"], "attribute error.category") ??
    byRule(error, rules) ??
    byEvidence(error)
  );
}

const GROUP_OF: ReadonlyMap<string, Group> = new Map(
  // Object.entries forgets that the keys are groups.
  (Object.entries(CATEGORIES) as [Group, readonly string[]][]).flatMap(([group, categories]) => [
    ...categories.map((category) => [category, group] as const),
    [group, group] as const,
  ]),
);

/** Every category begins with its group's stem. */
const STEMS: readonly (readonly [stem: string, group: Group])[] = [...new Set(GROUP_OF.values())].map((group) => [
  `${group.replace(/_(?:error|filter)$/, "")}_`,
  group,
]);

const ALIASES: ReadonlyMap<string, Category> = new Map([
  ["worker_crash", "worker_crashed"],
  ["worker_crash_error", "worker_crashed"],
]);

function named(name: unknown, reason: string): Classification | undefined {
  if (typeof name !== "string") return undefined;
  const category = canonical(name);
  return category === "" ? undefined : { category, group: groupOf(category), reason };
}

/** `WORKER_CRASH_ERROR` → `worker_crashed`, `myTeam/Billing` → `my_team_billing`. */
function canonical(name: string): string {
  if (GROUP_OF.has(name)) return name;
  const snake = name
    .slice(0, MAX_CATEGORY)
    .replace(/([\p{Ll}\p{N}])(\p{Lu})/gu, "$1_$2")
    .replace(/[^\p{L}\p{N}]+/gu, "_")
    .replace(/^_|_$/g, "")
    .toLowerCase()
    .slice(0, MAX_CATEGORY);
  return ALIASES.get(snake) ?? snake;
}

function groupOf(category: string): Group {
  return GROUP_OF.get(category) ?? STEMS.find(([stem]) => category.startsWith(stem))?.[1] ?? "application_error";
}

function byRule(error: RedactedError, rules: Rules): Classification | undefined {
  const rule = firstMatch<CategoryRule>(rules.categories, error, "");
  if (rule === undefined) return undefined;
  const category = canonical(rule.category) || "application_error";
  const number = 1 + rules.categories.findIndex((compiled) => compiled.rule === rule);
  return { category, group: rule.group ?? groupOf(category), reason: `rule ${number}: ${JSON.stringify(rule.match)}` };
}

function byEvidence(error: RedactedError): Classification {
  const { category, reason } = evidenceOf(error);
  return { category, group: groupOf(category), reason };
}
