/** Where the next page begins: behind the last row of the page before, by what the rows are ordered by. */

export type PageCursor = readonly [by: number, then: number | string];

export function toPageCursor(cursor: PageCursor): string {
  return Buffer.from(JSON.stringify(cursor)).toString("base64url");
}

/** Undefined for what toPageCursor() did not make. */
export function readPageCursor(text: string): PageCursor | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, "base64url").toString("utf8"));
    if (!Array.isArray(value) || value.length !== 2) return undefined;
    const [by, then]: readonly unknown[] = value;
    const isPlace = typeof by === "number" && (typeof then === "number" || typeof then === "string");
    return isPlace ? [by, then] : undefined;
  } catch {
    return undefined; // no cursor of ours: the caller says so
  }
}
