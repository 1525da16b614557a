import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { ItemTags, OtlpSignal } from "../../src/event";
import { halve } from "../../src/receiver/halve-json";
import { addAttributes } from "../../src/receiver/tag-json";

const FIRST = { resource: 0, scope: 0, item: 0 };
const KEYS = {
  traces: ["resourceSpans", "scopeSpans", "spans"],
  logs: ["resourceLogs", "scopeLogs", "logRecords"],
} as const;

test("what JSON.parse gives differs by the added attributes alone, and every byte that came is still there in order", () => {
  fc.assert(
    fc.property(signals, batches, wantedTags, prints, (signal, shape, tags, print) => {
      const body = Buffer.from(printRequest(signal, shape, print));
      const wanted = tags.filter(({ place }) => shape[place.resource]?.[place.scope]?.[place.item] !== undefined);
      const result = addAttributes(body, signal, wanted);
      assert.deepEqual(parse(result), tagParsed(signal, parse(body), wanted));
      if (!body.includes("null")) assert.ok(holdsInOrder(result, body), result.toString());
    }),
    { numRuns: 500 },
  );
});

test("text goes into the list that is there, or a list is made", () => {
  const cases: [given: string, expected: string][] = [
    ['{"attributes":[]}', '{"attributes":[@]}'],
    ['{"attributes":[ \n]}', '{"attributes":[ \n@]}'],
    ['{"attributes":[{"key":"a"} ] }', '{"attributes":[{"key":"a"} ,@] }'],
    ["{}", '{"attributes":[@]}'],
    ["{ }", '{ "attributes":[@]}'],
    ['{"name":"}]\\"" }', '{"name":"}]\\"" ,"attributes":[@]}'],
    ['{"attributes" : null}', '{"attributes" : [@]}'],
    ['{"attributes":null,"attributes":[]}', '{"attributes":null,"attributes":[@]}'],
    ['{"attributes":[{"key":"k"}],"attributes":[]}', '{"attributes":[{"key":"k"}],"attributes":[@]}'],
    ['{"attribute\\u0073":[]}', '{"attribute\\u0073":[@]}'],
    ['{"attributes":[{"key":"x","key":"k"}]}', '{"attributes":[{"key":"x","key":"k"}]}'],
    ['{"attributes":[{"k\\u0065y":"\\u006b"}]}', '{"attributes":[{"k\\u0065y":"\\u006b"}]}'],
    [
      '{"attributes":[{"key":5},7,null,{"value":{"key":"k"}}]}',
      '{"attributes":[{"key":5},7,null,{"value":{"key":"k"}},@]}',
    ],
    ['{"events":[{"attributes":[]}],"x":1e5}', '{"events":[{"attributes":[]}],"x":1e5,"attributes":[@]}'],
  ];
  for (const [given, expected] of cases) {
    const added = '{"key":"k","value":{"stringValue":"v\\"\\n€"}}';
    const wrap = (item: string): string => `\ufeff{"resourceSpans":[{"scopeSpans":[{"spans":[${item}]}]}]}\n`;
    const result = addAttributes(Buffer.from(wrap(given)), "traces", [{ place: FIRST, attributes: [["k", 'v"\n€']] }]);
    assert.equal(result.toString(), wrap(expected.replace("@", () => added)));
  }
});

test("the last of two lists with one name is the one that counts, whatever stands in the first", () => {
  const body = Buffer.from(
    '{"resourceSpans":[{"scopeSpans":[{"spans":[{},{}]}]}],"resourceSpans":[{"scopeSpans":null,"scopeSpans":[{"spans":[{}]}]}]}',
  );
  const result = addAttributes(body, "traces", [{ place: FIRST, attributes: [["k", "v"]] }]);
  assert.deepEqual(parse(result), {
    resourceSpans: [{ scopeSpans: [{ spans: [{ attributes: [{ key: "k", value: { stringValue: "v" } }] }] }] }],
  });
});

test("half a surrogate pair becomes a character that every reader takes", () => {
  const body = Buffer.from('{"resourceLogs":[{"scopeLogs":[{"logRecords":[{}]}]}]}');
  const result = addAttributes(body, "logs", [{ place: FIRST, attributes: [["k", "a\ud800b"]] }]);
  assert.ok(result.includes('"a\ufffdb"'));
});

test("with no tags the same buffer comes back", () => {
  const body = Buffer.from("{}");
  assert.equal(addAttributes(body, "traces", []), body);
});

test("whatever is no JSON, or has no such item, is an Error and never read past its end", () => {
  const tags: ItemTags[] = [{ place: FIRST, attributes: [["k", "v"]] }];
  const whole = Buffer.from('{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":[{"key":"\\u0061"}]}]}]}]}');
  for (let end = 0; end < whole.length - 2; end++) {
    assert.throws(() => addAttributes(whole.subarray(0, end), "traces", tags), /not JSON, at byte|no item/);
  }
  for (const text of [
    "null",
    "[]",
    '{"resourceSpans":{}}',
    '{"resourceSpans":[7]}',
    '{"resourceSpans":[{"scopeSpans":""}]}',
  ]) {
    assert.throws(() => addAttributes(Buffer.from(text), "traces", tags), /no item/);
  }
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, byte) => {
      const mutated = Buffer.from(whole);
      mutated[at] = byte;
      try {
        addAttributes(mutated, "traces", tags);
      } catch (error) {
        assert.ok(error instanceof Error);
      }
    }),
    { numRuns: 1_000 },
  );
});

