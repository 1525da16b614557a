import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually, runFixture } from "./fixture-app";

for (const logger of ["pino", "winston"]) {
  test(`${logger}: the lines of a request carry its trace and span, and logging an error makes no event`, async () => {
    const app = runFixture("logging-app.js");
    assert.equal((await app.fetch(`/log/${logger}?caught`)).status, 200);
    assert.equal((await app.fetch(`/log/${logger}`)).status, 500);
    // pino writes on its own time, and what it has not written when a signal ends the process is lost.
    await eventually("all lines of the requests", () => app.stdout().match(/"trace_id".*\n/g)?.[3]);
    const { events, stdout } = await app.stop();
    assert.deepEqual(
      events.map((event) => [event.error_message, event.origin]),
      [["the request failed", "root"]],
    );
    const lines = stdout
      .split("\n")
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line) as { readonly [key: string]: unknown }); // what the loggers write
    const ofFailedRequest = lines.filter((line) => line["trace_id"] === events[0]?.["trace_id"]);
    assert.equal(ofFailedRequest.length, 2);
    for (const line of ofFailedRequest) assert.equal(line["span_id"], events[0]?.["span_id"]);
    assert.equal(lines.filter((line) => line["trace_id"] !== undefined).length, 4);
  });
}
