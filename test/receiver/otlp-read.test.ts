/** Both encodings against a full decode: whatever is sent, the batch is what a plain reading of all of it gives. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type protobuf from "protobufjs";
import { type LogBatch, MalformedOtlpError, type TraceBatch } from "../../src/receiver/otlp-batch";
import { readLogsJson, readTracesJson } from "../../src/receiver/otlp-json";
import { readLogsProtobuf, readTracesProtobuf } from "../../src/receiver/otlp-protobuf";
import { assertQuick } from "../processor-time";
import { LOGS, TRACES } from "./otlp-schema";
import { type Dice, dice, encode, logRequests, scrambled, toJson, traceRequests } from "./payloads";
import { decodeFully } from "./reference-decoder";
import { expectedLogs, expectedTraces } from "./reference-selection";

const LOG_OPTIONS = { errorLogs: false, lineSeverity: 13, maxLines: 2 };

const OPTIONS = { slowMillis: 5_000, maxSamples: 2 };

interface Signal {
  readonly name: string;
  readonly type: protobuf.Type;
  readonly requests: typeof traceRequests;
  readProtobuf(body: Uint8Array): TraceBatch | LogBatch;
  readJson(body: Uint8Array): TraceBatch | LogBatch;
  readFully(body: Uint8Array): TraceBatch | LogBatch;
}

const SIGNALS: readonly Signal[] = [
  {
    name: "traces",
    type: TRACES,
    requests: traceRequests,
    readProtobuf: (body) => readTracesProtobuf(body, OPTIONS),
    readJson: (body) => readTracesJson(body, OPTIONS),
    readFully: (body) => expectedTraces(decodeFully(TRACES, body), OPTIONS),
  },
  {
    name: "logs",
    type: LOGS,
    requests: logRequests,
    readProtobuf: (body) => readLogsProtobuf(body, LOG_OPTIONS),
    readJson: (body) => readLogsJson(body, LOG_OPTIONS),
    readFully: (body) => expectedLogs(decodeFully(LOGS, body), LOG_OPTIONS),
  },
];

for (const { name, type, requests, readProtobuf, readJson, readFully } of SIGNALS) {
  test(`${name}: protobuf and JSON give what a full decode gives`, () => {
    fc.assert(
      fc.property(requests, (request) => {
        const body = encode(type, request);
        const expected = readFully(body);
        assert.deepStrictEqual(readProtobuf(body), expected);
        assert.deepStrictEqual(readJson(Buffer.from(toJson(request))), expected);
      }),
      { numRuns: 500 },
    );
  });

  test(`${name}: fields in any order, in parts, between unknown ones and groups, mean the same`, () => {
    fc.assert(
      fc.property(requests, fc.nat(), (request, seed) => {
        const plain = encode(type, request);
        const body = scrambled(type, plain, dice(seed));
        assert.deepStrictEqual(readFully(body), readFully(plain), "the scrambling keeps the meaning");
        assert.deepStrictEqual(readProtobuf(body), readFully(plain));
      }),
      { numRuns: 500 },
    );
  });

  test(`${name}: a body that is cut off anywhere is refused, or ends between two fields of the request`, () => {
    const seed = 7;
    for (const request of fc.sample(requests, { numRuns: 40, seed })) {
      const plain = encode(type, request).subarray(0, 3_000);
      for (let length = 0; length < plain.length; length++) sameOutcome(plain.subarray(0, length));
    }
  });

  test(`${name}: whatever is done to a body, it is read as a full decoder reads it, or refused as malformed`, (context) => {
    const seed = Date.now() % 2 ** 31;
    context.diagnostic(`seed ${seed}`);
    const roll = dice(seed);
    const corpus = fc.sample(requests, { numRuns: 60, seed }).map((request) => encode(type, request));
    const prototype = JSON.stringify(Object.getOwnPropertyNames(Object.prototype));
    for (let round = 0; round < 10_000; round++) {
      const body = mutated(corpus[roll(corpus.length)] ?? new Uint8Array(), corpus, roll);
      sameOutcome(body, `seed ${seed}, round ${round}`);
      assertQuick(50, () => outcomeOf(() => readProtobuf(body), MalformedOtlpError), `seed ${seed}, round ${round}`);
    }
    assert.equal(JSON.stringify(Object.getOwnPropertyNames(Object.prototype)), prototype);
  });

  test(`${name}: whatever is done to a JSON body, there is a batch or a MalformedOtlpError`, (context) => {
    const seed = Date.now() % 2 ** 31;
    context.diagnostic(`seed ${seed}`);
    const roll = dice(seed);
    const corpus = fc.sample(requests, { numRuns: 60, seed }).map((request) => Buffer.from(toJson(request)));
    let refused = 0;
    for (let round = 0; round < 5_000; round++) {
      const body = mutated(corpus[roll(corpus.length)] ?? new Uint8Array(), corpus, roll);
      if (outcomeOf(() => readJson(body), MalformedOtlpError) === REFUSED) refused += 1;
    }
    assert.ok(refused > 100 && refused < 5_000, `${refused} refused`);
  });

  function sameOutcome(body: Uint8Array, message?: string): void {
    const expected = outcomeOf(() => readFully(body), Error);
    assert.deepStrictEqual(
      outcomeOf(() => readProtobuf(body), MalformedOtlpError),
      expected,
      message,
    );
  }
}

const REFUSED = "refused";

function outcomeOf<T>(read: () => T, refusal: new () => Error): T | typeof REFUSED {
  try {
    return read();
  } catch (error) {
    if (error instanceof refusal) return REFUSED;
    throw error;
  }
}

/** A few bytes changed, cut, doubled or taken from another body. */
function mutated(given: Uint8Array, corpus: readonly Uint8Array[], roll: Dice): Uint8Array {
  let body = Buffer.from(given);
  for (let change = roll(3); change >= 0; change--) {
    const at = roll(body.length + 1);
    const other = corpus[roll(corpus.length)] ?? given;
    const from = roll(other.length + 1);
    switch (roll(5)) {
      case 0:
        if (at < body.length) body[at] = roll(256);
        break;
      case 1:
        if (at < body.length) body[at] = (body[at] ?? 0) ^ (1 << roll(8));
        break;
      case 2:
        body = body.subarray(0, at);
        break;
      case 3:
        body = Buffer.concat([body.subarray(0, at), other.subarray(from, from + roll(40)), body.subarray(at)]);
        break;
      default:
        body = Buffer.concat([body.subarray(0, at), body.subarray(at + roll(8))]);
    }
  }
  return body;
}
