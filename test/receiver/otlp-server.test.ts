import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent } from "node:http";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import type { OtlpAnswer } from "../../src/receiver/otlp-response";
import { createOtlpServer } from "../../src/receiver/otlp-server";
import { createTelemetry } from "../../src/telemetry";
import { freePort } from "../free-port";
import {
  assertStillTakes,
  decode,
  HOST,
  head,
  type Post,
  PROTOBUF,
  post,
  type Receiver,
  sendRaw,
  startReceiver,
  statusesOf,
  statusOf,
  until,
} from "./otlp-peer";

const JSON_TYPE = { "content-type": "application/json" };

/** Sends it raw; it is refused so, nothing is taken, and the next good request works. */
async function assertRefusedRaw(receiver: Receiver, statuses: readonly number[], ...parts: string[]): Promise<void> {
  const before = receiver.taken.length;
  const heard = await sendRaw(receiver.port, ...parts);
  const first = statusesOf(heard)[0];
  assert.ok(first === undefined ? statuses.length === 0 : statuses.includes(first), `answered ${heard.slice(0, 300)}`);
  assert.equal(receiver.taken.length, before, "refused is not accepted");
  await assertStillTakes(receiver);
}

test("a taken request is answered by an empty response in its own encoding", async (context) => {
  const receiver = await startReceiver(context);
  const protobuf = await post(receiver.port, { body: "spans" });
  assert.deepEqual([protobuf.status, protobuf.headers["content-type"]], [200, "application/x-protobuf"]);
  assert.deepEqual([protobuf.headers["content-length"], protobuf.body.length], ["0", 0]);
  const json = await post(receiver.port, { path: "/v1/logs", headers: JSON_TYPE, body: "logs" });
  assert.deepEqual([json.status, json.headers["content-type"], json.body.toString()], [200, "application/json", "{}"]);
  assert.deepEqual(receiver.taken, [
    { signal: "traces", encoding: "protobuf", body: Buffer.from("spans") },
    { signal: "logs", encoding: "json", body: Buffer.from("logs") },
  ]);
  assert.equal(receiver.server.stats().accepted, 2);
});

test("an empty body is taken", async (context) => {
  const receiver = await startReceiver(context);
  assert.equal((await post(receiver.port, { body: "" })).status, 200);
  assert.equal((await post(receiver.port, { body: "", chunked: true })).status, 200);
  assert.deepEqual(
    receiver.taken.map(({ body }) => body.length),
    [0, 0],
  );
});

test("bodies of every size arrive as they were sent, with a length and chunked", async (context) => {
  const receiver = await startReceiver(context);
  for (const size of [1, 1_000, 16_384, 16_385, 65_536, 280_000, 3_000_000]) {
    const body = Buffer.alloc(size, "0123456789abcdefghijklm");
    for (const chunked of [false, true]) {
      assert.equal((await post(receiver.port, { body, chunked })).status, 200);
      assert.ok(receiver.taken.pop()?.body.equals(body), `${size} bytes`);
    }
  }
  assert.equal(receiver.server.stats().bufferedBytes, 0);
});

test("what was rejected of a request is told as partial success", async (context) => {
  const answer: OtlpAnswer = { status: "accepted", rejected: 3, message: "too deep" };
  const { port } = await startReceiver(context, { answer });
  assert.deepEqual(decode("Response", (await post(port)).body), {
    partialSuccess: { rejected: "3", errorMessage: "too deep" },
  });
  assert.deepEqual(JSON.parse((await post(port, { headers: JSON_TYPE })).body.toString()), {
    partialSuccess: { rejectedSpans: "3", errorMessage: "too deep" },
  });
});

test("a malformed body gets 400 and a Status in the encoding of the request", async (context) => {
  const receiver = await startReceiver(context, { answer: { status: "malformed", message: "field 2: cut off" } });
  for (const type of ["application/x-protobuf", "application/json"]) {
    const answer = await post(receiver.port, { headers: { "content-type": type } });
    assert.deepEqual([answer.status, answer.headers["content-type"]], [400, type]);
    assert.equal(statusOf(answer).message, "field 2: cut off");
  }
  assert.deepEqual([receiver.server.stats().accepted, receiver.server.stats().refused.malformed], [0, 2]);
});

