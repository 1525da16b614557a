/** Texts that stand in titles, subjects and labels: one line, and short. */

/** At most so many characters, and never half of one. */
export function cut(text: string, maxChars: number): string {
  if (text.length <= maxChars) return text;
  const end = maxChars - 1;
  const last = text.charCodeAt(end - 1);
  return `${text.slice(0, last >= 0xd800 && last <= 0xdbff ? end - 1 : end)}…`;
}

/** Without control characters, the marks that turn the direction of what follows, and the space around. */
export function oneLine(text: string, maxChars: number): string {
  // What is left of a long text is searched, not all of it; some of it may be space.
  const start = text.length > SPARE * maxChars ? text.slice(0, SPARE * maxChars) : text;
  return cut((UNUSUAL.test(start) ? start.replace(BREAKS, " ") : start).trim(), maxChars);
}

const SPARE = 8;
/** Few texts have any of it, and to look for it costs a tenth of replacing. */
const UNUSUAL = /[^ -~]| {2}/;
const BREAKS = /[\p{Cc}\s\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]+/gu;
