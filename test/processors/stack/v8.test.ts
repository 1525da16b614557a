import assert from "node:assert/strict";
import { test } from "node:test";
import { runInNewContext } from "node:vm";
import { Worker } from "node:worker_threads";
import type { StackFrame } from "../../../src/event";
import { headerName, parseV8 } from "../../../src/processors/stack/v8";

type Row = readonly [line: string, ...frame: readonly [string, string, string, number, number, boolean]];

/** One line of a stack, and: function, module, file, line, column, in app. */
const GOLDEN: readonly Row[] = [
  ["at total (/srv/shop/src/cart.js:10:5)", "total", "cart", "/srv/shop/src/cart.js", 10, 5, true],
  ["at async total (/srv/shop/src/cart.js:10:5)", "total", "cart", "/srv/shop/src/cart.js", 10, 5, true],
  ["at new Cart (/srv/shop/src/cart.js:10:5)", "new Cart", "cart", "/srv/shop/src/cart.js", 10, 5, true],
  ["at async Promise.all (index 3)", "Promise.all", "<anonymous>", "<anonymous>", 0, 0, false],
  ["at Promise.allSettled (index 12)", "Promise.allSettled", "<anonymous>", "<anonymous>", 0, 0, false],
  ["at new Promise (<anonymous>)", "new Promise", "<anonymous>", "<anonymous>", 0, 0, false],
  ["at Array.map (<anonymous>)", "Array.map", "<anonymous>", "<anonymous>", 0, 0, false],
  ["at Array.forEach (native)", "Array.forEach", "<anonymous>", "<anonymous>", 0, 0, false],
  ["at <anonymous>", "<anonymous>", "<anonymous>", "<anonymous>", 0, 0, false],
  [
    "at Object.<anonymous> (/srv/shop/src/main.js:1:7)",
    "Object.<anonymous>",
    "main",
    "/srv/shop/src/main.js",
    1,
    7,
    true,
  ],
  ["at Cart.add [as put] (/srv/shop/src/cart.js:4:9)", "Cart.add", "cart", "/srv/shop/src/cart.js", 4, 9, true],
  ["at get total [as total] (/srv/shop/src/cart.js:4:9)", "get total", "cart", "/srv/shop/src/cart.js", 4, 9, true],
  ["at Cart.#sum (/srv/shop/src/cart.js:4:9)", "Cart.#sum", "cart", "/srv/shop/src/cart.js", 4, 9, true],
  [
    "at Cart.<computed> [as sum] (/srv/shop/src/cart.js:4:9)",
    "Cart.<computed>",
    "cart",
    "/srv/shop/src/cart.js",
    4,
    9,
    true,
  ],
  ["at /srv/shop/src/cart.js:10:5", "<anonymous>", "cart", "/srv/shop/src/cart.js", 10, 5, true],
  ["at async /srv/shop/src/cart.js:10:5", "<anonymous>", "cart", "/srv/shop/src/cart.js", 10, 5, true],
  ["at file:///srv/shop/src/cart.mjs:10:5", "<anonymous>", "cart", "/srv/shop/src/cart.mjs", 10, 5, true],
  ["at f (file:///srv/my%20shop/src/cart.mjs?v=2:10:5)", "f", "cart", "/srv/my shop/src/cart.mjs", 10, 5, true],
  ["at f (file:///C:/shop/src/cart.mjs:10:5)", "f", "cart", "C:/shop/src/cart.mjs", 10, 5, true],
  ["at f (C:\\Users\\ann\\shop\\src\\cart.js:10:5)", "f", "cart", "C:/Users/ann/shop/src/cart.js", 10, 5, true],
  [
    "at f (/srv/my shop (old)/src/cart (2).js:10:5)",
    "f",
    "cart (2)",
    "/srv/my shop (old)/src/cart (2).js",
    10,
    5,
    true,
  ],
  [
    "at /srv/my shop (old)/src/cart (2).js:10:5",
    "<anonymous>",
    "cart (2)",
    "/srv/my shop (old)/src/cart (2).js",
    10,
    5,
    true,
  ],
  [
    "at eval (eval at run (/srv/shop/src/rules.js:7:3), <anonymous>:1:9)",
    "eval",
    "rules",
    "/srv/shop/src/rules.js",
    7,
    3,
    true,
  ],
  [
    "at a (eval at b (eval at c (/srv/shop/src/rules.js:7:3)), <anonymous>:1:9)",
    "a",
    "rules",
    "/srv/shop/src/rules.js",
    7,
    3,
    true,
  ],
  [
    "at a (eval at b (eval at c (/srv/shop/src/rules.js:7:3), <anonymous>:2:2), <anonymous>:1:9)",
    "a",
    "rules",
    "/srv/shop/src/rules.js",
    7,
    3,
    true,
  ],
  ["at a (eval at b (/srv/shop/src/rules.js:7:3), discount.js:1:9)", "a", "discount", "discount.js", 1, 9, true],
  ["at eval (<anonymous>:1:9)", "eval", "<anonymous>", "<anonymous>", 1, 9, false],
  [
    "at eval (webpack-internal:///./src/pages/cart.tsx:12:11)",
    "eval",
    "pages/cart",
    "webpack-internal:///./src/pages/cart.tsx",
    12,
    11,
    true,
  ],
  [
    "at Page (webpack-internal:///(rsc)/./app/cart/page.tsx:5:9)",
    "Page",
    "cart/page",
    "webpack-internal:///(rsc)/./app/cart/page.tsx",
    5,
    9,
    true,
  ],
  ["at f (webpack://shop/./src/cart.ts?a1b2:3:4)", "f", "cart", "webpack://shop/./src/cart.ts", 3, 4, true],
  [
    "at App (http://localhost:5173/src/App.tsx?t=1700000000000:7:9)",
    "App",
    "App",
    "http://localhost:5173/src/App.tsx",
    7,
    9,
    true,
  ],
  [
    "at h (http://localhost:5173/node_modules/.vite/deps/chunk-ABCD1234.js?v=5f6a:7:9)",
    "h",
    ".vite",
    "node_modules/.vite/deps/chunk-ABCD1234.js",
    7,
    9,
    false,
  ],
  [
    "at https://shop.example/assets/index-BX3kq9aF.js:1:4711",
    "<anonymous>",
    "assets/index",
    "https://shop.example/assets/index-BX3kq9aF.js",
    1,
    4711,
    true,
  ],
  [
    "at process.processTicksAndRejections (node:internal/process/task_queues:95:5)",
    "process.processTicksAndRejections",
    "node:internal/process/task_queues",
    "node:internal/process/task_queues",
    95,
    5,
    false,
  ],
  [
    "at listOnTimeout (internal/timers.js:554:17)",
    "listOnTimeout",
    "node:internal/timers",
    "internal/timers.js",
    554,
    17,
    false,
  ],
  ["at Socket.emit (events.js:198:13)", "Socket.emit", "node:events", "events.js", 198, 13, false],
  [
    "at next (/app/node_modules/express/lib/router/route.js:149:13)",
    "next",
    "express",
    "node_modules/express/lib/router/route.js",
    149,
    13,
    false,
  ],
  [
    "at q (/app/node_modules/.pnpm/pg@8.11.3/node_modules/pg/lib/client.js:1:2)",
    "q",
    "pg",
    "node_modules/pg/lib/client.js",
    1,
    2,
    false,
  ],
  [
    "at q (/app/node_modules/@scope/name/index.js:1:2)",
    "q",
    "@scope/name",
    "node_modules/@scope/name/index.js",
    1,
    2,
    false,
  ],
  ["at q (C:\\app\\node_modules\\pg\\lib\\client.js:1:2)", "q", "pg", "node_modules/pg/lib/client.js", 1, 2, false],
  [
    "at s (/app/node_modules/@opentelemetry/api/build/src/x.js:1:2)",
    "s",
    "@opentelemetry/api",
    "node_modules/@opentelemetry/api/build/src/x.js",
    1,
    2,
    false,
  ],
  ["at s (/opt/tools/seismo/dist/index.js:1:2)", "s", "index", "/opt/tools/seismo/dist/index.js", 1, 2, false],
  [
    "at main (wasm://wasm/game-5f6a1b2c:wasm-function[3]:0x1a2b)",
    "main",
    "wasm-game",
    "wasm://wasm/game-5f6a1b2c",
    0,
    0x1a2b,
    true,
  ],
  ["at wasm://wasm/5f6a1b2c:wasm-function[3]:0xfe", "wasm-function[3]", "wasm", "wasm://wasm/5f6a1b2c", 0, 0xfe, true],
  ["at f (evalmachine.<anonymous>:1:20)", "f", "evalmachine.<anonymous>", "evalmachine.<anonymous>", 1, 20, true],
  ["at [eval]-wrapper:6:24", "<anonymous>", "[eval]-wrapper", "[eval]-wrapper", 6, 24, false],
  ["at f (/app/src/cart.js:10:5) {", "f", "cart", "/app/src/cart.js", 10, 5, true],
];

