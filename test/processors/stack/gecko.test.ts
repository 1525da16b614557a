/** Stacks as Firefox and Safari write them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { calls, stableCalls } from "./told-calls";

test("frames of Firefox are read, asynchronous, evaluated and nameless ones too", () => {
  const text = `total@https://shop.example/assets/cart-BX3kq9aF.js:10:5
Cart/this.all<@https://shop.example/cart.js:12:3
async*load@webpack-internal:///./src/pages/cart.tsx:3:1
rule@https://shop.example/rules.js line 7 > eval:1:9
setTimeout handler*@https://shop.example/cart.js:30:2
@https://shop.example/vendor/node_modules/react-dom/index.js:1:1
`;
  assert.deepEqual(calls(text), [
    "* total (assets/cart) https://shop.example/assets/cart-BX3kq9aF.js:10:5",
    "* <anonymous> (cart) https://shop.example/cart.js:12:3",
    "* load (pages/cart) webpack-internal:///./src/pages/cart.tsx:3:1",
    "* rule (rules) https://shop.example/rules.js:7",
    "* <anonymous> (cart) https://shop.example/cart.js:30:2",
    "<anonymous> (react-dom) node_modules/react-dom/index.js:1:1",
  ]);
});

test("frames of Safari are read, built-in ones and the code of a file too", () => {
  const text =
    "TypeError: undefined is not an object\ntotal@https://shop.example/cart.js:10:5\nforEach@[native code]\nhttps://shop.example/cart.js:12:3\nglobal code@https://shop.example/cart.js:30:2";
  assert.deepEqual(stableCalls(text), [
    "* total (cart)",
    "forEach (<anonymous>)",
    "* <anonymous> (cart)",
    "* <anonymous> (cart)",
  ]);
});

test("a bundle is the same code under every hash and query", () => {
  const at = (file: string): readonly string[] => stableCalls(`f@https://shop.example/assets/${file}:1:1`);
  assert.deepEqual(at("cart-BX3kq9aF.js"), at("cart-a1b2c3d4.js"));
  assert.deepEqual(at("cart.js?v=1f2e3d"), at("cart.js?t=1706700000000"));
});

test("addresses of people and of repositories are no frames", () => {
  for (const text of [
    "mail ann@shop.example:25:1",
    "git@github.com:22:1",
    "ann@shop.example",
    "see https://shop.example:8080",
  ]) {
    assert.deepEqual(calls(text), [], text);
  }
});
