/**
 * What loggers write in front of a message, which says nothing about the fault: time, level, host, thread, process,
 * source and logger.
 *
 *   2024-11-22 10:11:12,123 ERROR [main] com.shop.Stock: no stock left
 *   Nov 22 10:11:12 web-1 stockd[4711]: no stock left
 *   [Fri Nov 22 10:11:12 2024] [core:error] [pid 17] no stock left
 *   E1122 10:11:12.123456    4711 stock.go:42] no stock left
 *   ts=2024-11-22T10:11:12Z level=error caller=stock.go:42 msg="no stock left"
 *   └────────────────────────── left out ─────────────────────────┘
 *
 * A time or a level must begin it: of the rest alone (`com.shop.Stock: …`) nobody can tell that it is no message. Each
 * pattern is sticky and has one way to match, and at most eight parts are taken, so the time is bounded.
 */

/** Where the message itself begins: 0 when there is no prefix, or when there is nothing behind it. */
export function logPrefixEnd(text: string): number {
  if (!mayBegin(text)) return 0;
  const first = text.charCodeAt(0);
  if (first > LAST_MARK) {
    const pairs = endOf(PAIRS, text, 0);
    if (pairs > 0) return pairs < text.length ? pairs : 0;
    const google = endOf(GOOGLE, text, 0);
    if (google > 0) return google < text.length ? google : 0;
  }
  let at = first === LESS ? endOf(PRIORITY, text, 0) : isDigit(first) ? endOf(NUMBER_BEFORE_TIME, text, 0) : 0;
  const time = endOf(TIME, text, at);
  if (time === at) {
    const level = endOf(LEVEL, text, at);
    // `ERROR 1045 (28000): …` begins with its number.
    return level === at || isDigit(text.charCodeAt(level)) ? 0 : afterLevel(text, level);
  }
  at = time;
  const isSyslog = DAY_BEGINS.test(text);
  const process = Math.max(endOf(HOST_AND_PROCESS, text, at), isSyslog ? endOf(HOST_AND_PROGRAM, text, at) : 0);
  if (process > at) return process < text.length ? process : 0;
  for (let part = 0; part < MAX_PARTS; part++) {
    const next = endOf(LEVEL, text, at);
    const end = next > at ? next : endOf(BETWEEN, text, at);
    if (end === at) break;
    at = end;
  }
  at = loggerEnd(text, at);
  return at < text.length ? at : 0;
}

const MAX_PARTS = 8;
const LESS = 60;
/** Of ASCII, before its letters. */
const LAST_MARK = 64;

/** Most messages begin with a word that is no level, and are told by their first character or two. */
function mayBegin(text: string): boolean {
  const first = text.charCodeAt(0);
  if (isDigit(first) || first === 91 || first === 60 || first === 32) return true;
  const second = text.charCodeAt(1);
  if (first >= 65 && first <= 90) return (second >= 65 && second <= 90) || isDigit(second) || DAY_BEGINS.test(text);
  return PAIR_BEGINS.test(text);
}

const DAY_OR_MONTH = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun|Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)";
const DAY_BEGINS = new RegExp(`^${DAY_OR_MONTH}[ ,]`);

const PAIR_KEY = "(?:time|timestamp|ts|t|level|lvl|severity|logger|caller|source|thread|pid|component|module)";
const PAIR_BEGINS = new RegExp(`^${PAIR_KEY}=`);
const PAIRS = new RegExp(`(?:${PAIR_KEY}=(?:"[^"]{0,128}"|[^\\s"]{0,128})\\s{1,4})+`, "y");
/** Level, month and day in one word, time, thread, source. */
const GOOGLE = /[IWEF]\d{4} \d{2}:\d{2}:\d{2}(?:\.\d{1,9})? {1,8}\d{1,10} [\w./-]{1,128}:\d{1,6}\] /y;
const PRIORITY = /<\d{1,3}>(?:1 )?/y;
/** A record number, or seconds since 1970, in front of a time that people can read. */
const NUMBER_BEFORE_TIME = /\d{1,13} (?=\d{4}[-./]\d{2}[-./]\d{2}[ T.-])/y;

const CLOCK =
  "\\d{1,2}:\\d{2}(?::\\d{2}(?:[.,:]\\d{1,9})?)?(?: ?[AP]M)?(?: ?(?:Z|UTC|GMT|[A-Z]{3,4}T|[-+]\\d{2}:?\\d{2}))?";