test("who is to come again is told when, in whole seconds", async (context) => {
  let answer: OtlpAnswer = { status: "unavailable", retryAfterMillis: 1, message: "the disk is full" };
  const { port } = await startReceiver(context, { accept: async () => answer });
  const soon = await post(port);
  assert.deepEqual([soon.status, soon.headers["retry-after"]], [503, "1"]);
  assert.equal(statusOf(soon).message, "the disk is full");
  answer = { status: "throttled", retryAfterMillis: 12_345, message: "slower" };
  const later = await post(port);
  assert.deepEqual([later.status, later.headers["retry-after"], statusOf(later).code], [429, "13", 8]);
});

test("a fault of ours is answered by 500 without a word about it, and counted", async (context) => {
  const telemetry = createTelemetry();
  let isBroken = true;
  const accept = async (): Promise<OtlpAnswer> => {
    if (isBroken) throw new Error("cannot read /home/secret/file.js");
    return { status: "accepted" };
  };
  const { port, server } = await startReceiver(context, { telemetry, accept });
  const answer = await post(port);
  assert.deepEqual([answer.status, statusOf(answer).message], [500, "internal error"]);
  assert.equal(telemetry.snapshot().dropped[0]?.reason, "internal_error");
  isBroken = false;
  assert.equal((await post(port)).status, 200);
  assert.deepEqual([server.stats().requestsInFlight, server.stats().bufferedBytes], [0, 0]);
});

test("only POST is served: the others get 405 and Allow", async (context) => {
  const receiver = await startReceiver(context);
  for (const method of ["GET", "PUT", "DELETE", "PATCH", "HEAD", "TRACE", "OPTIONS"]) {
    const answer = await post(receiver.port, { method, body: "" });
    assert.deepEqual([answer.status, answer.headers.allow], [405, "POST"], method);
    assert.deepEqual(
      Object.keys(answer.headers).filter((name) => name.startsWith("access-control")),
      [],
    );
    if (method !== "HEAD") statusOf(answer);
  }
  assert.equal(receiver.taken.length, 0);
  await assertStillTakes(receiver);
});

test("an unknown path gets 404, one of metrics a word on what is served", async (context) => {
  const receiver = await startReceiver(context);
  const paths = [
    "/",
    "/V1/TRACES",
    "/v1/traces/",
    "/v1/profiles",
    "/v1/../v1/traces",
    "/__proto__",
    "/constructor",
    "*",
  ];
  for (const path of [...paths, `/${"x".repeat(12_000)}`]) {
    assert.equal((await post(receiver.port, { path })).status, 404, path.slice(0, 40));
  }
  const metrics = await post(receiver.port, { path: "/v1/metrics" });
  assert.equal(metrics.status, 404);
  assert.match(statusOf(metrics).message, /metrics are not taken: .*\/v1\/traces .*\/v1\/logs/);
  assert.equal(receiver.taken.length, 0);
  assert.equal((await post(receiver.port, { path: "/v1/traces?api=1" })).status, 200);
});

test("a path of 20 kB is refused", async (context) => {
  const receiver = await startReceiver(context);
  const request = `POST /${"x".repeat(20_000)} HTTP/1.1\r\n${HOST}\r\n${PROTOBUF}\r\nContent-Length: 0\r\n\r\n`;
  await assertRefusedRaw(receiver, [404, 414, 431], request);
});

test("the content type may have parameters and any case", async (context) => {
  const { port, taken } = await startReceiver(context);
  const types = [
    "application/json; charset=utf-8",
    "Application/JSON",
    "application/x-protobuf;v=1",
    " APPLICATION/X-PROTOBUF ",
  ];
  for (const type of types) assert.equal((await post(port, { headers: { "content-type": type } })).status, 200, type);
  assert.deepEqual(
    taken.map(({ encoding }) => encoding),
    ["json", "json", "protobuf", "protobuf"],
  );
});

