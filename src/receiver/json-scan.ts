/**
 * JSON as bytes: where the members of an object and the elements of an array begin and end. Nothing is decoded but
 * keys with escapes. For text that JSON.parse has taken; on other input it throws an Error, and never reads outside.
 */

/** A value: from its first byte to behind its last. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export interface Member {
  readonly key: string;
  readonly value: Span;
}

/** Of the whole text: a byte order mark and white space may stand before it. */
export function rootOf(body: Buffer): number {
  const hasMark = body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf;
  return skipSpace(body, hasMark ? 3 : 0);
}

export function isObject(body: Buffer, value: Span): boolean {
  return body[value.start] === OPEN_OBJECT;
}

export function isArray(body: Buffer, value: Span): boolean {
  return body[value.start] === OPEN_ARRAY;
}

export function isNull(body: Buffer, value: Span): boolean {
  return body[value.start] === LETTER_N;
}

/** Members in the order of the text, duplicates included: it is the last one that JSON.parse takes. */
export function* membersOf(body: Buffer, start: number): Generator<Member, void, undefined> {
  let at = skipSpace(body, start + 1);
  while (byteAt(body, at) !== CLOSE_OBJECT) {
    const keyEnd = stringEnd(body, at);
    const colon = skipSpace(body, keyEnd);
    expect(body, colon, COLON);
    const valueStart = skipSpace(body, colon + 1);
    const value = { start: valueStart, end: valueEnd(body, valueStart) };
    yield { key: decodeString(body, { start: at, end: keyEnd }), value };
    at = afterComma(body, value.end, CLOSE_OBJECT);
  }
}

/** The value of the member that counts. */
export function lastMember(body: Buffer, object: Span, key: string): Span | undefined {
  let found: Span | undefined;
  for (const member of membersOf(body, object.start)) if (member.key === key) found = member.value;
  return found;
}

export function* elementsOf(body: Buffer, start: number): Generator<Span, void, undefined> {
  let at = skipSpace(body, start + 1);
  while (byteAt(body, at) !== CLOSE_ARRAY) {
    const end = valueEnd(body, at);
    yield { start: at, end };
    at = afterComma(body, end, CLOSE_ARRAY);
  }
}

/** `undefined` for a value that is no string. */
export function stringOf(body: Buffer, value: Span): string | undefined {
  return body[value.start] === QUOTE ? decodeString(body, value) : undefined;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const LETTER_N = 0x6e;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

function decodeString(body: Buffer, { start, end }: Span): string {
  const text = body.toString("utf8", start, end);
  if (!text.includes("\\")) return text.slice(1, -1);
  const decoded: unknown = JSON.parse(text);
  return String(decoded);
}

function afterComma(body: Buffer, start: number, close: number): number {
  const at = skipSpace(body, start);
  if (byteAt(body, at) === close) return at;
  expect(body, at, COMMA);
  return skipSpace(body, at + 1);
}

/** Counts brackets instead of calling itself: nesting is as deep as the sender likes. */
function valueEnd(body: Buffer, start: number): number {
  let depth = 0;
  let at = start;
  do {
    const byte = byteAt(body, at);
    if (byte === QUOTE) at = stringEnd(body, at);
    else {
      if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) depth += 1;
      else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) depth -= 1;
      else if (depth === 0) return literalEnd(body, at);
      at += 1;
    }
  } while (depth > 0);
  if (depth < 0) throw malformed(start);
  return at;
}

function stringEnd(body: Buffer, start: number): number {
  expect(body, start, QUOTE);
  for (let at = start + 1; at < body.length; at++) {
    const byte = body[at];
    if (byte === QUOTE) return at + 1;
    if (byte === BACKSLASH) at += 1;
  }
  throw malformed(body.length);
}

/** A number, `true`, `false` or `null`. */
function literalEnd(body: Buffer, start: number): number {
  let at = start;
  while (at < body.length && !endsLiteral(body[at])) at += 1;
  if (at === start) throw malformed(start);
  return at;
}

function endsLiteral(byte: number | undefined): boolean {
  return byte === COMMA || byte === COLON || byte === CLOSE_OBJECT || byte === CLOSE_ARRAY || isSpace(byte);
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

function skipSpace(body: Buffer, start: number): number {
  let at = start;
  while (isSpace(body[at])) at += 1;
  return at;
}

function expect(body: Buffer, at: number, wanted: number): void {
  if (byteAt(body, at) !== wanted) throw malformed(at);
}

function byteAt(body: Buffer, at: number): number {
  const byte = body[at];
  if (byte === undefined) throw malformed(at);
  return byte;
}

function malformed(at: number): Error {
  return new Error(`not JSON, at byte ${at}`);
}
