/**
 * Looks over protobuf items in place: proves every byte of them to be well formed, and tells those that are plainly
 * healthy from those that have to be decoded. In doubt an item is decoded: only the shapes that every sender writes
 * are understood here.
 *
 *   Span bytes ──scan──► plain: a few positions within the body, for the request metrics
 *                  └───► not plain: otlp-protobuf-decode.ts
 */
import { EXCEPTION_EVENT } from "./otlp-selection";
import { STATUS_ERROR, TRACE_ID_BYTES } from "./otlp-values";
import { byteAt, contentEnd, enter, fieldEnd, fixed64End, tagAt, varintEnd, varintInt32 } from "./protobuf-wire";

/** Field numbers and wire types of opentelemetry/proto 1.x, as they stand on the wire: number × 8 + wire type. */
const KEY_VALUE = { key: 0x0a, value: 0x12 } as const;
const ANY_VALUE = {
  string: 0x0a,
  bool: 0x10,
  int: 0x18,
  double: 0x21,
  array: 0x2a,
  keyValueList: 0x32,
  bytes: 0x3a,
} as const;
/** Of ArrayValue and KeyValueList alike. */
const VALUES = 0x0a;
const SPAN = {
  traceId: 0x0a,
  spanId: 0x12,
  parentSpanId: 0x22,
  name: 0x2a,
  kind: 0x30,
  start: 0x39,
  end: 0x41,
  attributes: 0x4a,
  events: 0x5a,
  links: 0x6a,
  status: 0x7a,
  flags: 0x85,
} as const;
const EVENT = { time: 0x09, name: 0x12, attributes: 0x1a } as const;
const LINK_ATTRIBUTES = 0x22;
const STATUS = { message: 0x12, code: 0x18 } as const;
const LOG = {
  time: 0x09,
  severity: 0x10,
  body: 0x2a,
  attributes: 0x32,
  traceId: 0x4a,
  spanId: 0x52,
  observedTime: 0x59,
  eventName: 0x62,
} as const;
/** Levels around the fields of a span or log record: request, resource, scope, item. */
const ITEM_NESTING = 4;

/** Where a plain span says what its request was; -1 for what it does not say. Ends are exclusive. */
export interface SpanScan {
  kind: number;
  traceIdAt: number;
  startAt: number;
  endAt: number;
  methodAt: number;
  methodEnd: number;
  oldMethodAt: number;
  oldMethodEnd: number;
  routeAt: number;
  routeEnd: number;
  /** Status codes, not positions. */
  statusCode: number;
  oldStatusCode: number;
}

/** What an attribute says by its key. */
const UNASKED = 0;
const TELLTALE = 1;
const METHOD = 2;
const OLD_METHOD = 3;
const ROUTE = 4;
const STATUS_CODE = 5;
const OLD_STATUS_CODE = 6;

const ASKED_KEYS: readonly (readonly [meaning: number, key: string])[] = [
  [METHOD, "http.request.method"],
  [OLD_METHOD, "http.method"],
  [ROUTE, "http.route"],
  [STATUS_CODE, "http.response.status_code"],
  [OLD_STATUS_CODE, "http.status_code"],
  [TELLTALE, "http.client_aborted"],
  [TELLTALE, "exception.type"],
  [TELLTALE, "exception.message"],
  [TELLTALE, "error.category"],
  [TELLTALE, "error.fingerprint"],
  [TELLTALE, "gen_ai.operation.name"],
];
interface AskedKey {
  readonly meaning: number;
  readonly bytes: Uint8Array;
}
const LONGEST_KEY = Math.max(...ASKED_KEYS.map(([, key]) => key.length));
const ASKED_LENGTHS = ASKED_KEYS.reduce((bits, [, key]) => bits | (1 << key.length), 0);
const BY_LENGTH: readonly (readonly AskedKey[])[] = Array.from({ length: LONGEST_KEY + 1 }, (_, length) =>
  ASKED_KEYS.filter(([, key]) => key.length === length).map(([meaning, key]) => ({ meaning, bytes: Buffer.from(key) })),
);
const EXCEPTION_BYTES = Buffer.from(EXCEPTION_EVENT);

export { ANY_VALUE, EVENT, ITEM_NESTING, KEY_VALUE, LOG, SPAN, STATUS, VALUES };

