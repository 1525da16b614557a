import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { test } from "node:test";
import { deflateSync, gzipSync } from "node:zlib";
import { createJsonBodyReader } from "../../src/server/json-body";
import { ask, assertRefusal, assertServesOn, report, serve } from "./ask";

const LIMIT = 1_048_576;
const GOOD = JSON.stringify({ type: "E", message: "m" });

test("what is no JSON object is refused and not reported", async (context) => {
  const served = await serve(context);
  for (const [what, body] of [
    ["empty", ""],
    ["blank", " \n"],
    ["null", "null"],
    ["text", '"message"'],
    ["a number", "3"],
    ["a list", '[{"message":"m"}]'],
    ["an object without a field", "{}"],
    ["no JSON", "message=m"],
    ["cut off", GOOD.slice(0, -1)],
    ["two documents", GOOD + GOOD],
    ["a trailing comma", '{"message":"m",}'],
    ["a comment", '{"message":"m"/* */}'],
    ["NaN", '{"message":"m","status_code":NaN}'],
    ["a control character", '{"message":"\u0001"}'],
    ["no UTF-8", Buffer.from('{"message":"\xff\xfe"}', "latin1")],
    ["UTF-16", Buffer.from(GOOD, "utf16le")],
    ["protobuf", Buffer.from("0a0d0a0b0a0773686f70", "hex")],
  ] as const) {
    const answer = await report(served.port, body);
    assert.equal(answer.status, 400, what);
    assertRefusal(answer);
  }
  assert.equal(served.reports.length, 0);
  await assertServesOn(served);
});

test("duplicate keys and odd characters are taken", async (context) => {
  const { port, reports } = await serve(context);
  for (const body of [
    '{"message":"a","message":"b"}',
    '{"message":"\\u0000 \\ud800 \u202e \u{1f600}"}',
    JSON.stringify({ message: "<script>alert(1)</script>\n# TYPE x\u001b]52;c;x\u0007" }),
    JSON.stringify({ message: "x".repeat(900_000) }),
    '{"message":"m","big":1e999,"digits":123456789012345678901234567890}',
  ]) {
    assert.equal((await report(port, body)).status, 200, body.slice(0, 60));
  }
  assert.equal(reports.length, 5);
  assert.equal(reports[0]?.message, "b");
});

test("nesting beyond 100 levels is refused before anything recursive sees it", async (context) => {
  const served = await serve(context);
  const lists = (depth: number) => `{"message":"m","x":${"[".repeat(depth)}${"]".repeat(depth)}}`;
  const objects = (depth: number) => `{"message":"m","x":${'{"a":'.repeat(depth)}1${"}".repeat(depth)}}`;
  for (const body of [lists(100), lists(100_000), objects(100), objects(20_000), "[".repeat(200_000)]) {
    const answer = await report(served.port, body);
    assert.equal(answer.status, 400);
    assert.match(answer.text, /more than 100 levels/);
  }
  const brackets = JSON.stringify({ message: `\\"${"[{".repeat(1_000)}`, 'key "[[': "\\" });
  for (const body of [lists(99), objects(99), brackets]) assert.equal((await report(served.port, body)).status, 200);
  assert.equal(served.reports.length, 3);
  await assertServesOn(served);
});

test("other content types are refused: any page could send those without being asked", async (context) => {
  const served = await serve(context);
  for (const type of [
    ...["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonx"],
    ...["", "json", "application/json, text/plain", "text/plain; application/json", "application/json; charset=utf-16"],
  ]) {
    const answer = await report(served.port, GOOD, { "content-type": type });
    assert.equal(answer.status, 415, type);
    assertRefusal(answer);
  }
  const none = await ask(served.port, { method: "POST", path: "/api/report-error", body: GOOD });
  assert.equal(none.status, 415);
  assert.equal(served.reports.length, 0);
  for (const type of ["Application/JSON", 'application/json;charset="UTF-8"', "application/json; charset=utf8; x=y"]) {
    assert.equal((await report(served.port, GOOD, { "content-type": type })).status, 200, type);
  }
});

test("gzip is taken, other encodings are not", async (context) => {
  const served = await serve(context);
  const gzip = gzipSync(GOOD);
  const wrongLength = Buffer.concat([gzip.subarray(0, -4), Buffer.alloc(4, 0xff)]);
  const wrongChecksum = Buffer.concat([gzip.subarray(0, -8), Buffer.alloc(4, 0xff), gzip.subarray(-4)]);
  for (const [what, status, encoding, body] of [
    ["gzip", 200, "gzip", gzip],
    ["GZIP", 200, "GZIP", gzip],
    ["identity", 200, "identity", GOOD],
    ["two members", 200, "gzip", Buffer.concat([gzipSync(GOOD.slice(0, 5)), gzipSync(GOOD.slice(5))])],
    ["plain bytes", 400, "gzip", GOOD],
    ["no bytes", 400, "gzip", ""],
    ["cut off", 400, "gzip", gzip.subarray(0, -10)],
    ["a wrong checksum", 400, "gzip", wrongChecksum],
    ["a wrong length", 400, "gzip", wrongLength],
    ["gzip twice", 415, "gzip, gzip", gzipSync(gzip)],
    ["deflate", 415, "deflate", deflateSync(GOOD)],
    ["br", 415, "br", gzip],
  ] as const) {
    const before = served.reports.length;
    const answer = await report(served.port, body, { "content-encoding": encoding });
    assert.equal(answer.status, status, what);
    assert.equal(served.reports.length - before, status === 200 ? 1 : 0, what);
    if (status !== 200) assertRefusal(answer);
  }
  await assertServesOn(served);
});

