/** Texts, numbers and times as the page shows them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { count, duration, percent, rate } from "../../web/text/numbers";
import { ago } from "../../web/text/times";
import { cutAt, oneLine, visibleText } from "../../web/text/visible-text";

test("what cannot be seen is shown as a sign", () => {
  assert.equal(visibleText("\u001b[31mred\u0000\u007f\u009b"), "␛[31mred␀␡⟨U+009B⟩");
  assert.equal(visibleText("a\u202egnp.exe"), "a⟨U+202E⟩gnp.exe");
  assert.equal(visibleText("half \ud800."), "half ⟨U+D800⟩.");
  assert.equal(visibleText("one\r\ntwo\rthree\tfour"), "one\ntwo␍three\tfour");
  for (const plain of ["naïve", "日本語", "👩‍💻", "می‌خواهم", "עברית"]) assert.equal(visibleText(plain), plain);
});

test("a text of many lines is one line in a list, cut between characters", () => {
  assert.equal(oneLine("a\n  b\r\nc", 100), "a ↵ b ↵ c");
  assert.equal(oneLine("abcdef", 3), "abc…");
  assert.equal(cutAt("ab😀", 3), "ab");
});

test("numbers are as short as they can be and still right", () => {
  assert.deepEqual([count(0), count(99_999), count(1_234_567)], ["0", "99,999", "1.2M"]);
  assert.deepEqual([rate(0), rate(0.01), rate(1.44), rate(120)], ["0", "<0.1", "1.4", "120"]);
  assert.deepEqual([percent(0), percent(0.02), percent(5.55), percent(100)], ["0 %", "<0.1 %", "5.5 %", "100 %"]);
  assert.deepEqual(
    [duration(0.3), duration(340), duration(1_200), duration(180_000), duration(86_400_000)],
    ["<1 ms", "340 ms", "1.2 s", "3 min", "24 h"],
  );
});

test("how long ago is said in one unit, and an unreadable time as it came", () => {
  const now = Date.UTC(2026, 10, 25, 12);
  const before = (seconds: number): string => ago(new Date(now - seconds * 1_000).toISOString(), now);
  assert.deepEqual(
    [before(1), before(40), before(200), before(7_300), before(200_000)],
    ["now", "40 s ago", "3 min ago", "2 h ago", "2 d ago"],
  );
  assert.equal(ago("yesterday", now), "yesterday");
});
