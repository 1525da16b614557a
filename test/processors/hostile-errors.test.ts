/** What no program should send, through the whole path: each is an event with a group, and a line in the journal. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { journalLine, readJournalLine } from "../../src/exporter/journal-line";
import { categorize } from "../../src/processors/categorize";
import { fingerprint } from "../../src/processors/fingerprint";
import { createFrequency } from "../../src/processors/frequency";
import { processError } from "../../src/processors/process-error";
import { compileRules } from "../../src/processors/rules";
import { assertLinear } from "./linear-time";
import { rawFrom, redactedFrom } from "./raw-error";

const JAVASCRIPT = "    at pay (/srv/shop/pay.js:3:9)\n";
const JAVA = "\tat com.shop.Cart.total(Cart.java:12)\n";
const PYTHON = '  File "/srv/shop/bill.py", line 3, in bill\n    total()\n';
const GO = "main.pay(0xc000012345)\n\t/srv/shop/pay.go:3 +0x1d\n";

interface Hostile {
  readonly name: string;
  readonly type?: string;
  readonly message?: string;
  readonly stack?: string;
}
const HOSTILE: readonly Hostile[] = [
  { name: "a stack of 10 MB", stack: `Error: x\n${JAVASCRIPT.repeat(300_000)}` },
  { name: "100,000 frames that differ", stack: manyFrames() },
  { name: "100,000 frames of Java", stack: `a.B: x\n${JAVA.repeat(100_000)}` },
  { name: "100,000 frames of Python", stack: `Traceback (most recent call last):\n${PYTHON.repeat(100_000)}E: x` },
  { name: "a message of one line of 5 MB", message: "a".repeat(5_000_000) },
  { name: "a stack of one line of 5 MB", stack: `Error: x\n    at ${"a(".repeat(2_500_000)}` },
  { name: "five million line breaks", message: "\n".repeat(5_000_000), stack: "\r\n".repeat(2_500_000) },
  { name: "frames of four languages", stack: `Error: x\n${(JAVASCRIPT + JAVA + PYTHON + GO).repeat(100)}` },
  { name: "half a million causes", stack: `a.B: x\n${"Caused by: a.B: c\n".repeat(500_000)}` },
  { name: "frames in the message", message: `x\n${JAVASCRIPT}${JAVA}${PYTHON}`, stack: `Error: x\n${JAVASCRIPT}` },
  {
    name: "colours of a terminal",
    message: "\u001b[31mno\u001b[0m total",
    stack: `\u001b[1mError\u001b[0m\n${JAVASCRIPT}`,
  },
  { name: "controls of every kind", message: controls(), stack: `${controls()}\n${JAVASCRIPT}`, type: controls() },
  { name: "text that changes its direction", message: "\u202etotal\u202c \u2066no\u2069 \u200f", type: "\u202eError" },
  {
    name: "lone surrogates",
    message: "\ud800 no \udc00",
    stack: `Error\ud83d\n    at \udfff (/a\ud800.js:1:1)`,
    type: "\ud800",
  },
  { name: "a surrogate at each cut", message: "\ud83d\ude00".repeat(100_000), type: "\ud83d\ude00".repeat(1_000) },
  { name: "places that no file has", stack: `Error\n    at f (/a.js:${"9".repeat(400)}:-1)\n    at (:0:0)\n    at` },
  { name: "nothing at all", type: "", message: "", stack: "" },
];

for (const { name, ...parts } of HOSTILE) {
  test(`${name}: an event with a group, and a line that can be read back`, () => {
    const process = () => processError(rawFrom("boom", parts), compileRules({}), createFrequency({}), 0);
    const event = process();
    assert.match(event.fingerprint.id, /^[0-9a-f]{16}$/);
    assert.equal(process().fingerprint.id, event.fingerprint.id, "the same each time");
    assert.notEqual(event.classification.group, "");
    assert.ok(event.frames.length <= 50, `${event.frames.length} frames`);
    const line = journalLine(event);
    assert.ok(Buffer.byteLength(line) < 65_536, `${Buffer.byteLength(line)} bytes`);
    assert.equal(Buffer.from(line).toString(), line, "valid UTF-8");
    assert.doesNotMatch(line, /\p{Cc}|\\ud[89a-f]/u);
    const entry = readJournalLine(line);
    assert.equal(entry?.action === "error" && entry.event.fingerprint.id, event.fingerprint.id);
  });
}

test("hostile errors that have nothing in common share no group", () => {
  const ids = HOSTILE.filter(({ name }) => /10 MB|Java$|Python$|5 MB|colours|direction|four/.test(name)).map(
    ({ name: _, ...parts }) =>
      processError(rawFrom("boom", parts), compileRules({}), createFrequency({}), 0).fingerprint.id,
  );
  assert.equal(new Set(ids).size, ids.length, ids.join(" "));
});

test("naming an error that nothing has cut takes time in proportion to its length", () => {
  const rules = compileRules({});
  const safe = redactedFrom("boom");
  for (const unit of ["a", "aa ", "a1", "é", "'a", "<", "="]) {
    assertLinear((message) => fingerprint({ ...safe, message }, [], categorize(safe, rules), rules), unit, 100_000);
  }
});

test("a stack of nothing but line breaks is cut in time that grows no faster than it", () => {
  assertLinear((stack) => redactedFrom("boom", { stack }), "\n", 1_000_000);
});

function manyFrames(): string {
  return `Error: x\n${Array.from({ length: 100_000 }, (_, at) => `    at f${at} (/srv/shop/f${at}.js:${at}:9)`).join("\n")}`;
}

function controls(): string {
  return Array.from({ length: 160 }, (_, code) => String.fromCharCode(code)).join("");
}