export function emptySpanScan(): SpanScan {
  return {
    kind: 0,
    traceIdAt: -1,
    startAt: -1,
    endAt: -1,
    methodAt: -1,
    methodEnd: -1,
    oldMethodAt: -1,
    oldMethodEnd: -1,
    routeAt: -1,
    routeEnd: -1,
    statusCode: -1,
    oldStatusCode: -1,
  };
}

/** Fills `scan` from the Span at [from, end). True when the span is plain; a request of 400 and above is not. */
export function scanSpan(bytes: Uint8Array, from: number, end: number, scan: SpanScan): boolean {
  let isPlain = true;
  scan.kind = 0;
  scan.traceIdAt = -1;
  scan.startAt = -1;
  scan.endAt = -1;
  scan.methodAt = -1;
  scan.oldMethodAt = -1;
  scan.routeAt = -1;
  scan.statusCode = -1;
  scan.oldStatusCode = -1;
  let pos = from;
  while (pos < end) {
    // Tags and lengths of one byte, which nearly all are, are read on the spot.
    let tag = bytes[pos] ?? 0;
    let start = pos + 1;
    if (tag >= 0x80 || tag < 8) {
      start = varintEnd(bytes, pos, end);
      tag = tagAt(bytes, pos, start);
    }
    if ((tag & 7) === 2) {
      const length = start < end ? (bytes[start] ?? 0) : 0x80;
      const content = length < 0x80 ? start + 1 : varintEnd(bytes, start, end);
      pos = length <= end - content && length < 0x80 ? content + length : contentEnd(bytes, start, content, end);
      if (tag === SPAN.attributes) {
        const meaning = shortMeaning(bytes, content, pos);
        if (meaning !== UNASKED && !noteAttribute(bytes, meaning, content, pos, scan)) isPlain = false;
      } else if (tag === SPAN.traceId) {
        scan.traceIdAt = pos - content === TRACE_ID_BYTES ? content : -1;
      } else if (tag === SPAN.status) {
        if (statusCode(bytes, content, pos) === STATUS_ERROR) isPlain = false;
      } else if (tag === SPAN.events) {
        if (isExceptionEvent(bytes, content, pos)) isPlain = false;
      } else if (tag === SPAN.links) {
        checkMessage(bytes, content, pos, LINK_ATTRIBUTES, ITEM_NESTING + 1);
      }
    } else if (tag === SPAN.start) {
      scan.startAt = start;
      pos = fixed64End(start, end);
    } else if (tag === SPAN.end) {
      scan.endAt = start;
      pos = fixed64End(start, end);
    } else if (tag === SPAN.kind) {
      pos = varintEnd(bytes, start, end);
      scan.kind = varintInt32(bytes, start, pos);
    } else if (tag === SPAN.flags && end - start >= 4) {
      pos = start + 4;
    } else {
      pos = fieldEnd(bytes, tag, start, end, ITEM_NESTING);
    }
  }
  return isPlain;
}

/** As checkKeyValue does, without calls for an attribute of less than 128 bytes: most of a body is of these. */
function shortMeaning(bytes: Uint8Array, from: number, end: number): number {
  if (end - from < 4 || end - from >= 0x80) return checkKeyValue(bytes, from, end, ITEM_NESTING + 1);
  const keyLength = bytes[from + 1] ?? 0;
  const value = from + keyLength + 4;
  if (
    value > end ||
    bytes[from] !== KEY_VALUE.key ||
    bytes[value - 2] !== KEY_VALUE.value ||
    bytes[value - 1] !== end - value
  ) {
    return checkKeyValue(bytes, from, end, ITEM_NESTING + 1);
  }
  if (!isStringOrInt(bytes, value, end)) checkAnyValue(bytes, value, end, ITEM_NESTING + 2);
  if (keyLength > LONGEST_KEY || ((ASKED_LENGTHS >> keyLength) & 1) === 0) return UNASKED;
  return meaningOf(bytes, from + 2, keyLength);
}

/** True for an AnyValue that is one string of less than 126 bytes or one integer, and well formed. */
function isStringOrInt(bytes: Uint8Array, value: number, end: number): boolean {
  if (end - value < 2) return false;
  if (bytes[value] === ANY_VALUE.string) return bytes[value + 1] === end - value - 2;
  return bytes[value] === ANY_VALUE.int && varintEnd(bytes, value + 1, end) === end;
}

