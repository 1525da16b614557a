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
import { isCommonWord } from "./common-words";
import { logPrefixEnd } from "./log-prefix";
import { FILE_NAME, namedParts, variablePart } from "./variable-parts";

export function messageTemplate(message: string): string {
  const text = message.length > MAX_LENGTH ? message.slice(0, MAX_LENGTH) : message;
  // V8 quotes the text that it could not parse, quotes and all.
  if (text.startsWith("Unexpected token ") && /is not valid JSON$| in JSON at position \d+/.test(text)) {
    return "Unexpected token <quoted> is not valid JSON";
  }
  const end = statementEnd(text);

  let out = "";
  let flushed = logPrefixEnd(text);
  if (flushed >= end) flushed = 0;
  const start = flushed;
  /** The last part that was replaced: by what, where it ended, and what was written up to there. */
  let placeholder = "";
  let placeholderEnd = 0;
  let written = "";
  /** The last plain word: it often says what the part behind it is. A link (`for`, `is`) may stand between them. */
  let wordStart = 0;
  let wordStop = 0;
  let wordEnd = -1;
  let wordRoles = 0;
  /** Quotes that do not close again, so that each is looked for only once; and one that is known to close. */
  let unclosed = "";
  let closing = -1;
  /** Where the value of the last `key: value` ended. */
  let pairEnd = -1;

  const keep = (until: number, resume: number): void => {
    out += text.slice(flushed, until);
    flushed = resume;
  };
  const replace = (start: number, stop: number, name: string): void => {
    // A list of variable parts is one part, however long it is; and a date has numbers of its own.
    const joins = name === placeholder || (placeholder === "<date>" && name === "<number>");
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
  /** What the word before `at` says of what stands there. */
  const rolesBefore = (at: number): number => (at - wordEnd <= MAX_WORD_DISTANCE ? wordRoles : 0);

  for (let at = flushed; at < end; ) {
    const code = text.charCodeAt(at);
    const kind = kindOf(code);
    if (kind & TOKEN) {
      let flags = 0;
      let stop = at;
      for (let next = kind; next & TOKEN; next = stop < end ? kindOf(text.charCodeAt(stop)) : 0) {
        flags |= next;
        stop++;
      }
      if (!(flags & (LETTER | DIGIT))) {
        at = stop;
        continue;
      }
      if (flags & SLASH && text.slice(at, stop).includes("://")) {
        while (stop < end && !(kindOf(text.charCodeAt(stop)) & (SPACE | QUOTE | BRACKET))) stop++;
        flags |= URL_MARK;
      }
      while (TRAILING.includes(text[stop - 1] ?? "")) stop--;
      if (LEADING.includes(text[at] ?? "") && text[at] !== text[at + 1]) at++;

      const isWord = !(flags & (DIGIT | SLASH | AT | URL_MARK));
      const before = text[at - 1];
      if (isWord && isValueHere(at, stop)) replace(at, stop, "<value>");
      else if (isWord && isNameHere(at, stop)) replace(at, stop, "<name>");
      else if (!isWord || flags & (DOT | COLON)) {
        const token = text.slice(at, stop);
        const isKept = flags & DIGIT && (identifiesNumber(token, at, stop) || MEMBER.test(text.slice(stop, stop + 17)));
        const varied = isKept ? token : variablePart(token, (flags & DIGIT) !== 0, (flags & URL_MARK) !== 0);
        if (varied !== token) replace(at, stop, numberedName(at, varied) ?? varied);
      } else if (stop - at <= 12 && placeholder === "<number>" && at === placeholderEnd + 1 && unitOf(at, stop)) {
        // `12 ms`, and at another time `3 seconds`.
        out = written = written.slice(0, -"<number>".length) + unitOf(at, stop);
        placeholder = unitOf(at, stop);
        placeholderEnd = flushed = stop;
      } else if (stop - at <= 3 && isPartOfDate(at, stop)) replace(at, stop, "<date>");
      if (before === " " && text[at - 2] === ":" && isPairHere(stop)) pairEnd = stop;
      if (flags & LETTER) {
        const roles = rolesOf(text.slice(at, stop), flags);
        if (roles & LINK && at - wordEnd <= 1 && wordEnd > 0) wordEnd = stop;
        else {
          wordStart = at;
          wordStop = wordEnd = stop;
          wordRoles = roles;
        }
      }
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
      let roles = rolesBefore(at);
      if (wordStop !== wordEnd) roles &= ~GIVEN;
      if (open === "`") roles &= ~VALUE; // code
      const isKey = /^\s{0,4}:/.test(text.slice(close + 1, close + 6));
      const assigned = !isKey && /[:=]\s{0,2}$/.test(text.slice(Math.max(0, at - 3), at));
      if (assigned && roles & TEXT && text.slice(at, close).includes(" ")) {
        // The statement itself, as loggers of key=value and of JSON write it.
        closing = close;
        at++;
        continue;
      }
      const value = text.slice(at + 1, close);
      if ((open === "'" && isSql(text)) || !isName(value, roles, assigned)) replace(at, close + 1, quoted(value));
      wordStart = at + 1;
      wordStop = wordEnd = close;
      wordRoles = isKey ? rolesOf(value, UPPER | DOT) : 0;
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
      if (code === EQUALS && at === wordEnd && isEmptyValue(text, at + 1, end)) {
        keep(at + 1, at + 1);
        replace(at + 1, at + 1, "<value>");
      }
      at++;
    }
  }
  keep(end, end);
  return out.trim().slice(0, MAX_LENGTH);

  /** A word behind `=`, or behind `:` among other pairs; a literal of JSON. */
  function isValueHere(at: number, stop: number): boolean {
    if (text[at - 1] === "=") return at === wordEnd + 1 && !(rolesBefore(at) & NAMING_BY_SIGN);
    if (text[at - 1] === ":" && text[at - 2] === '"') return LITERALS.has(text.slice(at, stop));
    if (text[at - 1] !== " ") return false;
    if (text[at - 2] === "=") return at === wordEnd + 3 && !(rolesBefore(at) & NAMING_BY_SIGN);
    if (text[at - 2] !== ":" || wordEnd !== at - 2) return false;
    if (wordRoles & NAMING_BY_SIGN || FAULT.test(text.slice(wordStart, wordStop))) return false;
    if (isPairHere(stop)) return true;
    if (!isEndOfPair(text, stop)) return false;
    // A single pair at the end: `Unknown currency: EUR`, but `gave up: timeout` and `no such table: users`.
    return isBetweenPairs(text, pairEnd, wordStart) || !(wordRoles & NAMING || isCommonWord(text.slice(at, stop)));
  }

  /** Behind the value at `stop` another pair begins. */
  function isPairHere(stop: number): boolean {
    return (text[stop] === "," || text[stop] === ";") && NEXT_PAIR.test(text.slice(stop + 1, stop + 48));
  }

  /** A word behind `user`, `host` and the like that is no word of the language. */
  function isNameHere(at: number, stop: number): boolean {
    // `process 17 (java)`: the number does not count as a word.
    if (wordRoles & PROCESS && text[at - 1] === "(" && text[stop] === ")" && placeholderEnd === at - 2) return true;
    if (at - wordEnd > 2 || at === wordEnd || text[at - 1] === "<" || text[stop] === "<") return false;
    const isLogin = text.startsWith("for ", at - 4) && text.startsWith(" from ", stop);
    if (!isLogin && !(wordStop === wordEnd && wordRoles & NAMED)) return false;
    // `account frozen`: what is said of the one word before it.
    if (stop >= end && wordStart <= start) return false;
    const word = text.slice(at, stop);
    return ACCOUNTS.has(word) || !isCommonWord(word);
  }

  /** Hosts are called by what they are for, and a number: behind `node`, `web-1` and `db07` are one. So are users. */
  function numberedName(at: number, varied: string): string | undefined {
    if (wordStop !== wordEnd || at !== wordEnd + 1 || varied === "<number>" || !NUMBERED.test(varied)) {
      return undefined;
    }
    if (wordRoles & NAMED && /^[A-Za-z]+<number>$/.test(varied)) return "<name>";
    const isMachine =
      wordRoles & PLACE ? !isCommonWord(varied.slice(0, varied.search(/[^a-zA-Z]/))) : wordRoles & MACHINE;
    return isMachine ? "<host>" : undefined;
  }

  /** Numbers that are names: `status code 404`, `errno: -13`, `answered 503`, `SQLSTATE[42P01]`; `Error 1062` at the beginning. */
  function identifiesNumber(token: string, at: number, stop: number): boolean {
    if (token.length > 6) return false;
    const distance = at - wordEnd;
    if (distance > MAX_WORD_DISTANCE) return false;
    if (wordRoles & ANSWER && /^[1-5]\d\d$/.test(token))
      return distance === 1 && !/^ [a-z]/.test(text.slice(stop, stop + 2));
    if (wordStop !== wordEnd) return false;
    const word = text.slice(wordStart, wordStop).toLowerCase();
    if (word === "sqlstate") return /^[\dA-Z]{5}$/.test(token);
    if (!/^-?\d{1,5}$/.test(token)) return false;
    if (word === "error") return distance === 1 && wordStart <= 1;
    return /(?:code|status|errno|signal|http)$/.test(word);
  }

  /** What a number and the word behind it are together; "" when that is no unit. */
  function unitOf(at: number, stop: number): string {
    return UNITS.get(text.slice(at, stop)) ?? "";
  }

  function isPartOfDate(at: number, stop: number): boolean {
    const word = text.slice(at, stop);
    if (placeholder === "<date>" && at === placeholderEnd + 1 && ZONES.has(word)) return true;
    return DAYS_AND_MONTHS.has(word) && isWithinDate(text, stop);
  }
}

/**
 * The template as far as it tells statements apart. Of the same statement one value looks like a number and another
 * like an id, one list is longer than another, and one thing is counted otherwise than several are.
 */
export function statementKey(template: string): string {
  return template.includes("<") || template.includes("[R") ? template.replace(VARIABLES, "<>$1") : template;
}

const VARIABLE =
  "-?(?:<(?:number|uuid|ip|host|hex|date|duration|email|url|path|quoted|id|size|version|value|name)>%?|\\[REDACTED\\])";
/** Values with no more than a mark between them; and the number and case of the word that is counted. */
const VARIABLES = new RegExp(
  `${VARIABLE}(?:[ ,;:/._=+-]{0,2}${VARIABLE}){0,512}(?:( [a-z]{2,20}?)(?:ies|es|s|y|e)?(?![\\w-]))?`,
  "g",
);

const MAX_LENGTH = 8_192;
/** Room between a word and what it names: `code: `, ` (`, ` = '`. */
const MAX_WORD_DISTANCE = 3;
const TRAILING = ".:-+,;~";
const LEADING = ":,;~";
const EQUALS = 61;

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

const LETTER = 1;
const DIGIT = 2;
const DOT = 4;
const SLASH = 8;
const AT = 16;
const TOKEN = 32;
const QUOTE = 64;
const SPACE = 128;
const BRACKET = 256;
const CONTROL = 512;
const URL_MARK = 1_024;
const COLON = 2_048;
const UPPER = 4_096;

const KINDS = new Uint16Array(128);
for (let code = 0; code < 128; code++) {
  const char = String.fromCharCode(code);
  if (/[a-z]/.test(char)) KINDS[code] = TOKEN | LETTER;
  else if (/[A-Z]/.test(char)) KINDS[code] = TOKEN | LETTER | UPPER;
  else if (/[0-9]/.test(char)) KINDS[code] = TOKEN | DIGIT;
  else if (char === ".") KINDS[code] = TOKEN | DOT;
  else if (char === "/" || char === "\\") KINDS[code] = TOKEN | SLASH;
  else if (char === "@") KINDS[code] = TOKEN | AT;
  else if (char === ":") KINDS[code] = TOKEN | COLON;
  else if (/[-_+~#$%]/.test(char)) KINDS[code] = TOKEN;
  else if (/["'`]/.test(char)) KINDS[code] = QUOTE;
  else if (/\s/.test(char)) KINDS[code] = SPACE;
  else if (/[<>()[\]{}]/.test(char)) KINDS[code] = BRACKET;
  else if (code < 32 || code === 127) KINDS[code] = CONTROL;
}

/**
 * Latin, Greek and Cyrillic letters are letters. All others are punctuation here: a script without spaces would else
 * be one long word.
 */
function kindOf(code: number): number {
  if (code < 128) return KINDS[code] ?? 0;
  if (code >= 0xc0 && code < 0x530) return code === 0xd7 || code === 0xf7 ? 0 : TOKEN | LETTER;
  if (code === 0x201c || code === 0x2018 || code === 0xab || code === 0x300c) return QUOTE;
  if (code === 0xa0 || code === 0x3000 || code === 0x2028 || code === 0x2029 || code === 0x85) return SPACE;
  // C1 controls, and marks that are not seen: zero width, direction of writing.
  const unseen = code < 0xa0 || (code >= 0x200b && code <= 0x200f) || (code >= 0x202a && code <= 0x202e);
  return unseen || (code >= 0x2060 && code <= 0x2069) || code === 0xfeff ? CONTROL : 0;
}

/** What a word says of the part behind it. */
const NAMING = 1;
const NAMING_BY_SIGN = 2;
const TEXT = 4;
const VALUE = 8;
const GIVEN = 16;
const NAMED = 32;
const PROCESS = 64;
const MACHINE = 128;
const LINK = 256;
const PLACE = 512;
const ANSWER = 1_024;

const ROLES = new Map<string, number>();
for (const [role, words] of [
  // Before a quoted name that makes it part of the statement.
  [
    NAMING,
    "action argument attribute cause class code collection column command constraint constructor directive enum err errno error " +
      "event exception export expected extension field function header import index key kind level method module msg op operation " +
      "operator option package param parameter plugin policy property properties reading reason relation schema setting state " +
      "status symbol syscall table topic trigger type variable view",
  ],
  // Before `=`, or before `:` in a list, where the value tells one fault from another.
  [
    NAMING_BY_SIGN,
    "action cause code constraint err errno error event exception field method msg op operation param parameter reason signal " +
      "status type",
  ],
  // Before a quoted sentence that is the statement, in logs that are made of keys and values.
  [TEXT, "cause description detail details err error exception message msg reason text"],
  // Before a quoted value, which varies however much it looks like a name.
  [
    VALUE,
    "account customer email entry file filename host hostname id identifier input invitee login organization owner path peer pod " +
      "project recipient sender server session string tenant text token url user username uuid value word",
  ],
  // The same, but only right before it: `found 'x'`, not `handler found for 'x'`.
  [GIVEN, "found given got near received was"],
  // Before a name that is not quoted.
  [
    NAMED,
    "account author customer employee host hostname login logname member owner patient player principal student subscriber " +
      "tenant user username visitor",
  ],
  [PROCESS, "pid process task thread"],
  [
    MACHINE,
    "agent broker by client consumer executor follower from gateway host hostname instance leader machine member node peer " +
      "producer replica router server switch worker",
  ],
  // Before a machine, or anything else that has a number: what is called by a common word is no machine.
  [PLACE, "at on to via"],
  // Before the status of an HTTP answer.
  [ANSWER, "answered failed replied responded returned returns"],
  // Between a noun and its name: `account for 'ann'`, `status is 'x'`.
  [LINK, "a an as called for is named the was with"],
] as const) {
  for (const word of words.split(" ")) ROLES.set(word, (ROLES.get(word) ?? 0) | role);
}

/** `column` of `db.column`; in any case. */
function rolesOf(word: string, flags: number): number {
  const last = flags & DOT ? word.slice(word.lastIndexOf(".") + 1) : word;
  return ROLES.get(flags & UPPER ? last.toLowerCase() : last) ?? 0;
}

const ACCOUNTS = new Set(
  "root admin administrator guest nobody oracle postgres mysql git ftp www-data operator".split(" "),
);

/** What stands before a colon when the fault itself stands behind it. */
const FAULT = /(?:error|exception|failed|failure|fault|warning|panic|fatal)s?$/i;

/** What engines say of a name: its digits are part of it. */
const MEMBER = /^ is not (?:defined|a func|a const|iter)/;
const NUMBERED = /^[\w.-]*<(?:number|id|hex)>[\w.-]*$/;

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
