import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseStack } from "../../src/processors/stack";
import { assertLinear } from "./linear-time";

const frame = (n: number): string => `    at f${n} (/app/src/a.js:${n}:1)\n`;

test("of a long stack the first 25 and the last 25 frames are kept", () => {
  const stack = `RangeError: deep\n${Array.from({ length: 20_000 }, (_, n) => frame(n + 1)).join("")}`;
  const lines = parseStack(stack).map(({ line }) => line);
  assert.equal(lines.length, 50);
  assert.deepEqual(
    lines.slice(0, 25),
    Array.from({ length: 25 }, (_, n) => n + 1),
  );
  assert.deepEqual(
    lines.slice(25),
    Array.from({ length: 25 }, (_, n) => 19_976 + n),
  );
});

test("a stack that redaction has cut keeps the frames on both sides of the gap", () => {
  const frames = parseStack(`Error: x\n${frame(1)}    ... frames omitted ...\n${frame(9)}`);
  assert.deepEqual(
    frames.map(({ line }) => line),
    [1, 9],
  );
});

test("exactly 50 frames are all kept, in order", () => {
  const lines = parseStack(`Error\n${Array.from({ length: 50 }, (_, n) => frame(n + 1)).join("")}`).map(
    ({ line }) => line,
  );
  assert.deepEqual(
    lines,
    Array.from({ length: 50 }, (_, n) => n + 1),
  );
});

test("text that is no stack has no frames", () => {
  const texts = [
    "",
    "Error",
    "Error: only a header",
    "at",
    "at ",
    "    at home\n    at (",
    "look at me (now)",
    'Traceback (most recent call last):\n  File "/app/main.py", line 3, in <module>\nValueError: x',
    "java.lang.Error: x\n\tat com.shop.Cart.total(Cart.java:12)\n\tat com.shop.Main.main(Main.java)",
    "   at Shop.Cart.Total() in /src/Cart.cs:line 12",
    "goroutine 1 [running]:\nmain.main()\n\t/app/main.go:7 +0x1d",
    "total@https://shop.example/cart.js:1:2\n",
  ];
  for (const text of texts) assert.deepEqual(parseStack(text), [], text);
});

test("any text is parsed, the same each time, into at most 50 frames", () => {
  const piece = fc.constantFrom(
    "    at ",
    "async ",
    "new ",
    "f",
    " (",
    ")",
    "/a b/c.js",
    ":1",
    ":1:2",
    "\n",
    "\r\n",
    "eval at ",
    "<anonymous>",
    "), ",
    "index 0",
    " [as x]",
    "wasm-function[1]",
    ":0xff",
    "file:///",
    "%",
    "node_modules/",
    "\\",
    "?",
    "{",
    "…",
    "\ud800",
  );
  const text = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.array(piece, { maxLength: 60 }).map((pieces) => pieces.join("")),
  );
  fc.assert(
    fc.property(text, (stack) => {
      const frames = parseStack(stack);
      assert.ok(frames.length <= 50);
      for (const { line, column, module, function: name } of frames) {
        assert.ok(line >= 0 && column >= 0 && module !== "" && name !== "");
      }
      assert.deepEqual(parseStack(stack), frames);
    }),
    { numRuns: 2_000 },
  );
});

test("a location without a file name still has a module", () => {
  assert.equal(parseStack("    at ?file:///:1:2")[0]?.module, "<anonymous>");
  assert.equal(parseStack("    at node_modules/:1:2")[0]?.module, "<anonymous>");
});

test("hostile stacks take time in proportion to their length", () => {
  const units = [
    ...[
      "    at f (/a/b.js:1:2)\n",
      "    at f (/a/b.js:1:2)\nx\n",
      "    at home\n",
      "    at a:0x1\n",
      "at ",
      " ",
      "\n",
      "\t\r",
      "caused by\n",
    ],
    ...[
      "(",
      " (",
      ":1",
      ":0x",
      "/a",
      "\\a",
      "), ",
      "eval at ",
      "eval at a (",
      "wasm-function[",
      "node_modules/",
      "%",
      "://",
      "-",
    ],
  ];
  for (const unit of units) {
    assertLinear((text) => parseStack(text), unit, 200_000);
    assertLinear((text) => parseStack(`Error\n    at f (/a/b.js:1:2)\n${text}`), unit, 200_000);
    assertLinear((text) => parseStack(`Error\n    at f (${text}:1:2)`), unit, 200_000);
  }
});

test("a stack of 10 MB costs no more than its ends", () => {
  for (const stack of [frame(1).repeat(450_000), `    at f (${"a".repeat(1e7)}:1:2)`, "\n".repeat(1e7)]) {
    const best = Math.min(
      ...[1, 2, 3, 4, 5].map(() => {
        const start = performance.now();
        parseStack(stack);
        return performance.now() - start;
      }),
    );
    assert.ok(best < 25, `${best} ms`);
  }
});