test("each kind of frame line is read", () => {
  for (const [line, name, module, file, at, column, inApp] of GOLDEN) {
    const expected: StackFrame = { function: name, module, file, line: at, column, inApp };
    assert.deepEqual(parseV8(`Error: x\n    ${line}\n`), [expected], line);
    assert.deepEqual(parseV8(`Error: x\r\n\t${line}\r\n`), [expected], `${line} with CRLF`);
    assert.deepEqual(parseV8(line), [expected], `${line} alone`);
  }
});

const names = (stack: string): string[] => parseV8(stack).map((frame) => frame.function);

test("lines of the message that look like frames are no frames", () => {
  assert.deepEqual(names("Error: one\n    at fake (/x/y.js:1:2)\n    at home\ntwo\n    at real (/app/a.js:3:4)"), [
    "real",
  ]);
  assert.deepEqual(names("Error: we met\n    at noon\n    at real (/app/a.js:3:4)"), ["real"]);
  assert.deepEqual(names("Error: look\n    at 5"), []);
});

test("prose behind the frames does not hide them", () => {
  assert.deepEqual(names("Error: x\n    at real (/app/a.js:3:4)\nNode.js v20.20.2\nat line 5\nat (odd)"), ["real"]);
});

test("the frames of a cause are not those of the error", () => {
  const frames = "    at outer (/app/a.js:3:4)\n";
  const cause = "Error: y\n    at inner (/app/b.js:5:6)";
  for (const mark of [
    "Caused by: ",
    "caused by: ",
    "  [cause]: ",
    "From previous event:\n",
    "  code: 'X',\n  [cause]: ",
  ]) {
    assert.deepEqual(names(`Error: x\n${frames}${mark}${cause}`), ["outer"], mark);
  }
  const printed = `Error: x\n${frames}    ... 2 lines matching cause stack trace ...\n    at last (/app/a.js:9:9) {\n  [cause]: ${cause} {`;
  assert.deepEqual(names(printed), ["outer", "last"]);
});

