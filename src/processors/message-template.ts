/**
 * The statement behind a message: its variable parts named, its words kept.
 *
 *   User 8f14e45f-ceea-467f-9575-6a3f1b0d2c11 not found in 35ms    User <uuid> not found in <duration>
 *   Cannot read properties of undefined (reading 'total')          unchanged: the quoted name identifies the fault
 *   Duplicate entry 'bob' for key 'users.email'                    Duplicate entry <quoted> for key 'users.email'
 *   2024-11-22 10:11:12 ERROR [main] login of user ann failed      login of user <name> failed
 *
 * One pass over at most 8 kB, behind what a logger wrote in front (log-prefix.ts). Characters are read once, by class;
 * only what holds a digit, a dot, a slash or an @ is looked at more closely (variable-parts.ts), and only quotes are
 * looked ahead for, once a kind. Words vary where they are values: behind `=`, in a list of `key: value`, and as names
 * of users and hosts. Nothing is remembered between calls. In doubt a part is kept: one statement in two groups is a
 * smaller harm than two statements in one.
 */
import {
  AT,
  BRACKET,
  COLON,
  CONTROL,
  DIGIT,
  DOT,
  kindOf,
  LETTER,
  MARK,
  QUOTE,
  SLASH,
  SPACE,
  TOKEN,
  UPPER,
  URL_MARK,
} from "./character-kinds";
import { isCommonWord } from "./common-words";
import { logPrefixEnd } from "./log-prefix";
import {
  isMember,
  isNamedWord,
  isNumberedProcess,
  isThing,
  type LastWord,
  type Line,
  MAX_WORD_DISTANCE,
  mayVary,
  remember,
} from "./named-words";
import { FILE_NAME, namedParts, variablePart } from "./variable-parts";
import { hashLetter, isVocabularyHash, WORD_HASH } from "./vocabulary";
import {
  ANSWER,
  GIVEN,
  MACHINE,
  NAMED,
  NAMING,
  NAMING_BY_SIGN,
  PLACE,
  rolesOf,
  rolesOfHash,
  TEXT,
  VALUE,
} from "./word-roles";

