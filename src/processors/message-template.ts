/**
 * The statement behind a message: its variable parts named, its words kept.
 *
 *   User 8f14e45f-ceea-467f-9575-6a3f1b0d2c11 not found in 35ms    User <uuid> not found in <duration>
 *   Cannot read properties of undefined (reading 'total')          unchanged: the quoted name identifies the fault
 *   Duplicate entry 'bob' for key 'users.email'                    Duplicate entry <quoted> for key 'users.email'
 *
 * One pass over at most 8 kB. Characters are read once, by class; only what holds a digit, a slash or an @ is looked at
 * more closely, and only quotes are looked ahead for, once a kind. Nothing is remembered between calls. In doubt a part
 * is kept: one statement in two groups is a smaller harm than two statements in one.
 */
export function messageTemplate(message: string): string {
  const text = message.length > MAX_LENGTH ? message.slice(0, MAX_LENGTH) : message;
  // V8 quotes the text that it could not parse, quotes and all.
  if (text.startsWith("Unexpected token ") && /is not valid JSON$| in JSON at position \d+$/.test(text)) {
    return "Unexpected token <quoted> is not valid JSON";
  }

  let out = "";
  let flushed = 0;
  /** The last part that was replaced: by what, where it ended, and what was written up to there. */
  let placeholder = "";
  let placeholderEnd = 0;
  let written = "";
  /** The last plain word: it often says what the part behind it is. */
  let wordStart = 0;
  let wordEnd = -1;
  /** Quotes that do not close again, so that each is looked for only once. */
  let unclosed = "";

  const keep = (until: number, resume: number): void => {
    out += text.slice(flushed, until);
    flushed = resume;
  };
  const replace = (start: number, end: number, name: string): void => {
    // A list of variable parts is one part, however long it is; and a date has numbers of its own.
    const joins = name === placeholder || (name === "<number>" && placeholder === "<date>");
    if (joins && isSeparator(text, placeholderEnd, start)) {
      out = written;
      flushed = end;
    } else {
      keep(start, end);
      out += name;
      written = out;
      placeholder = name;
    }
    placeholderEnd = end;
  };
  const wordBefore = (at: number): string =>
    at - wordEnd <= MAX_WORD_DISTANCE ? text.slice(wordStart, wordEnd).toLowerCase() : "";

  for (let at = 0; at < text.length; ) {
    const code = text.charCodeAt(at);
    const kind = kindOf(code);
    if (kind & TOKEN) {
      let flags = 0;
      let end = at;
      for (let next = kind; next & TOKEN; next = end < text.length ? kindOf(text.charCodeAt(end)) : 0) {
        flags |= next;
        end++;
      }
      if (!(flags & (LETTER | DIGIT))) {
        at = end;
        continue;
      }
      if (flags & SLASH && text.slice(at, end).includes("://")) {
        while (end < text.length && !(kindOf(text.charCodeAt(end)) & (SPACE | QUOTE | BRACKET))) end++;
        flags |= URL_MARK;
      }
      while (TRAILING.includes(text[end - 1] ?? "")) end--;

      const assigned = text[at - 1] === "=" && at === wordEnd + 1;
      const isWord = !(flags & (DIGIT | SLASH | AT | URL_MARK));
      if (assigned && isWord && !NAMING.has(lastPart(wordBefore(at)))) replace(at, end, "<value>");
      else if (!isWord || flags & DOT) {
        const token = text.slice(at, end);
        const varied =
          IDENTIFYING_NUMBER.test(token) && identifiesNumber(wordBefore(at)) ? token : variable(token, flags);
        if (varied !== token) replace(at, end, varied);
      } else if (end - at === 3 && DAYS_AND_MONTHS.has(text.slice(at, end)) && isWithinDate(text, end)) {
        replace(at, end, "<date>");
      }
      if (flags & LETTER) {
        wordStart = at;
        wordEnd = end;
      }
      at = end;
    } else if (kind & QUOTE) {
      const open = text[at] ?? "";
      const mayOpen = !isWordChar(text, at - 1) && !unclosed.includes(open);
      const close = mayOpen ? closingQuote(text, at + 1, closerOf(open)) : -1;
      if (close < 0) {
        if (mayOpen) unclosed += open;
        at++;
        continue;
      }
      const value = text.slice(at + 1, close);
      const isKey = /^\s{0,4}:/.test(text.slice(close + 1, close + 6));
      const assigned = /[:=]\s{0,2}$/.test(text.slice(Math.max(0, at - 3), at));
      if (!isName(value, lastPart(wordBefore(at)), assigned && !isKey)) replace(at, close + 1, quoted(value));
      wordStart = at + 1;
      wordEnd = close;
      at = close + 1;
    } else if (kind & SPACE) {
      let end = at + 1;
      while (end < text.length && kindOf(text.charCodeAt(end)) & SPACE) end++;
      if (end > at + 1 || code !== 32) {
        keep(at, end);
        out += " ";
      }
      at = end;
    } else if (kind & CONTROL) {
      const end = code === 27 ? escapeEnd(text, at) : at + 1;
      keep(at, end);
      at = end;
    } else at++;
  }
  keep(text.length, text.length);
  return out.trim().slice(0, MAX_LENGTH);
}

