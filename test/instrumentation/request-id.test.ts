import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import { type FixtureApp, runFixture } from "./fixture-app";
import { traceSink } from "./peers";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

let called: FixtureApp;
let app: FixtureApp;
before(async () => {
  called = runFixture("request-id-app.js");
  app = runFixture("request-id-app.js", { env: { NEXT_PORT: await called.line(/listening (\d+)/) } });
  await app.line(/listening (\d+)/);
});
after(async () => {
  await app.stop();
  await called.stop();
});

for (const [name, headers, id] of [
  ["X-Request-ID", { "x-request-id": "order-7" }, "order-7"],
  ["X-Correlation-ID", { "x-correlation-id": "order-8" }, "order-8"],
  ["X-Request-ID before X-Correlation-ID", { "x-request-id": "first", "x-correlation-id": "second" }, "first"],
  ["X-Correlation-ID when X-Request-ID is bad", { "x-request-id": "a b", "x-correlation-id": "second" }, "second"],
  ["all characters that are allowed", { "x-request-id": "Aa0._:/+=@-" }, "Aa0._:/+=@-"],
  ["128 characters", { "x-request-id": "x".repeat(128) }, "x".repeat(128)],
  ["W3C baggage", { baggage: "request.id=from-baggage" }, "from-baggage"],
  ["the name of a prototype", { "x-request-id": "__proto__" }, "__proto__"],
] as const) {
  test(`${name}: the id is adopted, echoed, and seen by the handler, its timers and its promises`, async () => {
    const answer = await app.fetch("/id", { headers });
    assert.equal(answer.headers["x-request-id"], id);
    assert.deepEqual(JSON.parse(answer.body), [id, id, id]);
  });
}

for (const [name, lines] of [
  ["none", []],
  ["an empty one", ["X-Request-ID: "]],
  ["a space within", ["X-Request-ID: one two"]],
  ["a tab within", ["X-Request-ID: one\ttwo"]],
  ["markup", ["X-Request-ID: <script>alert(1)</script>"]],
  ["129 characters", [`X-Request-ID: ${"x".repeat(129)}`]],
  ["ten kilobytes", [`X-Request-ID: ${"x".repeat(10_240)}`]],
  ["bytes beyond ASCII", ["X-Request-ID: caf\xe9\xff"]],
  ["two headers", ["X-Request-ID: one", "X-Request-ID: two"]],
  ["a header of another name", ["__proto__: order-7", "constructor: order-7"]],
  ["baggage with a line break", ["baggage: request.id=one%0d%0atwo"]],
] as const) {
  test(`${name}: the request gets a new id, and what came is not echoed`, async () => {
    const answer = await raw(lines);
    const [head = "", body = ""] = answer.split("\r\n\r\n");
    const id = /^x-request-id: (.*)$/im.exec(head)?.[1] ?? "";
    assert.match(id, UUID);
    assert.match(body, new RegExp(`\\["${id}","${id}","${id}"\\]`));
    for (const line of lines) assert.ok(!head.includes(line.slice(line.indexOf(":") + 1).trim() || "\0"));
  });
}

for (const [name, line] of [
  ["a control character", "X-Request-ID: one\x01two"],
  ["a carriage return", "X-Request-ID: one\rX-Evil: 1"],
  ["more than a header may hold", `X-Request-ID: ${"x".repeat(20_000)}`],
] as const) {
  test(`${name}: Node refuses the request, and nothing of it is echoed`, async () => {
    const answer = await raw([line]);
    assert.match(answer, /^HTTP\/1\.1 4(00|31) /);
    assert.doesNotMatch(answer, /x-request-id|x-evil|one/i);
  });
}

for (const path of ["/http", "/fetch"]) {
  test(`${path}: an outgoing request carries the id as header and baggage`, async () => {
    const { body } = await app.fetch(path, { headers: { "x-request-id": "order-7" } });
    const sent = JSON.parse(body) as { readonly [name: string]: string }; // the headers that the called service saw
    assert.equal(sent["x-request-id"], "order-7");
    assert.equal(sent["baggage"], "request.id=order-7");
    assert.match(sent["traceparent"] ?? "", /^00-/);
  });

  test(`${path}: a header that the application sets itself stays, and stays one`, async () => {
    const { body } = await app.fetch(`${path}-own`, { headers: { "x-request-id": "order-7" } });
    assert.equal((JSON.parse(body) as { readonly [name: string]: string })["x-request-id"], "the-callers-own");
  });
}

test("a called service adopts the id, and answers with it", async () => {
  const { body } = await app.fetch("/through", { headers: { "x-request-id": "order-9" } });
  assert.deepEqual(JSON.parse(body), ["order-9", "order-9", "order-9"]);
});

test("outside a request there is no id", async () => {
  assert.equal(await app.line(/outside (.*)/), "undefined");
});

test("every span under a request has its id, in each service, and so has the event of its failure", async () => {
  const sink = await traceSink();
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${sink.port}` };
  const inner = runFixture("request-id-app.js", { env });
  const outer = runFixture("request-id-app.js", { env: { ...env, NEXT_PORT: await inner.line(/listening (\d+)/) } });
  await outer.fetch("/through", { headers: { "x-request-id": "order-1" } });
  await outer.fetch("/http", { headers: { "x-request-id": "order-2" } });
  await outer.fetch("/fail", { headers: { "x-request-id": "order-3" } });
  const { events } = await outer.stop();
  await inner.stop();
  await sink.close();
  const ids = sink.spans.map((span) => span.attributes["request.id"]);
  assert.deepEqual(ids.sort(), ["order-1", "order-1", "order-1", "order-2", "order-2", "order-2", "order-3"]);
  assert.deepEqual(
    events.map((event) => event.request_id),
    ["order-3"],
  );
});

/** The request as bytes, since HTTP clients refuse to send what a server must bear. */
async function raw(lines: readonly string[]): Promise<string> {
  const port = Number(await app.line(/listening (\d+)/));
  return new Promise((done, reject) => {
    const socket = connect(port, "127.0.0.1");
    let answer = "";
    socket.setEncoding("latin1").on("data", (text) => {
      answer += String(text);
    });
    socket.on("end", () => done(answer));
    socket.on("error", reject);
    const head = ["GET /id HTTP/1.1", "Host: localhost", "Connection: close", ...lines];
    socket.write(`${head.join("\r\n")}\r\n\r\n`, "latin1");
  });
}