export function messageTemplate(message: string, isLogLine = false): string {
  const text = message.length > MAX_LENGTH ? message.slice(0, MAX_LENGTH) : message;
  // V8 quotes the text that it could not parse, quotes and all.
  if (text.startsWith("Unexpected token ") && /is not valid JSON$| in JSON at position \d+/.test(text)) {
    return "Unexpected token <quoted> is not valid JSON";
  }
  const end = statementEnd(text);

  let out = "";
  let flushed = logPrefixEnd(text);
  if (flushed >= end) flushed = 0;
  const begin = flushed;
  const line: Line = { text, begin, end, isLogLine, isMostlyVocabulary: undefined };
  /** The last part that was replaced: by what, where it ended, and what was written up to there. */
  let placeholder = "";
  let placeholderEnd = 0;
  let written = "";
  const word: LastWord = { start: 0, stop: 0, end: -1, roles: 0 };
  /** Quotes that do not close again, so that each is looked for only once; and one that is known to close. */
  let unclosed = "";
  let closing = -1;
  let inSql: boolean | undefined;
  /** Where the value of the last `key: value` ended. */
  let pairEnd = -1;

  const keep = (until: number, resume: number): void => {
    out += text.slice(flushed, until);
    flushed = resume;
  };
  const replace = (start: number, stop: number, name: string): void => {
    // A list of variable parts is one part, however long it is; and a date has numbers of its own, behind a comma the year.
    const isOfDate =
      placeholder === "<date>" && name === "<number>" && (stop - start === 4 || text[placeholderEnd] !== ",");
    const joins = name === placeholder || isOfDate;
    if (joins && isSeparator(text, placeholderEnd, start)) {
      out = written;
      flushed = stop;
    } else {
      keep(start, stop);
      out += name;
      written = out;
      placeholder = name;
    }
    placeholderEnd = stop;
  };

  for (let at = flushed; at < end; ) {
    const code = text.charCodeAt(at);
    const kind = kindOf(code);
    if (kind & TOKEN) {
      let flags = kind;
      let hash = hashLetter(WORD_HASH, code);
      /** Where what is no letter begins. */
      let lettersEnd = kind & (MARK | DIGIT) ? at : end;
      let stop = at + 1;
      for (; stop < end; stop++) {
        const next = text.charCodeAt(stop);
        const nextKind = kindOf(next);
        if (!(nextKind & TOKEN)) break;
        flags |= nextKind;
        if (lettersEnd < end) continue;
        if (nextKind & (MARK | DIGIT)) lettersEnd = stop;
        else hash = hashLetter(hash, next);
      }
      if (!(flags & (LETTER | DIGIT))) {
        at = stop;
        continue;
      }
      if (flags & SLASH && text.slice(at, stop).includes("://")) {
        while (stop < end && !(kindOf(text.charCodeAt(stop)) & (SPACE | QUOTE | BRACKET))) stop++;
        flags |= URL_MARK;
      } else if (code === SLASH_CODE && text.charCodeAt(stop) === QUESTION) {
        // The query of a path, as access logs have it.
        while (stop < end && !(kindOf(text.charCodeAt(stop)) & (SPACE | QUOTE))) stop++;
        flags |= URL_MARK;
      }
      if (flags & MARK) {
        while (TRAILING.includes(text[stop - 1] ?? "")) stop--;
        if (LEADING.includes(text[at] ?? "") && text[at] !== text[at + 1]) at++;
      }

      const isWord = !(flags & (DIGIT | SLASH | AT | URL_MARK));
      const isPlain = lettersEnd >= stop;
      const isKnown = isPlain && isVocabularyHash(hash);
      const sign = signBefore(text, at);
      const isBehindNumber = at === placeholderEnd + 1 && placeholder === "<number>";
      if (isKnown && !(flags & UPPER) && sign === 0 && !isBehindNumber && !mayVary(line, word, at, stop)) {
        // Most words.
      } else if (isWord && sign !== 0 && isValueHere(text, word, sign, at, stop, pairEnd)) {
        if (sign === EQUALS_SIGN) stop = callEnd(text, stop);
        replace(at, stop, "<value>");
      } else if (isWord && isNumberedProcess(line, word, at, stop, placeholderEnd)) replace(at, stop, "<name>");
      else if (isPlain && flags & UPPER && stop - at <= 3 && isPartOfDate(at, stop)) replace(at, stop, "<date>");
      else if (isBehindNumber && UNITS.has(text.slice(at, stop))) {
        // `12 ms`, and at another time `3 seconds`.
        placeholder = UNITS.get(text.slice(at, stop)) ?? placeholder;
        out = written = written.slice(0, -"<number>".length) + placeholder;
        placeholderEnd = flushed = stop;
      } else if (isWord && isNamedWord(line, word, at, stop, isKnown)) replace(at, stop, "<name>");
      else if (!isPlain && (!isWord || flags & (DOT | COLON))) {
        const token = text.slice(at, stop);
        const isKept = flags & DIGIT && identifies(line, word, token, at);
        const varied = isKept ? token : variablePart(token, (flags & DIGIT) !== 0, (flags & URL_MARK) !== 0);
        if (varied !== token) {
          const name = hostAndPort(text, at, varied) ?? numberedName(word, at, varied) ?? wholeThing(line, varied);
          replace(at, stop, name ?? varied);
        } else if (!isKept && isThing(line, at, stop)) replace(at, stop, "<name>");
      }
      if (sign === COLON_SIGN && isPairHere(text, stop)) pairEnd = stop;
      if (isPlain) remember(word, at, stop, rolesOfHash(hash));
      else if (flags & LETTER)
        remember(word, at, stop, rolesOf(text.slice(flags & DOT ? lastPart(text, at, stop) : at, stop)));
      at = stop;
    } else if (kind & QUOTE) {
      const open = text[at] ?? "";
      const mayOpen = at !== closing && !isWordChar(text, at - 1) && !unclosed.includes(open);
      const close = mayOpen ? closingQuote(text, at + 1, closerOf(open)) : -1;
      if (close < 0 || close >= end) {
        if (mayOpen) unclosed += open;
        at++;
        continue;
      }
      let roles = rolesBefore(word, at);
      if (word.stop !== word.end) roles &= ~GIVEN;
      if (open === "`") roles &= ~VALUE; // code
      const isKey = /^\s{0,4}:/.test(text.slice(close + 1, close + 6));
      const assigned = !isKey && /[:=]\s{0,2}$/.test(text.slice(Math.max(0, at - 3), at));
      if (
        (assigned && roles & TEXT && text.slice(at, close).includes(" ")) ||
        (at === begin && NEXT_PAIR.test(text.slice(close + 1, close + 48)))
      ) {
        // The statement itself, as loggers of key=value and of JSON write it.
        closing = close;
        at++;
        continue;
      }
      const value = text.slice(at + 1, close);
      if (isLogLine && open !== "`" && !(roles & NAMING)) roles |= VALUE;
      if (open === "'") inSql ??= isSql(text);
      if ((open === "'" && inSql) || !isName(value, roles, assigned)) replace(at, close + 1, quoted(value));
      word.start = at + 1;
      word.stop = word.end = close;
      word.roles = isKey ? rolesOf(text.slice(at + 1, close)) : 0;
      at = close + 1;
    } else if (kind & SPACE) {
      let stop = at + 1;
      while (stop < end && kindOf(text.charCodeAt(stop)) & SPACE) stop++;
      if (stop > at + 1 || code !== 32) {
        keep(at, stop);
        out += " ";
      }
      at = stop;
    } else if (kind & CONTROL) {
      const stop = code === 27 ? escapeEnd(text, at) : at + 1;
      keep(at, stop);
      at = stop;
    } else {
      // `rhost= user=ann`: a value that is empty this time.
      if (code === EQUALS && at === word.end && isEmptyValue(text, at + 1, end)) {
        keep(at + 1, at + 1);
        replace(at + 1, at + 1, "<value>");
      }
      at++;
    }
  }
  keep(end, end);
  return out.trim().slice(0, MAX_LENGTH);

  function isPartOfDate(at: number, stop: number): boolean {
    const name = text.slice(at, stop);
    if (placeholder === "<date>" && at === placeholderEnd + 1 && ZONES.has(name)) return true;
    return DAYS_AND_MONTHS.has(name) && isWithinDate(text, stop);
  }
}

