import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createGzip, deflateRawSync, deflateSync, gzipSync } from "node:zlib";
import type { ServeMessage } from "./fixtures/serve-otlp";
import {
  assertStillTakes,
  HOST,
  head,
  PROTOBUF,
  post,
  sendRaw,
  startReceiver,
  statusesOf,
  statusOf,
} from "./otlp-peer";

const MIB = 1_048_576;

/** Text that does not shrink to nothing. */
function text(bytes: number): Buffer {
  let line = "";
  for (let index = 0; line.length < bytes; index++) line += `${(index * 2_654_435_761) % 4_294_967_296},`;
  return Buffer.from(line.slice(0, bytes));
}

test("gzip, deflate with and without its zlib header, and identity give the same body", async (context) => {
  const { port, taken } = await startReceiver(context);
  // Inflated at once; inflated on the thread pool; small as sent and large inflated.
  for (const body of [Buffer.from("spans"), text(300_000), text(3_000_000), Buffer.alloc(5_000_000, "a")]) {
    const sent: readonly (readonly [string, Buffer])[] = [
      ["gzip", gzipSync(body)],
      ["GZIP", gzipSync(body)],
      ["x-gzip", gzipSync(body, { level: 1 })],
      [" gzip ", gzipSync(body, { level: 9 })],
      ["deflate", deflateSync(body)],
      ["deflate", deflateRawSync(body)],
      ["Deflate", deflateSync(body, { level: 0 })],
      ["deflate", deflateRawSync(body, { level: 0 })],
      ["identity", body],
      ["", body],
    ];
    for (const [encoding, bytes] of sent) {
      for (const chunked of [false, true]) {
        const answer = await post(port, { headers: { "content-encoding": encoding }, body: bytes, chunked });
        assert.equal(answer.status, 200, encoding);
        assert.ok(taken.pop()?.body.equals(body), `${encoding} of ${body.length} bytes`);
      }
    }
  }
});

test("several gzip members are one body", async (context) => {
  const { port, taken } = await startReceiver(context);
  const members = Buffer.concat([gzipSync("one "), gzipSync(""), gzipSync("two")]);
  assert.equal((await post(port, { headers: { "content-encoding": "gzip" }, body: members })).status, 200);
  assert.equal(taken[0]?.body.toString(), "one two");
  const half = text(300_000);
  const large = Buffer.concat([gzipSync(half), gzipSync(half)]);
  assert.equal((await post(port, { headers: { "content-encoding": "gzip" }, body: large })).status, 200);
  assert.ok(taken[1]?.body.equals(Buffer.concat([half, half])));
});

test("compressed data that is broken gets 400 in the encoding of the request", async (context) => {
  const receiver = await startReceiver(context);
  for (const original of [Buffer.from("spans and more spans"), text(1_000_000)]) {
    const good = gzipSync(original);
    const wrongChecksum = Buffer.from(good);
    wrongChecksum.writeUInt32LE(good.readUInt32LE(good.length - 8) ^ 1, good.length - 8);
    const wrongLength = Buffer.from(good);
    wrongLength.writeUInt32LE(original.length + 1, good.length - 4);
    const broken: readonly (readonly [string, string, Buffer])[] = [
      ["plain bytes", "gzip", original],
      ["nothing", "gzip", Buffer.alloc(0)],
      ["a header alone", "gzip", good.subarray(0, 10)],
      ["cut off", "gzip", good.subarray(0, good.length - 9)],
      ["without its last byte", "gzip", good.subarray(0, good.length - 1)],
      ["a wrong checksum", "gzip", wrongChecksum],
      ["a wrong length", "gzip", wrongLength],
      ["gzip as deflate", "deflate", good],
      ["cut off", "deflate", deflateSync(original).subarray(0, 20)],
    ];
    for (const [what, encoding, body] of broken) {
      const answer = await post(receiver.port, { headers: { "content-encoding": encoding }, body });
      assert.deepEqual([answer.status, answer.headers["content-type"]], [400, "application/x-protobuf"], what);
      assert.equal(statusOf(answer).message, `the body is not valid ${encoding}`);
    }
  }
  assert.equal(receiver.taken.length, 0);
  assert.equal(receiver.server.stats().bufferedBytes, 0);
  await assertStillTakes(receiver);
});

test("gzip with junk behind it is refused, or taken without the junk", async (context) => {
  const { port, taken } = await startReceiver(context);
  const body = Buffer.concat([gzipSync("spans"), Buffer.from("junk")]);
  const answer = await post(port, { headers: { "content-encoding": "gzip" }, body });
  assert.ok(answer.status === 400 || (answer.status === 200 && taken[0]?.body.toString() === "spans"));
});

