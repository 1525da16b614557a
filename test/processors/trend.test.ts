import assert from "node:assert/strict";
import { test } from "node:test";
import { trendOf } from "../../src/processors/trend";

const DAY_HOURS = 24;

for (const [trend, countedHours, lastHour, last24Hours, last7Days, why] of [
  [undefined, 1.9, 100, 100, 100, "there is hardly a time before"],
  ["rising", 2, 20, 30, 30, "10 in the hour before"],
  ["steady", 2, 19, 29, 29, "not twice as many"],
  ["falling", 2, 5, 15, 15, "10 in the hour before"],
  ["steady", 2, 6, 16, 16, "more than half as many"],
  ["rising", 12, 10, 65, 65, "5 in each hour before"],
  ["steady", 12, 4, 4, 4, "four are chance"],
  ["steady", 12, 1, 23, 23, "two an hour are too few to miss"],
  ["rising", 40, 40, 500, 500, "20 in each of the 23 hours before"],
  ["rising", 2 * DAY_HOURS, 1, 200, 300, "100 on the day before"],
  ["falling", 2 * DAY_HOURS, 50, 50, 150, "the hour does not count any more"],
  ["rising", 7 * DAY_HOURS, 1, 20, 80, "10 on each of the six days before"],
  ["steady", 7 * DAY_HOURS, 1, 19, 79, "not twice as many"],
  ["falling", 7 * DAY_HOURS, 1, 5, 65, "10 on each of the six days before"],
  ["rising", 90 * DAY_HOURS, 1, 20, 80, "only the last week counts"],
  ["rising", 90 * DAY_HOURS, 5, 5, 5, "none before"],
] as const) {
  test(`trend is ${trend} after ${countedHours} hours with ${lastHour}, ${last24Hours}, ${last7Days}: ${why}`, () => {
    assert.equal(trendOf({ lastHour, last6Hours: lastHour, last24Hours, last7Days }, countedHours), trend);
  });
}
