/**
 * Secrets that a key gives away in running text. Found from the separator: back to the key, on to the value.
 *
 *       key  at  value
 *   password =  hunter2       ?token=…&   Pwd=…;   password: …   <password>…</   --password …
 *   "apiKey" :  "…"           also escaped: \"apiKey\":\"…\"
 */
import type { KeyRules, KeySense } from "./sensitive-keys";

export const REDACTED = "[REDACTED]";

/** A part of a text, `to` exclusive. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** The value to hide behind the separator (`:`, `=` or `>`) at `at`. Looks back 80 characters at most. */
export function assignedSecret(text: string, at: number, keys: KeyRules): Span | undefined {
  const separator = readSeparator(text, at);
  if (separator === undefined) return undefined;
  const key = readKey(text, at, separator.sign);
  if (key === undefined) return undefined;
  const sense = keys.sense(key.name);
  if (sense.hides === "nothing") return undefined;

  return provenValue(text, separator, key.place, sense);
}

/** The value behind a command line flag that begins at `at`: `--password hunter2`. */
export function flaggedSecret(text: string, at: number, keys: KeyRules): Span | undefined {
  FLAG.lastIndex = at;
  const name = FLAG.exec(text)?.[1];
  if (name === undefined || /[-=:]/y.test(text.charAt(FLAG.lastIndex))) return undefined;
  const separator: Separator = { sign: "=", end: FLAG.lastIndex, spaced: false };
  const sense = keys.sense(name);
  return sense.hides === "nothing" ? undefined : provenValue(text, separator, "prose", sense);
}

/** The value, unless it is of a kind that the key does not hide, or a word of a sentence. */
function provenValue(text: string, separator: Separator, place: Place, sense: KeySense): Span | undefined {
  const value = readValue(text, separator, place);
  if (value === undefined) return undefined;
  const content = text.slice(value.from, Math.min(value.to, value.from + 100));
  if (NO_SECRET.test(content)) return undefined;
  if (sense.hides === "text" && /^-?\d+(?:\.\d+)?$/.test(content)) return undefined;
  if (place === "data" || text[value.to] === "&") return value;
  if (separator.spaced && !value.quoted && PROSE.test(content.replace(/\s.*/s, ""))) return undefined;
  return sense.certain || looksOpaque(content) ? value : undefined;
}

/** Made by a machine: a digit among letters, or capitals inside, or longer than words are. */
export function looksOpaque(value: string): boolean {
  return (
    (value.length >= 8 && /\d/.test(value) && /[a-z]/i.test(value)) ||
    (value.length >= 8 && /[a-z][A-Z]/.test(value)) ||
    value.length >= 24
  );
}

interface Value extends Span {
  readonly quoted: boolean;
}

interface Separator {
  readonly end: number;
  readonly sign: ":" | "=" | ">";
  readonly spaced: boolean;
}

interface Key {
  readonly name: string;
  readonly place: Place;
}

/** `data`: a query or JSON, where a key is a key. `header`: its value runs to the end of the line. */
type Place = "data" | "header" | "prose";

const FLAG = /--([a-z][\w-]{1,60})[ +]/iy;
const MAX_KEY = 64;
const MAX_SPACES = 4;

/** Words that stand behind a key in messages ("password: must be…") and placeholders of statements. */
const PROSE =
  /^(?:must|should|is|are|was|be|not|no|required|invalid|missing|expected|too|cannot|can|has|have|does|in|of|for|from|the|a|an|please|string|number|boolean|object|array|failed|failure|could|will|incorrect|wrong|expired|expires|denied|unknown|unauthorized|forbidden|mismatch|malformed|revoked|rejected|contains|length|minimum|maximum|empty)[.:!]?$/i;
/** An empty or known value, a placeholder, or what is hidden already. */
const NO_SECRET = /^(?:|null|undefined|none|nil|nan|true|false|\?|\$\d{1,3}|%s|@p\d{1,3}|\*+|\[REDACTED\])$/i;

function readSeparator(text: string, at: number): Separator | undefined {
  const char = text[at];
  if (char === ">") return { sign: ">", end: at + 1, spaced: false };
  const sign = char === ":" ? ":" : "=";
  let end = at + 1;
  if (sign === ":" && (text[end] === ":" || text[end] === "/")) return undefined;
  while ((text[end] === "=" || text[end] === ">") && end - at < 3) end++; // `:=`, `==`, `=>`
  const valueAt = skipSpaces(text, end);
  return { sign, end: valueAt, spaced: valueAt > end };
}

function skipSpaces(text: string, from: number): number {
  let end = from;
  while (end - from < MAX_SPACES && isSpace(text[end])) end++;
  return end;
}

