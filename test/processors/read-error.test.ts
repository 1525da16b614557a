import assert from "node:assert/strict";
import { resolve } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import createHttpError from "http-errors";
import { errorChain, errorType, MAX_CAUSES, MAX_TEXT, readError } from "../../src/processors/read-error";
import { assertQuick } from "../processor-time";

type Values = { readonly [name: string]: () => unknown };
const { values } = require(resolve("test/fixtures/hostile-values.js")) as { readonly values: Values };

for (const [name, make] of Object.entries(values)) {
  test(`${name}: is read without an exception, soon, and within limits`, () => {
    const value = make();
    assertQuick(1_000, () => {
      assertWithinLimits(readError(value));
      assert.ok(errorChain(value).length <= MAX_CAUSES + 1);
    });
    assert.equal(({} as { polluted?: boolean }).polluted, undefined);
  });
}

test("any value at all is read without an exception, and gives what JSON can hold", () => {
  fc.assert(
    fc.property(fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true }), (value) => {
      for (const thrown of [
        value,
        Object.assign(new Error("carrier"), { value }),
        new Error("outer", { cause: value }),
      ]) {
        const read = readError(thrown);
        assertWithinLimits(read);
        const text = JSON.stringify(read);
        assert.equal(JSON.stringify(JSON.parse(text)), text);
      }
    }),
    { numRuns: 2_000 },
  );
});

test("a thrown value that is no object is told by its text and its kind", () => {
  const shown = [null, undefined, "text", 7, true, 12n, Symbol("s")].map((value) => {
    const { type, message, properties } = readError(value);
    return [type, message, properties["thrown"]];
  });
  assert.deepEqual(shown, [
    ["Error", "null", "null"],
    ["Error", "undefined", "undefined"],
    ["Error", "text", "string"],
    ["Error", "7", "number"],
    ["Error", "true", "boolean"],
    ["Error", "12", "bigint"],
    ["Error", "Symbol(s)", "symbol"],
  ]);
});

test("an object without a message is told by its properties", () => {
  assert.equal(readError({ code: "E_ODD", status: 503 }).message, '{"code":"E_ODD","status":503}');
  assert.equal(readError({ code: "E_ODD" }).type, "E_ODD");
});

test("a name that says something wins over a code, and a code over one that says nothing", () => {
  assert.equal(errorType("TypeError", "ERR_INVALID_ARG_TYPE"), "TypeError");
  assert.equal(errorType("Error", "ECONNREFUSED"), "ECONNREFUSED");
  assert.equal(errorType("Error", ""), "Error");
});

test("causes and members are told outermost first, each once", () => {
  const shared = new Error("shared");
  const error = new AggregateError([new Error("one", { cause: shared }), shared], "both", { cause: new Error("why") });
  assert.deepEqual(
    readError(error).causes.map(({ relation, message }) => [relation, message]),
    [
      ["cause", "why"],
      ["member", "one"],
      ["cause", "shared"],
    ],
  );
});

test("a status that an error's class keeps for it is a property of the error", () => {
  const { properties } = readError(new createHttpError.NotFound("no such order"));
  assert.equal(properties["status"], 404);
  assert.equal(properties["statusCode"], 404);
});

test("of a long message the beginning is kept, and the frames behind it", () => {
  const error = new Error("m".repeat(1_000_000));
  const { message, stack } = readError(error);
  assert.equal(message.length, MAX_TEXT);
  assert.match(stack, /^Error: m{1000}/);
  assert.match(stack, /\n {4}at .*read-error\.test\.js/);
});

function assertWithinLimits({ type, message, stack, causes, properties }: ReturnType<typeof readError>): void {
  for (const text of [type, message, stack, ...causes.flatMap((cause) => [cause.type, cause.message, cause.stack])]) {
    assert.equal(typeof text, "string");
    assert.ok(text.length <= MAX_TEXT);
  }
  assert.ok(causes.length <= MAX_CAUSES);
  for (const bag of [properties, ...causes.map((cause) => cause.properties)]) {
    assert.ok(countNodes(bag) < 1_000, `${countNodes(bag)} values`);
  }
}

function countNodes(value: unknown): number {
  if (typeof value !== "object" || value === null) return 1;
  return Object.values(value).reduce((sum: number, item) => sum + countNodes(item), 1);
}
