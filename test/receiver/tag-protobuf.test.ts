import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { ItemTags, OtlpSignal } from "../../src/event";
import { halve } from "../../src/receiver/halve-protobuf";
import { addAttributes } from "../../src/receiver/tag-protobuf";
import { decode } from "./otlp-schema";

/** A length-delimited field. `padding` makes its length longer than it need be, as some writers do. */
interface Node {
  readonly field: number;
  readonly padding: number;
  readonly parts: readonly (Node | Buffer)[];
}

const LISTS = { traces: [1, 2, 2], logs: [1, 2, 2] } as const;
const ATTRIBUTES = { traces: 9, logs: 6 } as const;

test("what is decoded differs by the added attributes alone, and only lengths around them change", () => {
  fc.assert(
    fc.property(signals, batches, wantedTags, (signal, shape, tags) => {
      const nodes = toNodes(signal, shape);
      const wanted = tags.filter(({ place }) => shape[place.resource]?.[place.scope]?.[place.item] !== undefined);
      const body = encodeAll(nodes);
      const before = Buffer.from(body);
      const result = addAttributes(body, signal, wanted);
      assert.deepEqual(body, before);
      const expected = encodeAll(tagNodes(signal, shape, nodes, wanted));
      assert.equal(result.toString("hex"), expected.toString("hex"));
      assert.deepEqual(decode(signal, result), decode(signal, expected));
      assert.deepEqual(withoutAdded(decode(signal, result)), withoutAdded(decode(signal, body)));
    }),
    { numRuns: 500 },
  );
});

test("with no tags the same buffer comes back, and one that adds nothing changes no byte", () => {
  const body = encodeAll(toNodes("traces", [[[item({ keys: ["error.category"], padding: 3 })]]]));
  assert.equal(addAttributes(body, "traces", []), body);
  const place = { resource: 0, scope: 0, item: 0 };
  assert.equal(addAttributes(body, "traces", [{ place, attributes: [["error.category", "x"]] }]), body);
});

test("of two tags for one item the first value of a key stays", () => {
  const place = { resource: 0, scope: 0, item: 0 };
  const body = encodeAll(toNodes("logs", [[[item({})]]]));
  const twice: ItemTags[] = ["first", "second"].map((value) => ({ place, attributes: [["k", value]] }));
  assert.deepEqual(
    addAttributes(body, "logs", twice).toString("hex"),
    addAttributes(body, "logs", twice.slice(0, 1)).toString("hex"),
  );
});

test("a length that grows by a byte at 128 and at 16384 is right at every level", () => {
  for (const size of [90, 100, 110, 120, 127, 128, 16_300, 16_340, 16_383, 16_384]) {
    const body = encodeAll(toNodes("traces", [[[item({ name: "x".repeat(size) })]]]));
    const attributes = [["key", "v"]] as const;
    const result = addAttributes(body, "traces", [{ place: { resource: 0, scope: 0, item: 0 }, attributes }]);
    assert.match(JSON.stringify(decode("traces", result)), /"attributes":\[\{"key":"key","value":\{"stringValue":"v"/);
  }
});

test("an item that is not there, and whatever is no protobuf, is an Error and never read past its end", () => {
  const place = { resource: 0, scope: 1, item: 0 };
  const body = encodeAll(toNodes("traces", [[[item({})]]]));
  assert.throws(() => addAttributes(body, "traces", [{ place, attributes: [["k", "v"]] }]), /no item \[0\]\[1\]\[0\]/);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      try {
        addAttributes(Buffer.from(bytes), "traces", [{ place: { ...place, scope: 0 }, attributes: [["k", "v"]] }]);
      } catch (error) {
        assert.ok(error instanceof Error);
        assert.match(error.message, /^not protobuf: |no item/);
      }
    }),
    { numRuns: 2_000 },
  );
});

