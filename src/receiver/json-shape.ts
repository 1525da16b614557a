/**
 * Looks at the brackets of a JSON text before anything recursive sees it, and before a parser makes objects of them.
 * The bytes need not be valid JSON.
 */

export interface JsonLimits {
  /** Levels of objects and lists, one within the other. */
  readonly nesting: number;
  /** Objects and lists in all. */
  readonly containers: number;
}

/** What is too much; undefined when the text is within the limits. */
export function jsonFault(json: Uint8Array, limits: JsonLimits): string | undefined {
  let nesting = 0;
  let containers = 0;
  let isText = false;
  for (let at = 0; at < json.length; at++) {
    const byte = json[at];
    if (isText) {
      if (byte === BACKSLASH) at++;
      else if (byte === QUOTE) isText = false;
    } else if (byte === QUOTE) {
      isText = true;
    } else if (byte === OPEN_OBJECT || byte === OPEN_LIST) {
      if (++nesting > limits.nesting) return `more than ${limits.nesting} levels of JSON`;
      if (++containers > limits.containers) return `more than ${limits.containers} objects and lists in one body`;
    } else if (byte === CLOSE_OBJECT || byte === CLOSE_LIST) {
      nesting--;
    }
  }
  return undefined;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