export interface LogScan {
  severityNumber: number;
}

export function emptyLogScan(): LogScan {
  return { severityNumber: 0 };
}

/** Fills `scan` from the LogRecord at [from, end). True when it plainly tells of no exception. */
export function scanLog(bytes: Uint8Array, from: number, end: number, scan: LogScan): boolean {
  let isPlain = true;
  scan.severityNumber = 0;
  let pos = from;
  while (pos < end) {
    const start = varintEnd(bytes, pos, end);
    const tag = tagAt(bytes, pos, start);
    pos = fieldEnd(bytes, tag, start, end, ITEM_NESTING);
    if (tag === LOG.attributes) {
      if (checkKeyValue(bytes, varintEnd(bytes, start, end), pos, ITEM_NESTING + 1) === TELLTALE) isPlain = false;
    } else if (tag === LOG.body) {
      checkAnyValue(bytes, varintEnd(bytes, start, end), pos, ITEM_NESTING + 1);
    } else if (tag === LOG.severity) {
      scan.severityNumber = varintInt32(bytes, start, pos);
    } else if (tag === LOG.eventName) {
      const tail = Math.max(varintEnd(bytes, start, end), pos - EXCEPTION_BYTES.length);
      if (isBytes(bytes, tail, pos, EXCEPTION_BYTES)) isPlain = false;
    }
  }
  return isPlain;
}

/** Proves a message to be well formed whose only messages of interest are its attributes: a resource, scope, event or link. */
export function checkMessage(
  bytes: Uint8Array,
  from: number,
  end: number,
  attributesTag: number,
  nesting: number,
): void {
  let pos = from;
  while (pos < end) {
    const start = varintEnd(bytes, pos, end);
    const tag = tagAt(bytes, pos, start);
    pos = fieldEnd(bytes, tag, start, end, nesting);
    if (tag === attributesTag) checkKeyValue(bytes, varintEnd(bytes, start, end), pos, enter(nesting, start));
  }
}

/** Proves the KeyValue at [from, end) to be well formed, and says what its key means. `nesting` is its own level. */
function checkKeyValue(bytes: Uint8Array, from: number, end: number, nesting: number): number {
  // As all senders write it: a key of less than 128 bytes, then the value, and nothing else.
  if (end - from > 3 && byteAt(bytes, from) === KEY_VALUE.key) {
    const keyLength = byteAt(bytes, from + 1);
    const valueTag = from + 2 + keyLength;
    if (keyLength < 0x80 && valueTag + 1 < end && byteAt(bytes, valueTag) === KEY_VALUE.value) {
      const value = varintEnd(bytes, valueTag + 1, end);
      if (contentEnd(bytes, valueTag + 1, value, end) === end) {
        checkAnyValue(bytes, value, end, enter(nesting, from));
        return meaningOf(bytes, from + 2, keyLength);
      }
    }
  }
  return checkUnusualKeyValue(bytes, from, end, nesting);
}

/** What is not written as usual may mean anything. */
function checkUnusualKeyValue(bytes: Uint8Array, from: number, end: number, nesting: number): number {
  let pos = from;
  while (pos < end) {
    const start = varintEnd(bytes, pos, end);
    const tag = tagAt(bytes, pos, start);
    pos = fieldEnd(bytes, tag, start, end, nesting);
    if (tag === KEY_VALUE.value) checkAnyValue(bytes, varintEnd(bytes, start, end), pos, enter(nesting, start));
  }
  return TELLTALE;
}

function checkAnyValue(bytes: Uint8Array, from: number, end: number, nesting: number): void {
  if (isUsualString(bytes, from, end)) return;
  let pos = from;
  while (pos < end) {
    const start = varintEnd(bytes, pos, end);
    const tag = tagAt(bytes, pos, start);
    pos = fieldEnd(bytes, tag, start, end, nesting);
    if (tag === ANY_VALUE.array || tag === ANY_VALUE.keyValueList) {
      checkValues(bytes, varintEnd(bytes, start, end), pos, tag, enter(nesting, start));
    }
  }
}