test("every cut of a body is an Error or an item less, and 100,000 nested groups are walked", () => {
  const place = { resource: 0, scope: 0, item: 1 };
  const body = encodeAll(toNodes("traces", [[[item({ keys: ["a"] }), item({ keys: ["b"] })]]]));
  for (let end = 0; end < body.length; end++) {
    assert.throws(() => addAttributes(body.subarray(0, end), "traces", [{ place, attributes: [["k", "v"]] }]), Error);
  }
  const groups = Buffer.concat([Buffer.alloc(100_000, 0x53), Buffer.alloc(100_000, 0x54)]);
  const result = addAttributes(Buffer.concat([groups, body]), "traces", [{ place, attributes: [["k", "v"]] }]);
  assert.equal(result.indexOf(groups), 0);
});

test("every one of 20,000 items of one request is tagged, in whatever order the tags come", () => {
  const body = encodeAll(toNodes("traces", [[Array.from({ length: 20_000 }, () => item({ keys: ["a", "b"] }))]]));
  const tags = Array.from({ length: 20_000 }, (_, index): ItemTags => {
    return { place: { resource: 0, scope: 0, item: 19_999 - index }, attributes: [["index", `at ${19_999 - index}`]] };
  });
  const text = JSON.stringify(decode("traces", addAttributes(body, "traces", tags)));
  const found = [...text.matchAll(/"at (\d+)"/g)].map((match) => Number(match[1]));
  assert.deepEqual(found, [...found.keys()]);
  assert.equal(found.length, 20_000);
});

test("a request is cut between two resources into halves that hold all items", () => {
  fc.assert(
    fc.property(signals, batches, (signal, shape) => {
      const body = encodeAll(toNodes(signal, shape));
      const halves = halve(body);
      if (shape.length < 2) return assert.equal(halves, undefined);
      assert.ok(halves);
      assert.equal(Buffer.concat(halves.map((half) => half.body)).toString("hex"), body.toString("hex"));
      const count = shape.flat(2).length;
      assert.equal(halves[0].itemCount + halves[1].itemCount, count);
      for (const half of halves) assert.ok(half.body.length < body.length);
    }),
  );
});

interface Item {
  readonly name: string;
  readonly keys: readonly string[];
  readonly noise: readonly Buffer[];
  readonly padding: number;
}

type Shape = readonly (readonly (readonly Item[])[])[];

function item(given: Partial<Item>): Item {
  return { name: "", keys: [], noise: [], padding: 0, ...given };
}

const signals = fc.constantFrom<OtlpSignal>("traces", "logs");

/** Fields that the schema does not know: of every wire type, groups in groups, and a number with a length too long. */
const noises = fc
  .array(
    fc.constantFrom(
      "c00c8501", // 200: varint
      "c20c03ffff0a", // 201 (length-delimited)
      "c90c0102030405060708", // 201: 8 bytes
      "cd0c01020304", // 201: 4 bytes
      "d30cdb0cd00c05dc0cd40c", // 202: a group that holds a group
      "c20c8580808000" + "0102030405", // length 5 in five bytes
      "c08c80800007", // 200: its tag in five bytes
    ),
    { maxLength: 3 },
  )
  .map((texts) => texts.map((text) => Buffer.from(text, "hex")));

const items: fc.Arbitrary<Item> = fc.record({
  name: fc.string({ maxLength: 5 }),
  keys: fc.array(fc.constantFrom("a", "error.category", "error.origin", "ключ"), { maxLength: 4 }),
  noise: noises,
  padding: fc.nat(3),
});

const batches: fc.Arbitrary<Shape> = fc.array(fc.array(fc.array(items, { maxLength: 4 }), { maxLength: 3 }), {
  maxLength: 3,
});

const wantedTags: fc.Arbitrary<ItemTags[]> = fc.uniqueArray(
  fc.record({
    place: fc.record({ resource: fc.nat(2), scope: fc.nat(2), item: fc.nat(3) }),
    attributes: fc.uniqueArray(
      fc.tuple(
        fc.constantFrom("error.category", "error.origin", "new"),
        fc.string({ unit: "grapheme", maxLength: 200 }),
      ),
      { selector: ([key]) => key, minLength: 1 },
    ),
  }),
  { selector: ({ place }) => JSON.stringify([place.resource, place.scope, place.item]) },
);

