/**
 * Words that are names, by what they are and where they stand. Of the words of a message most are of the statement; what is none of
 * the vocabulary, what stands behind `user` or `by`, and in lines of logs also identifiers, are what it was about this time.
 *
 *   user kwame was frozen by oksana       user <name> was frozen by <name>
 *   no route from Rotterdam to Busan      no route from <name> to <name>
 *   job went from RUNNING to KILLED       job went from <name> to <name>
 *   frame stock_levels stays on disk      frame <name> stays on disk, in a line of a log
 */
import { DIGIT, kindOf, LETTER, TOKEN, UPPER } from "./character-kinds";
import { isCommonWord } from "./common-words";
import { hashLetter, isVocabulary, isVocabularyHash, MIN_WORD_LENGTH, WORD_HASH } from "./vocabulary";
import { KIND, LINK, MACHINE, NAMED, NAMING, PROCESS } from "./word-roles";

/** What is read. A line of a log is a text that no exception stands behind. */
export interface Line {
  readonly text: string;
  /** Behind what a logger put in front. */
  readonly begin: number;
  readonly end: number;
  readonly isLogLine: boolean;
  /** Found out when it is first asked for. */
  isMostlyVocabulary: boolean | undefined;
}

/** The last plain word says what the part behind it is. A link (`for`, `is`) may stand between them. */
export interface LastWord {
  start: number;
  stop: number;
  /** Behind the link, if there is one; else `stop`. */
  end: number;
  roles: number;
}

export function remember(word: LastWord, start: number, stop: number, roles: number): void {
  if (roles & LINK && start - word.end <= 1 && word.end > 0) {
    word.end = stop;
    return;
  }
  word.start = start;
  word.stop = word.end = stop;
  word.roles = roles;
}

/** Quick, as it is asked of every word: a word of the vocabulary, in lower case, is a name only where one is due. */
export function mayVary(line: Line, { roles }: LastWord, at: number, stop: number): boolean {
  const { text, isLogLine } = line;
  if (roles & (NAMED | PROCESS | MACHINE) || (isLogLine && (roles & KIND || stop >= line.end))) return true;
  if (at === line.begin) return isLogLine && opens(text.charCodeAt(stop));
  if (text.charCodeAt(at - 1) !== SPACE) return true;
  const before = text.charCodeAt(at - 2);
  if (before === LOWER_R || before === LOWER_Y) return true; // `for`, `by`
  if (!isLogLine) return false;
  const first = text.charCodeAt(at);
  return first === LOWER_N || first === LOWER_U; // `null`, `nil`, `undefined`
}

const SPACE = 32;
const LOWER_N = 110;
const LOWER_R = 114;
const LOWER_U = 117;
const LOWER_Y = 121;

function opens(code: number): boolean {
  return code === 40 || code === 91;
}

/** `isKnown`: it is of the vocabulary. */
export function isNamedWord(line: Line, word: LastWord, at: number, stop: number, isKnown: boolean): boolean {
  const { text } = line;
  const name = text.slice(at, stop);
  if (!isKnown && isForeign(line, word, at, stop, name)) return true;
  if (isSubject(line, word, at, stop, name)) return true;
  if (isBehindBy(text, word, at) && isAgent(text, stop, name)) return true;
  if (isState(text, at, stop, name)) return true;
  return line.isLogLine && at > line.begin && isThingOrNothing(line, word, at, stop, name, isKnown);
}

/** `process 17 (java)`: the number does not count as a word; and in logs `java[17] trapped …`. */
export function isNumberedProcess(line: Line, word: LastWord, at: number, stop: number, numberEnd: number): boolean {
  const { text } = line;
  if (word.roles & PROCESS && text[at - 1] === "(" && text[stop] === ")" && numberEnd === at - 2) return true;
  return (
    line.isLogLine &&
    at === line.begin &&
    opens(text.charCodeAt(stop)) &&
    PROCESS_NUMBER.test(text.slice(stop, stop + 12))
  );
}

