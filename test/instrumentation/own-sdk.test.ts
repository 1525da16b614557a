import assert from "node:assert/strict";
import { test } from "node:test";
import { type FixtureApp, runFixture, sum } from "./fixture-app";

/** The application prints what its own exporter gets. */
interface PrintedSpan {
  readonly name: string;
  readonly kind: number;
  readonly attributes: { readonly [key: string]: unknown };
}
const SERVER = 1;

for (const [when, nodeArgs, register] of [
  ["before", ["--require", "./test/fixtures/own-sdk.js", "--require", "seismo/register"], "none"],
  ["after", [], "require"],
] as const) {
  const run = (): FixtureApp => runFixture("own-sdk-app.js", { nodeArgs, register });

  test(`an SDK of the application's own that starts ${when} Seismo is joined, which is said once`, async () => {
    const app = run();
    await app.fetch("/ok");
    await app.fetch("/throw/1");
    const { stderr } = await app.stop();
    const said = stderr.split("\n").filter((line) => line.includes("OpenTelemetry"));
    assert.deepEqual(said, ["seismo: this application has an OpenTelemetry SDK of its own: Seismo joined it"]);
  });

  test(`joined ${when} it started: errors and requests count once, and answers carry the request id`, async () => {
    const app = run();
    assert.equal(
      (await app.fetch("/ok", { headers: { "x-request-id": "order-7" } })).headers["x-request-id"],
      "order-7",
    );
    for (let n = 0; n < 3; n++) await app.fetch(`/throw/${n}`);
    const counts = (await app.samples("http_request_duration_seconds")).filter((sample) =>
      sample.name.endsWith("_count"),
    );
    assert.equal(sum(counts, { route: "/throw/:id", status_class: "5xx" }), 3);
    assert.equal(sum(counts, { route: "/ok" }), 1);
    const { events } = await app.stop();
    assert.deepEqual(
      events.map((event) => [event.error_type, (event["request"] as { route?: string }).route]), // the journal's format
      [
        ["TypeError", "/throw/:id"],
        ["TypeError", "/throw/:id"],
        ["TypeError", "/throw/:id"],
      ],
    );
  });

  test(`joined ${when} it started: the application's exporter gets its own spans, tagged, one server span a request`, async () => {
    const app = run();
    await app.fetch("/ok", { headers: { "x-request-id": "order-7" } });
    await app.fetch("/throw/1", { headers: { "x-request-id": "order-8" } });
    const { stdout } = await app.stop();
    const spans = spansOf(stdout);
    const servers = spans.filter((span) => span.kind === SERVER);
    assert.deepEqual(
      servers.map((span) => [span.name, span.attributes["request.id"], span.attributes["error.category"]]),
      [
        ["GET /ok", "order-7", undefined],
        ["GET /throw/:id", "order-8", "application_error"],
      ],
    );
    // The spans that the application chose to have for Express are still made.
    const inner = spans.filter((span) => span.kind !== SERVER);
    assert.deepEqual(
      inner.map((span) => [span.attributes["express.type"], span.attributes["request.id"]]),
      [
        ["request_handler", "order-7"],
        ["request_handler", "order-8"],
      ],
    );
    for (const name of ["error.group", "error.severity", "error.fingerprint", "error.origin"]) {
      assert.equal(typeof servers[1]?.attributes[name], "string", name);
    }
  });
}

test("span processors put by hand into a provider count errors, tag spans and flag slow requests without register", async () => {
  const app = runFixture("by-hand-app.js", { register: "none" });
  const { code, stdout, events } = await app.ended();
  assert.equal(code, 0);
  assert.deepEqual(
    events.map((event) => [event.error_type, event.error_message, (event["request"] as { route?: string }).route]), // the journal's format
    [["RangeError", "out of stock", "/orders/:id"]],
  );
  const [inner, server] = spansOf(stdout);
  assert.equal(inner?.attributes["request.id"], server?.attributes["request.id"]);
  assert.equal(inner?.attributes["error.fingerprint"], events[0]?.fingerprint);
  assert.equal(server?.attributes["error.fingerprint"], events[0]?.fingerprint);
  assert.equal(server?.attributes["request.slow"], true);
});

function spansOf(stdout: string): PrintedSpan[] {
  return stdout
    .split("\n")
    .filter((line) => line.startsWith("span "))
    .map((line) => JSON.parse(line.slice("span ".length)) as PrintedSpan); // what the fixture prints
}
