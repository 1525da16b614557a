/**
 * The lines around a line of source code, without secrets. What is searched begins well before them: a private key
 * within a template literal is known by its first line alone.
 *
 *   … 1,000 characters, or 20,000 from a key on │ pre │ line │ post │ …
 *   └──────────────────── searched ──────────────────────────────┘
 */
import type { SourceContext } from "../event";

/** UTF-16 units of one line that are kept. */
export const MAX_LINE_LENGTH = 500;
/** UTF-16 units before the first line that are searched: a key and its value may stand on two lines. */
const SEARCHED_BEFORE = 1_000;
/** The longest secret that goes over many lines, and how it begins. */
const MAX_KEY_LENGTH = 20_000;
const KEY_BEGINS = "-----BEGIN";
/** How far behind the cut of a line is looked, so that a secret that begins before it is seen. */
const LOOKAHEAD = 512;

/** The first `end` characters of a text without secrets: `hideSecrets` under its rules. */
export type HideSecrets = (text: string, end: number) => string;

/** `around` lines each side of `line` (from 1). Undefined when the text has no such line. */
export function sourceLines(
  lines: readonly string[],
  line: number,
  around: number,
  hide: HideSecrets,
): SourceContext | undefined {
  if (line < 1 || line > lines.length) return undefined;
  const first = Math.max(0, line - 1 - around);
  const end = Math.min(lines.length, line + around);
  const start = searchedFrom(lines, first);
  const safe = withoutSecrets(lines.slice(start, end).map(searchable), first - start, hide).map(cut);
  const at = line - 1 - first;
  return { pre: safe.slice(0, at), line: safe[at] ?? "", post: safe.slice(at + 1) };
}

function searchedFrom(lines: readonly string[], first: number): number {
  let nearest = first;
  let length = 0;
  for (let at = first - 1; at >= 0 && length < MAX_KEY_LENGTH; at--) {
    const line = lineAt(lines, at);
    if (line.includes(KEY_BEGINS)) return at;
    if (length < SEARCHED_BEFORE) nearest = at;
    length += line.length + 1;
  }
  return nearest;
}

/** Those from `from` on. Of a secret that goes over several, the first says that it is hidden, the others are empty. */
function withoutSecrets(lines: readonly string[], from: number, hide: HideSecrets): readonly string[] {
  const text = lines.join("\n");
  if (hide(text, text.length) === text) return lines.slice(from);
  let end = lines.slice(0, from).join("\n").length;
  let before = hide(text, end);
  return lines.slice(from).map((line, index) => {
    end += line.length + (from + index === 0 ? 0 : 1);
    const upTo = hide(text, end);
    // What is found in a longer part may begin earlier: then nothing tells which line it is in.
    if (!upTo.startsWith(before)) return WITHHELD;
    const safe = upTo.slice(before.length);
    before = upTo;
    return safe.startsWith("\n") ? safe.slice(1) : safe;
  });
}

const WITHHELD = "[REDACTED]";

function searchable(line: string): string {
  return line.length > MAX_LINE_LENGTH + LOOKAHEAD ? line.slice(0, MAX_LINE_LENGTH + LOOKAHEAD) : line;
}

function cut(line: string): string {
  return line.length > MAX_LINE_LENGTH ? `${line.slice(0, MAX_LINE_LENGTH)}…` : line;
}

function lineAt(lines: readonly string[], index: number): string {
  return searchable(lines[index] ?? "");
}
