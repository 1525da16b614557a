/**
 * Statements of databases without the values that stand in them: a value in `VALUES ('ann', 'hunter22')` has no key that
 * says what it is, so all of them go. Identifiers, placeholders and comments stay.
 *
 *   SELECT name FROM users WHERE pin = 1234 AND note = 'x'   ─►   SELECT name FROM users WHERE pin = ? AND note = ?
 */

/**
 * SQL with `?` for each literal. What is no SQL but JSON stays: who writes statements in JSON leaves the values out, or
 * names them. Behind a quote that dialects read differently (`\'`), or that closes within a word, nothing stays: from there
 * on nobody knows which is value and which is statement; so it is behind MAX_STATEMENT_LENGTH. Doing it twice changes nothing.
 */
export function hideLiterals(statement: string): string {
  if (/^\s*[{[]/.test(statement) || !/['"\d$]/.test(statement)) return statement;
  let isInValues = false;
  let isCompared = false;
  return statement
    .slice(0, MAX_STATEMENT_LENGTH)
    .replace(TOKEN, (token: string, word: string | undefined, at: number) => {
      if (word !== undefined) {
        if (/^values$/i.test(word)) isInValues = true;
        else if (/^(?:on|returning|select|set)$/i.test(word)) isInValues = false;
        isCompared = /^like$/i.test(word);
        return token;
      }
      const wasCompared = isCompared;
      isCompared = /^[=<>]/.test(token);
      // In standard SQL a name, in MySQL also a text: one where a value has its place.
      if (token.startsWith('"')) {
        return (isInValues || wasCompared) && statement[at + token.length] !== "." ? "?" : token;
      }
      return /^['\d]|^\$[^\d]/.test(token) ? "?" : token;
    });
}

const MAX_STATEMENT_LENGTH = 65_536;

// Each branch matches whatever follows its beginning, so none is tried twice.
const TOKEN = new RegExp(
  [
    /'[^'\\]*(?:(?:''|\\[^'])[^'\\]*)*(?:\\'[\s\S]*|'(?:\w[\s\S]*)?|\\?$)/, // to the end where the quotes are in doubt
    /\$(?:[A-Za-z_]\w{0,30})?\$[\s\S]*/, // Postgres' own quotes: functions, mostly
    /"[^"]*(?:"|$)/,
    /`[^`]*(?:`|$)/,
    /--[^\n]*/,
    /\/\*[\s\S]*?(?:\*\/|$)/,
    /[$:@?]\w+/, // placeholders
    /\[\d+ other arguments\]/, // what OpenTelemetry leaves of a Redis command
    /([A-Za-z_]\w*)/,
    /\d[\w.]*/,
    /[=<>]+/,
  ]
    .map(({ source }) => source)
    .join("|"),
  "g",
);