const MAX_LENGTH = 8_192;
const TRAILING = ".:-+,;~";
const LEADING = ":,;~";

const DAYS_AND_MONTHS = new Set(
  "Mon Tue Wed Thu Fri Sat Sun Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" "),
);
const ZONES = new Set("AM PM UTC GMT CET EST EDT PST PDT CST MST BST IST JST".split(" "));
const UNITS: ReadonlyMap<string, string> = new Map([
  ..."ns us µs ms s sec secs second seconds millis milliseconds min mins minute minutes h hour hours day days"
    .split(" ")
    .map((unit) => [unit, "<duration>"] as const),
  ..."B kB KB MB GB TB KiB MiB GiB TiB byte bytes".split(" ").map((unit) => [unit, "<size>"] as const),
]);
const LITERALS = new Set(["true", "false", "null"]);

function rolesBefore(word: LastWord, at: number): number {
  return at - word.end <= MAX_WORD_DISTANCE ? word.roles : 0;
}

/** `column` of `db.column`. */
function lastPart(text: string, start: number, stop: number): number {
  return Math.max(start, text.lastIndexOf(".", stop - 1) + 1);
}

const SLASH_CODE = 47;
const QUESTION = 63;
const EQUALS = 61;
const EQUALS_SIGN = 1;
const COLON_SIGN = 2;
const JSON_SIGN = 3;

/** Which sign of a value stands before it: `=` or `= `, `: `, `":`; 0 for none. */
function signBefore(text: string, at: number): number {
  const last = text.charCodeAt(at - 1);
  if (last === EQUALS) return EQUALS_SIGN;
  if (last !== 32 && last !== 58) return 0;
  const previous = text.charCodeAt(at - 2);
  if (last === 58) return previous === 34 ? JSON_SIGN : 0;
  return previous === 58 ? COLON_SIGN : previous === EQUALS ? EQUALS_SIGN : 0;
}

/** A word behind `=`, or behind `:` among other pairs; a literal of JSON. */
function isValueHere(text: string, word: LastWord, sign: number, at: number, stop: number, pairEnd: number): boolean {
  if (sign === JSON_SIGN) return LITERALS.has(text.slice(at, stop));
  if (sign === EQUALS_SIGN) {
    // `a=b` and `a = b`; in `a= b=c` the value of `a` is empty.
    return at - word.end === (text[at - 1] === "=" ? 1 : 3) && !(word.roles & NAMING_BY_SIGN);
  }
  if (word.end !== at - 2) return false;
  if (word.roles & NAMING_BY_SIGN || FAULT.test(text.slice(word.start, word.stop))) return false;
  if (isPairHere(text, stop)) return true;
  if (!isEndOfPair(text, stop)) return false;
  if (isBetweenPairs(text, pairEnd, word.start)) return true;
  // A single pair at the end: `Unknown currency: EUR`, but `gave up: timeout`, `gave up: ETIMEDOUT`, `no such table: users`.
  const value = text.slice(at, stop);
  return !(word.roles & NAMING || ERROR_NAME.test(value) || isCommonWord(value));
}

/** Behind the value at `stop` another pair begins. */
function isPairHere(text: string, stop: number): boolean {
  return (text[stop] === "," || text[stop] === ";") && NEXT_PAIR.test(text.slice(stop + 1, stop + 48));
}