test("100,000 nested lists are walked", () => {
  const nested = "[".repeat(100_000) + "]".repeat(100_000);
  const body = Buffer.from(`{"x":${nested},"resourceSpans":[{"scopeSpans":[{"spans":[{}]}]}]}`);
  const result = addAttributes(body, "traces", [{ place: FIRST, attributes: [["k", "v"]] }]);
  assert.ok(result.length > body.length);
});

test("a request is cut between two resources into halves that hold all items", () => {
  fc.assert(
    fc.property(signals, batches, prints, (signal, shape, print) => {
      const body = Buffer.from(printRequest(signal, shape, print));
      const halves = halve(body, signal);
      if (shape.length < 2) return assert.equal(halves, undefined);
      assert.ok(halves);
      const [key] = KEYS[signal];
      assert.deepEqual(
        halves.flatMap((half) => parse(half.body)[key]),
        parse(body)[key],
      );
      const counts = halves.map(({ body: half }) => (JSON.stringify(parse(half)).match(/"marker"/g) ?? []).length);
      assert.deepEqual(
        counts,
        halves.map(({ itemCount }) => itemCount),
      );
    }),
  );
});

interface Item {
  readonly name: string;
  readonly attributes: readonly string[] | null | undefined;
  readonly noise: string;
}

type Shape = readonly (readonly (readonly Item[])[])[];
type Print = readonly string[];

const signals = fc.constantFrom<OtlpSignal>("traces", "logs");

const items: fc.Arbitrary<Item> = fc.record({
  name: fc.string({ unit: "binary" }),
  attributes: fc.option(fc.array(fc.constantFrom("a", "error.category", "err\\u006fr.origin")), { nil: undefined }),
  noise: fc.constantFrom(
    '"attributes":[{"key":"old"}],',
    '"spans":[{}],',
    '"__proto__":{"attributes":[]},',
    '"x":[1,{"y":"]}"}],',
    "",
  ),
});

const batches: fc.Arbitrary<Shape> = fc.array(fc.array(fc.array(items, { maxLength: 4 }), { maxLength: 3 }), {
  maxLength: 3,
});

/** White space that the printer puts between tokens, in turn. */
const prints: fc.Arbitrary<Print> = fc.array(fc.constantFrom("", " ", "\n", "\t\r\n", "  "), { minLength: 1 });

const wantedTags: fc.Arbitrary<ItemTags[]> = fc.uniqueArray(
  fc.record({
    place: fc.record({ resource: fc.nat(2), scope: fc.nat(2), item: fc.nat(3) }),
    attributes: fc.uniqueArray(
      fc.tuple(fc.constantFrom("error.category", "error.origin", "new"), fc.string({ unit: "grapheme" })),
      { selector: ([key]) => key, minLength: 1 },
    ),
  }),
  { selector: ({ place }) => JSON.stringify([place.resource, place.scope, place.item]) },
);

function printRequest(signal: OtlpSignal, shape: Shape, spaces: Print): string {
  let turn = 0;
  const space = (): string => spaces[turn++ % spaces.length] ?? "";
  const list = (texts: readonly string[]): string => `[${space()}${texts.join(`${space()},${space()}`)}${space()}]`;
  const [resources, scopes, itemsKey] = KEYS[signal];
  const printItem = ({ name, attributes, noise }: Item): string => {
    // A span's own fields may stand before a list of attributes or behind it.
    const listed = attributes?.map((key) => `{"value":{"stringValue":"v"},${space()}"key"${space()}:"${key}"}`);
    const member = listed === undefined ? "" : `,"attributes"${space()}:${space()}${list(listed)}`;
    const hidden = listed === undefined && noise.startsWith('"attributes"') ? "" : noise;
    return `{${hidden}${space()}"marker":${JSON.stringify(name)}${member}${space()}}`;
  };
  const inner = shape.map((scopeShapes) => {
    const printed = scopeShapes.map((scope) => `{"${itemsKey}"${space()}:${list(scope.map(printItem))}}`);
    return `{"schemaUrl":"","${scopes}":[{"${itemsKey}":[{}]}],${space()}"${scopes}":${list(printed)}}`;
  });
  return `${space()}{"${resources}":null,${space()}"${resources}"${space()}:${list(inner)}${space()}}${space()}`.replaceAll(
    '"resourceSpans":null,',
    "",
  );
}

type Parsed = { readonly [key: string]: readonly Parsed[] };

// The tests know the shape of what they printed.
function parse(body: Buffer): Parsed {
  return JSON.parse(body.toString().replace(/^\ufeff/, "")) as Parsed;
}

function tagParsed(signal: OtlpSignal, parsed: Parsed, tags: readonly ItemTags[]): Parsed {
  const [resources, scopes, itemsKey] = KEYS[signal];
  for (const { place, attributes } of tags) {
    const found = parsed[resources]?.[place.resource]?.[scopes]?.[place.scope]?.[itemsKey]?.[place.item];
    assert.ok(found);
    const present = (found["attributes"] ?? []) as readonly unknown[] as { key: string }[];
    const added = attributes
      .filter(([key]) => !present.some((attribute) => attribute.key === key))
      .map(([key, value]) => ({ key, value: { stringValue: value } }));
    if (added.length > 0) Object.assign(found, { attributes: [...present, ...added] });
  }
  return parsed;
}

function holdsInOrder(result: Buffer, body: Buffer): boolean {
  let next = 0;
  for (const byte of result) if (byte === body[next]) next += 1;
  return next === body.length;
}
