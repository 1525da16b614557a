import assert from "node:assert/strict";
import { cpSync } from "node:fs";
import { request } from "node:http";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { freePort } from "../free-port";
import { eventually, type FixtureApp, type JournalEvent, runFixture, sum } from "./fixture-app";

for (const express of ["express 5", "express 4"]) {
  const file = express === "express 5" ? "express-app.js" : appOnExpress4();
  const run = (env: { readonly [name: string]: string } = {}): FixtureApp => runFixture(file, { env });

  test(`${express}: an error that is thrown, rejected, passed on or emitted is one event each`, async () => {
    const app = run();
    const made = ["/throw/1", "/next", "/reject", "/emit", "/nested/deep", "/aggregate"];
    for (const path of made) assert.equal((await app.fetch(path).catch(hungUp)).status >= 500, true, path);
    const { events } = await app.stop();
    assert.deepEqual(
      events.map((event) => [event.error_type, event.error_message, event.origin]),
      [
        ["TypeError", "cannot read the price", "root"],
        ["RangeError", "out of stock", "root"],
        ["Error", "rejected", "root"],
        ["Error", "emitted on the response", "root"],
        ["Error", "deep down", "root"],
        ["AggregateError", "both failed", "root"],
      ],
    );
    assert.deepEqual(causesOf(events[2]), [["cause", "the reason behind"]]);
    assert.deepEqual(causesOf(events[5]), [
      ["member", "one"],
      ["member", "two"],
    ]);
  });

  test(`${express}: one error instance that fails three requests is three failures`, async () => {
    const app = run();
    for (let n = 0; n < 3; n++) await app.fetch("/shared");
    const { events } = await app.stop();
    assert.equal(events.length, 3);
    assert.equal(new Set(events.map((event) => event.fingerprint)).size, 1);
  });

  test(`${express}: the metrics carry the route, the category and an exemplar`, async () => {
    const app = run();
    for (let n = 0; n < 3; n++) await app.fetch(`/throw/${n}`);
    await app.fetch("/nope");
    await app.fetch("/signal");
    await app.fetch("/?page=2");
    const errors = await eventually("four errors", async () => {
      const samples = await app.samples("errors");
      return sum(samples) === 4 ? samples : undefined;
    });
    const thrown = errors.find((sample) => sample.labels["type"] === "TypeError");
    assert.equal(thrown?.value, 3);
    assert.equal(thrown?.labels["category"], "application_error");
    assert.match(thrown?.exemplar?.labels["trace_id"] ?? "", /^[0-9a-f]{32}$/);
    assert.match(thrown?.exemplar?.labels["fingerprint"] ?? "", /^[0-9a-f]{16}$/);
    const durations = (await app.samples("http_request_duration_seconds")).filter((sample) =>
      sample.name.endsWith("_count"),
    );
    assert.deepEqual(durations.map(({ labels, value }) => [labels["route"], labels["status_class"], value]).sort(), [
      ["/", "2xx", 1],
      ["/signal", "2xx", 1],
      ["/throw/:id", "5xx", 3],
      ["unmatched", "4xx", 1],
    ]);
    await app.stop();
  });

  test(`${express}: an answer of 5xx without an error is a server error, and 4xx is told with the severity info`, async () => {
    const app = run();
    await app.fetch("/status");
    await app.fetch("/nope");
    await app.fetch("/handled");
    const { events } = await app.stop();
    assert.deepEqual(
      events.map((event) => [event.error_category, event.severity]),
      [
        ["http_server_error", "warning"],
        ["http_client_error", "info"],
        ["http_client_error", "info"],
      ],
    );
  });

  test(`${express}: with a span for every layer, one failure still counts once`, async () => {
    const app = run({ SEISMO_MIDDLEWARE_SPANS: "true" });
    await app.fetch("/throw/1");
    await app.fetch("/nested/deep");
    const { events } = await app.stop();
    assert.deepEqual(
      events.map((event) => event.error_message),
      ["cannot read the price", "deep down"],
    );
  });

  test(`${express}: a refused call that fails the request is one failure, a hundred refused retries are a hundred`, async () => {
    const app = run({ CLOSED_PORT: String(await freePort()) });
    assert.equal((await app.fetch("/fetch")).status, 500);
    assert.equal((await app.fetch("/retries")).status, 200);
    const { events } = await app.stop();
    assert.equal(events.length, 101);
    assert.deepEqual(
      new Set(events.map((event) => `${event.error_category} ${event.origin}`)),
      new Set(["network_connection root"]),
    );
  });

  test(`${express}: a client that goes away is its own doing, and no server error`, async () => {
    const app = run();
    const port = Number(await app.line(/listening (\d+)/));
    for (const path of ["/hang", "/partial"]) {
      const aborted = request({ host: "127.0.0.1", port, path, agent: false });
      aborted.on("error", () => {}); // our own doing
      aborted.end();
      await eventually("the request", async () => ((await inFlight(app)) === 1 ? true : undefined));
      aborted.destroy();
      await eventually("the end of the request", async () => ((await inFlight(app)) === 0 ? true : undefined));
    }
    const { events } = await app.stop();
    assert.deepEqual(
      events.map((event) => [event["group"], event.severity]),
      [
        ["connection_error", "info"],
        ["connection_error", "info"],
      ],
    );
  });

  test(`${express}: slow requests are flagged and counted, and one that hangs shows while it hangs`, async () => {
    const app = run({ SEISMO_SLOW_REQUEST_MS: "100" });
    assert.equal((await app.fetch("/slow")).status, 200);
    await app.fetch("/ok");
    const hanging = app.fetch("/hang").catch(() => undefined);
    await eventually("a stuck request", async () =>
      sum(await app.samples("requests_stuck")) === 1 ? true : undefined,
    );
    const slow = await app.samples("slow_requests");
    assert.deepEqual(
      slow.map(({ labels, value }) => [labels["method"], labels["route"], value]),
      [["GET", "/slow", 1]],
    );
    await app.stop();
    await hanging;
  });
}

/** The same application beside an Express 4 that has its own name, since that is what instrumentations look for. */
function appOnExpress4(): string {
  const folder = resolve("build", "express4");
  cpSync(join("node_modules", "express4"), join(folder, "node_modules", "express"), { recursive: true });
  cpSync(join("test", "fixtures", "express-app.js"), join(folder, "app.js"));
  return join(folder, "app.js");
}

/** A response that is destroyed by an error has no status of its own. */
function hungUp(): { readonly status: number } {
  return { status: 500 };
}

function causesOf(event: JournalEvent | undefined): unknown {
  const causes = event?.["causes"] as { relation: string; error_message?: string; message?: string }[]; // the journal's format
  return causes.map((cause) => [cause.relation, cause.error_message ?? cause.message]);
}

async function inFlight(app: FixtureApp): Promise<number> {
  return sum(await app.samples("requests_in_flight"));
}