/** Behind the parentheses of `ws=WorkSource(1000)`. */
function callEnd(text: string, stop: number): number {
  if (text[stop] !== "(") return stop;
  const close = text.indexOf(")", stop);
  return close < 0 || close - stop > MAX_CALL ? stop : close + 1;
}

const MAX_CALL = 128;

/** Hosts are called by what they are for, and a number: behind `node`, `web-1` and `db07` are one. So are users. */
function numberedName({ stop, end, roles }: LastWord, at: number, varied: string): string | undefined {
  if (stop !== end || at !== end + 1 || !NUMBERED.test(varied)) return undefined;
  if (roles & NAMED && /^[A-Za-z]+<number>$/.test(varied)) return "<name>";
  const letters = varied.slice(0, varied.search(/[^a-zA-Z]/));
  const isMachine =
    roles & PLACE ? letters.length < 3 || varied.endsWith("-<id>") || !isCommonWord(letters) : roles & MACHINE;
  return isMachine ? "<host>" : undefined;
}

function isTelling(text: string, { start }: LastWord, token: string, name: string): boolean {
  if (!/(?:code|status|http)$/.test(name)) return false;
  return /^[45]\d\d$/.test(token) || text.slice(Math.max(0, start - 5), start).toLowerCase() === "exit ";
}

/** `on tulip:9866`: a name with a port, where something is. */
function hostAndPort(text: string, at: number, varied: string): string | undefined {
  return NAME_AND_PORT.test(varied) && AT_PLACE.test(text.slice(Math.max(0, at - 6), at))
    ? "<host>:<number>"
    : undefined;
}

const NAME_AND_PORT = /^[A-Za-z][\w-]*:<number>$/;
const AT_PLACE = / (?:at|by|from|on|to|via) \/?$/;

/** `Report.scala:17`, `shop/cart-7f9c`: in a line of a log, one of many. */
function wholeThing({ isLogLine }: Line, varied: string): string | undefined {
  return isLogLine &&
    /^[\w.-]+(?:\/[\w.-]*<[a-z]+>[\w.-]*|\.(?:cc?|cpp|cs|go|java|jsx?|kt|php|py|rb|rs|scala|swift|tsx?):<number>)$/.test(
      varied,
    )
    ? "<path>"
    : undefined;
}

/** Numbers that are names: `status code 404`, `errno: -13`, `answered 503`, `SQLSTATE[42P01]`; `Error 1062` at the beginning. */
function identifies({ text, isLogLine }: Line, word: LastWord, token: string, at: number): boolean {
  const stop = at + token.length;
  if (isMember(text, stop)) return true;
  const distance = at - word.end;
  if (token.length > 6 || distance > MAX_WORD_DISTANCE) return false;
  const isAnswer = (word.roles & ANSWER) !== 0 && distance === 1 && /^[1-5]\d\d$/.test(token);
  if (isAnswer) return !/ [a-z]/.test(text.slice(stop, stop + 2));
  if (word.stop !== word.end) return false;
  const name = text.slice(word.start, word.stop).toLowerCase();
  if (name === "sqlstate") return /^[\dA-Z]{5}$/.test(token);
  if (!/^-?\d{1,5}$/.test(token)) return false;
  if (name === "error") return distance === 1 && word.start <= 1;
  // A line of a log tells of them as of any other number, but for the status of an answer and the exit code of a process.
  if (isLogLine) return isTelling(text, word, token, name);
  if (token.startsWith("-")) return name.endsWith("errno") || name === "code";
  return name === "signal" ? token.length < 3 : /(?:code|status|errno|http)$/.test(name);
}

/** `ETIMEDOUT`, `OUT_OF_STOCK`, `TimeoutError`. */
const ERROR_NAME = /^[A-Z][A-Z\d_]{3,}$|(?:[Ee]rror|[Ee]xception)$/;

/** What stands before a colon when the fault itself stands behind it. */
const FAULT = /(?:error|exception|failed|failure|fault|warning|panic|fatal)s?$/i;

const NUMBERED = /^[A-Za-z][\w.-]*<(?:number|id|hex)>[\w.-]*$/;

const NEXT_PAIR = /^ ?[A-Za-z][\w.-]{0,40} ?[:=]/;

function isEndOfPair(text: string, at: number): boolean {
  return at >= text.length || ",;)}]|\n".includes(text[at] ?? "");
}

function isBetweenPairs(text: string, from: number, to: number): boolean {
  return from > 0 && to - from <= 3 && isSeparator(text, from, to);
}

