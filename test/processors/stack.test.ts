import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseStack, toldErrors } from "../../src/processors/stack";
import { assertQuick } from "../processor-time";
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
    "Traceback (most recent call last):\nValueError: x",
    'see File "/app/main.py", line 3, in main',
    "java.lang.Error: x\n\tat home (now)\n\t... 3 more",
    "   at Shop.Cart.Total() was wrong",
    "   in Shop (1)",
    "goroutine 1 [running]:\nmain.main()",
    "mail@shop.example:25:1",
    "12:30:in time (Tea)",
    "#0 of 3: none",
    "   0: first\n   1: second",
    "    (shop 0.1.0) see 12",
  ];
  for (const text of texts) assert.deepEqual(parseStack(text), [], text);
});

/** One trace of each family around a message, and its only call. */
const FAMILIES: readonly (readonly [family: string, trace: (message: string) => string, call: string])[] = [
  ["V8", (message) => `TypeError: ${message}\n    at v8 (/srv/a.js:1:2)`, "v8"],
  ["Firefox", (message) => `TypeError: ${message}\nfirefox@https://shop.example/a.js:1:2`, "firefox"],
  [
    "Python",
    (message) => `Traceback (most recent call last):\n  File "/srv/a.py", line 1, in python\nKeyError: ${message}`,
    "python",
  ],
  ["Java", (message) => `a.B: ${message}\n\tat a.B.java(B.java:1)`, "java"],
  ["Go", (message) => `panic: ${message}\n\ngoroutine 1 [running]:\nmain.go(0x1)\n\t/srv/a.go:1 +0x1`, "go"],
  [".NET", (message) => `A.B: ${message}\n   at A.B.DotNet() in /srv/a.cs:line 1`, "DotNet"],
  ["Ruby", (message) => `/srv/a.rb:1:in 'ruby': ${message} (Error)\n\tfrom /srv/a.rb:2:in 'ruby'`, "ruby"],
  ["PHP", (message) => `Exception: ${message} in /srv/b.php:1\nStack trace:\n#0 /srv/a.php(1): php()`, "php"],
  [
    "Rust",
    (message) =>
      `thread 'main' panicked at a.rs:1:2:\n${message}\nstack backtrace:\n   0: shop::rust\n             at ./a.rs:1:2`,
    "rust",
  ],
  ["Elixir", (message) => `** (E) ${message}\n    (shop 0.1.0) lib/a.ex:1: A.elixir/1`, "elixir/1"],
];

const names = (stack: string): readonly string[] => [...new Set(parseStack(stack).map((frame) => frame.function))];

test("a trace that the message quotes does not take the place of the error's own, whatever their languages", () => {
  for (const [family, trace, call] of FAMILIES) {
    for (const [quoted, quotedTrace] of FAMILIES) {
      if (quoted === family) continue;
      const text = trace(`child failed:\n${quotedTrace("x")}\nend`);
      assert.deepEqual([family, quoted, names(text)], [family, quoted, [call]]);
    }
  }
});

test("a traceback that is quoted on the way is no cause", () => {
  const python = FAMILIES.find(([family]) => family === "Python")?.[1]("x");
  assert.deepEqual(toldErrors(`Error: Command failed: python a.py\n${python}\n    at run (/srv/a.js:1:2)`), []);
});

test("of a long stack of any family the ends are kept", () => {
  const twoLines = ["Go", "Rust"];
  for (const [family, trace] of FAMILIES) {
    const lines = trace("x").split("\n");
    const length = twoLines.includes(family) ? 2 : 1;
    const begin = family === "Python" ? 1 : lines.length - length;
    const call = lines.slice(begin, begin + length);
    const calls = Array.from({ length: 5_000 }, () => call).flat();
    const long = [...lines.slice(0, begin), ...calls, ...lines.slice(begin + length)].join("\n");
    assert.deepEqual([family, parseStack(long).length], [family, 50]);
  }
});

test("any mixture of traces gives at most 50 frames with names, and at most ten errors, the same each time", () => {
  const pieces = FAMILIES.flatMap(([, trace]) => [
    trace("x"),
    ...trace("x").split("\n"),
    ...trace("x").split(/(?<=[(:@"'\s])/),
  ]);
  const marks = [
    "\n",
    "\t",
    "\nCaused by: ",
    "\n\nNext ",
    " ---> ",
    "\nWrapped by: ",
    "  | ",
    "+-+---------------- 1 ----",
    "\u001b[0m",
    "\r\n",
    "\\n",
    "\n   --- End ---\n",
  ];
  const piece = fc.oneof(fc.constantFrom(...pieces, ...marks), fc.string({ unit: "binary", maxLength: 8 }));
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), (parts) => {
      const stack = parts.join("");
      const frames = parseStack(stack);
      assert.ok(frames.length <= 50);
      for (const { line, column, module, file, function: name } of frames) {
        assert.ok(Number.isSafeInteger(line) && line >= 0 && Number.isSafeInteger(column) && column >= 0);
        assert.ok(module !== "" && name !== "" && file !== "", JSON.stringify(frames));
      }
      const told = toldErrors(stack);
      assert.ok(told.length <= 10);
      assert.deepEqual([parseStack(stack), toldErrors(stack)], [frames, told]);
    }),
    { numRuns: 3_000 },
  );
});

test("a call of Rust that ends before its name has none", () => {
  assert.deepEqual(names("   0: shop::rust/srv/a.rb::"), ["<anonymous>"]);
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
    assertQuick(25, () => parseStack(stack));
  }
});