test("any other content type, none, or two get 415", async (context) => {
  const receiver = await startReceiver(context);
  const types = [
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/jsonx",
    "application/protobuf",
    "application/json, application/x-protobuf",
    "",
  ];
  for (const type of types) {
    const answer = await post(receiver.port, { headers: { "content-type": type } });
    assert.deepEqual([answer.status, answer.headers["content-type"]], [415, "application/json"], type);
    statusOf(answer);
  }
  await assertRefusedRaw(receiver, [415], head(HOST, "Content-Length: 1", "Connection: close"), "x");
  assert.equal(receiver.server.stats().refused.unsupported_type, types.length + 1);
});

test("a request whose length has two meanings gets 400", async (context) => {
  const receiver = await startReceiver(context);
  const chunked = "Transfer-Encoding: chunked";
  const lengths = [
    ["Content-Length: 5", chunked],
    ["Content-Length: 5", "Content-Length: 6"],
    ["Content-Length: -5"],
    ["Content-Length: 2abc"],
  ];
  for (const lines of lengths) await assertRefusedRaw(receiver, [400], head(HOST, PROTOBUF, ...lines), "hello");
  assert.equal(receiver.server.stats().refused.bad_request, lengths.length);
});

test("an announced exabyte is refused before it is read", async (context) => {
  const receiver = await startReceiver(context, { limits: { drainTimeoutMillis: 50 } });
  const heard = await sendRaw(receiver.port, head(HOST, PROTOBUF, "Content-Length: 1152921504606846976"));
  assert.match(heard, /^HTTP\/1\.1 413 [\s\S]*Connection: close/i);
  assert.equal(receiver.taken.length, 0);
  await assertStillTakes(receiver);
});

test("a bad chunk size gets 400, also in the middle of a body", async (context) => {
  const receiver = await startReceiver(context);
  const chunked = head(HOST, PROTOBUF, "Transfer-Encoding: chunked");
  await assertRefusedRaw(receiver, [400], `${chunked}zz\r\nhello\r\n`);
  await assertRefusedRaw(receiver, [400], `${chunked}5\r\nhello\r\n`, "-1\r\nhello\r\n0\r\n\r\n");
  assert.match(await sendRaw(receiver.port, `${chunked}zz\r\n`), /content-type: application\/x-protobuf/i);
  assert.deepEqual([receiver.server.stats().refused.bad_request, receiver.server.stats().bufferedBytes], [3, 0]);
});

test("a chunk extension of 100 kB gets 413", async (context) => {
  const receiver = await startReceiver(context);
  const extended = `${head(HOST, PROTOBUF, "Transfer-Encoding: chunked")}5;${"x".repeat(100_000)}\r\nhello\r\n0\r\n\r\n`;
  await assertRefusedRaw(receiver, [413], extended);
});

test("malformed headers, no Host and two Hosts get 400", async (context) => {
  const receiver = await startReceiver(context);
  const rest = [PROTOBUF, "Content-Length: 5", "Connection: close"];
  const hosts = [["Host : 127.0.0.1"], [], [HOST, HOST], [HOST, "host: evil.example"]];
  for (const lines of hosts) await assertRefusedRaw(receiver, [400], `${head(...lines, ...rest)}hello`);
  await assertRefusedRaw(receiver, [400], `${head(HOST, "X-A: a\0b", ...rest)}hello`);
  await assertRefusedRaw(receiver, [400], `POST /v1/tra\0ces HTTP/1.1\r\n${HOST}\r\n\r\n`);
});

test("headers of 64 kB, and 5000 of them, get 431", async (context) => {
  const receiver = await startReceiver(context);
  const rest = [HOST, PROTOBUF, "Content-Length: 5", "Connection: close"];
  await assertRefusedRaw(receiver, [431], `${head(`X-Long: ${"x".repeat(65_536)}`, ...rest)}hello`);
  await assertRefusedRaw(receiver, [431], `${head(...rest, ...Array<string>(5_000).fill("a:b"))}hello`);
  await assertRefusedRaw(receiver, [431], `${head(...rest, ...Array<string>(1_000).fill("a:b"))}hello`);
});