const MAX_LENGTH = 8_192;
/** Room between a word and what it names: `code: `, ` (`, ` = '`. */
const MAX_WORD_DISTANCE = 3;
const TRAILING = ".:-+,;";

const DAYS_AND_MONTHS = new Set(
  "Mon Tue Wed Thu Fri Sat Sun Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" "),
);

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

const KINDS = new Uint16Array(128);
for (let code = 0; code < 128; code++) {
  const char = String.fromCharCode(code);
  if (/[A-Za-z]/.test(char)) KINDS[code] = TOKEN | LETTER;
  else if (/[0-9]/.test(char)) KINDS[code] = TOKEN | DIGIT;
  else if (char === ".") KINDS[code] = TOKEN | DOT;
  else if (char === "/" || char === "\\") KINDS[code] = TOKEN | SLASH;
  else if (char === "@") KINDS[code] = TOKEN | AT;
  else if (/[-_:+~#$%]/.test(char)) KINDS[code] = TOKEN;
  else if (/["'`]/.test(char)) KINDS[code] = QUOTE;
  else if (/\s/.test(char)) KINDS[code] = SPACE;
  else if (/[<>()[\]{}]/.test(char)) KINDS[code] = BRACKET;
  else if (code < 32 || code === 127) KINDS[code] = CONTROL;
}

/** Letters beyond ASCII are punctuation here: a script without spaces would else be one long word. */
function kindOf(code: number): number {
  if (code < 128) return KINDS[code] ?? 0;
  if (code === 0x201c || code === 0x2018 || code === 0xab || code === 0x300c) return QUOTE;
  if (code === 0xa0 || code === 0x3000 || code === 0x2028 || code === 0x2029 || code === 0x85) return SPACE;
  // C1 controls, and marks that are not seen: zero width, direction of writing.
  const unseen = code < 0xa0 || (code >= 0x200b && code <= 0x200f) || (code >= 0x202a && code <= 0x202e);
  return unseen || (code >= 0x2060 && code <= 0x2069) || code === 0xfeff ? CONTROL : 0;
}

/** Words before a quoted name, or before `=`, that make it part of the statement. */
const NAMING = new Set(
  (
    "action argument attribute class code collection column command constraint constructor directive enum errno error " +
    "event export expected field function header import index key kind level method module op operation operator option " +
    "package param parameter policy property properties reading reason relation schema setting state status symbol " +
    "syscall table trigger type variable view"
  ).split(" "),
);

/** Words before a quoted value that make it vary, however much it looks like a name. */
const VALUES = new Set(
  (
    "account customer email entry file filename found given got host hostname id identifier input login near path pod " +
    "received session string tenant text token url user username uuid value word"
  ).split(" "),
);

/** Shapes of a whole token that holds a digit. Each is anchored and has one way to match, so all are linear. */
const SHAPES: readonly (readonly [shape: RegExp, name: string])[] = [
  [/^[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?$/, "<number>"],
  [/^[-+]?\d+(?:\.\d+)?%$/, "<number>%"],
  [/^\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?:\/\d{1,2})?$/, "<ip>"],
  [/^\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}:\d{1,5}$/, "<ip>:<number>"],
  [/^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i, "<uuid>"],
  [/^(?:\d{4}[-/.]\d{2}[-/.]\d{2}|\d{1,2}[/.]\d{1,2}[/.]\d{4})(?:T[\d:.]{4,18}(?:Z|[-+]\d{2}:?\d{2})?)?$/, "<date>"],
  [/^\d{1,2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[-+]\d{2}:?\d{2})?$/, "<date>"],
  [/^(?:\d+(?:\.\d+)?(?:ns|us|ms|s|secs?|seconds?|m|mins?|minutes?|h|hours?|d|days?)(?![a-z]))+$/, "<duration>"],
  [/^\d+(?:\.\d+)?(?:[kKMGT]i?)?B$/, "<size>"],
  [/^0x[\da-f]+$/i, "<hex>"],
  [/^(?:[\da-f]{2}:){5}[\da-f]{2}$/i, "<hex>"],
  [/^(?=.*:.*:)[\da-f:]{2,39}(?:%\w{1,16})?$/i, "<ip>"],
  [/^[\da-f]{2}-[\da-f]{32}-[\da-f]{16}-[\da-f]{2}$/i, "<id>"],
  [/^v?\d+(?:\.\d+){1,4}(?:[-+][\w.+-]{1,40})?$/, "<version>"],
];

/** What a token becomes; itself when it names something. */
function variable(token: string, flags: number): string {
  if (flags & URL_MARK) return "<url>";
  if (flags & DIGIT) for (const [shape, name] of SHAPES) if (shape.test(token)) return name;
  if (flags & AT && /^[\w.+%-]{1,64}@[\w-]+(?:\.[\w-]+)+$/.test(token) && !/@\d/.test(token)) return "<email>";
  if (flags & SLASH && isPath(token)) return "<path>";
  if (flags & DOT && FILE_NAME.test(token)) return "<path>";
  if (token.startsWith("arn:")) return "<id>";
  return flags & DIGIT ? namedParts(token) : token;
}

const FILE_NAME =
  /^[^/\\]*[^/\\.]\.(?:bak|conf|csv|db|docx?|gz|html?|jpe?g|json|lock|log|md|mp[34]|parquet|pdf|png|sock|sql|svg|tar|tmp|toml|txt|webp|xlsx?|xml|ya?ml|zip)$/i;

function isPath(token: string): boolean {
  if (token.length > 1 && /^(?:\.{0,2}|~|[A-Za-z]:)[/\\]/.test(token)) return true;
  if (/^(?:application|audio|font|image|multipart|text|video)\//.test(token) || /^[A-Z]+\/[\d.]+$/.test(token))
    return false;
  if (token.startsWith("@")) return false;
  const slash = token.search(/[/\\]/);
  return token.includes(".", slash) || token.indexOf(token[slash] ?? "/", slash + 1) > 0;
}

/** `order-1042` → `order-<number>`, `cus_9s6XKzkNR` → `cus_<id>`, `web-7d4b9c8f5-xkzlp` → `web-<hex>-<id>`. */
function namedParts(token: string): string {
  let out = "";
  let previous = "";
  for (let at = 0; at < token.length; ) {
    let end = at;
    let digits = 0;
    while (end < token.length && /[A-Za-z0-9]/.test(token[end] ?? "")) if (isDigitAt(token, end++)) digits++;
    if (end === at) {
      // `.5` behind `1` is more of the same number.
      if (token[at] === "." && previous === "<number>" && isDigitAt(token, at + 1)) {
        while (isDigitAt(token, ++at));
      } else out += token[at++];
      continue;
    }
    if (end - at === 8 && UUID_HERE.test(token.slice(at, at + 37))) {
      previous = "<uuid>";
      end = at + 36;
    } else previous = part(token.slice(at, end), digits, previous);
    out += previous;
    at = end;
  }
  return out;
}

const UUID_HERE = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}(?![\da-z])/i;
/** The alphabet of suffixes that Kubernetes gives to pods. */
const POD_SUFFIX = /^[bcdfghjklmnpqrstvwxz2456789]{5}$/;

function part(text: string, digits: number, previous: string): string {
  if (digits === text.length) return "<number>";
  if ((previous === "<hex>" || previous === "<id>") && POD_SUFFIX.test(text)) return "<id>";
  if (digits === 0) return text;
  if (text.length >= 7 && /^[\da-f]+$/i.test(text)) return "<hex>";
  const ends = /^([A-Za-z]+)\d+$/.exec(text);
  return ends ? `${ends[1]}<number>` : "<id>";
}

/** True for a quoted text that belongs to the statement: a short name, or one that the word before asks for. */
function isName(value: string, word: string, assigned: boolean): boolean {
  if (value === "") return true;
  const named = NAMING.has(word);
  if (value.length > (named ? 64 : 32)) return false;
  if (!named && (assigned || VALUES.has(word))) return false;
  if (FILE_NAME.test(value) || /^(?:[/\\]|[A-Za-z]:[/\\])/.test(value)) return false;
  if (/^[A-Za-z_$@][A-Za-z_$./@:-]*$/.test(value)) return !/@.*\./.test(value) || value.startsWith("@");
  // Digits only where a name is due, and there only as names have them: `address2`, `./v1/routes`, `users_email_key1`.
  return named && /^[A-Za-z_$@.][\w$./@:-]*$/.test(value) && !/<(?:hex|id|uuid)>/.test(namedParts(value));
}

function quoted(value: string): string {
  if (/^(?:\/|[A-Za-z]:[/\\])[^\s"'`]/.test(value)) return "<path>";
  let flags = 0;
  for (let at = 0; at < value.length; at++) {
    const kind = kindOf(value.charCodeAt(at));
    if (!(kind & TOKEN)) return "<quoted>";
    flags |= kind;
  }
  const name = variable(value, value.includes("://") ? flags | URL_MARK : flags);
  return /^<[a-z]+>$/.test(name) ? name : "<quoted>";
}

/** Numbers that are names: `status code 404`, `exit code 1`, `errno: -13`. */
const IDENTIFYING_NUMBER = /^-?\d{1,5}$/;
function identifiesNumber(word: string): boolean {
  return /(?:code|status|errno|signal|http|sqlstate)$/.test(word);
}

/** `column` of `db.column`. */
function lastPart(word: string): string {
  return word.slice(word.lastIndexOf(".") + 1);
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
