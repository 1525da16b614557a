/** Who was there within the last while, and when last, in bounded space. */
import { cleanLabelValue } from "./bounded-metric";

export interface LastSeen {
  /** False when there is no room for one more: then it is not remembered. */
  note(labels: readonly string[], nowMillis: number): boolean;
  /** In the order in which they came, so that who is there stays ahead of who comes. Forgets those that are silent for too long. */
  recent(nowMillis: number): readonly Seen[];
}

export interface Seen {
  /** As a scraper takes them. */
  readonly labels: readonly string[];
  readonly seenMillis: number;
}

export interface LastSeenOptions {
  /** Who is silent for longer is forgotten when recent() is asked. */
  readonly forgetMillis: number;
  readonly maxEntries: number;
}

/** Times may come in any order: the latest counts. */
export function createLastSeen({ forgetMillis, maxEntries }: LastSeenOptions): LastSeen {
  const entries = new Map<string, { readonly labels: readonly string[]; seenMillis: number }>();
  return {
    note(raw, nowMillis) {
      const labels = raw.map(cleanLabelValue);
      const key = JSON.stringify(labels);
      const known = entries.get(key);
      if (known !== undefined) known.seenMillis = Math.max(known.seenMillis, nowMillis);
      else if (entries.size < maxEntries) entries.set(key, { labels, seenMillis: nowMillis });
      else return false;
      return true;
    },
    recent(nowMillis) {
      for (const [key, { seenMillis }] of entries) if (seenMillis <= nowMillis - forgetMillis) entries.delete(key);
      return [...entries.values()];
    },
  };
}