test("a header named __proto__ does no harm", async (context) => {
  const receiver = await startReceiver(context);
  const heard = await sendRaw(
    receiver.port,
    `${head(HOST, PROTOBUF, "__proto__: x", "constructor: y", "Content-Length: 5", "Connection: close")}hello`,
  );
  assert.deepEqual([statusesOf(heard), receiver.taken.length], [[200], 1]);
});

test("an HTTP/2 preface, a TLS hello and noise are turned away", async (context) => {
  const receiver = await startReceiver(context);
  const hello = `\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03${"\x5a".repeat(500)}`;
  for (const noise of [
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
    hello,
    "\0\xff\x80".repeat(400),
    "\r\n\r\nhello\r\n\r\n",
  ]) {
    await assertRefusedRaw(receiver, [400], noise);
  }
});

test("a body that is cut off is not taken", async (context) => {
  const receiver = await startReceiver(context);
  for (const end of ["destroy", "resetAndDestroy"] as const) {
    const socket = connect(receiver.port, "127.0.0.1");
    socket.write(`${head(HOST, PROTOBUF, "Content-Length: 100000")}${"x".repeat(50_000)}`);
    await until(() => receiver.server.stats().bufferedBytes > 0);
    socket[end]();
    await until(() => receiver.server.stats().bufferedBytes === 0);
  }
  const halfClosed = connect({ port: receiver.port, host: "127.0.0.1", allowHalfOpen: true });
  halfClosed.end(`${head(HOST, PROTOBUF, "Content-Length: 10")}hello`);
  await until(() => receiver.server.stats().aborted + receiver.server.stats().refused.bad_request === 3);
  halfClosed.destroy();
  assert.equal(receiver.taken.length, 0);
  await assertStillTakes(receiver);
});

test("junk behind a body does not cost the request its answer", async (context) => {
  let finish = (): void => undefined;
  const accept = (): Promise<OtlpAnswer> =>
    new Promise((resolve) => {
      finish = () => resolve({ status: "accepted" });
    });
  const receiver = await startReceiver(context, { accept });
  const heard = sendRaw(
    receiver.port,
    `${head(HOST, PROTOBUF, "Content-Length: 5")}hello`,
    "\0junk\0\r\n\r\n".repeat(9),
  );
  await until(() => receiver.taken.length === 1);
  finish();
  assert.deepEqual(statusesOf(await heard), [200]);
  assert.equal(receiver.server.stats().accepted, 1);
});

test("pipelined requests are all answered, in order, also when the last is broken", async (context) => {
  const receiver = await startReceiver(context);
  const good = `${head(HOST, PROTOBUF, "Content-Length: 5")}hello`;
  const broken = `${head(HOST, PROTOBUF, "Transfer-Encoding: chunked")}zz\r\n`;
  assert.deepEqual(statusesOf(await sendRaw(receiver.port, good + good + broken)), [200, 200, 400]);
  assert.equal(receiver.taken.length, 2);
});

test("junk behind pipelined requests costs neither its answer, whichever is done first", async (context) => {
  const finish: (() => void)[] = [];
  const accept = (): Promise<OtlpAnswer> =>
    new Promise((resolve) => void finish.push(() => resolve({ status: "accepted" })));
  const receiver = await startReceiver(context, { accept });
  const socket = connect(receiver.port, "127.0.0.1");
  let heard = "";
  socket.on("data", (chunk: Buffer) => {
    heard += chunk.toString("latin1");
  });
  socket.write(`${head(HOST, PROTOBUF, "Content-Length: 5")}hello`.repeat(2));
  await until(() => finish.length === 2);
  finish[1]?.();
  await until(() => receiver.server.stats().accepted === 1);
  socket.write("\0junk");
  // Another request's way through the server: the junk has been seen by then.
  await post(receiver.port, { path: "/nothing" });
  finish[0]?.();
  await until(() => statusesOf(heard).length === 2);
  socket.destroy();
  assert.deepEqual(statusesOf(heard), [200, 200]);
});

