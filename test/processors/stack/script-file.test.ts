import assert from "node:assert/strict";
import { test } from "node:test";
import { scriptFile } from "../../../src/processors/stack/script-file";

/** Each line: one file of one application, wherever and however it was put. */
const SAME: readonly (readonly [module: string, ...files: readonly string[]])[] = [
  [
    "orders/save",
    ...["/app/src/orders/save.js", "/usr/src/app/dist/orders/save.js", "/home/ann/shop/src/orders/save.ts"],
    ...["/Users/bob/work/shop/build/orders/save.mjs", "C:\\Users\\ann\\shop\\dist\\orders\\save.js"],
    ...["file:///srv/shop/src/orders/save.js", "webpack-internal:///./src/orders/save.ts", "/var/task/orders/save.js"],
    ...["/app/orders/save.js", "/usr/src/app/orders/save.js", "/home/ann/shop/orders/save.js"],
  ],
  ["server", "/app/server.js", "/usr/src/app/server.js", "/home/ann/shop/server.js", "/srv/shop/src/server.ts"],
  [
    "orders/api/index",
    ...["/repo/packages/orders/src/api/index.ts", "/home/ann/shop/packages/orders/dist/api/index.js"],
  ],
  [
    "assets/index",
    ...["https://a.example/assets/index-BX3kq9aF.js", "https://b.example/assets/index-a1b2c3d4.js?v=2"],
    ...["https://a.example/assets/index.3f2a1b.js", "http://localhost:8080/assets/index.js#x"],
  ],
  ["wasm-game", "wasm://wasm/game-5f6a1b2c", "wasm://wasm/game-0011aabb"],
];

test("a module keeps its name on every host, in every layout and release", () => {
  for (const [module, ...files] of SAME) {
    for (const file of files) assert.deepEqual([file, scriptFile(file).module], [file, module]);
  }
});

test("different files of an application have different modules", () => {
  const files = [
    ...["/app/src/orders/save.js", "/app/src/orders/load.js", "/app/src/users/save.js", "/app/src/v1/orders/save.js"],
    ...[
      "/repo/packages/a/src/index.js",
      "/repo/packages/b/src/index.js",
      "/app/order-service.js",
      "/app/order-service2.js",
    ],
  ];
  assert.equal(new Set(files.map((file) => scriptFile(file).module)).size, files.length);
});

test("a package is named, whoever installed it and where", () => {
  const files = [
    "/app/node_modules/pg/lib/client.js",
    "/app/node_modules/.pnpm/pg@8.11.3/node_modules/pg/lib/client.js",
    "/home/ann/.yarn/cache/pg-npm-8.11.3-abc.zip/node_modules/pg/lib/client.js",
    "/usr/lib/node_modules/tool/node_modules/pg/lib/client.js",
    "file:///app/node_modules/pg/lib/client.mjs",
    "http://localhost:5173/node_modules/.vite/deps/pg.js?v=ab12cd34",
  ];
  for (const file of files) {
    const { module, inApp } = scriptFile(file);
    assert.deepEqual([file, module, inApp], [file, "pg", false]);
  }
});

test("what a development server adds is not the application's", () => {
  assert.equal(
    scriptFile("http://localhost:5173/node_modules/.vite/deps/@tanstack_react-query.js?v=ab12").module,
    "@tanstack/react-query",
  );
  assert.equal(scriptFile("http://localhost:5173/node_modules/.vite/deps/chunk-ABCD1234.js?v=ab12").module, ".vite");
  assert.equal(scriptFile("http://localhost:5173/@vite/client").inApp, false);
  assert.equal(scriptFile("http://localhost:5173/src/App.tsx?t=1690000000000").inApp, true);
});

test("code of the runtime has one name before and after the node: prefix", () => {
  for (const file of ["node:internal/timers", "internal/timers.js"])
    assert.equal(scriptFile(file).module, "node:internal/timers");
  for (const file of ["node:events", "events.js"]) assert.equal(scriptFile(file).module, "node:events");
  assert.equal(scriptFile("cart.js").inApp, true);
});