test("the name is read from the header", () => {
  const headers: readonly (readonly [string, string | undefined])[] = [
    ["TypeError: x is not a function\n    at f (/a.js:1:2)", "TypeError"],
    ["TypeError [ERR_INVALID_ARG_TYPE]: The argument", "TypeError"],
    ["Uncaught RangeError: x", "RangeError"],
    ["error: duplicate key value", "error"],
    ["Error", "Error"],
    ["Error\r\n    at f (/a.js:1:2)", "Error"],
    ["AbortError: This operation was aborted", "AbortError"],
    ["", undefined],
    ["    at f (/a.js:1:2)", undefined],
    ["/app/a.js:3\n  throw x", undefined],
    ["Something went wrong: x", undefined],
  ];
  for (const [stack, name] of headers) assert.equal(headerName(stack), name, stack);
});

/** What the runtime itself makes of thrown errors: function names up to the first frame outside this file. */
function thrownBy(run: () => unknown): string[] {
  try {
    run();
  } catch (error) {
    return ownNames(error);
  }
  throw new Error("nothing was thrown");
}

function ownNames(error: unknown): string[] {
  assert.ok(error instanceof Error || (typeof error === "object" && error !== null && "stack" in error));
  const frames = parseV8(String(error.stack));
  const end = frames.findIndex((frame) => frame.function === "thrownBy" || frame.module.startsWith("node:"));
  return frames.slice(0, end < 0 ? undefined : end).map((frame) => frame.function);
}

