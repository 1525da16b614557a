/** How many times something happened within the last while, in constant space. */
export interface TimeWindow {
  /** Times in the future count as now; times before the window not at all. */
  record(timeMillis: number, nowMillis: number): void;
  count(nowMillis: number): number;
}

/** Exact to one sixtieth of the window: the oldest part leaves as a whole. */
export function createTimeWindow(windowMillis: number): TimeWindow {
  const partMillis = windowMillis / PARTS;
  const parts = Array.from({ length: PARTS }, () => ({ number: -1, count: 0 }));
  return {
    record(timeMillis, nowMillis) {
      const number = Math.floor(Math.min(timeMillis, nowMillis) / partMillis);
      const part = parts[number % PARTS];
      if (part === undefined || number <= Math.floor(nowMillis / partMillis) - PARTS) return;
      if (part.number !== number) Object.assign(part, { number, count: 0 });
      part.count += 1;
    },
    count(nowMillis) {
      const newest = Math.floor(nowMillis / partMillis);
      return parts.reduce(
        (sum, part) => (part.number > newest - PARTS && part.number <= newest ? sum + part.count : sum),
        0,
      );
    },
  };
}

const PARTS = 60;

/** Which distinct things were seen within the last while. */
export interface DistinctWindow {
  /** False when the bound forced out something that was still in the window. */
  record(key: string, timeMillis: number): boolean;
  keys(nowMillis: number): string[];
}

export function createDistinctWindow(windowMillis: number, maxKeys: number): DistinctWindow {
  /** Oldest first, since a key that is seen again moves to the end. */
  const seen = new Map<string, number>();
  return {
    record(key, timeMillis) {
      const latest = Math.max(timeMillis, seen.get(key) ?? 0);
      seen.delete(key);
      seen.set(key, latest);
      if (seen.size <= maxKeys) return true;
      for (const [oldest, oldestMillis] of seen) {
        seen.delete(oldest);
        return oldestMillis <= timeMillis - windowMillis;
      }
      return true;
    },
    keys(nowMillis) {
      for (const [key, millis] of seen) if (millis <= nowMillis - windowMillis) seen.delete(key);
      return [...seen.keys()];
    },
  };
}