const PROCESS_NUMBER = /^[[(]\d{1,9}[\])] [^(]/;

/** A word that is none of the language, nor a name that tells faults apart. */
function isForeign(line: Line, word: LastWord, at: number, stop: number, name: string): boolean {
  const { text, begin, end } = line;
  if (name.length < MIN_WORD_LENGTH || !NAME_SHAPE.test(name)) return false;
  // `gpt-large`, `read-onyl`: what is partly of words is called so, and stays.
  if (name.includes("-") && name.split("-").some((part) => part.length >= MIN_WORD_LENGTH && isVocabulary(part)))
    return false;
  if (at === begin && kindOf(text.charCodeAt(at)) & UPPER) return false;
  if (word.roles & NAMING && at - word.end <= MAX_WORD_DISTANCE) return false;
  if ("([=:<".includes(text[stop] ?? " ") || text[at - 1] === "<" || isMember(text, stop)) return false;
  line.isMostlyVocabulary ??= isMostlyVocabulary(text, begin, end);
  return line.isMostlyVocabulary;
}

/** Letters as a name has them: `kwame`, `Rotterdam`, `anaïs`, `noor-ann`, `EUR`; not `getUser` or `E_OPEN`. */
const NAME_SHAPE = /^(?:\p{Lu}?\p{Ll}+(?:-\p{Lu}?\p{Ll}+)*|[A-Z]{3})$/u;
/** Room between a word and what it names: `code: `, ` (`, ` = '`. */
export const MAX_WORD_DISTANCE = 3;

/** At least two words of the vocabulary, and more than others: else it is another language, or a list of names. */
function isMostlyVocabulary(text: string, from: number, to: number): boolean {
  let known = 0;
  let unknown = 0;
  for (let at = from; at < to; ) {
    let hash = WORD_HASH;
    let hasLetters = false;
    let isWord = true;
    let stop = at;
    for (; stop < to; stop++) {
      const code = text.charCodeAt(stop);
      const kind = kindOf(code);
      if (!(kind & TOKEN)) break;
      if (kind & LETTER) {
        hash = hashLetter(hash, code);
        hasLetters = true;
        continue;
      }
      // A mark at the end is of the sentence; within, and digits, are of something else.
      const goesOn = stop + 1 < to && (kindOf(text.charCodeAt(stop + 1)) & TOKEN) !== 0;
      isWord = isWord && !goesOn && !(kind & DIGIT);
    }
    if (hasLetters && isWord && stop - at >= MIN_WORD_LENGTH) {
      if (isVocabularyHash(hash)) known++;
      else unknown++;
    }
    at = stop + 1;
  }
  return known >= 2 && known > unknown;
}

/** A word behind `user`, `host` and the like that is no common one. */
function isSubject({ text, begin, end }: Line, word: LastWord, at: number, stop: number, name: string): boolean {
  const isLogin = text.startsWith("for ", at - 4) && text.startsWith(" from ", stop);
  if (!isLogin && !(word.stop === word.end && word.roles & NAMED)) return false;
  if (at - word.end > 2 || at === word.end || text[at - 1] === "<" || "<=".includes(text[stop] ?? " ")) return false;
  // `account frozen`: what is said of the one word before it.
  if (stop >= end && word.start <= begin) return false;
  return ACCOUNTS.has(name) || !isCommonWord(name);
}

const ACCOUNTS = new Set(
  "root admin administrator guest nobody oracle postgres mysql git ftp www-data operator".split(" "),
);

/** `by x`, `by client x`. */
function isBehindBy(text: string, { start, stop, roles }: LastWord, at: number): boolean {
  if (text.startsWith(" by ", at - 4)) return true;
  return (roles & (MACHINE | NAMED)) !== 0 && at === stop + 1 && text.startsWith(" by ", start - 4);
}

/** Who did it: `taken by victor`, `begun by client UpdateAgent`; not `blocked by policy`. */
function isAgent(text: string, stop: number, name: string): boolean {
  return (ACCOUNTS.has(name) || !isCommonWord(name)) && AGENT_ENDS.includes(text[stop] ?? ",");
}

const AGENT_ENDS = " (,;)}]|\n";

/** `from RUNNING to KILLED`, `is PAID`: states have names in capitals. */
function isState(text: string, at: number, stop: number, name: string): boolean {
  if (name.length < MIN_WORD_LENGTH || !CAPITALS.test(name)) return false;
  if (text.startsWith(" is ", at - 4)) return !NO_STATES.has(name);
  if (text.startsWith(" from ", at - 6)) return TO_STATE.test(text.slice(stop, stop + 8));
  return text.startsWith(" to ", at - 4) && FROM_STATE.test(text.slice(Math.max(0, at - 48), at - 3));
}

const CAPITALS = /^[A-Z][A-Z_]*$/;
const NO_STATES: ReadonlySet<string> = new Set("NOT NULL EOF TRUE FALSE".split(" "));
const TO_STATE = /^ to [A-Z]{3}/;
const FROM_STATE = / from [A-Z_]{3,40} $/;

/** In lines of logs: `(root) CMD`, `from null`, `is LOOKING`, and things. */
function isThingOrNothing(
  line: Line,
  word: LastWord,
  at: number,
  stop: number,
  name: string,
  isKnown: boolean,
): boolean {
  const { text } = line;
  if (text[at - 1] === "(") {
    if (text[stop] === ")" && (ACCOUNTS.has(name) || at === line.begin + 1)) return true;
  } else if (text.startsWith(" for ", at - 5) && ACCOUNTS.has(name)) return true;
  if (text.startsWith(" /", stop) && METHODS.has(name)) return true;
  if (name.includes("_") && CAPITALS.test(name)) return true;
  if (NOTHING.has(name)) return BEFORE_NOTHING.test(text.slice(Math.max(0, at - 6), at));
  if (word.roles & KIND && word.stop === word.end && at === word.end + 1 && isOneOfMany(text, stop, name)) return true;
  if (stop >= line.end && isBehindPlace(text, at)) return !isCommonWord(name);
  return !isKnown && isThing(line, at, stop);
}

/** `detached from aspen`, at the end: somewhere, or something that has a name. */
function isBehindPlace(text: string, at: number): boolean {
  return text.startsWith(" from ", at - 6) || PLACES.some((place) => text.startsWith(place, at - place.length));
}

const PLACES = [" at ", " on ", " to ", " via "];

/** `queue payments is full`, `volume scratch, 3 segments`; not `queue full`. */
function isOneOfMany(text: string, stop: number, name: string): boolean {
  return (name.includes("-") || !isCommonWord(name)) && GOES_ON.test(text.slice(stop, stop + 8));
}

const GOES_ON = /^(?:[,;)]|:? (?:is|has|was|in|on|at|of|from|to|with|for|by|not|took|\() ?)/;
const METHODS: ReadonlySet<string> = new Set("GET HEAD POST PUT PATCH DELETE OPTIONS".split(" "));

const NOTHING: ReadonlySet<string> = new Set("null NULL None nil undefined NaN".split(" "));
const BEFORE_NOTHING = /(?: from| to| with|:|=) $/;

/** What a line of a log is about: an identifier within its sentence. */
export function isThing({ text, begin, isLogLine }: Line, at: number, stop: number): boolean {
  if (!isLogLine || at === begin || "([=:".includes(text[stop] ?? " ")) return false;
  const name = text.slice(at, stop);
  // Which application it was stays, behind a noun: `process com.shop.till died`.
  if (APPLICATION.test(name)) return BEHIND_PREPOSITION.test(text.slice(Math.max(0, at - 6), at));
  return IDENTIFIER.test(name) && !isMember(text, stop);
}

/** As phones name their applications, in lower case: with a class behind it, it is a place in code. */
const APPLICATION = /^(?:com|net|org|io)(?:\.[a-z_]+){1,5}$/;
const BEHIND_PREPOSITION = / (?:by|for|from|of|on|to|with) $/;

/** `stock_levels`, `RegisterFonts`, `audit.eu.west`, `batch/nightly`, `_Commit`. */
const IDENTIFIER = /^_?[A-Za-z]+(?:-[A-Za-z]+)*(?:[_./#][A-Za-z]+(?:-[A-Za-z]+)*|[a-z][A-Z][A-Za-z]*)+$|^_[A-Z][a-z]+$/;

/** What engines say of a name: it is not defined, no function. */
export function isMember(text: string, stop: number): boolean {
  return text.startsWith(" is not ", stop) && MEMBER.test(text.slice(stop, stop + 17));
}

const MEMBER = /^ is not (?:defined|a func|a const|iter)/;