test("a body one byte above the limit gets 413 that its sender can read", async (context) => {
  const bodyBytes = 1_000_000;
  const receiver = await startReceiver(context, { limits: { bodyBytes } });
  const body = Buffer.alloc(bodyBytes + 1);
  const sent = [{ body }, { body, chunked: true }, { body, headers: JSON_TYPE }, { body: Buffer.alloc(3 * bodyBytes) }];
  for (const request of sent) {
    const answer = await post(receiver.port, request);
    assert.equal(answer.status, 413);
    assert.equal(statusOf(answer).code, 8);
  }
  assert.equal(receiver.taken.length, 0);
  assert.equal((await post(receiver.port, { body: body.subarray(1) })).status, 200, "the limit itself is taken");
  assert.equal((await post(receiver.port, { body: body.subarray(1), chunked: true })).status, 200);
  assert.equal(receiver.server.stats().bufferedBytes, 0);
});

test("a refused body that never ends is cut off after twice the limit, or after the drain timeout", async (context) => {
  const limits = { bodyBytes: 100_000, drainTimeoutMillis: 100 };
  const receiver = await startReceiver(context, { limits });
  const chunk = `10000\r\n${"x".repeat(65_536)}\r\n`;
  const endless = await sendRaw(receiver.port, head(HOST, PROTOBUF, "Transfer-Encoding: chunked"), chunk.repeat(10));
  assert.ok(endless === "" || statusesOf(endless)[0] === 413);
  const stalled = await sendRaw(receiver.port, head(HOST, PROTOBUF, "Transfer-Encoding: chunked"), chunk.repeat(2));
  assert.deepEqual(statusesOf(stalled), [413]);
  assert.equal(receiver.server.stats().refused.too_large, 2);
  await assertStillTakes(receiver);
});

test("a connection survives refused requests whose bodies were read", async (context) => {
  const receiver = await startReceiver(context, { limits: { bodyBytes: 100_000 } });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  context.after(() => agent.destroy());
  const idle = (): Socket | undefined => Object.values(agent.freeSockets).flat()[0];
  const large = Buffer.alloc(150_000);
  const requests: readonly (readonly [number, Post])[] = [
    [200, {}],
    [413, { body: large }],
    [413, { body: large, chunked: true }],
    [415, { headers: { "content-type": "text/plain" } }],
    [404, { path: "/nothing", body: large }],
    [405, { method: "GET", body: "" }],
    [415, { headers: { "content-encoding": "br" } }],
    [400, { headers: { "content-encoding": "gzip" } }],
    [200, {}],
  ];
  let connection: Socket | undefined;
  for (const [status, request] of requests) {
    assert.equal((await post(receiver.port, { ...request, agent })).status, status);
    await until(() => idle() !== undefined);
    connection ??= idle();
    assert.equal(idle(), connection);
  }
});

test("leave to send is given to good requests, and refusals come without it", async (context) => {
  const receiver = await startReceiver(context, { token: "a-token" });
  const expect = (...lines: string[]): Promise<string> =>
    sendRaw(receiver.port, head(HOST, "Expect: 100-continue", "Connection: close", ...lines));
  assert.deepEqual(statusesOf(await expect(PROTOBUF, "Content-Length: 5")), [401]);
  const bearer = "Authorization: Bearer a-token";
  assert.deepEqual(statusesOf(await expect(bearer, "Content-Type: text/plain", "Content-Length: 5")), [415]);
  assert.deepEqual(statusesOf(await expect(bearer, PROTOBUF, "Content-Length: 99999999")), [413]);
  assert.equal(receiver.taken.length, 0);
  const other = head(HOST, bearer, PROTOBUF, "Expect: a-miracle", "Content-Length: 5", "Connection: close");
  assert.deepEqual(statusesOf(await sendRaw(receiver.port, other)), [417]);

  const good = head(HOST, bearer, PROTOBUF, "Expect: 100-continue", "Content-Length: 5", "Connection: close");
  assert.deepEqual(statusesOf(await sendRaw(receiver.port, good, "hello")), [100, 200]);
  assert.equal(receiver.taken[0]?.body.toString(), "hello");
});

