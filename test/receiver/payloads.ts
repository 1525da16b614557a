/** Payloads of OTLP: arbitrary ones, and the same ones written differently on the wire. */
import fc from "fast-check";
import protobuf from "protobufjs";
import type { Message } from "./reference-decoder";

const ASKED_KEYS = [
  ...["http.request.method", "http.method", "http.route", "http.response.status_code", "http.status_code"],
  ...["http.client_aborted", "exception.type", "exception.message", "exception.stacktrace", "error.category"],
  ...["error.fingerprint", "gen_ai.operation.name", "service.name", "service.version", "service.instance.id"],
  ...["deployment.environment", "deployment.environment.name", "host.name", "seismo.worker.id"],
];
const OTHER_KEYS = ["url.path", "db.system", "", "__proto__", "constructor", "toString", "10", "http.request.methods"];

const key = fc.oneof(
  fc.constantFrom(...ASKED_KEYS),
  fc.constantFrom(...OTHER_KEYS),
  fc.string({ unit: "binary", maxLength: 140 }),
);
const text = fc.oneof(
  fc.constantFrom("GET", "POST", "/items/:id", "", "500", "404", "200", "TypeError"),
  fc.string({ unit: "grapheme", maxLength: 150 }),
);
const integer = fc.oneof(fc.constantFrom(0, 200, 204, 302, 399, 400, 404, 500, 599, -1), fc.maxSafeInteger());
const int64 = fc.oneof(
  integer.map(String),
  fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }).map(String),
  fc.constantFrom("9007199254740992", "9007199254740993", "-9007199254740993"),
);

const { value } = fc.letrec<{ value: object }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, depthSize: "small" },
    fc.record({ stringValue: text }),
    fc.record({ intValue: int64 }),
    fc.record({ boolValue: fc.boolean() }),
    fc.record({ doubleValue: fc.double({ noNaN: false }).map((double) => double + 0) }),
    fc.record({ bytesValue: fc.uint8Array({ maxLength: 20 }) }),
    fc.constant({}),
    fc.record({ arrayValue: fc.record({ values: fc.array(tie("value"), { maxLength: 4 }) }) }),
    fc.record({
      kvlistValue: fc.record({ values: fc.array(fc.record({ key, value: tie("value") }), { maxLength: 4 }) }),
    }),
  ),
}));

const attributes = fc.array(fc.oneof(fc.record({ key, value }), fc.record({ key })), { maxLength: 6 });

const STARTED = 1_764_064_800_123_456_789n;
const nanos = fc.oneof(
  fc.bigInt({ min: STARTED, max: STARTED + 10_000_000_000n }).map(String),
  fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }).map(String),
  fc.constantFrom("0", "1", String((1n << 64n) - 1n), "16725225600000000000"),
);
const id = (length: number) =>
  fc.oneof(
    { weight: 5, arbitrary: fc.uint8Array({ minLength: length, maxLength: length }) },
    { weight: 1, arbitrary: fc.constant(new Uint8Array(length)) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 20 }) },
  );
const eventName = fc.constantFrom("exception", "retry", "", "app.exception", "exceptions", "message");
const dropped = fc.nat({ max: 1_000_000 });

const event = fc.record(
  { timeUnixNano: nanos, name: eventName, attributes, droppedAttributesCount: dropped },
  { requiredKeys: [] },
);
const link = fc.record(
  { traceId: id(16), spanId: id(8), traceState: text, attributes, flags: dropped },
  { requiredKeys: [] },
);
const span = fc.record(
  {
    traceId: id(16),
    spanId: id(8),
    parentSpanId: id(8),
    traceState: text,
    name: text,
    kind: fc.oneof(fc.constant(2), fc.integer({ min: -1, max: 7 })),
    startTimeUnixNano: nanos,
    endTimeUnixNano: nanos,
    attributes,
    events: fc.array(event, { maxLength: 2 }),
    links: fc.array(link, { maxLength: 1 }),
    status: fc.record({ code: fc.constantFrom(0, 0, 0, 1, 2, 3, -1), message: text }, { requiredKeys: [] }),
    droppedAttributesCount: dropped,
    flags: dropped,
  },
  { requiredKeys: [] },
);
const log = fc.record(
  {
    timeUnixNano: nanos,
    observedTimeUnixNano: nanos,
    severityNumber: fc.integer({ min: 0, max: 24 }),
    severityText: text,
    body: value,
    attributes,
    traceId: id(16),
    spanId: id(8),
    eventName,
    flags: dropped,
  },
  { requiredKeys: [] },
);
const resource = fc.record({ attributes, droppedAttributesCount: dropped }, { requiredKeys: [] });
const scope = fc.record({ name: text, version: text, attributes }, { requiredKeys: [] });

/** As protobufjs takes them: 64-bit integers as decimal strings, ids as bytes. */
export const traceRequests: fc.Arbitrary<Message> = fc.record({
  resourceSpans: fc.array(
    fc.record(
      {
        resource,
        scopeSpans: fc.array(
          fc.record({ scope, spans: fc.array(span, { maxLength: 4 }), schemaUrl: text }, { requiredKeys: [] }),
          { maxLength: 2 },
        ),
        schemaUrl: text,
      },
      { requiredKeys: [] },
    ),
    { maxLength: 3 },
  ),
});
export const logRequests: fc.Arbitrary<Message> = fc.record({
  resourceLogs: fc.array(
    fc.record(
      {
        resource,
        scopeLogs: fc.array(
          fc.record({ scope, logRecords: fc.array(log, { maxLength: 4 }), schemaUrl: text }, { requiredKeys: [] }),
          { maxLength: 2 },
        ),
      },
      { requiredKeys: [] },
    ),
    { maxLength: 2 },
  ),
});