test("a body of a mebibyte is taken, and one byte more is refused, however it comes", async (context) => {
  const served = await serve(context);
  const ofBytes = (bytes: number) => `{"message":"${"x".repeat(bytes - 14)}"}`;
  const chunked = { "transfer-encoding": "chunked" };
  assert.equal((await report(served.port, ofBytes(LIMIT))).status, 200);
  assert.equal((await report(served.port, ofBytes(LIMIT), chunked)).status, 200);
  assert.equal((await report(served.port, gzipSync(ofBytes(LIMIT)), { "content-encoding": "gzip" })).status, 200);
  const taken = served.reports.length;
  for (const answer of [
    await report(served.port, ofBytes(LIMIT + 1)),
    await report(served.port, ofBytes(LIMIT + 1), chunked),
    await report(served.port, ofBytes(5 * LIMIT)),
    await report(served.port, gzipSync(ofBytes(LIMIT + 1)), { "content-encoding": "gzip" }),
  ]) {
    assert.equal(answer.status, 413);
    assertRefusal(answer);
  }
  assert.equal(served.reports.length, taken);
  await assertServesOn(served);
});

test("gzip bombs, eight at once, are refused", async (context) => {
  const served = await serve(context);
  const bomb = gzipSync(Buffer.alloc(256 * LIMIT), { level: 9 });
  const before = process.memoryUsage().rss;
  const answers = await Promise.all(
    Array.from({ length: 8 }, () => report(served.port, bomb, { "content-encoding": "gzip" })),
  );
  for (const answer of answers) assert.equal(answer.status, 413);
  assert.ok(process.memoryUsage().rss - before < 64 * LIMIT, "a bomb is not inflated beyond the limit");
  assert.equal(served.reports.length, 0);
  await assertServesOn(served);
});

test("an announced length beyond all measure is refused before a byte is read", async (context) => {
  const served = await serve(context);
  const socket = connect(served.port, "127.0.0.1");
  context.after(() => socket.destroy());
  const head = "POST /api/report-error HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
  socket.write(`${head}Content-Length: 1152921504606846976\r\n\r\n`);
  const [chunk] = await once(socket, "data");
  assert.match(String(chunk), /^HTTP\/1\.1 413 /);
  await assertServesOn(served);
});

test("a sender that never stops hears the answer, and is cut off after twice the limit", async (context) => {
  const served = await serve(context);
  const socket = connect(served.port, "127.0.0.1");
  const head = "POST /api/report-error HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
  socket.write(`${head}Transfer-Encoding: chunked\r\n\r\n`);
  const chunk = Buffer.concat([Buffer.from("10000\r\n"), Buffer.alloc(65_536, 0x20), Buffer.from("\r\n")]);
  let heard = "";
  let sent = 0;
  const send = (): void => {
    while (socket.writable && socket.write(chunk)) sent += chunk.length;
  };
  socket.on("data", (data) => {
    heard += data.toString();
  });
  socket.on("drain", send).on("error", () => {}); // the cut; what was heard before it counts
  send();
  await new Promise((resolve) => socket.once("close", resolve));
  assert.match(heard, /^HTTP\/1\.1 413 [\s\S]*larger than 1048576 bytes/);
  assert.ok(sent < 64 * LIMIT, "it was cut off");
  await assertServesOn(served);
});

test("all bodies that are being read share one bound, and give back what they took", async (context) => {
  const readBody = createJsonBodyReader({ maxBytes: 100, maxTotalBytes: 150 });
  const server = createServer((request, response) => {
    readBody(request, response).then(
      (body) => response.writeHead(body.status === "refused" ? body.refusal.status : 200).end(),
      () => response.writeHead(500).end(),
    );
  }).listen(0, "127.0.0.1");
  context.after(() => server.close());
  await once(server, "listening");
  const { port } = server.address() as AddressInfo; // a TCP server's address is never a path
  const body = JSON.stringify({ message: "x".repeat(80) });
  for (let round = 0; round < 3; round++) {
    assert.equal((await report(port, body)).status, 200);
    const slow = connect(port, "127.0.0.1");
    slow.write(
      `POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`,
    );
    slow.write(body.slice(0, -1));
    const isRefused = async (): Promise<boolean> => (await report(port, body)).status === 503;
    while (!(await isRefused())); // until the server has read what was sent
    slow.destroy();
    while (await isRefused()); // until it knows that the sender went
  }
});
