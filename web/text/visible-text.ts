/**
 * Makes a hostile text harmless to eyes: what cannot be seen, moves the cursor or turns the direction of reading is
 * shown as a sign of its own. That nothing of it becomes markup is not decided here: texts reach the page as text nodes.
 *
 *   "\u001b[31m"  ►  "␛[31m"        "a\u202egnp.exe"  ►  "a⟨U+202E⟩gnp.exe"
 */

/** For many lines: line breaks and tabs stay. */
export function visibleText(text: string): string {
  return UNSEEN.test(text) ? text.replace(ALL_UNSEEN, signOf) : text;
}

/** For one line of a list, at most `maxChars` and an ellipsis. */
export function oneLine(text: string, maxChars: number): string {
  const cut = cutAt(text, maxChars);
  const line = visibleText(cut.replace(/\s*[\r\n\u2028\u2029]+\s*/g, " ↵ ").replace(/\t/g, " "));
  return cut.length < text.length ? `${line}…` : line;
}

/** The first `maxChars` UTF-16 units, and never half of a pair. */
export function cutAt(text: string, maxChars: number): string {
  if (text.length <= maxChars) return text;
  const last = text.charCodeAt(maxChars - 1);
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? maxChars - 1 : maxChars);
}

/**
 * C0 but tab and line feed, DEL, C1, what turns or hides text (zero width, marks and overrides of direction,
 * separators of lines, fillers, the byte order mark, tags), and halves of pairs. Joiners stay: scripts and emoji need them.
 */
const UNSEEN_CHARACTERS =
  "[\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u00ad\\u061c\\u115f\\u1160\\u180e\\u200b\\u200e\\u200f\\u2028-\\u202e" +
  "\\u2060-\\u206f\\u3164\\ufeff\\uffa0\\ufff9-\\ufffb\\u{e0000}-\\u{e007f}]|\\p{Surrogate}";
const UNSEEN = new RegExp(UNSEEN_CHARACTERS, "u");
const ALL_UNSEEN = new RegExp(UNSEEN_CHARACTERS, "gu");

function signOf(character: string, at: number, text: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code === 0x0d && text[at + 1] === "\n") return "";
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  if (code === 0x7f) return "\u2421";
  return `⟨U+${code.toString(16).toUpperCase().padStart(4, "0")}⟩`;
}