export function encode(type: protobuf.Type, request: Message): Uint8Array {
  return type.encode(type.fromObject(request)).finish();
}

/** The JSON mapping of OTLP: ids as hex digits, other bytes as base64. */
export function toJson(request: Message): string {
  return JSON.stringify(request, function (this: Message, name) {
    const given = this[name]; // a Buffer is still one here
    if (typeof given === "number" && !Number.isFinite(given)) return String(given);
    if (!(given instanceof Uint8Array)) return given;
    return Buffer.from(given).toString(name === "bytesValue" ? "base64" : "hex");
  });
}

/** From 0 up to, and without, `below`. */
export type Dice = (below: number) => number;

/** Numbers that depend on the seed alone (mulberry32). */
export function dice(seed: number): Dice {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

/**
 * The same message in other bytes: fields of different numbers in any order, single messages in two parts, scalars that
 * are overruled by a later one, unknown fields of every wire type and groups between them, lengths in more bytes
 * than they need.
 */
export function scrambled(type: protobuf.Type, bytes: Uint8Array, roll: Dice): Uint8Array {
  const queues = new Map<number, Buffer[]>();
  const put = (number: number, field: Uint8Array): void => {
    queues.set(number, [...(queues.get(number) ?? []), Buffer.from(field)]);
  };
  for (const { number, wireType, content, raw } of fieldsOf(bytes)) {
    const field = type.fieldsById[number];
    const inner = field?.resolve().resolvedType as protobuf.Type | null | undefined; // the schema has no enums
    if (field === undefined || inner === null || inner === undefined) {
      if (roll(8) === 0 && wireType === 0 && field?.partOf === undefined) put(number, varintField(number, roll(3)));
      put(number, raw);
      continue;
    }
    const parts = field.repeated || roll(3) > 0 ? [content] : split(content, roll);
    for (const part of parts) put(number, lengthField(number, scrambled(inner, part, roll), roll));
  }
  const result: Uint8Array[] = [];
  while (queues.size > 0) {
    if (roll(4) === 0) result.push(unknownField(type, roll, 0));
    const numbers = [...queues.keys()];
    const number = numbers[roll(numbers.length)] ?? 0;
    const queue = queues.get(number) ?? [];
    result.push(queue.shift() ?? Buffer.alloc(0));
    if (queue.length === 0) queues.delete(number);
  }
  return Buffer.concat(result);
}

interface WireField {
  readonly number: number;
  readonly wireType: number;
  readonly content: Uint8Array;
  readonly raw: Uint8Array;
}

function fieldsOf(bytes: Uint8Array): WireField[] {
  const reader = protobuf.Reader.create(bytes);
  const fields: WireField[] = [];
  while (reader.pos < reader.len) {
    const from = reader.pos;
    const tag = reader.uint32();
    const wireType = tag & 7;
    const content = wireType === 2 ? reader.bytes() : new Uint8Array();
    if (wireType !== 2) reader.skipType(wireType);
    fields.push({ number: tag >>> 3, wireType, content, raw: bytes.subarray(from, reader.pos) });
  }
  return fields;
}

function split(content: Uint8Array, roll: Dice): Uint8Array[] {
  const fields = fieldsOf(content).map(({ raw }) => Buffer.from(raw));
  const at = roll(fields.length + 1);
  return [Buffer.concat(fields.slice(0, at)), Buffer.concat(fields.slice(at))];
}

function unknownField(type: protobuf.Type, roll: Dice, depth: number): Uint8Array {
  const known = Object.keys(type.fieldsById).map(Number);
  const number = [200, 2_047, 536_870_911, ...known][roll(3 + known.length)] ?? 200;
  const isKnown = known.includes(number);
  switch (isKnown ? 3 : roll(5)) {
    case 0:
      return varintField(number, roll(1 << 30));
    case 1:
      return Buffer.concat([varint(number * 8 + 1), Buffer.alloc(8, roll(256))]);
    case 2:
      return lengthField(number, Buffer.alloc(roll(200), roll(256)), roll);
    case 3: {
      const inner = depth < 3 ? Array.from({ length: roll(3) }, () => unknownField(type, roll, depth + 1)) : [];
      return Buffer.concat([varint(number * 8 + 3), ...inner, varint(number * 8 + 4)]);
    }
    default:
      return Buffer.concat([varint(number * 8 + 5), Buffer.alloc(4, roll(256))]);
  }
}

function lengthField(number: number, content: Uint8Array, roll: Dice): Uint8Array {
  const length = varint(content.length);
  if (roll(6) === 0) {
    length[length.length - 1] = (length.at(-1) ?? 0) | 0x80;
    return Buffer.concat([varint(number * 8 + 2), length, Buffer.from([0]), content]);
  }
  return Buffer.concat([varint(number * 8 + 2), length, content]);
}

function varintField(number: number, given: number): Uint8Array {
  return Buffer.concat([varint(number * 8), varint(given)]);
}

function varint(given: number): Buffer {
  const bytes: number[] = [];
  let rest = given;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  return Buffer.from([...bytes, rest]);
}
