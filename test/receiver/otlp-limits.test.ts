/** Bodies that nobody sends by accident: malformed, deep, endless. Each gets an answer, in time and memory that grow with its length alone. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MAX_SENDERS, MalformedOtlpError, type TraceBatch } from "../../src/receiver/otlp-batch";
import { MAX_JSON_CONTAINERS, readLogsJson, readTracesJson } from "../../src/receiver/otlp-json";
import { readLogsProtobuf, readTracesProtobuf } from "../../src/receiver/otlp-protobuf";
import { MAX_KEPT_ITEMS } from "../../src/receiver/otlp-selection";
import { LOGS, TRACES } from "./otlp-schema";
import { encode, toJson } from "./payloads";
import type { Message } from "./reference-decoder";

const LOG_OPTIONS = { errorLogs: false, lineSeverity: 9, maxLines: 0 };

const OPTIONS = { slowMillis: 5_000, maxSamples: 0 };
const SERVER = 2;
const FAILED = { code: 2 };

function request(spans: readonly object[], resource: object = {}): Message {
  return { resourceSpans: [{ resource, scopeSpans: [{ spans }] }] };
}

/** From both encodings, which must agree. */
function read(sent: Message): TraceBatch {
  const batch = readTracesProtobuf(encode(TRACES, sent), OPTIONS);
  assert.deepStrictEqual(readTracesJson(Buffer.from(toJson(sent)), OPTIONS), batch);
  return batch;
}

function onlySpan(sent: Message): TraceBatch["spans"][number]["span"] {
  const [received] = read(sent).spans;
  assert.ok(received);
  return received.span;
}

function attribute(key: string, text: string): object {
  return { key, value: { stringValue: text } };
}

function lengthField(tag: number, content: Uint8Array): Buffer {
  const length: number[] = [];
  for (let rest = content.length; ; rest = Math.floor(rest / 0x80)) {
    length.push(rest < 0x80 ? rest : (rest % 0x80) | 0x80);
    if (rest < 0x80) break;
  }
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}

function inSpan(...fields: readonly Uint8Array[]): Buffer {
  return lengthField(0x0a, lengthField(0x12, lengthField(0x12, Buffer.concat(fields))));
}

const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(" ", ""), "hex");

const MALFORMED_PROTOBUF: readonly (readonly [what: string, field: string])[] = [
  ["JSON", "7b22"],
  ["noise", "ffffffffffffffffffffffff"],
  ["a varint of eleven bytes", "30 ffffffffffffffffffff01"],
  ["field number 0", "00 01"],
  ["a field number over 2^29", "80808080 8001 01"],
  ["wire type 6", "0e 00"],
  ["wire type 7", "0f 00"],
  ["the end of a group alone", "0c"],
  ["a group without an end", "a306 3001"],
  ["a group that ends as another", "a306 ac06"],
  ["a length of 2 GB", "0a ffffffff07"],
  ["a length of 2^64-1", "0a ffffffffffffffffff01"],
  ["a time that is cut off", "39 00000000"],
  ["flags that are cut off", "8501 0000"],
];
for (const [what, field] of MALFORMED_PROTOBUF) {
  test(`protobuf is refused for ${what}, at the top, in a span, and in a value that nobody asked for`, () => {
    const value = lengthField(0x4a, Buffer.concat([bytes("0a0161"), lengthField(0x12, bytes(field))]));
    const list = lengthField(0x12, lengthField(0x2a, lengthField(0x0a, bytes(field))));
    const event = lengthField(0x5a, lengthField(0x1a, Buffer.concat([bytes("0a0161"), list])));
    for (const body of [bytes(field), inSpan(bytes(field)), inSpan(value), inSpan(event)]) {
      assert.throws(() => readTracesProtobuf(body, OPTIONS), MalformedOtlpError);
      assert.throws(() => readTracesProtobuf(Buffer.concat([inSpan(), body]), OPTIONS), MalformedOtlpError);
    }
    for (const body of [bytes(field), inSpan(bytes(field))]) {
      assert.throws(() => readLogsProtobuf(body, LOG_OPTIONS), MalformedOtlpError);
    }
  });
}

