import assert from "node:assert/strict";
import { test } from "node:test";
import { emptyBag } from "../src/bag";

const NAMES = ["__proto__", "constructor", "toString", "hasOwnProperty", "valueOf"];

test("no key means anything in an empty bag", () => {
  const bag = emptyBag<string>();
  for (const name of NAMES) {
    assert.equal(bag[name], undefined);
    assert.equal(name in bag, false);
  }
});

test("every key is a key like any other, of this bag alone", () => {
  const bag = emptyBag<unknown>();
  const value = { polluted: true };
  for (const name of NAMES) bag[name] = value;
  assert.deepEqual(Object.keys(bag), NAMES);
  for (const name of NAMES) assert.equal(bag[name], value);
  assert.equal(bag["polluted"], undefined);
  assert.equal(JSON.stringify(bag), JSON.stringify(Object.fromEntries(NAMES.map((name) => [name, value]))));
  assert.deepEqual(Object.keys(emptyBag()), []);
  assert.equal("polluted" in emptyBag(), false);
  assert.equal("polluted" in {}, false);
});