/** `rhost= user=ann`, `a=, b=1`; in `a = b` and `a == b` something stands behind the sign. */
function isEmptyValue(text: string, at: number, end: number): boolean {
  if (at >= end || ",;)}]".includes(text[at] ?? "")) return true;
  return text[at] === " " && /^ {1,4}[A-Za-z][\w.-]{0,40}=/.test(text.slice(at, at + 48));
}

/** Upper case, as programs write it, and two of its words. In SQL names are in other quotes than values. */
function isSql(text: string): boolean {
  return SQL_VERB.test(text) && SQL_CLAUSE.test(text);
}

const SQL_VERB = /\b(?:SELECT|INSERT|UPDATE|DELETE|WHERE) /;
const SQL_CLAUSE = /\b(?:FROM|INTO|SET|WHERE|VALUES) /;

/** Where the frames of a stack begin that somebody has put into the message. */
function statementEnd(text: string): number {
  if (!text.includes("\n")) return text.length;
  const found = text.search(FRAMES);
  return found > 0 ? found : text.length;
}

const FRAMES =
  /\r?\n\s{0,8}(?:at [^\n]{1,256}(?:\)|:\d{1,9})\r?(?:\n|$)|File "|Traceback \(most|goroutine \d{1,9} \[|Caused by: |stack backtrace:)/;

/** True for a quoted text that belongs to the statement: a short name, or one that the word before asks for. */
function isName(value: string, roles: number, assigned: boolean): boolean {
  if (value === "") return true;
  const named = (roles & NAMING) !== 0;
  if (value.length > (named ? 64 : 32)) return false;
  if (!named && (assigned || roles & (VALUE | GIVEN))) return false;
  if (FILE_NAME.test(value) || /^(?:[/\\]|[A-Za-z]:[/\\])/.test(value)) return false;
  if (/^[A-Za-z_$@][A-Za-z_$./@:-]*$/.test(value)) return value.startsWith("@") || !value.includes("@");
  // Digits only where a name is due, and there only as names have them: `address2`, `./v1/routes`, `users_email_key1`.
  if (!named || !/^[A-Za-z_$@.][\w$./@:-]*$/.test(value) || /\d{4}|\d[A-Za-z]+\d/.test(value)) return false;
  return !/<(?:hex|uuid)>/.test(namedParts(value));
}

function quoted(value: string): string {
  if (/^(?:\/|[A-Za-z]:[/\\])[^\s"'`]/.test(value)) return "<path>";
  let flags = 0;
  for (let at = 0; at < value.length; at++) {
    const kind = kindOf(value.charCodeAt(at));
    if (!(kind & TOKEN)) return "<quoted>";
    flags |= kind;
  }
  const name = variablePart(value, (flags & DIGIT) !== 0, value.includes("://"));
  return /^<[a-z]+>$/.test(name) ? name : "<quoted>";
}

function closerOf(open: string): string {
  return open === "“" ? "”" : open === "‘" ? "’" : open === "«" ? "»" : open === "「" ? "」" : open;
}

/** Where the quote closes: not escaped, not an apostrophe within a word. -1 when it does not. */
function closingQuote(text: string, from: number, closer: string): number {
  for (let at = text.indexOf(closer, from); at >= 0; at = text.indexOf(closer, at + 1)) {
    if (text[at - 1] !== "\\" && !isWordChar(text, at + 1)) return at;
  }
  return -1;
}

/** A day or a month stands before a number, or before the other of the two. */
function isWithinDate(text: string, end: number): boolean {
  const next = text[end] === "," ? end + 2 : end + 1;
  return isDigitAt(text, next) || isDigitAt(text, next + 1) || DAYS_AND_MONTHS.has(text.slice(next, next + 3));
}

function isSeparator(text: string, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (!" ,;-\n\r\t".includes(text[at] ?? "")) return false;
  return true;
}

/** Behind `ESC [ … letter`, as terminals are told colours. */
function escapeEnd(text: string, start: number): number {
  if (text[start + 1] !== "[") return start + 1;
  let end = start + 2;
  while (end < text.length && end < start + 16 && !(kindOf(text.charCodeAt(end)) & LETTER)) end++;
  return Math.min(end + 1, text.length);
}

function isWordChar(text: string, at: number): boolean {
  return at >= 0 && at < text.length && (kindOf(text.charCodeAt(at)) & (LETTER | DIGIT)) !== 0;
}

function isDigitAt(text: string, at: number): boolean {
  return at < text.length && (kindOf(text.charCodeAt(at)) & DIGIT) !== 0;
}
