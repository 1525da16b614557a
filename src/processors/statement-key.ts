/**
 * A template as far as it tells statements apart. Of the same statement one value looks like a number and another like an id,
 * one host is called `db03` and another `lon-fe-7`, one list is longer than another, and one thing is counted otherwise than
 * several are: to a key every variable part is alike, with what is glued to it, and lists of them are one.
 *
 *   lobby KER<number>-<number> holds <number> players    lobby <> holds <> player
 *   read <size>, <size> from api-<id>                    read <> from api-<>
 */
import { isVocabulary } from "./vocabulary";

export function statementKey(template: string): string {
  let key = "";
  let kept = 0;
  for (let open = nextOpen(template, 0); open >= 0; open = nextOpen(template, open)) {
    const close = variableEnd(template, open);
    if (close < 0) {
      open++;
      continue;
    }
    key += template.slice(kept, gluedStart(template, open, kept)) + VARIABLE;
    open = kept = listEnd(template, close);
    for (let word = 0; word < COUNTED_WORDS; word++) {
      const end = lowerWordEnd(template, kept);
      if (end < 0) break;
      key += template.slice(kept, stemEnd(template, kept, end));
      open = kept = end;
    }
  }
  if (kept > 0) key += template.slice(kept);
  else key = template;
  // A list that is empty this time.
  return key.includes("[]") ? key.replaceAll("[]", `[${VARIABLE}]`) : key;
}

const VARIABLE = "<>";
const SPACE = 32;
const PERCENT = 37;
const LESS = 60;
const MORE = 62;
const REDACTED = "[REDACTED]";
const VARIABLES: ReadonlySet<string> = new Set(
  "number uuid ip host hex date duration email url path quoted id size version value name".split(" "),
);
const MAX_SEPARATORS = 2;
const SEPARATORS = " ,;:/._=+-";
/** The word that is counted, and the one behind it: without what number and case add to them. */
const COUNTED_WORDS = 2;
const MAX_COUNTED_LENGTH = 24;
const COUNTED_ENDINGS = ["ies", "es", "s", "y", "e"];

/** Behind a word of lower case that begins one space further; -1 when there is none. */
function lowerWordEnd(template: string, from: number): number {
  if (template.charCodeAt(from) !== SPACE) return -1;
  let end = from + 1;
  while (isLower(template.charCodeAt(end))) end++;
  const isWord =
    end - from > 2 &&
    end - from <= MAX_COUNTED_LENGTH &&
    !(end < template.length && isNameChar(template.charCodeAt(end)));
  return isWord ? end : -1;
}

/** Two letters at least are left. */
function stemEnd(template: string, from: number, end: number): number {
  for (const ending of COUNTED_ENDINGS) {
    const stem = end - ending.length;
    if (stem - from > 2 && template.startsWith(ending, stem)) return stem;
  }
  return end;
}

function nextOpen(template: string, from: number): number {
  const variable = template.indexOf("<", from);
  const redacted = template.indexOf("[R", from);
  return redacted >= 0 && (variable < 0 || redacted < variable) ? redacted : variable;
}

/** Behind the part that begins at `open`, and a percent sign; -1 when there is none. */
function variableEnd(template: string, open: number): number {
  if (template.charCodeAt(open) !== LESS) return template.startsWith(REDACTED, open) ? open + REDACTED.length : -1;
  let close = open + 1;
  while (isLower(template.charCodeAt(close))) close++;
  if (template.charCodeAt(close) !== MORE || !VARIABLES.has(template.slice(open + 1, close))) return -1;
  return template.charCodeAt(close + 1) === PERCENT ? close + 2 : close + 1;
}

/** Of the token that a variable part is in. What an id is of (`api-<id>`, `order-<uuid>`, `job_<number>`) stays, where words say it. */
function gluedStart(template: string, open: number, from: number): number {
  let start = open;
  while (start > from && isGlue(template.charCodeAt(start - 1))) {
    // `i-fetch......<number>`: filled up to a column.
    if (start < open && template[start - 1] === "." && template[start] === ".") return open;
    start--;
  }
  if (start === open) {
    // `took <<duration>`: less than.
    return template[open - 1] === "<" && open - 1 >= from && !template.includes(">>", open) ? open - 1 : start;
  }
  const mark = template[open - 1];
  const mayBeOfWords = mark === "_" || (mark === "-" && template.charCodeAt(open + 1) !== LOWER_N);
  if (!mayBeOfWords) return start;
  const words = template.slice(start, open - 1).split(MARKS);
  return words.every((word) => word.length > 2 && isVocabulary(word)) ? open - 1 : start;
}

const MARKS = /[\d._-]+/;
/** `<number>` and `<name>`. */
const LOWER_N = 110;

/** Behind all variable parts that follow with no more than marks between them, and what is glued to the last. */
function listEnd(template: string, from: number): number {
  let end = from;
  for (;;) {
    let next = end;
    while (next < template.length && isGlue(template.charCodeAt(next))) next++;
    const glued = variableEnd(template, next);
    if (next > end && glued > 0) {
      end = glued;
      continue;
    }
    let open = end;
    while (open - end < MAX_SEPARATORS && SEPARATORS.includes(template[open] ?? "\0")) open++;
    if (template[open] === "-" && open === end + MAX_SEPARATORS) open++; // a sign
    const inner = template[end] === " " && template[end + 1] === "(" ? variableEnd(template, end + 2) : -1;
    const close = inner > 0 && template[inner] === ")" ? inner + 1 : variableEnd(template, open);
    if (close < 0) {
      while (next > end && template[next - 1] === ".") next--;
      return next;
    }
    end = close;
  }
}

/** Of a token: what stands in a name, and dots. */
function isGlue(code: number): boolean {
  return code === 46 || isNameChar(code);
}

function isNameChar(code: number): boolean {
  return isLower(code) || (code >= 65 && code <= 90) || (code >= 48 && code <= 57) || code === 45 || code === 95;
}

function isLower(code: number): boolean {
  return code >= 97 && code <= 122;
}