/** The key that ends before `at`, and what surrounds it. */
function readKey(text: string, at: number, sign: Separator["sign"]): Key | undefined {
  let spaceless = at;
  while (at - spaceless < MAX_SPACES && isSpace(text[spaceless - 1])) spaceless--;
  const unquoted = backOverQuote(text, spaceless);
  const end = text[unquoted - 1] === "]" ? unquoted - 1 : unquoted; // user[password]=

  let from = end;
  while (end - from < MAX_KEY && isKeyCode(text.charCodeAt(from - 1))) from--;
  if (from === end) return undefined;
  const before = text[from - 1];
  if (before === "\\" && /[nrt]/.test(text.charAt(from))) from++; // an escaped line break, not a letter of the key
  const name = text.slice(from, end);
  if (sign === ">") return before === "<" || before === ":" ? { name, place: "prose" } : undefined;
  if (end < spaceless || before === "?" || before === "&" || before === "#") return { name, place: "data" };
  if (sign === ":") {
    if (before === "/") return undefined; // a path: `/app/session.js: not found`
    const isPosition = name.includes(".") || isDigit(text.charCodeAt(from));
    if (isPosition && isDigit(text.charCodeAt(at + 1))) return undefined; // `token.js:10:5`, `auth.internal:8080`
    if (/(?:authorization|cookie)$/i.test(name)) return { name, place: "header" };
  }
  return { name, place: "prose" };
}

/** Where a closing quote before `end` begins, its backslashes included. */
function backOverQuote(text: string, end: number): number {
  if (!isQuote(text[end - 1])) return end;
  let at = end - 1;
  while (end - at < 16 && text[at - 1] === "\\") at--;
  return at;
}

/** Nothing for a nested object. All that is read here is hidden or short, so no part of a text is read twice. */
function readValue(text: string, separator: Separator, place: Place): Value | undefined {
  let from = separator.end;
  if (separator.sign === ">") {
    const to = endBefore(text, from, /[<\r\n]/g);
    const isElement = text.startsWith("</", to) || (to === text.length && !/\s/.test(text.slice(from)));
    return isElement ? { from, to, quoted: false } : undefined;
  }
  if (text[from] === "[" && !text.startsWith(REDACTED, from)) from = skipSpaces(text, from + 1);
  if (text[from] === "{" || (text[from] === "[" && !text.startsWith(REDACTED, from))) return undefined;

  let open = from;
  while (text[open] === "\\" && open - from < 16) open++;
  if (isQuote(text[open])) return { from: open + 1, to: closingQuote(text, open, open - from), quoted: true };
  return {
    from,
    to: place === "header" ? endBefore(text, from, /["'\r\n\\]/g) : unquotedEnd(text, from),
    quoted: false,
  };
}

/**
 * The quote that closes the one at `open`, which has `escapes` backslashes before it: 0 in JSON, 1 in JSON within a
 * string, 3 a level deeper. Backslashes of the value itself come in steps of twice that plus two. Without a closing
 * quote the value was cut, and runs to the end of the line.
 */
function closingQuote(text: string, open: number, escapes: number): number {
  const stop = QUOTE_OR_LINE_END[text[open] === '"' ? 0 : text[open] === "'" ? 1 : 2];
  for (let at = endBefore(text, open + 1, stop); at < text.length; at = endBefore(text, at + 1, stop)) {
    if (text[at] !== text[open]) return at;
    let run = 0;
    while (at - run - 1 > open && text[at - run - 1] === "\\") run++;
    if (run < escapes || (run - escapes) % (2 * escapes + 2) === 0) return at - run;
  }
  return text.length;
}

const QUOTE_OR_LINE_END = [/["\r\n]/g, /['\r\n]/g, /[`\r\n]/g] as const;

/** Ends at white space and quotes, at `&` and `;`, and at a bracket or comma unless the value clearly goes on behind it. */
function unquotedEnd(text: string, from: number): number {
  if (text.startsWith(REDACTED, from)) return from + REDACTED.length;
  let at = from;
  for (; at < text.length; at++) {
    const char = text.charAt(at);
    if (" \t\r\n\"'`&;<>\u00a0".includes(char)) break;
    if (char === "\\") {
      if (/[nrt"']/.test(text.charAt(at + 1))) break;
      at++;
    } else if (",)]}".includes(char)) {
      if (/[\s,;)\]}"'`&<>\\]|$/y.test(text.charAt(at + 1)) || startsNextKey(text, at)) break;
    }
  }
  return Math.min(at, text.length);
}

/** `Password=x,ssl=true`: the comma ends the value. */
function startsNextKey(text: string, at: number): boolean {
  return text[at] === "," && /[\w.-]{1,40}[=:]/y.test(text.slice(at + 1, at + 42));
}

/** Where the next match of a global pattern begins, or the end of the text. */
export function endBefore(text: string, from: number, stop: RegExp): number {
  stop.lastIndex = from;
  return stop.exec(text)?.index ?? text.length;
}

/** `+` is a space in forms. */
function isSpace(char: string | undefined): boolean {
  return char === " " || char === "\t" || char === "+";
}

function isQuote(char: string | undefined): boolean {
  return char === '"' || char === "'" || char === "`";
}

/** Letters, digits, `_`, `-` and `.` */
function isKeyCode(code: number): boolean {
  return (
    (code >= 97 && code <= 122) ||
    (code >= 65 && code <= 90) ||
    isDigit(code) ||
    code === 95 ||
    code === 45 ||
    code === 46
  );
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}