test("an unknown encoding, or a list of them, gets 415 and hears what is known", async (context) => {
  const receiver = await startReceiver(context);
  for (const encoding of ["br", "zstd", "snappy", "gzip, gzip", "gzip,identity", "gzip; q=1", "constructor"]) {
    const answer = await post(receiver.port, { headers: { "content-encoding": encoding }, body: gzipSync("spans") });
    assert.deepEqual([answer.status, answer.headers["accept-encoding"]], [415, "gzip, deflate"], encoding);
    statusOf(answer);
  }
  const twice = head(
    HOST,
    PROTOBUF,
    "Content-Encoding: gzip",
    "Content-Encoding: gzip",
    "Content-Length: 1",
    "Connection: close",
  );
  assert.deepEqual(statusesOf(await sendRaw(receiver.port, twice, "x")), [415]);
  assert.equal(receiver.taken.length, 0);
  await assertStillTakes(receiver);
});

test("a body that inflates one byte above the limit gets 413, at the limit it is taken", async (context) => {
  const headers = { "content-encoding": "gzip" };
  for (const bodyBytes of [100_000, 2_000_000]) {
    const receiver = await startReceiver(context, { limits: { bodyBytes } });
    for (const original of [Buffer.alloc(bodyBytes + 1), text(bodyBytes + 1)]) {
      for (const type of ["application/x-protobuf", "application/json"]) {
        const answer = await post(receiver.port, {
          headers: { ...headers, "content-type": type },
          body: gzipSync(original),
        });
        assert.deepEqual([answer.status, answer.headers["content-type"]], [413, type]);
      }
      assert.equal(receiver.taken.length, 0);
      assert.equal((await post(receiver.port, { headers, body: gzipSync(original.subarray(1)) })).status, 200);
      assert.equal(receiver.taken.pop()?.body.length, bodyBytes);
    }
    assert.equal(receiver.server.stats().bufferedBytes, 0);
  }
});

test("inflated bytes count towards the bound of all that is held", async (context) => {
  const receiver = await startReceiver(context, { limits: { bufferedBytes: 500_000 } });
  const headers = { "content-encoding": "gzip" };
  assert.equal((await post(receiver.port, { headers, body: gzipSync(Buffer.alloc(400_000)) })).status, 200);
  assert.equal((await post(receiver.port, { headers, body: gzipSync(Buffer.alloc(600_000)) })).status, 503);
  assert.equal(receiver.server.stats().bufferedBytes, 0);
});

test("eight gzip bombs of 256 MiB at once get 413 within two seconds and 64 MB", async (context) => {
  const child = await startChild(context);
  const bomb = await gzipOfZeros(256);
  assert.ok(bomb.length > 65_536, "too large to be inflated at once");
  const headers = { "content-encoding": "gzip" };
  await post(child.port, { headers, body: gzipSync(text(500_000)) });
  const before = await child.ask();
  const started = performance.now();
  const answers = await Promise.all(Array.from({ length: 8 }, () => post(child.port, { headers, body: bomb })));
  assert.ok(performance.now() - started < 2_000);
  assert.deepEqual(
    answers.map(({ status }) => status),
    Array(8).fill(413),
  );
  const after = await child.ask();
  assert.equal(after.taken, before.taken);
  assert.ok(after.peakRssBytes - before.peakRssBytes <= 64 * MIB, `${after.peakRssBytes - before.peakRssBytes} bytes`);
  assert.equal((await post(child.port)).status, 200);
});

test("a body in chunks of one byte holds no more memory than its bytes", async (context) => {
  const child = await startChild(context);
  await post(child.port, { body: text(500_000) });
  const before = await child.ask();
  const chunks = Buffer.from("1\r\nx\r\n".repeat(500_000));
  const heard = await sendRaw(
    child.port,
    head(HOST, PROTOBUF, "Transfer-Encoding: chunked", "Connection: close"),
    chunks,
    "0\r\n\r\n",
  );
  assert.deepEqual(statusesOf(heard), [200]);
  const after = await child.ask();
  assert.ok(after.peakRssBytes - before.peakRssBytes <= 64 * MIB, `${after.peakRssBytes - before.peakRssBytes} bytes`);
});

interface Child {
  readonly port: number;
  ask(): Promise<{ readonly peakRssBytes: number; readonly taken: number }>;
}

async function startChild(context: TestContext): Promise<Child> {
  const child = fork(join(__dirname, "fixtures", "serve-otlp.js"));
  context.after(() => child.kill());
  const started = await hear(child);
  return {
    port: "port" in started ? started.port : 0,
    async ask() {
      child.send("usage");
      const usage = await hear(child);
      assert.ok("taken" in usage);
      return usage;
    },
  };
}

async function hear(child: ChildProcess): Promise<ServeMessage> {
  const [message] = await once(child, "message");
  return message as ServeMessage; // what our own child sends
}

async function gzipOfZeros(mebibytes: number): Promise<Buffer> {
  const zip = createGzip({ level: 1 });
  const chunks: Buffer[] = [];
  zip.on("data", (chunk: Buffer) => chunks.push(chunk));
  const zeros = Buffer.alloc(MIB);
  for (let count = 0; count < mebibytes; count++) zip.write(zeros);
  zip.end();
  await once(zip, "end");
  return Buffer.concat(chunks);
}