/** Proves the ArrayValue or KeyValueList at [from, end) to be well formed. */
function checkValues(bytes: Uint8Array, from: number, end: number, listTag: number, nesting: number): void {
  let pos = from;
  while (pos < end) {
    const start = varintEnd(bytes, pos, end);
    const tag = tagAt(bytes, pos, start);
    pos = fieldEnd(bytes, tag, start, end, nesting);
    if (tag !== VALUES) continue;
    const content = varintEnd(bytes, start, end);
    if (listTag === ANY_VALUE.array) checkAnyValue(bytes, content, pos, enter(nesting, start));
    else checkKeyValue(bytes, content, pos, enter(nesting, start));
  }
}

function meaningOf(bytes: Uint8Array, at: number, length: number): number {
  if (length > LONGEST_KEY) return UNASKED;
  const candidates = BY_LENGTH[length];
  if (candidates === undefined || candidates.length === 0) return UNASKED;
  for (const { meaning, bytes: key } of candidates) {
    if (isBytes(bytes, at, at + length, key)) return meaning;
  }
  return UNASKED;
}

/** False when the span has to be decoded to know what the attribute says. Its KeyValue is written as usual, or a telltale. */
function noteAttribute(bytes: Uint8Array, meaning: number, from: number, end: number, scan: SpanScan): boolean {
  if (meaning === TELLTALE) return false;
  const value = varintEnd(bytes, from + 2 + byteAt(bytes, from + 1) + 1, end);
  if (meaning === STATUS_CODE || meaning === OLD_STATUS_CODE) {
    const status = usualStatus(bytes, value, end);
    if (meaning === STATUS_CODE) scan.statusCode = status;
    else scan.oldStatusCode = status;
    return status >= 0 && status < 400;
  }
  if (!isUsualString(bytes, value, end)) return false;
  if (meaning === METHOD) {
    scan.methodAt = value + 2;
    scan.methodEnd = end;
  } else if (meaning === OLD_METHOD) {
    scan.oldMethodAt = value + 2;
    scan.oldMethodEnd = end;
  } else {
    scan.routeAt = value + 2;
    scan.routeEnd = end;
  }
  return true;
}

/** An AnyValue that is a string of less than 128 bytes, and nothing else. */
function isUsualString(bytes: Uint8Array, from: number, end: number): boolean {
  const length = end - from - 2;
  return length >= 0 && length < 0x80 && byteAt(bytes, from) === ANY_VALUE.string && byteAt(bytes, from + 1) === length;
}

/** An integer of one or two bytes, and nothing else; -1 for anything that is not written so. */
function usualStatus(bytes: Uint8Array, value: number, end: number): number {
  if (end - value < 2 || end - value > 3 || byteAt(bytes, value) !== ANY_VALUE.int) return -1;
  return varintEnd(bytes, value + 1, end) === end ? varintInt32(bytes, value + 1, end) : -1;
}

/** Of several codes the last counts, but one that says ERROR is enough to look closer. */
function statusCode(bytes: Uint8Array, from: number, end: number): number {
  let code = 0;
  let pos = from;
  while (pos < end) {
    const start = varintEnd(bytes, pos, end);
    const tag = tagAt(bytes, pos, start);
    pos = fieldEnd(bytes, tag, start, end, ITEM_NESTING + 1);
    if (tag === STATUS.code && code !== STATUS_ERROR) code = varintInt32(bytes, start, pos);
  }
  return code;
}

function isExceptionEvent(bytes: Uint8Array, from: number, end: number): boolean {
  let isException = false;
  let pos = from;
  while (pos < end) {
    const start = varintEnd(bytes, pos, end);
    const tag = tagAt(bytes, pos, start);
    pos = fieldEnd(bytes, tag, start, end, ITEM_NESTING + 1);
    if (tag === EVENT.attributes) checkKeyValue(bytes, varintEnd(bytes, start, end), pos, ITEM_NESTING + 2);
    else if (tag === EVENT.name) isException ||= isBytes(bytes, varintEnd(bytes, start, end), pos, EXCEPTION_BYTES);
  }
  return isException;
}

function isBytes(bytes: Uint8Array, at: number, end: number, wanted: Uint8Array): boolean {
  if (end - at !== wanted.length) return false;
  for (let index = 0; index < wanted.length; index++) {
    if (bytes[at + index] !== wanted[index]) return false;
  }
  return true;
}