test("an empty protobuf body is an empty request", () => {
  const nothing = { senders: [], spanCount: 0, requests: [], spans: [], samples: [] };
  assert.deepStrictEqual(readTracesProtobuf(new Uint8Array(), OPTIONS), nothing);
  assert.deepStrictEqual(readLogsProtobuf(new Uint8Array(), LOG_OPTIONS), {
    senders: [],
    logCount: 0,
    logs: [],
    lineCount: 0,
    lines: [],
  });
});

test("negative enum numbers of ten bytes are read as what nobody knows", () => {
  const negative = "ffffffffffffffffff01";
  const span = inSpan(
    bytes(`30 ${negative} 7a0d 18 ${negative} 1801`),
    bytes("4a12 0a0e 657863657074696f6e2e74797065 1200"),
  );
  const { spanCount, requests, spans } = readTracesProtobuf(span, OPTIONS);
  assert.deepStrictEqual({ spanCount, requests, spans }, { spanCount: 1, requests: [], spans: [] });
});

const MALFORMED_JSON: readonly (readonly [what: string, body: string | Uint8Array, where?: string])[] = [
  ["nothing", ""],
  ["blanks", "  \n"],
  ["null", "null", "the body"],
  ["a string", '"spans"', "the body"],
  ["a list", "[]", "the body"],
  ["cut off", '{"resourceSpans":[{'],
  ["two documents", "{}{}"],
  ["a trailing comma", '{"resourceSpans":[],}'],
  ["a comment", "{}//"],
  ["NaN", '{"resourceSpans":NaN}'],
  ["a control character", '{"a":"\n"}'],
  ["not UTF-8", Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
  ["UTF-16", Buffer.from("{}", "utf16le")],
  ["a string for a list", '{"resourceSpans":"x"}', "resourceSpans"],
  ["an object for a list", '{"resourceSpans":{}}', "resourceSpans"],
  ["numbers in a list", '{"resourceSpans":[1]}', "resourceSpans[0]"],
  ["what looks like a list", spanJson('{"attributes":{"length":3}}'), `${SPAN()}.attributes`],
  [
    "spans that are a string",
    '{"resourceSpans":[{"scopeSpans":[{"spans":"x"}]}]}',
    "resourceSpans[0].scopeSpans[0].spans",
  ],
  ["attributes that are a string", spanJson('{"attributes":"x"}'), `${SPAN()}.attributes`],
  ["a bare value", spanJson('{"attributes":[{"key":"a","value":"b"}]}'), `${SPAN()}.attributes[0].value`],
  ["a key that is a number", spanJson('{"attributes":[{"key":1}]}'), `${SPAN()}.attributes[0].key`],
  ["a wrong value", spanJson('{"attributes":[{"value":{"intValue":1.5}}]}'), `${SPAN()}.attributes[0].value.intValue`],
  [
    "a wrong value within a list",
    spanJson('{"attributes":[{"value":{"arrayValue":{"values":[{},{"boolValue":1}]}}}]}'),
    `${SPAN()}.attributes[0].value.arrayValue.values[1].boolValue`,
  ],
  ["events that are a number", spanJson('{"events":9}'), `${SPAN()}.events`],
  ["an event's name", spanJson('{"events":[{},{"name":1}]}'), `${SPAN()}.events[1].name`],
  ["a status that is a number", spanJson('{},{},{},{"status":2}'), `${SPAN(3)}.status`],
  ["a name that is an object", spanJson('{"name":{}}'), `${SPAN()}.name`],
  ["a time in words", spanJson('{"startTimeUnixNano":"now"}'), `${SPAN()}.startTimeUnixNano`],
  ["a time in halves", spanJson('{"endTimeUnixNano":{"low":1,"high":2}}'), `${SPAN()}.endTimeUnixNano`],
  ["a time over 64 bits", spanJson('{"endTimeUnixNano":"18446744073709551616"}'), `${SPAN()}.endTimeUnixNano`],
  ["the name of an enum", spanJson('{"kind":"SPAN_KIND_SERVER"}'), `${SPAN()}.kind`],
  ["an id that is a number", spanJson('{"traceId":7}'), `${SPAN()}.traceId`],
];
function SPAN(index = 0): string {
  return `resourceSpans[0].scopeSpans[0].spans[${index}]`;
}
function spanJson(span: string): string {
  return `{"resourceSpans":[{"scopeSpans":[{"spans":[${span}]}]}]}`;
}
for (const [what, body, where] of MALFORMED_JSON) {
  test(`JSON is refused for ${what}`, () => {
    assert.throws(
      () => readTracesJson(Buffer.from(body), OPTIONS),
      (error) => {
        assert.ok(error instanceof MalformedOtlpError);
        if (where !== undefined) assert.equal(error.message.split(": ")[0], where);
        return true;
      },
    );
  });
}

test("JSON is taken with a byte order mark, nulls, unknown fields, keys given twice and numbers for 64-bit integers", () => {
  const span = `{"name":"a","name":"b","status":{"code":2},"start_time":1,"endTimeUnixNano":1764064800000000000,
    "startTimeUnixNano":null,"events":null,"attributes":[{"key":"n","value":{"intValue":7}},{"key":"e","value":null}]}`;
  const body = `\ufeff{"resourceSpans":[{"resource":null,"more":[{}],"scopeSpans":[{"scope":null,"spans":[${span}]}]}]}`;
  const batch = readTracesJson(Buffer.from(body), OPTIONS);
  assert.equal(batch.spans[0]?.span.name, "b");
  assert.equal(batch.spans[0]?.span.endUnixMillis, 1_764_064_800_000);
  assert.deepStrictEqual({ ...batch.spans[0]?.span.attributes }, { n: 7 });
});

test("the largest 64-bit integers are taken as bare numbers of JSON, too", () => {
  const value = '{"key":"n","value":{"intValue":9223372036854775807}}';
  const span = `{"status":{"code":2},"endTimeUnixNano":18446744073709551615,"attributes":[${value}]}`;
  const batch = readTracesJson(Buffer.from(spanJson(span)), OPTIONS);
  assert.equal(batch.spans[0]?.span.attributes["n"], "9223372036854775807");
  assert.equal(batch.spans[0]?.span.endUnixMillis, 18_446_744_073_709.55);
});

test("ids in JSON may be of any case, and one that is not valid costs the id alone", () => {
  const given = { traceId: "0AF7651916CD43DD8448EB211C80319C", spanId: "B7AD6B7169203331", parentSpanId: "xyz" };
  const body = spanJson(JSON.stringify({ ...given, status: FAILED }));
  const span = readTracesJson(Buffer.from(body), OPTIONS).spans[0]?.span;
  assert.deepStrictEqual(
    [span?.traceId, span?.spanId, span?.parentSpanId],
    ["0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", undefined],
  );
  for (const length of [0, 3, 15, 17, 1_000]) {
    const sent = request([{ traceId: Buffer.alloc(length, 1), spanId: Buffer.alloc(8), status: FAILED }]);
    assert.deepStrictEqual([onlySpan(sent).traceId, onlySpan(sent).spanId], ["", ""]);
  }
});

function nested(levels: number, wrap: (value: object) => object): object {
  let value: object = { stringValue: "x" };
  for (let level = 0; level < levels; level++) value = wrap(value);
  return value;
}
const inList = (value: object): object => ({ arrayValue: { values: [value] } });
const inEntries = (value: object): object => ({ kvlistValue: { values: [{ key: "k", value }] } });

const LIST = 0x2a;
const ENTRIES = 0x32;

/** An AnyValue of lists, or structures, one within the other. */
function nestedBytes(levels: number, tag: number): Buffer {
  let value = bytes("0a0178");
  for (let level = 0; level < levels; level++) {
    value = lengthField(tag, lengthField(0x0a, tag === LIST ? value : lengthField(0x12, value)));
  }
  return value;
}

test("values nested 20 levels deep are taken; deeper than 100 levels of messages they are refused before they are entered", () => {
  for (const wrap of [inList, inEntries]) {
    assert.match(
      String(
        onlySpan(request([{ status: FAILED, attributes: [{ key: "a", value: nested(20, wrap) }] }])).attributes["a"],
      ),
      /x/,
    );
  }
  for (const tag of [LIST, ENTRIES]) {
    for (const levels of [1_000, 5_000]) {
      const body = inSpan(lengthField(0x4a, lengthField(0x12, nestedBytes(levels, tag))));
      assert.throws(() => readTracesProtobuf(body, OPTIONS), MalformedOtlpError);
    }
  }
});

test("the hundredth level of messages or groups is the last that is taken", () => {
  const lists = (count: number): Buffer => inSpan(lengthField(0x4a, lengthField(0x12, nestedBytes(count, LIST))));
  const groups = (count: number): Buffer => inSpan(Buffer.alloc(count, 0x0b), Buffer.alloc(count, 0x0c));
  // Request, resource, scope and span are four levels; an attribute and its value two; a list and its value two more.
  assert.equal(readTracesProtobuf(lists(47), OPTIONS).spanCount, 1);
  assert.throws(() => readTracesProtobuf(lists(48), OPTIONS), MalformedOtlpError);
  assert.equal(readTracesProtobuf(groups(96), OPTIONS).spanCount, 1);
  assert.throws(() => readTracesProtobuf(groups(97), OPTIONS), MalformedOtlpError);
});

test("100,000 nested groups and 200,000 nested lists of JSON are refused", () => {
  const groups = Buffer.alloc(100_000, 0x0b);
  assert.throws(() => readTracesProtobuf(groups, OPTIONS), MalformedOtlpError);
  assert.throws(() => readTracesProtobuf(inSpan(groups), OPTIONS), MalformedOtlpError);
  assert.throws(() => readTracesJson(Buffer.alloc(200_000, "["), OPTIONS), /100 levels/);
  assert.throws(() => readLogsJson(Buffer.from(`{"a":${"[".repeat(100)}`), LOG_OPTIONS), /100 levels/);
  const brackets = spanJson(JSON.stringify({ status: FAILED, name: `"${"[{\\".repeat(1_000)}` }));
  assert.equal(readTracesJson(Buffer.from(brackets), OPTIONS).spans.length, 1);
});

test("of a span's attributes 128 are kept, and those that decide beyond them", () => {
  const many = Array.from({ length: 10_000 }, (_, index) => attribute(`key.${index}`, "x"));
  const deciding = [
    attribute("http.request.method", "GET"),
    { key: "http.response.status_code", value: { intValue: "503" } },
  ];
  const sent = request([{ kind: SERVER, attributes: [...many, attribute("key.0", "last"), ...deciding] }]);
  const { attributes } = onlySpan(sent);
  assert.equal(Object.keys(attributes).length, 130);
  assert.deepStrictEqual([attributes["key.0"], attributes["key.127"], attributes["key.128"]], ["last", "x", undefined]);
  assert.equal(read(sent).requests[0]?.statusCode, 503);
});

test("of a span's exceptions 128 are kept", () => {
  const events = Array.from({ length: 1_000 }, (_, index) => ({
    name: index % 2 === 0 ? "exception" : "retry",
    attributes: [attribute("exception.message", `attempt ${index}`)],
  }));
  const { exceptions } = onlySpan(request([{ events }]));
  assert.equal(exceptions.length, 128);
  assert.equal(exceptions.at(-1)?.message, "attempt 254");
});

test("long texts, keys, lists and structures are cut; of a stack both ends are kept", () => {
  const frames = Array.from({ length: 20_000 }, (_, index) => `    at frame${index} (/srv/app.js:${index}:1)`);
  const sent = request([
    {
      name: "n".repeat(100_000),
      events: [
        {
          name: "exception",
          attributes: [
            attribute("exception.message", "\u{1f600}é".repeat(1_000_000)),
            attribute("exception.stacktrace", `Error: x\n${frames.join("\n")}`),
          ],
        },
      ],
      attributes: [
        attribute("k".repeat(1_000_000), "long key"),
        { key: "list", value: { arrayValue: { values: new Array(100_000).fill({ intValue: "1" }) } } },
        { key: "texts", value: { arrayValue: { values: [{ stringValue: "t".repeat(10_000) }] } } },
        {
          key: "wide",
          value: {
            kvlistValue: { values: new Array(5_000).fill(0).map((_, index) => ({ key: `k${index}`, value: {} })) },
          },
        },
        { key: "bytes", value: { bytesValue: new Uint8Array(1_000_000) } },
      ],
    },
  ]);
  const { name, exceptions, attributes } = onlySpan(sent);
  const [exception] = exceptions;
  assert.equal(name.length, 65_536);
  assert.equal(exception?.message.length, 65_536);
  assert.ok(exception.stack.length <= 65_536);
  assert.match(exception.stack, /^Error: x\n {4}at frame0 /);
  assert.match(exception.stack, /\n {4}at frame19999 \(\/srv\/app.js:19999:1\)$/);
  assert.equal(attributes["k".repeat(1_024)], "long key");
  assert.equal((attributes["list"] as unknown[]).length, 256); // a list was sent
  assert.equal(String(attributes["texts"]).length, 4_096);
  assert.equal(Object.keys(JSON.parse(String(attributes["wide"]))).length, 1_000);
  assert.equal(String(attributes["bytes"]).length, 65_536);
});

test("odd times give numbers: none at all, the largest, the year 2500, an end before its start", () => {
  const failing = (startTimeUnixNano: string, endTimeUnixNano: string): readonly [number, number] => {
    const span = onlySpan(
      request([{ status: FAILED, startTimeUnixNano, endTimeUnixNano, events: [{ name: "exception" }] }]),
    );
    assert.equal(span.exceptions[0]?.timeUnixMillis, span.endUnixMillis, "without a time it happened at the end");
    return [span.durationMillis, span.endUnixMillis];
  };
  const largest = String((1n << 64n) - 1n);
  assert.deepStrictEqual(failing("0", "0"), [0, 0]);
  assert.deepStrictEqual(failing("0", "1764064800000000000"), [0, 1_764_064_800_000]);
  assert.deepStrictEqual(failing("1764064800000000000", "0"), [0, 0]);
  assert.deepStrictEqual(failing("1764064800000000001", "1764064800000000000"), [0, 1_764_064_800_000]);
  assert.deepStrictEqual(failing("1764064800123456789", "1764064800123457790"), [0.001001, 1_764_064_800_123.4578]);
  assert.deepStrictEqual(failing("1764064799999999999", "1764064804999999999"), [5_000, 1_764_064_805_000]);
  assert.deepStrictEqual(failing("16725225600000000000", "16725225600500000000"), [500, 16_725_225_600_500]);
  assert.deepStrictEqual(failing("1", largest), [18_446_744_073_709.55, 18_446_744_073_709.55]);
});

test("values that JSON or a number cannot hold become text", () => {
  const values = {
    min: { intValue: "-9223372036854775808" },
    nan: { doubleValue: Number.NaN },
    infinity: { doubleValue: Number.POSITIVE_INFINITY },
    large: { doubleValue: 1e308 },
    bytes: { bytesValue: Buffer.from("hi") },
    none: {},
    mixed: { arrayValue: { values: [{ intValue: "1" }, {}, { stringValue: "a" }, { boolValue: true }] } },
    structure: inEntries({ arrayValue: { values: [{ doubleValue: 0.5 }, inList({ stringValue: "deep" })] } }),
  };
  const attributes = Object.entries(values).map(([key, value]) => ({ key, value }));
  const exceptions = [attribute("exception.type", "x"), { key: "exception.message", value: values.mixed }];
  const span = onlySpan(request([{ attributes, events: [{ name: "exception", attributes: exceptions }] }]));
  assert.deepStrictEqual(
    { ...span.attributes },
    {
      ...{ min: "-9223372036854775808", nan: "NaN", infinity: "Infinity", large: 1e308, bytes: "aGk=" },
      ...{ mixed: [1, null, "a", true], structure: '{"k":[0.5,["deep"]]}' },
    },
  );
  assert.equal(span.exceptions[0]?.message, '[1,null,"a",true]');
});

test("text that is not UTF-8 is taken, with U+FFFD for what is not", () => {
  const body = inSpan(bytes("2a03 61ff62"), bytes("7a02 1802"));
  assert.equal(readTracesProtobuf(body, OPTIONS).spans[0]?.span.name, "a\ufffdb");
});

test("keys that name parts of every object are keys like any other", () => {
  const keys = ["__proto__", "constructor", "toString", "hasOwnProperty"];
  const entries = keys.map((key) => attribute(key, key));
  const structure = { key: "inner", value: { kvlistValue: { values: entries } } };
  const sent = request([{ status: FAILED, attributes: [...entries, structure] }], { attributes: entries });
  const { attributes } = onlySpan(sent);
  for (const key of keys) assert.equal(attributes[key], key);
  assert.equal(attributes["inner"], JSON.stringify(Object.fromEntries(keys.map((key) => [key, key]))));
  assert.equal("valueOf" in attributes, false);
  assert.equal(read(sent).spans[0]?.resource.service, "unknown_service");
  assert.equal({}.constructor, Object);
});

test("a resource is read wherever it stands, in parts, with odd names, and shared by its spans", () => {
  const service = (name: string): Buffer =>
    lengthField(0x0a, encode(TRACES, request([], { attributes: [attribute("service.name", name)] })).subarray(4));
  const scope = lengthField(0x12, lengthField(0x12, bytes("7a02 1802")));
  const body = lengthField(0x0a, Buffer.concat([scope, service("first"), scope, service("last")]));
  const batch = readTracesProtobuf(body, OPTIONS);
  assert.deepStrictEqual(
    batch.spans.map(({ resource, place }) => [resource.service, place.scope]),
    [
      ["last", 0],
      ["last", 1],
    ],
  );
  assert.equal(batch.spans[0]?.resource, batch.spans[1]?.resource);
  const odd = {
    attributes: [
      { key: "service.name", value: { intValue: "7" } },
      attribute("host.name", "h"),
      attribute("service.instance.id", ""),
    ],
  };
  assert.deepStrictEqual(read(request([{ status: FAILED }], odd)).spans[0]?.resource, {
    ...{ service: "7", serviceVersion: undefined, environment: undefined, worker: "h" },
  });
});

test("the slowest request of a group names its trace, and none when that has no valid id", () => {
  const span = (id: Uint8Array, millis: number): object => ({
    ...{
      traceId: id,
      kind: SERVER,
      startTimeUnixNano: "1000000000",
      endTimeUnixNano: String(1_000_000_000 + millis * 1e6),
    },
    attributes: [attribute("http.request.method", "GET"), attribute("http.route", "/a")],
  });
  const spans = [span(Buffer.alloc(16, 1), 5), span(Buffer.alloc(16, 2), 9), span(Buffer.alloc(16, 3), 9)];
  assert.deepStrictEqual(read(request(spans)).requests[0]?.slowestTraceId, "02".repeat(16));
  const [group] = read(request([...spans, span(Buffer.alloc(16), 10)])).requests;
  assert.deepStrictEqual([group?.slowestTraceId, group?.durationsMillis], ["", [5, 9, 9, 10]]);
});

test("the same request of two services is counted for each of them", () => {
  const spans = [{ kind: SERVER, attributes: [attribute("http.request.method", "GET")] }];
  const of = (name: string): object => ({
    resource: { attributes: [attribute("service.name", name)] },
    scopeSpans: [{ spans }],
  });
  const { requests } = read({ resourceSpans: [of("shop"), of("orders"), of("shop")] });
  assert.deepStrictEqual(
    requests.map(({ service, durationsMillis }) => [service, durationsMillis.length]),
    [
      ["shop", 2],
      ["orders", 1],
    ],
  );
});

test("every label set has one group, however many there are", () => {
  const spans = Array.from({ length: 20_000 }, (_, index) => ({
    kind: SERVER,
    attributes: [attribute("http.request.method", "GET"), attribute("http.route", `/r${index % 5_000}`)],
  }));
  const { requests } = read(request(spans));
  assert.equal(requests.length, 5_000);
  assert.ok(requests.every(({ durationsMillis }) => durationsMillis.length === 4));
});

test("half a million empty resources, a million attributes and a hundred thousand events are read to their end", () => {
  const resources = Buffer.alloc(1_000_000, bytes("0a00"));
  assert.equal(readTracesProtobuf(resources, OPTIONS).spanCount, 0);
  const scopes = lengthField(0x0a, Buffer.alloc(1_000_000, bytes("1200")));
  assert.equal(readTracesProtobuf(scopes, OPTIONS).spanCount, 0);
  const attributes = Buffer.alloc(9_000_000, bytes("4a07 0a0161 12020a00"));
  assert.equal(readTracesProtobuf(inSpan(attributes, bytes("7a021802")), OPTIONS).spans.length, 1);
  const events = Buffer.alloc(1_300_000, bytes("5a0b 1209 657863657074696f6e"));
  assert.equal(readTracesProtobuf(inSpan(events), OPTIONS).spans[0]?.span.exceptions.length, 128);
  assert.equal(readLogsProtobuf(encode(LOGS, { resourceLogs: [{}, {}] }), LOG_OPTIONS).logCount, 0);
});

test("the senders of a request are told, up to a bound, also when all that they send is healthy", () => {
  const from = (name: string, spans: readonly object[]): object => ({
    resource: { attributes: [attribute("service.name", name), attribute("service.version", "v".repeat(5_000))] },
    scopeSpans: [{ spans: [] }, { spans }],
  });
  const many = Array.from({ length: MAX_SENDERS + 1 }, (_, index) => from(`service-${index}`, [{}, {}]));
  const { senders, spans } = read({ resourceSpans: [from("silent", []), { scopeSpans: [] }, ...many] });
  assert.deepEqual(spans, []);
  assert.equal(senders.length, MAX_SENDERS);
  assert.deepEqual([senders[0]?.service, senders.at(-1)?.service], ["service-0", `service-${MAX_SENDERS - 1}`]);
  assert.equal(senders[0]?.serviceVersion?.length, 1_024, "what becomes a label is cut");
});

test("senders are told apart, however many there were before", () => {
  for (let round = 0; round < 2; round++) {
    for (let index = 0; index < 2_500; index++) {
      const resource = { attributes: [attribute("service.name", `service-${index}`)] };
      const batch = readTracesProtobuf(encode(TRACES, request([{ status: FAILED }], resource)), OPTIONS);
      assert.equal(batch.senders[0]?.service, `service-${index}`);
      assert.equal(batch.spans[0]?.resourceAttributes["service.name"], `service-${index}`);
    }
  }
});

test("log records of level ERROR without an exception are kept when that is asked for", () => {
  const severities = [0, 16, 17, 24];
  const logRecords = severities.map((severityNumber) => ({ severityNumber, body: { stringValue: "it failed" } }));
  const request = { resourceLogs: [{ scopeLogs: [{ logRecords }] }] };
  for (const errorLogs of [false, true]) {
    const expected = errorLogs ? [17, 24] : [];
    for (const batch of [
      readLogsProtobuf(encode(LOGS, request), { ...LOG_OPTIONS, errorLogs }),
      readLogsJson(Buffer.from(JSON.stringify(request)), { ...LOG_OPTIONS, errorLogs }),
    ]) {
      assert.equal(batch.logCount, 4);
      assert.deepEqual(
        batch.logs.map(({ log }) => log.severityNumber),
        expected,
      );
    }
  }
});

test("a body of nothing but failures, or of nothing but brackets, is refused before it costs memory", () => {
  const failing = Buffer.from("12047a021802", "hex"); // a span of status ERROR
  const scope = (count: number): Buffer => Buffer.concat(Array.from({ length: count }, () => failing));
  const wrap = (tag: number, content: Buffer): Buffer => {
    const length: number[] = [];
    for (let left = content.length; ; left >>>= 7) {
      if (left < 128) {
        length.push(left);
        break;
      }
      length.push((left & 127) | 128);
    }
    return Buffer.concat([Buffer.from([tag, ...length]), content]);
  };
  const body = (count: number): Buffer => wrap(0x0a, wrap(0x12, scope(count)));
  assert.equal(readTracesProtobuf(body(MAX_KEPT_ITEMS), OPTIONS).spans.length, MAX_KEPT_ITEMS);
  assert.throws(() => readTracesProtobuf(body(MAX_KEPT_ITEMS + 1), OPTIONS), /more than 16384 failures/);
  const spans = Array.from({ length: MAX_KEPT_ITEMS + 1 }, () => ({ status: { code: 2 } }));
  const json = JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] });
  assert.throws(() => readTracesJson(Buffer.from(json), OPTIONS), /more than 16384 failures/);
  const brackets = `{"resourceSpans":[${"{},".repeat(MAX_JSON_CONTAINERS)}{}]}`;
  assert.throws(() => readTracesJson(Buffer.from(brackets), OPTIONS), /objects and lists/);
});