function toNodes(signal: OtlpSignal, shape: Shape): Node[] {
  const [resourceField, scopeField, itemField] = LISTS[signal];
  return shape.map((scopes) => ({
    field: resourceField,
    padding: scopes.length % 3,
    parts: scopes.map((scopeItems) => ({
      field: scopeField,
      padding: scopeItems.length % 2,
      parts: [
        Buffer.from("1a00", "hex"),
        ...scopeItems.map(({ name, keys, noise, padding }) => ({
          field: itemField,
          padding,
          // Attributes between other fields: a list may be split.
          parts: interleave(
            noise,
            keys.map((key) => attributeOf(signal, key, name)),
          ),
        })),
      ],
    })),
  }));
}

function interleave(noise: readonly Buffer[], attributes: readonly Node[]): (Node | Buffer)[] {
  return [...attributes.flatMap((attribute, index) => [...noise.slice(index, index + 1), attribute]), ...noise];
}

/** Its value before its key, with a field between them that nobody knows. */
function attributeOf(signal: OtlpSignal, key: string, value: string): Node {
  const anyValue: Node = { field: 2, padding: 1, parts: [leaf(1, value)] };
  return { field: ATTRIBUTES[signal], padding: 2, parts: [anyValue, Buffer.from("c00c01", "hex"), leaf(1, key)] };
}

function leaf(field: number, text: string): Node {
  return { field, padding: 0, parts: [Buffer.from(text)] };
}

/** The same nodes with the attributes at the end of their items, and lengths as short as can be where they changed. */
function tagNodes(signal: OtlpSignal, shape: Shape, nodes: readonly Node[], tags: readonly ItemTags[]): Node[] {
  const addedTo = (resource: number, scope: number, index: number): Node[] => {
    const tag = tags.find(({ place: p }) => p.resource === resource && p.scope === scope && p.item === index);
    const present = shape[resource]?.[scope]?.[index]?.keys ?? [];
    return (tag?.attributes ?? [])
      .filter(([key]) => !present.includes(key))
      .map(([key, value]) => ({
        field: ATTRIBUTES[signal],
        padding: 0,
        parts: [leaf(1, key), { field: 2, padding: 0, parts: [leaf(1, value)] }],
      }));
  };
  const mapLists = (node: Node, change: (child: Node, index: number) => Node): Node => {
    let index = 0;
    const parts = node.parts.map((part) => (Buffer.isBuffer(part) ? part : change(part, index++)));
    return parts.every((part, at) => part === node.parts[at]) ? node : { ...node, padding: 0, parts };
  };
  return nodes.map((resource, r) =>
    mapLists(resource, (scope, s) =>
      mapLists(scope, (node, i) => {
        const added = addedTo(r, s, i);
        return added.length === 0 ? node : { ...node, padding: 0, parts: [...node.parts, ...added] };
      }),
    ),
  );
}

function encodeAll(nodes: readonly (Node | Buffer)[]): Buffer {
  return Buffer.concat(nodes.map((node) => (Buffer.isBuffer(node) ? node : encode(node))));
}

function encode({ field, padding, parts }: Node): Buffer {
  const content = encodeAll(parts);
  return Buffer.concat([varint(field * 8 + 2, 0), varint(content.length, padding), content]);
}

function varint(value: number, padding: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 0x80) {
      bytes.push(rest);
      break;
    }
    bytes.push((rest & 0x7f) | 0x80);
  }
  for (let i = 0; i < padding; i++) {
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) | 0x80;
    bytes.push(0);
  }
  return Buffer.from(bytes);
}

/** What the request said before: without the keys and values that only tags have. */
function withoutAdded(decoded: unknown): unknown {
  const drop = new Set(["error.category", "error.origin", "new"]);
  return JSON.parse(
    JSON.stringify(decoded, (field, value: unknown) =>
      field === "attributes" && Array.isArray(value)
        ? value.filter((attribute: { key?: string }) => !drop.has(attribute.key ?? ""))
        : value,
    ),
  );
}
