import assert from "node:assert/strict";
import { test } from "node:test";
import { cut, oneLine } from "../../src/exporter/one-line";
import { assertQuick } from "../processor-time";

test("what is too long ends in a mark, and no character is halved", () => {
  assert.equal(cut("abc", 3), "abc");
  assert.equal(cut("abcd", 3), "ab…");
  assert.equal(cut("ab🙂", 3), "ab…");
  assert.equal(cut("a🙂c", 3), "a…");
});

test("lines, control characters and turned directions become one space", () => {
  assert.equal(oneLine(" a\r\n\tb\u0000\u001b[31mc\u2028d\u202ee ", 100), "a b [31mc d e");
});

test("a text without end costs no more than a long one", () => {
  const [spaces, letters] = [" ", "x"].map((unit) => Buffer.alloc(5_000_000, unit).toString());
  assertQuick(5, () => {
    assert.equal(oneLine(spaces ?? "", 100), "");
    assert.equal(oneLine(letters ?? "", 100).length, 100);
  });
});
