import assert from "node:assert/strict";
import { test } from "node:test";
import { freePort } from "../free-port";
import { eventually, runFixture } from "./fixture-app";
import { silentPeer } from "./peers";

for (const client of ["fetch", "undici", "http"]) {
  test(`${client}: a refused, unresolved or unanswered call is one event each, though the caller copes`, async () => {
    const peer = await silentPeer();
    const app = runFixture("http-app.js", {
      env: { CLOSED_PORT: String(await freePort()), HANGING_PORT: String(peer.port) },
    });
    for (const target of ["refused", "dns", "timeout"]) {
      assert.equal((await app.fetch(`/call/${client}/${target}`)).status, 200);
    }
    const { events } = await app.stop();
    await peer.close();
    assert.deepEqual(
      events.map((event) => [event.error_category, event.origin]),
      [
        ["network_connection", "root"],
        ["network_dns", "root"],
        ["network_timeout", "root"],
      ],
    );
    for (const event of events) assert.match(String(event.request_id), /^[0-9a-f-]{36}$/);
  });

  test(`${client}: a called service that answers 500 is an upstream error of the caller, under the same request id`, async () => {
    const app = runFixture("http-app.js", { env: { CLOSED_PORT: "1", HANGING_PORT: "2" } });
    assert.equal((await app.fetch(`/call/${client}/failing`, { headers: { "x-request-id": "order-7" } })).body, "500");
    const { events } = await app.stop();
    assert.deepEqual(
      events.map((event) => [event.error_category, event.request_id]),
      [
        ["http_server_error", "order-7"],
        ["http_upstream_error", "order-7"],
      ],
    );
  });
}

test("an application that uses node:http alone loads no instrumentation of a library", async () => {
  const app = runFixture("http-app.js");
  const { body } = await app.fetch("/loaded");
  await app.stop();
  assert.deepEqual(JSON.parse(body).sort(), ["instrumentation-http", "instrumentation-undici"]);
});

test("an instrumentation that is switched off is not loaded, and the rest goes on", async () => {
  const app = runFixture("http-app.js", { env: { SEISMO_INSTRUMENTATIONS: "-undici", CLOSED_PORT: "1" } });
  assert.deepEqual(JSON.parse((await app.fetch("/loaded")).body), ["instrumentation-http"]);
  await app.fetch("/call/fetch/refused");
  await app.fetch("/status");
  const { events } = await app.stop();
  assert.deepEqual(
    events.map((event) => event.error_category),
    ["http_server_error"],
  );
});

test("without the Express instrumentation a request has no route, and its failure is an answer of 500", async () => {
  const app = runFixture("express-app.js", { env: { SEISMO_INSTRUMENTATIONS: "-express" } });
  await app.fetch("/throw/1");
  const durations = await eventually("the request", async () => {
    const samples = await app.samples("http_request_duration_seconds");
    return samples.length > 0 ? samples : undefined;
  });
  assert.deepEqual(new Set(durations.map((sample) => sample.labels["route"])), new Set(["unmatched"]));
  const { events } = await app.stop();
  assert.deepEqual(
    events.map((event) => [event.error_type, event.error_category]),
    [["HTTP 500", "http_server_error"]],
  );
});

test("with no instrumentation at all the application runs, and nothing is seen", async () => {
  const app = runFixture("express-app.js", { env: { SEISMO_INSTRUMENTATIONS: "none" } });
  assert.equal((await app.fetch("/throw/1")).status, 500);
  const { events } = await app.stop();
  assert.deepEqual(events, []);
});
