import assert from "node:assert/strict";
import { test } from "node:test";
import {
  encodeAccepted,
  encodeRefusal,
  REFUSALS,
  type RefusalReason,
  retryAfterSeconds,
} from "../../src/receiver/otlp-response";
import { type DecodedStatus, decode } from "./otlp-peer";

test("when all was taken, the response is an empty message", () => {
  assert.equal(encodeAccepted("traces", "protobuf").length, 0);
  assert.equal(encodeAccepted("logs", "json").toString(), "{}");
});

test("what was rejected is told in partial_success, alike in both encodings", () => {
  for (const count of [1, 127, 128, 300, 2 ** 31, 2 ** 32 + 5, Number.MAX_SAFE_INTEGER]) {
    assert.deepEqual(decode("Response", encodeAccepted("traces", "protobuf", count, "too long: ü")), {
      partialSuccess: { rejected: String(count), errorMessage: "too long: ü" },
    });
    assert.deepEqual(JSON.parse(encodeAccepted("traces", "json", count, "too long: ü").toString()), {
      partialSuccess: { rejectedSpans: String(count), errorMessage: "too long: ü" },
    });
  }
  assert.deepEqual(JSON.parse(encodeAccepted("logs", "json", 2).toString()), {
    partialSuccess: { rejectedLogRecords: "2" },
  });
});

test("a warning leaves the number of rejected out", () => {
  assert.deepEqual(decode("Response", encodeAccepted("logs", "protobuf", 0, "deprecated")), {
    partialSuccess: { errorMessage: "deprecated" },
  });
  assert.deepEqual(JSON.parse(encodeAccepted("logs", "json", 0, "deprecated").toString()), {
    partialSuccess: { errorMessage: "deprecated" },
  });
});

test("every refusal is a google.rpc.Status below 4 kB that decodes, whatever its message", () => {
  const messages = [
    "plain",
    "\u0000\u001f".repeat(5_000),
    "\ud83d".repeat(5_000),
    "😀".repeat(5_000),
    '"\\\n'.repeat(5_000),
  ];
  for (const reason of Object.keys(REFUSALS) as RefusalReason[]) {
    for (const message of messages) {
      for (const retry of [{}, { retryAfterMillis: 2 ** 40 }]) {
        const json = encodeRefusal({ reason, message, ...retry }, "json");
        const wire = encodeRefusal({ reason, message, ...retry }, "protobuf");
        assert.ok(json.length <= 4_096 && wire.length <= 4_096);
        const status = decode("Status", wire) as DecodedStatus;
        assert.equal(status.code, REFUSALS[reason].grpcCode);
        assert.equal(JSON.parse(json.toString()).message, status.message);
        assert.equal(Buffer.from(status.message).toString(), status.message, "valid Unicode");
      }
    }
  }
});

test("a bad body is described as BadRequest, and the time to come again as RetryInfo", () => {
  const malformed = decode(
    "Status",
    encodeRefusal({ reason: "malformed", message: "cut off" }, "protobuf"),
  ) as DecodedStatus;
  assert.equal(malformed.details?.[0]?.typeUrl, "type.googleapis.com/google.rpc.BadRequest");
  assert.deepEqual(decode("BadRequest", malformed.details[0].value), {
    fieldViolations: [{ field: "body", description: "cut off" }],
  });
  const refusal = { reason: "unavailable", message: "full", retryAfterMillis: 2_001 } as const;
  const retry = decode("Status", encodeRefusal(refusal, "protobuf")) as DecodedStatus;
  assert.equal(retry.details?.[0]?.typeUrl, "type.googleapis.com/google.rpc.RetryInfo");
  assert.deepEqual(decode("RetryInfo", retry.details[0].value), { retryDelay: { seconds: "3" } });
  assert.deepEqual(JSON.parse(encodeRefusal(refusal, "json").toString()).details, [
    { "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "3s" },
  ]);
});

test("the time to come again is in whole seconds, rounded up, between one and a day", () => {
  assert.deepEqual(
    [0, 1, 1_000, 1_001, 30_000, Number.POSITIVE_INFINITY].map(retryAfterSeconds),
    [1, 1, 1, 2, 30, 86_400],
  );
});
