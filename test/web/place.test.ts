/** What a view shows is in its URL. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { HOME, placeIn, readPlace, writePlace } from "../../web/state/place";

test("a place and its URL are the same", () => {
  assert.equal(writePlace(HOME), "");
  assert.deepEqual(readPlace(""), HOME);
  const place = {
    ...HOME,
    view: "distribution",
    range: 168,
    severity: "critical",
    q: "a&b=c <script> ü",
    error: "e-1",
  } as const;
  assert.deepEqual(readPlace(writePlace(place)), place);
});

test("what a URL says and nobody knows is passed over", () => {
  const place = readPlace("?view=nothing&range=2&severity=worse&sort=__proto__&level=&x=1&view=logs");
  assert.deepEqual(place, HOME);
  assert.equal(readPlace(`?q=${"x".repeat(9_999)}`).q.length, 256);
});

test("another view keeps range and service alone", () => {
  const place = { ...HOME, range: 6, service: "shop", q: "text", severity: "critical" } as const;
  assert.deepEqual(placeIn("logs", place), { ...HOME, view: "logs", range: 6, service: "shop" });
});