class Cart {
  #items: string[] = [];
  constructor(broken = false) {
    if (broken) throw new Error("constructor");
  }
  get total(): number {
    throw new Error("getter");
  }
  static of(): never {
    throw new Error("static");
  }
  add(item: string): void {
    this.#check(item);
  }
  #check(item: string): void {
    this.#items.push(item);
    throw new Error("private");
  }
}

test("errors that are really thrown give their functions", () => {
  assert.equal(thrownBy(() => new Cart(true))[0], "new Cart");
  assert.match(thrownBy(() => new Cart().total)[0] ?? "", /total$/);
  assert.match(thrownBy(() => Cart.of())[0] ?? "", /\.of$/);
  const [check, add] = thrownBy(() => new Cart().add("x"));
  assert.match(check ?? "", /#check$/);
  assert.equal(add, "Cart.add");
  const mapped = thrownBy(() =>
    [1].map(function each() {
      throw new Error("map");
    }),
  );
  assert.deepEqual(mapped.slice(0, 2), ["each", "Array.map"]);
  const reviver = function revive(): never {
    throw new Error("parse");
  };
  assert.deepEqual(thrownBy(() => JSON.parse("{}", reviver)).slice(0, 2), ["Object.revive", "JSON.parse"]);
});

test("evaluated code belongs to the file that evaluates", () => {
  // biome-ignore lint/security/noGlobalEval: the frames of eval are what is tested
  const direct = (): unknown => eval("(function inner() { throw new Error('eval'); })()");
  const built = (): unknown => new Function("throw new Error('built')")();
  for (const run of [direct, built]) {
    assert.throws(run, (error: Error) => {
      const [frame] = parseV8(error.stack ?? "");
      return frame?.file === __filename && frame.inApp;
    });
  }
});

test("code of a vm script is the application's", () => {
  assert.throws(
    () => runInNewContext("function f() { throw new TypeError('vm'); } f()", {}, { filename: "discount (1).vm" }),
    (error: { stack: string }) => {
      const [frame] = parseV8(error.stack);
      assert.deepEqual([frame?.function, frame?.file, frame?.line, frame?.inApp], ["f", "discount (1).vm", 1, true]);
      return true;
    },
  );
});

async function first(): Promise<void> {
  await null;
  throw new Error("async");
}
async function second(): Promise<void> {
  await Promise.all([Promise.resolve(), first()]);
}

test("asynchronous callers are read across Promise.all", async () => {
  await assert.rejects(second, (error: Error) => {
    const frames = parseV8(error.stack ?? "").filter((frame) => !frame.module.startsWith("node:"));
    assert.deepEqual(
      frames.slice(0, 3).map((frame) => frame.function),
      ["first", "Promise.all", "second"],
    );
    return true;
  });
});

test("errors of a worker thread keep their frames", async () => {
  const worker = new Worker("function job() { throw new Error('worker'); } job()", { eval: true });
  const error = await new Promise<Error>((resolve) => worker.once("error", resolve));
  const [frame] = parseV8(error.stack ?? "");
  assert.deepEqual([frame?.function, frame?.module, frame?.inApp], ["job", "[worker eval]", true]);
});
