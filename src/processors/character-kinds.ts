/** What each character of a message is, as bits; a token's bits are those of all its characters. */
export const LETTER = 1;
export const DIGIT = 2;
export const DOT = 4;
export const SLASH = 8;
export const AT = 16;
export const TOKEN = 32;
export const QUOTE = 64;
export const SPACE = 128;
export const BRACKET = 256;
export const CONTROL = 512;
export const URL_MARK = 1_024;
export const COLON = 2_048;
export const UPPER = 4_096;
/** In tokens, what is neither letter nor digit. */
export const MARK = 8_192;

const KINDS = new Uint16Array(128);
for (let code = 0; code < 128; code++) {
  const char = String.fromCharCode(code);
  if (/[a-z]/.test(char)) KINDS[code] = TOKEN | LETTER;
  else if (/[A-Z]/.test(char)) KINDS[code] = TOKEN | LETTER | UPPER;
  else if (/[0-9]/.test(char)) KINDS[code] = TOKEN | DIGIT;
  else if (char === ".") KINDS[code] = TOKEN | DOT | MARK;
  else if (char === "/" || char === "\\") KINDS[code] = TOKEN | SLASH | MARK;
  else if (char === "@") KINDS[code] = TOKEN | AT | MARK;
  else if (char === ":") KINDS[code] = TOKEN | COLON | MARK;
  else if (/[-_+~#$%]/.test(char)) KINDS[code] = TOKEN | MARK;
  else if (/["'`]/.test(char)) KINDS[code] = QUOTE;
  else if (/\s/.test(char)) KINDS[code] = SPACE;
  else if (/[<>()[\]{}]/.test(char)) KINDS[code] = BRACKET;
  else if (code < 32 || code === 127) KINDS[code] = CONTROL;
}

/**
 * Latin, Greek and Cyrillic letters are letters. All others are punctuation here: a script without spaces would else
 * be one long word.
 */
export function kindOf(code: number): number {
  if (code < 128) return KINDS[code] ?? 0;
  if (code >= 0xc0 && code < 0x530) return code === 0xd7 || code === 0xf7 ? 0 : TOKEN | LETTER;
  if (code === 0x201c || code === 0x2018 || code === 0xab || code === 0x300c) return QUOTE;
  if (code === 0xa0 || code === 0x3000 || code === 0x2028 || code === 0x2029 || code === 0x85) return SPACE;
  // C1 controls, and marks that are not seen: zero width, direction of writing.
  const unseen = code < 0xa0 || (code >= 0x200b && code <= 0x200f) || (code >= 0x202a && code <= 0x202e);
  return unseen || (code >= 0x2060 && code <= 0x2069) || code === 0xfeff ? CONTROL : 0;
}
