/** What was made against what was counted. */
import { CATEGORIES } from "seismo";
import type { Sample } from "./readings";

export interface Failure {
  readonly service: string;
  readonly category: string;
}

export interface MadeFailures extends Failure {
  readonly made: number;
}

export interface Comparison extends MadeFailures {
  readonly counted: number;
}

/** One row for each service and category that failures were made in or counted in, in the order of CATEGORIES. */
export function compare(made: readonly MadeFailures[], samples: readonly Sample[]): Comparison[] {
  const counted = new Map<string, number>();
  for (const { name, labels, value } of samples) {
    // An echo is the reach of a failure that is counted as a root already.
    if (name !== "seismo_errors_total" || labels["origin"] !== "root") continue;
    const key = keyOf({ service: labels["service"] ?? "", category: labels["category"] ?? "" });
    counted.set(key, (counted.get(key) ?? 0) + value);
  }
  const rows: Comparison[] = made.map((row) => ({ ...row, counted: counted.get(keyOf(row)) ?? 0 }));
  for (const row of made) counted.delete(keyOf(row));
  for (const [key, value] of counted) rows.push({ ...failureOf(key), made: 0, counted: value });
  return rows.sort((a, b) => byCategory(a.category, b.category) || (a.service < b.service ? -1 : 1));
}

/** The order of CATEGORIES, then those that are not among them. */
export function byCategory(a: string, b: string): number {
  return rank(a) - rank(b);
}

export function keyOf({ service, category }: Failure): string {
  return JSON.stringify([service, category]);
}

export function failureOf(key: string): Failure {
  const [service, category] = JSON.parse(key) as [string, string]; // written by keyOf()
  return { service, category };
}

const ORDER: readonly string[] = Object.values(CATEGORIES).flat();

function rank(category: string): number {
  const index = ORDER.indexOf(category);
  return index < 0 ? ORDER.length : index;
}