const TIMES = [
  `\\d{4}[-/.]\\d{2}[-/.]\\d{2}(?:[ T_-]${CLOCK})?`, // 2024-11-22T10:11:12.123Z
  "\\d{4}-\\d{2}-\\d{2}-\\d{2}\\.\\d{2}\\.\\d{2}\\.\\d{1,9}",
  `\\d{1,2}[-/.]\\d{1,2}(?:[-/.]\\d{2,4})? ${CLOCK}`, // 22/11/24 10:11:12
  `\\d{1,2}[/-][A-Z][a-z]{2}[/-]\\d{4}[: ]${CLOCK}`, // 22/Nov/2024:10:11:12 +0000
  `${DAY_OR_MONTH},? +(?:${DAY_OR_MONTH} +)?\\d{1,2},?(?: +[A-Z][a-z]{2})?(?: +\\d{4})? +${CLOCK}(?: +\\d{4})?`,
  `\\d{6,8}[ -]\\d{6}(?:[.,]\\d{1,6})?(?![\\w.])`, // 241122 101112
  "\\d{10,13}(?:\\.\\d{1,9})?(?![\\w.])", // since 1970
  `\\d{1,2}:\\d{2}:\\d{2}(?:[.,]\\d{1,9})?(?: ?[AP]M)?`,
];
const TIME = new RegExp(
  `\\s{0,4}(?:\\[\\s{0,6}(?:${TIMES.join("|")}|\\d{1,9}\\.\\d{3,9})(?:[:|, ][^\\]\\n]{0,64})?\\]|\\((?:${TIMES.join("|")})\\)|(?:${TIMES.join("|")}))[\\s:|,-]{0,4}`,
  "y",
);

const LEVEL_NAME =
  "(?:TRACE|DEBUG|INFO|INFORMATION|NOTICE|WARN|WARNING|ERROR|ERR|SEVERE|CRITICAL|CRIT|ALERT|EMERG|FATAL|PANIC)";
const LOWER_LEVEL = LEVEL_NAME.toLowerCase();
/** In capitals, or within brackets. `Error: …` is how messages begin. */
const LEVEL = new RegExp(
  `\\s{0,4}(?:\\[(?:\\w{1,32}:)?(?:${LEVEL_NAME}|${LOWER_LEVEL})\\s{0,4}\\]|${LEVEL_NAME}(?![\\w.(-]))(?:\\s{1,4}[-|:](?=\\s)|[:|,])?\\s{0,8}`,
  "y",
);
const PROGRAM = "[\\w./-]{1,64}(?:\\([\\w.-]{1,32}\\))?";
const HOST_AND_PROCESS = new RegExp(`(?!${LEVEL_NAME} )[\\w.-]{1,64} ${PROGRAM}\\[\\d{1,10}\\]: {0,4}`, "y");
/** Without a number of the process: only behind the times of syslog, as `connection lost: …` looks the same. */
const HOST_AND_PROGRAM = new RegExp(`(?!${LEVEL_NAME} )[\\w.-]{1,64} ${PROGRAM}: {0,4}`, "y");
/** Threads, processes, sessions in brackets; bare numbers; one letter for the level, with a tag behind it. */
const BETWEEN =
  /(?:\[(?:[^[\]\n]|\[[^[\]\n]{0,64}\]){0,64}\]|\((?:[\w .:#/-]{1,64})\)|\d{1,10}(?= {1,8}[-\d[(A-Z])|[VDIWEF](?= [\w.$-]{1,64}\s{0,8}:)|\d{1,10}#\d{1,10}(?=:)|\*\d{1,12}(?= )|--- ?|[-|](?= ))[\s:|,-]{0,8}/y;
/** `com.shop.Stock:`, `o.s.b.Stock  :`, `StockService - `, `stock.service |`. */
const LOGGER =
  /[A-Za-z_$][\w$-]{0,63}(?:[./][\w$-]{1,64}){0,12}(?:\(\d{1,6}\)|\[\d{1,6}\]|:\d{1,6})?(?:\s{0,40}:(?=\s)| [-|](?=\s))\s{1,8}/y;

/** As Python writes them: `WARNING:shop.stock:no stock left`. */
const PYTHON_LOGGER = /(?<=[A-Z]:)[a-z_][\w.]{0,63}:(?=\S)/y;

/** Behind a level alone: threads and the like in brackets, and a logger of several parts. */
function afterLevel(text: string, from: number): number {
  let at = from;
  for (let part = 0; part < MAX_PARTS && text[at] === "["; part++) at = endOf(BETWEEN, text, at);
  const logger = endOf(PYTHON_LOGGER, text, at);
  const end = logger > at ? logger : loggerEnd(text, at);
  if (logger > at || /[./]| -/.test(text.slice(at, end))) at = end;
  return at < text.length ? at : 0;
}

/** Types and codes of errors look like loggers, and belong to the message. */
function loggerEnd(text: string, at: number): number {
  const end = endOf(LOGGER, text, at);
  return end > at && NO_LOGGER.test(text.slice(at, end)) ? at : end;
}

const NO_LOGGER =
  /^[A-Z][A-Z\d_]+\W|(?:[Ee]rror|[Ee]xception|[Ww]arning|[Ff]ailure|[Tt]imeout|[Ff]ault|[Pp]anic|[Ff]ailed)\W+$/;

/** `at` itself when the pattern does not match there. */
function endOf(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : at;
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}