test("with a token, everything without it gets 401 before its body is read", async (context) => {
  const token = "0123456789abcdef0123456789abcdef";
  const receiver = await startReceiver(context, { token });
  const authorizations = [
    "",
    "Bearer",
    `Bearer ${token.slice(1)}`,
    `Bearer ${token}x`,
    `Basic ${token}`,
    token,
    "Bearer wrong",
  ];
  for (const authorization of authorizations) {
    const answer = await post(receiver.port, { headers: { authorization } });
    assert.deepEqual([answer.status, answer.headers["www-authenticate"]], [401, "Bearer"], authorization);
    statusOf(answer);
  }
  const elsewhere = [
    { path: `/v1/traces?token=${token}&access_token=${token}` },
    { headers: { "x-forwarded-for": "127.0.0.1", "proxy-authorization": `Bearer ${token}` } },
    { path: "/nothing" },
  ];
  for (const request of elsewhere) assert.equal((await post(receiver.port, request)).status, 401);
  // No byte of the body was sent, and yet the answer is there.
  const heard = await sendRaw(receiver.port, head(HOST, PROTOBUF, "Content-Length: 5", "Expect: 100-continue"));
  assert.deepEqual(statusesOf(heard), [401]);
  assert.equal(receiver.taken.length, 0);
  assert.equal((await post(receiver.port, { headers: { authorization: `Bearer ${token}` } })).status, 200);
});

test("web pages cannot post, and no answer has a CORS header", async (context) => {
  const receiver = await startReceiver(context);
  const { port } = receiver;
  const origins = [
    "https://evil.example",
    "null",
    `http://localhost.evil.example:${port}`,
    `http://127.0.0.1:${port + 1}`,
    "http://127.0.0.1",
    "not a url",
    "",
  ];
  for (const origin of origins) {
    const answer = await post(port, { headers: { origin } });
    assert.equal(answer.status, 403, origin);
    assert.ok(!Object.keys(answer.headers).some((name) => name.startsWith("access-control")));
  }
  const rebound = { host: `evil.example:${port}`, origin: `http://evil.example:${port}` };
  assert.equal((await post(port, { headers: rebound })).status, 403, "a name that was pointed here");
  assert.equal((await post(port, { method: "OPTIONS", headers: { origin: "null" } })).status, 403);
  assert.equal(receiver.taken.length, 0);
  for (const name of ["127.0.0.1", "localhost", "[::1]"]) {
    const own = { host: `${name}:${port}`, origin: `http://${name}:${port}` };
    assert.equal((await post(port, { headers: own })).status, 200, name);
  }
});

test("the 65th request under way gets 503 and comes back in a second", async (context) => {
  const waiting: (() => void)[] = [];
  const accept = (): Promise<OtlpAnswer> =>
    new Promise((resolve) => void waiting.push(() => resolve({ status: "accepted" })));
  const receiver = await startReceiver(context, { accept });
  const under = Array.from({ length: 64 }, () => post(receiver.port));
  await until(() => receiver.server.stats().requestsInFlight === 64);
  const answer = await post(receiver.port);
  assert.deepEqual([answer.status, answer.headers["retry-after"]], [503, "1"]);
  statusOf(answer);
  for (const finish of waiting) finish();
  assert.deepEqual(
    (await Promise.all(under)).map(({ status }) => status),
    Array(64).fill(200),
  );
  assert.deepEqual([receiver.taken.length, receiver.server.stats().refused.overloaded], [64, 1]);
});

test("bodies over the bound of all that is held get 503", async (context) => {
  let finish = (): void => undefined;
  const accept = (): Promise<OtlpAnswer> =>
    new Promise((resolve) => {
      finish = () => resolve({ status: "accepted" });
    });
  const receiver = await startReceiver(context, { accept, limits: { bufferedBytes: 150_000 } });
  const body = Buffer.alloc(100_000);
  const first = post(receiver.port, { body });
  await until(() => receiver.taken.length === 1);
  const second = await post(receiver.port, { body });
  assert.deepEqual([second.status, second.headers["retry-after"]], [503, "1"]);
  finish();
  assert.equal((await first).status, 200);
  assert.equal(receiver.server.stats().bufferedBytes, 0);
});

