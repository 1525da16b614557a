/**
 * Remembers what a pure function made of a text. Errors come in storms of the same stack: what was found out about it
 * once need not be found out again.
 */

export interface MemoLimits {
  /** The oldest give way. */
  readonly maxEntries: number;
  /** Longer texts are computed each time, and not remembered. */
  readonly maxLength: number;
}

export function memoized<T>(compute: (text: string) => T, { maxEntries, maxLength }: MemoLimits): (text: string) => T {
  const known = new Map<string, { readonly value: T }>();
  return (text) => {
    if (text.length > maxLength) return compute(text);
    const entry = known.get(text);
    if (entry !== undefined) return entry.value;
    const value = compute(text);
    if (known.size >= maxEntries) {
      const oldest = known.keys().next();
      if (oldest.done !== true) known.delete(oldest.value);
    }
    known.set(detached(text), { value });
    return value;
  };
}

/** A slice keeps all of its original in memory for as long as it lives; this copy does not. */
export function detached(text: string): string {
  return Buffer.from(text, "utf16le").toString("utf16le");
}
