/**
 * Secrets that a key gives away in running text. Found from the separator: back to the key, on to the value.
 *
 *      key  at  value
 *   password =  hunter2              ?token=…   Pwd=…;   password: …   <password>…<
 *  "apiKey"  :  "…"                  also escaped: \"apiKey\":\"…\"
 *     token %3D …%26                 and URL-encoded, once or more: %253D
 */
import type { KeyRules } from "./sensitive-keys";

export const REDACTED = "[REDACTED]";

/** A part of a text, `to` exclusive. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** The value to hide behind the separator (`:`, `=`, `%3A`, `%3D` or `>`) at `at`. Looks back 80 characters at most. */
export function assignedSecret(text: string, at: number, keys: KeyRules): Span | undefined {
  const separator = readSeparator(text, at);
  if (separator === undefined) return undefined;
  const key = readKey(text, at, separator);
  if (key === undefined) return undefined;
  const sense = keys.sense(key.name);
  if (sense.hides === "nothing") return undefined;

  const value = readValue(text, separator, key.place);
  if (value === undefined) return undefined;
  const content = text.slice(value.from, Math.min(value.to, value.from + 100));
  if (NO_SECRET.test(content)) return undefined;
  if (sense.hides === "text" && /^-?\d+(?:\.\d+)?$/.test(content)) return undefined;
  if (key.place === "data") return value;
  if (separator.spaced && !value.quoted && PROSE.test(content)) return undefined;
  return sense.certain || looksOpaque(content) ? value : undefined;
}

/** The value behind a command line flag that begins at `at`: `--password hunter2`. */
export function flaggedSecret(text: string, at: number, keys: KeyRules): Span | undefined {
  FLAG.lastIndex = at;
  const name = FLAG.exec(text)?.[1];
  if (name === undefined) return undefined;
  const sense = keys.sense(name);
  if (sense.hides === "nothing") return undefined;
  const valueAt = at + name.length + 3;
  const value = readValue(text, { end: valueAt, sign: "=", level: "", spaced: false }, "prose");
  if (value === undefined) return undefined;
  const content = text.slice(value.from, Math.min(value.to, value.from + 100));
  return content.startsWith("-") || NO_SECRET.test(content) || !(sense.certain || looksOpaque(content))
    ? undefined
    : value;
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
  /** How deep it is URL-encoded: "" for plain, "%" once, "%25" twice… */
  readonly level: string;
  readonly spaced: boolean;
}

interface Key {
  readonly name: string;
  readonly place: Place;
}

/** `data`: a query or JSON, where a key is a key. `header`: its value runs to the end of the line. */
type Place = "data" | "header" | "prose";

const FLAG = /--([a-z][\w-]{1,60}) /iy;
const MAX_KEY = 64;
const MAX_SPACES = 4;

/** Words that stand behind a key in messages ("password: must be…") and placeholders of statements. */
const PROSE =
  /^(?:must|should|is|are|was|be|not|no|required|invalid|missing|expected|too|cannot|can|has|have|does|in|of|for|from|the|a|an|please|string|number|boolean|object|array|failed|failure|could|will|incorrect|wrong|expired|expires|denied|unknown|unauthorized|forbidden|mismatch|malformed|revoked|rejected|contains|length|minimum|maximum|empty)[.:!]?$/i;
/** An empty or known value, a placeholder, or what is hidden already. */
const NO_SECRET = /^(?:|null|undefined|none|nil|nan|true|false|\?|\$\d{1,3}|%s|@p\d{1,3}|\*+|\[REDACTED\])$/i;

function readSeparator(text: string, at: number): Separator | undefined {
  const char = text.charAt(at);
  let end = at + 1;
  let level = "";
  let sign: Separator["sign"];
  if (char === "%") {
    while (text.startsWith("25", end) && end - at < 8) end += 2;
    level = text.slice(at, end);
    const hex = text.slice(end, end + 2).toUpperCase();
    if (hex !== "3A" && hex !== "3D") return undefined;
    sign = hex === "3A" ? ":" : "=";
    end += 2;
  } else {
    sign = char === ":" || char === ">" ? char : "=";
    const next = text.charAt(end);
    if (sign === ":" && (next === ":" || next === "/")) return undefined;
    while (sign !== ">" && (text[end] === "=" || text[end] === ">") && end - at < 3) end++;
  }
  const from = end;
  if (sign !== ">") end = skipSpaces(text, end, level);
  return { end, sign, level, spaced: end > from };
}

function skipSpaces(text: string, from: number, level: string): number {
  let end = from;
  for (let count = 0; count < MAX_SPACES; count++) {
    if (isSpace(text[end])) end += 1;
    else if (level !== "" && text[end] === "+") end += 1;
    else if (level !== "" && text.startsWith(`${level}20`, end)) end += level.length + 2;
    else break;
  }
  return end;
}

