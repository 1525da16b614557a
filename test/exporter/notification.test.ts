import assert from "node:assert/strict";
import { test } from "node:test";
import { summaryOf } from "../../src/event";
import {
  bareDraftOf,
  draftOf,
  factsOf,
  headlineOf,
  isSpiking,
  notificationOf,
  reasonsOf,
} from "../../src/exporter/notification";
import { errorEvent, NOW } from "./error-event";

const SEEN_ONCE = errorEvent().recurrence;
const STAMP = { id: "n-1", nowMillis: NOW, pageUrl: "http://seismo.example" };

for (const [lastHour, last24Hours, expected, why] of [
  [10, 10, false, "a group that began within the hour is new, not spiking"],
  [9, 10, false, "nine are too few"],
  [10, 86, true, "ten after 76 in 23 hours are more than three times the mean of 3.3"],
  [10, 87, false, "ten after 77 in 23 hours are not"],
  [1_000, 8_000, true, "a thousand after 7,000"],
  [100, 90, false, "counts that do not fit each other"],
] as const) {
  test(`spiking is ${expected} for ${lastHour} in the last hour of ${last24Hours} in a day: ${why}`, () => {
    assert.equal(isSpiking({ lastHour, last24Hours }), expected);
  });
}

test("all reasons that hold are named, the most important first", () => {
  const recurrence = { ...SEEN_ONCE, isRegressed: true, lastHour: 20, last24Hours: 30 };
  const event = errorEvent({ recurrence, rating: { severity: "critical", reasons: ["it dies"] } });
  assert.deepEqual(reasonsOf(event), ["regressed", "spiking", "critical"]);
  assert.deepEqual(reasonsOf(errorEvent()), []);
});

test("a notification names the error, its group, the request without its query, and the page", () => {
  const event = errorEvent({
    stack: "TypeError: x is not a function\n    at pay (/srv/shop/pay.js:3:9)",
    causes: [{ relation: "cause", type: "Error", message: "no route", stack: "", properties: {} }],
    request: { method: "GET", url: "/pay?user=7#top", statusCode: 500 },
    requestId: "r-1",
    resource: { service: "shop", worker: "shop-1", serviceVersion: "1.2.3", environment: "production" },
    recurrence: { ...SEEN_ONCE, isNew: true },
  });
  const draft = draftOf(event);
  assert.deepEqual(notificationOf(draft, draft.reasons, STAMP), {
    ...{ version: 1, kind: "error_group", id: "n-1", created: new Date(NOW).toISOString(), reasons: ["new"] },
    group: {
      ...{ fingerprint: event.fingerprint.id, category: "application_error", category_group: "application_error" },
      occurrences: { last_1h: 1, last_6h: 1, last_24h: 1 },
    },
    error: {
      ...{ id: event.id, timestamp: new Date(NOW).toISOString(), type: "TypeError", message: event.message },
      ...{ title: "TypeError: x is not a function", advice: "Look at the first frame." },
      ...{ severity: "warning", severity_reasons: ["unhandled"], service: "shop", service_version: "1.2.3" },
      ...{ environment: "production", worker_id: "shop-1", request_id: "r-1", trace_id: event.traceId },
      ...{
        request: { method: "GET", route: "/pay", status_code: 500 },
        stack: event.stack,
        causes: ["Error: no route"],
      },
    },
    link: `http://seismo.example/error-visualization?fingerprint=${event.fingerprint.id}`,
  });
});

test("nothing of an event but the documented fields is in its notification", () => {
  const hidden = { note: "PRIVATE" };
  const event = errorEvent({
    ...{ attributes: { note: "PRIVATE" }, properties: hidden, details: hidden, userContext: hidden, userId: "PRIVATE" },
    ...{ sessionId: "PRIVATE", page: "PRIVATE", userAgent: "PRIVATE", systemContext: hidden, hardwareContext: hidden },
    request: { method: "GET", route: "/a", headers: hidden, peer: "PRIVATE", url: "/a?PRIVATE" },
    database: { query: "PRIVATE" },
  });
  assert.doesNotMatch(JSON.stringify(draftOf(event)), /PRIVATE/);
});

test("texts without end are cut, whole characters only", () => {
  const event = errorEvent({
    ...{ message: "🙂".repeat(10_000), stack: "    at x (/a.js:1:1)\n".repeat(10_000), type: "T".repeat(1_000) },
    causes: Array.from({ length: 10 }, () => ({
      ...{ relation: "cause", type: "E", message: "m".repeat(9_000), stack: "", properties: {} },
    })),
  });
  const draft = draftOf(event);
  assert.ok(JSON.stringify(draft).length < 12_000, String(JSON.stringify(draft).length));
  assert.equal(draft.error.stack.split("\n").length, 40);
  assert.ok(draft.error.message.endsWith("🙂…"));
});

test("an event of which only a summary is left is told of with what that says", () => {
  const notification = notificationOf(
    bareDraftOf(summaryOf(errorEvent({ timeUnixMillis: Number.NaN }))),
    ["critical"],
    STAMP,
  );
  assert.equal(headlineOf(notification), "TypeError – warning in shop (critical)");
  assert.deepEqual(
    factsOf(notification).map(([name]) => name),
    ["Type", "Category", "Severity", "Reason", "Service", "Worker", "Time", "Trace"],
  );
});
