/** What was made against what the services and the collector have counted. */
import { CATEGORIES } from "seismo";
import type { Readings, Sample } from "./readings";

interface Place {
  readonly service: string;
  readonly category: string;
}

export interface Failure extends Place {
  /** False: another service's failure brought it about, so that it is an echo for who sees both. */
  readonly isRoot: boolean;
  /** By REST to the collector: no service of the demo sees it. */
  readonly isReported?: boolean;
}

export interface MadeFailures extends Place {
  /** Each service takes its own failures for roots. */
  readonly made: number;
  /** Those of them that began there. */
  readonly roots: number;
}

export interface Comparison extends MadeFailures {
  readonly counted: number;
  /** As roots, by the collector. */
  readonly collected: number;
}

/** One row for each service and category that failures were made in or counted in, in the order of CATEGORIES. */
export function compare(made: readonly MadeFailures[], { services, collector }: Readings): Comparison[] {
  const counted = errorsOf(services, "root");
  const collected = errorsOf(collector, "root");
  const known = new Map(made.map((row) => [keyOf(row), row]));
  return [...new Set([...known.keys(), ...counted.keys(), ...collected.keys()])]
    .map((key) => ({
      ...(known.get(key) ?? { ...placeOf(key), made: 0, roots: 0 }),
      counted: counted.get(key) ?? 0,
      collected: collected.get(key) ?? 0,
    }))
    .sort((a, b) => byCategory(a.category, b.category) || (a.service < b.service ? -1 : 1));
}

/** What the collector should have, and has, as echoes of what services passed on: of the call that failed, and of their answer. */
export function compareEchoes(
  made: readonly MadeFailures[],
  { collector }: Readings,
): { readonly expected: number; readonly collected: number } {
  const echoes = errorsOf(collector, "echo");
  const passedOn = made.filter((row) => row.made > row.roots);
  return {
    expected: passedOn.reduce((sum, row) => sum + 2 * (row.made - row.roots), 0),
    collected: passedOn.reduce((sum, row) => sum + (echoes.get(keyOf(row)) ?? 0), 0),
  };
}

export function isRight({ made, counted, roots, collected }: Comparison): boolean {
  return made === counted && roots === collected;
}

/** The order of CATEGORIES, then those that are not among them. */
export function byCategory(a: string, b: string): number {
  return rank(a) - rank(b);
}

export function keyOf({ service, category }: Place): string {
  return JSON.stringify([service, category]);
}

/** By keyOf(). An echo is the reach of a failure that is counted as a root already. */
function errorsOf(samples: readonly Sample[], origin: "root" | "echo"): Map<string, number> {
  const errors = new Map<string, number>();
  for (const { name, labels, value } of samples) {
    if (name !== "seismo_errors_total" || labels["origin"] !== origin) continue;
    const key = keyOf({ service: labels["service"] ?? "", category: labels["category"] ?? "" });
    errors.set(key, (errors.get(key) ?? 0) + value);
  }
  return errors;
}

function placeOf(key: string): Place {
  const [service, category] = JSON.parse(key) as [string, string]; // written by keyOf()
  return { service, category };
}

const ORDER: readonly string[] = Object.values(CATEGORIES).flat();

function rank(category: string): number {
  const index = ORDER.indexOf(category);
  return index < 0 ? ORDER.length : index;
}