/** The key that ends before `at`, and what surrounds it. */
function readKey(text: string, at: number, { sign, level }: Separator): Key | undefined {
  let spaceless = at;
  while (at - spaceless < MAX_SPACES && isSpace(text[spaceless - 1])) spaceless--;
  const end = backOverBracket(text, backOverQuote(text, spaceless));

  let from = end;
  while (end - from < MAX_KEY && isKeyCode(text.charCodeAt(from - 1))) from--;
  if (from === end) return undefined;
  let before = text[from - 1];
  if (before === "\\" && /[nrt]/.test(text.charAt(from))) from++; // an escaped line break, not a letter of the key
  while (before === "%" && /^[\dA-F]{2}/i.test(text.slice(from, from + 2))) {
    const hex = text.slice(from, from + 2);
    before = hex === "25" ? "%" : String.fromCharCode(Number.parseInt(hex, 16));
    from += 2;
  }

  const name = text.slice(from, end);
  if (sign === ">") return before === "<" || before === ":" ? { name, place: "prose" } : undefined;
  if (end < spaceless || level !== "" || before === "?" || before === "&" || before === "#") {
    return { name, place: "data" };
  }
  if (sign === ":") {
    if (before === "/") return undefined; // a path: `/app/session.js: not found`
    if (name.includes(".") && isDigit(text.charCodeAt(at + 1))) return undefined; // `token.js:10`, `auth.internal:8080`
    if (/(?:authorization|cookie)$/i.test(name)) return { name, place: "header" };
  }
  return { name, place: "prose" };
}

/** Where a closing quote before `end` begins: `"`, `\"`, `%22`. */
function backOverQuote(text: string, end: number): number {
  let at = end;
  if (isQuote(text[end - 1])) {
    at--;
    while (end - at < 16 && text[at - 1] === "\\") at--;
    return at;
  }
  return text[end - 2] === "2" ? backOver(/%(?:25){0,3}2[27]$/, text, end) : end;
}

/** `user[password]=`, also URL-encoded. */
function backOverBracket(text: string, end: number): number {
  if (text[end - 1] === "]") return end - 1;
  return text[end - 2] === "5" ? backOver(/%(?:25){0,3}5D$/i, text, end) : end;
}

function backOver(ending: RegExp, text: string, end: number): number {
  return end - (ending.exec(text.slice(Math.max(0, end - 9), end))?.[0].length ?? 0);
}

/** Nothing for a nested object. All that is read here is hidden or short, so no part of a text is read twice. */
function readValue(text: string, separator: Separator, place: Place): Value | undefined {
  const { level, sign } = separator;
  let from = separator.end;
  if (sign === ">") {
    const to = endBefore(text, from, /[<\r\n]/g);
    return to === text.length || text.startsWith("</", to) ? { from, to, quoted: false } : undefined;
  }
  if (text[from] === "[" && !text.startsWith(REDACTED, from)) from = skipSpaces(text, from + 1, level);
  if (text[from] === "{" || (text[from] === "[" && !text.startsWith(REDACTED, from))) return undefined;

  let open = from;
  while (text[open] === "\\" && open - from < 16) open++;
  if (isQuote(text[open])) return { from: open + 1, to: closingQuote(text, open, open - from), quoted: true };
  const quote = level === "" ? "" : text.slice(from, from + level.length + 2);
  if (quote !== "" && (quote === `${level}22` || quote === `${level}27`)) {
    const start = from + quote.length;
    const close = text.indexOf(quote, start);
    return { from: start, to: unquotedEnd(text, start, "", close < 0 ? text.length : close), quoted: true };
  }
  const to = place === "header" ? endBefore(text, from, /["'\r\n\\]/g) : unquotedEnd(text, from, level, text.length);
  return { from, to, quoted: false };
}

/**
 * The quote that closes the one at `open`, which has `escapes` backslashes before it: 0 in JSON, 1 in JSON within a
 * string, 3 a level deeper. Backslashes of the value itself come in steps of twice that plus two. Without a closing
 * quote the value was cut, and runs to the end of the line.
 */
function closingQuote(text: string, open: number, escapes: number): number {
  const stop = new RegExp(`[${text.charAt(open)}\\r\\n]`, "g");
  for (let at = endBefore(text, open + 1, stop); at < text.length; at = endBefore(text, at + 1, stop)) {
    if (text[at] !== text[open]) return at;
    let run = 0;
    while (at - run - 1 > open && text[at - run - 1] === "\\") run++;
    if (run < escapes || (run - escapes) % (2 * escapes + 2) === 0) return at - run;
  }
  return text.length;
}

/** Ends at white space and quotes, at `&` and `;`, and at a bracket or comma unless the value clearly goes on behind it. */
function unquotedEnd(text: string, from: number, level: string, limit: number): number {
  let at = text.startsWith(REDACTED, from) ? from + REDACTED.length : from;
  for (; at < limit; at++) {
    const char = text.charAt(at);
    if (" \t\r\n\"'`&;<>\u00a0".includes(char)) break;
    if (char === "\\") {
      if (/[nrt"']/.test(text.charAt(at + 1))) break;
      at++;
    } else if (",)]}".includes(char)) {
      if (/[\s,;)\]}"'`&<>\\]|$/y.test(text.charAt(at + 1)) || startsNextKey(text, at)) break;
    } else if (char === "%" && level !== "" && text.startsWith(level, at)) {
      const hexAt = at + level.length;
      if (/2[0267C]|3B|0[AD]|[57]D/iy.test(text.slice(hexAt, hexAt + 2))) break;
    }
  }
  return Math.min(at, limit);
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

function isSpace(char: string | undefined): boolean {
  return char === " " || char === "\t";
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
