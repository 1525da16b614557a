/**
 * Chooses the groups that get a series of their own: about the most frequent ones of late. Every group that is seen has
 * a weight; all weights are halved each hour, and when too many are held, so that old fame and rare groups fade.
 */
export type Placement<T> =
  | { readonly status: "own" }
  | { readonly status: "other" }
  /** From now on a series of its own, in place of the one given up, if any. */
  | { readonly status: "promoted"; readonly demoted: T | undefined };

export interface TopGroups<T> {
  /** Counts one occurrence of `group`, which `key` names. Amortised constant; at worst one walk over the chosen. */
  place(key: string, group: T, nowMillis: number): Placement<T>;
}

export function createTopGroups<T>(size: number): TopGroups<T> {
  const chosen = new Map<string, { readonly group: T; weight: number }>();
  const candidates = new Map<string, number>();
  let halveMillis = 0;

  const halve = (): void => {
    for (const entry of chosen.values()) entry.weight /= 2;
    for (const [key, weight] of candidates) {
      if (weight < 2) candidates.delete(key);
      else candidates.set(key, weight / 2);
    }
  };

  return {
    place(key, group, nowMillis) {
      if (nowMillis >= halveMillis) {
        halve();
        halveMillis = nowMillis + HALF_LIFE_MILLIS;
      }
      const own = chosen.get(key);
      if (own !== undefined) {
        own.weight += 1;
        return { status: "own" };
      }
      const weight = (candidates.get(key) ?? 0) + 1;
      if (chosen.size < size) {
        chosen.set(key, { group, weight });
        return { status: "promoted", demoted: undefined };
      }
      const least = lightest(chosen);
      // Twice the weight, so that two groups of like frequency do not take turns.
      if (least === undefined || weight <= 2 * least.weight + 1) {
        candidates.set(key, weight);
        if (candidates.size > CANDIDATES_PER_PLACE * size) halve();
        return { status: "other" };
      }
      chosen.delete(least.key);
      candidates.delete(key);
      candidates.set(least.key, least.weight);
      chosen.set(key, { group, weight });
      return { status: "promoted", demoted: least.group };
    },
  };
}

const HALF_LIFE_MILLIS = 3_600_000;
const CANDIDATES_PER_PLACE = 10;

function lightest<T>(
  chosen: ReadonlyMap<string, { readonly group: T; readonly weight: number }>,
): { readonly key: string; readonly group: T; readonly weight: number } | undefined {
  let least: { key: string; group: T; weight: number } | undefined;
  for (const [key, entry] of chosen) if (least === undefined || entry.weight < least.weight) least = { key, ...entry };
  return least;
}