test("200 half-open and 200 slow senders keep nobody out", async (context) => {
  const receiver = await startReceiver(context, { limits: { bufferedBytes: 30_000_000 } });
  const sockets = Array.from({ length: 400 }, (_, index) => {
    const socket = connect(receiver.port, "127.0.0.1").on("error", () => undefined);
    if (index % 2 === 0) socket.write(`${head(HOST, PROTOBUF, "Content-Length: 20000000")}slow`);
    else socket.write("POST /v1/tra");
    return socket;
  });
  context.after(() => sockets.forEach((socket) => void socket.destroy()));
  await Promise.all(sockets.map((socket) => once(socket, "connect")));
  await until(() => receiver.server.stats().bufferedBytes >= 200 * 4);
  for (let count = 0; count < 5; count++) await assertStillTakes(receiver);
  assert.equal(receiver.server.stats().refused.overloaded, 0, "what was announced holds no memory");
});

test("headers and bodies that never end are answered by 408 and closed", async (context) => {
  const limits = { headersTimeoutMillis: 100, requestTimeoutMillis: 200 };
  const receiver = await startReceiver(context, { limits });
  const [headers, body] = await Promise.all([
    sendRaw(receiver.port, "POST /v1/traces HTTP/1.1\r\nHost: a\r\nX-A"),
    sendRaw(receiver.port, `${head(HOST, PROTOBUF, "Content-Length: 100")}slow`),
  ]);
  assert.deepEqual([statusesOf(headers), statusesOf(body)], [[408], [408]]);
  assert.deepEqual([receiver.taken.length, receiver.server.stats().refused.timeout], [0, 2]);
  await assertStillTakes(receiver);
});

test("more connections than the limit are not let in, the others go on", async (context) => {
  const receiver = await startReceiver(context, { limits: { connections: 2 } });
  const held = [connect(receiver.port, "127.0.0.1"), connect(receiver.port, "127.0.0.1")];
  context.after(() => held.forEach((socket) => void socket.destroy()));
  await Promise.all(held.map((socket) => once(socket, "connect")));
  await assert.rejects(post(receiver.port));
  assert.equal(receiver.server.stats().droppedConnections, 1);
  held[0]?.destroy();
  await until(async () => (await post(receiver.port).catch(() => undefined))?.status === 200);
});

test("stopping lets what is under way finish and takes nothing new", async (context) => {
  let finish = (): void => undefined;
  const accept = (): Promise<OtlpAnswer> =>
    new Promise((resolve) => {
      finish = () => resolve({ status: "accepted" });
    });
  const receiver = await startReceiver(context, { accept });
  const idle = connect(receiver.port, "127.0.0.1").on("error", () => undefined);
  context.after(() => idle.destroy());
  const agent = new Agent({ keepAlive: true });
  const pending = post(receiver.port, { agent });
  await until(() => receiver.taken.length === 1);
  const stopped = receiver.server.stop(60_000);
  await assert.rejects(post(receiver.port));
  finish();
  const answer = await pending;
  assert.deepEqual([answer.status, answer.headers.connection], [200, "close"]);
  await stopped;
});

test("stopping closes what is left when the time is over", async (context) => {
  const receiver = await startReceiver(context, { accept: () => new Promise(() => undefined) });
  const pending = assert.rejects(post(receiver.port));
  await until(() => receiver.taken.length === 1);
  await receiver.server.stop(20);
  await pending;
});

test("a port that is taken, or none at all, fails the start and nothing else", async (context) => {
  const receiver = await startReceiver(context);
  const start = (port: number) =>
    createOtlpServer({
      host: "127.0.0.1",
      port,
      telemetry: createTelemetry(),
      accept: async () => ({ status: "accepted" }),
    }).start();
  const taken = await start(receiver.port);
  assert.ok(taken.status === "failed" && /EADDRINUSE/.test(taken.error.message));
  assert.equal((await start(70_000)).status, "failed");
  await assertStillTakes(receiver);
});

test("a server that never started, or has stopped, stops at once", async (context) => {
  const port = await freePort();
  const server = createOtlpServer({
    host: "127.0.0.1",
    port,
    telemetry: createTelemetry(),
    accept: async () => ({ status: "accepted" }),
  });
  await server.stop(60_000);
  const receiver = await startReceiver(context);
  await receiver.server.stop(60_000);
  await receiver.server.stop(60_000);
});
