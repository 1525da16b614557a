import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, type TestContext, test } from "node:test";
import { gunzipSync } from "node:zlib";
import type { ErrorOrigin } from "../../src/event";
import { type DiskQueueOptions, openDiskQueue } from "../../src/exporter/disk-queue";
import type { ForwardItem, PendingTags } from "../../src/exporter/forward-record";
import { createForwarder, type Forwarder, type ForwarderOptions, otlpUrls } from "../../src/exporter/otlp-forwarder";
import { createTelemetry, type Telemetry } from "../../src/telemetry";
import { VERSION } from "../../src/version";

const base = mkdtempSync(join(tmpdir(), "seismo-forwarder-"));
after(() => rmSync(base, { recursive: true, force: true }));
let folders = 0;

const NOW = Date.UTC(2026, 10, 25, 12);

interface Received {
  readonly request: IncomingMessage;
  readonly body: Buffer;
}

/** Answers the n-th request with the n-th of the answers, and the rest with the last. */
type Answer = (response: ServerResponse, received: Received) => void;

interface Sink {
  readonly url: string;
  readonly received: Received[];
  /** Bodies of requests that were answered with 2xx. */
  readonly kept: string[];
  connections(): number;
}

async function sink(context: TestContext, ...answers: Answer[]): Promise<Sink> {
  const received: Received[] = [];
  const kept: string[] = [];
  let connections = 0;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const one = { request, body: Buffer.concat(chunks) };
      received.push(one);
      const answer = answers[Math.min(received.length, answers.length) - 1] ?? status(200);
      answer(response, one);
      if (response.headersSent && response.statusCode < 300) kept.push(one.body.toString());
    });
  });
  server.on("connection", () => {
    connections += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  return { url: `http://127.0.0.1:${address.port}`, received, kept, connections: () => connections };
}

function status(code: number, headers: Record<string, string> = {}, body: string | Buffer = ""): Answer {
  return (response) => void response.writeHead(code, headers).end(body);
}

const hang: Answer = () => {};
const reset: Answer = (_response, { request }) => void request.socket.destroy();

interface Bench {
  readonly forwarder: Forwarder;
  readonly telemetry: Telemetry;
  readonly folder: string;
  readonly log: string[];
  /** Pauses that were asked for. */
  readonly waits: number[];
  readonly clock: { now: number };
  take(...bodies: string[]): Promise<void>;
  drained(): Promise<void>;
}

/** A forwarder whose pauses take no time, but move its clock. */
function bench(
  context: TestContext,
  url: string,
  overrides: Partial<ForwarderOptions> = {},
  queueOptions: Partial<DiskQueueOptions> = {},
): Bench {
  const folder = join(base, String(folders++));
  const log: string[] = [];
  const telemetry = createTelemetry({ log: { write: (_level, message) => void log.push(message) } });
  const clock = { now: NOW };
  const waits: number[] = [];
  const nowMillis = (): number => clock.now;
  const queue = openDiskQueue({ folder, nowMillis, telemetry, signal: "spans", ...queueOptions });
  const forwarder = createForwarder({
    queue,
    urls: otlpUrls({ endpoint: url }),
    holdMillis: 2_000,
    originOf: () => undefined,
    addAttributes: (body, signal, encoding, tags) =>
      Buffer.from(JSON.stringify([body.toString(), signal, encoding, tags])),
    halve: () => undefined,
    deadLetterPath: join(folder, "dead", "letters.jsonl"),
    telemetry,
    nowMillis,
    random: () => 0.5,
    async wait(millis) {
      waits.push(millis);
      clock.now += millis;
      await new Promise((resolve) => setImmediate(resolve));
    },
    ...overrides,
  });
  context.after(async () => {
    await forwarder.stop(0);
    await queue.close();
  });
  return {
    ...{ forwarder, telemetry, folder, log, waits, clock },
    async take(...bodies) {
      for (const body of bodies) assert.equal(forwarder.enqueue(item(body)).status, "queued");
      assert.equal(await forwarder.commit(), undefined);
    },
    drained: () => until(() => forwarder.stats().queuedRequests === 0),
  };
}

function item(body: string, extra: Partial<ForwardItem> = {}): ForwardItem {
  return { signal: "traces", encoding: "protobuf", body: Buffer.from(body), itemCount: 3, tags: [], ...extra };
}

function tags(eventId: string): PendingTags {
  const place = { resource: 0, scope: 1, item: 2 };
  return {
    place,
    eventId,
    category: "database_timeout",
    group: "database_error",
    severity: "warning",
    fingerprint: "0123",
  };
}

function droppedBy(telemetry: Telemetry): [string, string, number][] {
  return telemetry.snapshot().dropped.map(({ signal, reason, value }) => [signal, reason, value]);
}

function forwardedBy(telemetry: Telemetry): number {
  return telemetry.snapshot().forwarded.reduce((sum, { value }) => sum + value, 0);
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}

const NAMES = Array.from({ length: 10 }, (_, index) => `body ${index}`);

test("bodies arrive byte for byte, in order, over one connection, each at the URL and with the type of its kind", async (context) => {
  const { url, received, connections } = await sink(context);
  const { forwarder, telemetry, drained } = bench(context, `${url}/base/`, { headers: { "X-Token": "s3cret" } });
  const everyByte = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
  forwarder.enqueue({ ...item(""), body: everyByte });
  forwarder.enqueue(item("{}", { signal: "logs", encoding: "json", itemCount: 1 }));
  await forwarder.commit();
  forwarder.start();
  await drained();
  assert.deepEqual(received[0]?.body, everyByte);
  const seen = received.map(({ request: { method, url, headers } }) => [method, url, headers["content-type"]]);
  assert.deepEqual(seen, [
    ["POST", "/base/v1/traces", "application/x-protobuf"],
    ["POST", "/base/v1/logs", "application/json"],
  ]);
  assert.equal(received[0]?.request.headers["user-agent"], `seismo/${VERSION}`);
  assert.equal(received[0]?.request.headers["x-token"], "s3cret");
  assert.ok(connections() <= 2);
  assert.deepEqual(telemetry.snapshot().forwarded, [
    { signal: "spans", reason: "", value: 3 },
    { signal: "logs", reason: "", value: 1 },
  ]);
  assert.deepEqual([forwarder.stats().forwardedItems, forwarder.stats().queuedRequests], [4, 0]);
});

test("with gzip the receiver inflates what came", async (context) => {
  const { url, received } = await sink(context);
  const { forwarder, take, drained } = bench(context, url, { gzip: true });
  forwarder.start();
  await take("x".repeat(10_000));
  await drained();
  assert.equal(received[0]?.request.headers["content-encoding"], "gzip");
  assert.equal(gunzipSync(received[0]?.body ?? "").toString(), "x".repeat(10_000));
});

test("URLs follow OpenTelemetry's rules", () => {
  assert.deepEqual(otlpUrls({ endpoint: "https://h:1/a//", logs: "https://logs/x?y=1" }), {
    traces: "https://h:1/a/v1/traces",
    logs: "https://logs/x?y=1",
  });
});

test("a URL or header that is not allowed is refused at once, without the secret in the message", (context) => {
  const wrong: [string, Partial<ForwarderOptions>, RegExp][] = [
    ["http://example.com", {}, /traces are forwarded to: expected https/],
    ["https://169.254.169.254", { allowPrivate: true }, /link-local/],
    ["https://10.1.1.1", {}, /private/],
    ["", {}, /expected a URL/],
    ["https://me:s3cret@example.com", {}, /no user or password/],
    ["https://example.com", { headers: { "a b": "s3cret" } }, /Header name/],
    ["https://example.com", { headers: { token: "s3cret\n" } }, /Invalid character/],
  ];
  for (const [url, options, message] of wrong) {
    assert.throws(
      () => bench(context, url, options),
      (error: Error) => message.test(error.message) && !error.message.includes("s3cret"),
      url,
    );
  }
});

test("a tagged body waits until its origins are decided, and those behind it wait with it", async (context) => {
  const { url, received } = await sink(context);
  const origins = new Map<string, ErrorOrigin>([["a", "root"]]);
  const released: (() => void)[] = [];
  const { forwarder, clock, drained } = bench(context, url, {
    originOf: (id) => origins.get(id),
    wait: () => new Promise((resolve) => void released.push(resolve)),
  });
  forwarder.start();
  forwarder.enqueue(item("tagged", { tags: [tags("a"), tags("b")] }));
  forwarder.enqueue(item("behind"));
  await forwarder.commit();
  await until(() => released.length === 1);
  assert.equal(received.length, 0);
  clock.now += 50;
  origins.set("b", "echo");
  released[0]?.();
  await drained();
  assert.equal(received[1]?.body.toString(), "behind");
  const [body, signal, encoding, added] = JSON.parse(received[0]?.body.toString() ?? "");
  assert.deepEqual([body, signal, encoding], ["tagged", "traces", "protobuf"]);
  assert.deepEqual(added[1], {
    place: { resource: 0, scope: 1, item: 2 },
    attributes: [
      ["error.category", "database_timeout"],
      ["error.group", "database_error"],
      ["error.severity", "warning"],
      ["error.fingerprint", "0123"],
      ["error.origin", "echo"],
    ],
  });
  assert.deepEqual(added[0].attributes[4], ["error.origin", "root"]);
});

test("what is not decided in time is a root, whether the clock stands, or the item waited for hours", async (context) => {
  const { url, received } = await sink(context);
  let waited = 0;
  const standing = bench(context, url, {
    async wait(millis) {
      waited += millis;
    },
  });
  standing.forwarder.start();
  standing.forwarder.enqueue(item("a", { tags: [tags("x")] }));
  await standing.forwarder.commit();
  await standing.drained();
  assert.equal(waited, 2_000);
  assert.match(received[0]?.body.toString() ?? "", /\["error.origin","root"\]/);
  const late = bench(context, url);
  late.forwarder.enqueue(item("b", { tags: [tags("x")] }));
  await late.forwarder.commit();
  late.clock.now += 3_600_000;
  late.forwarder.start();
  await late.drained();
  assert.deepEqual(late.waits, []);
});

test("a body that cannot be tagged goes on as it came", async (context) => {
  const { url, received } = await sink(context);
  const { forwarder, log, drained } = bench(context, url, {
    originOf: () => "root",
    addAttributes() {
      throw new Error("no such item");
    },
  });
  forwarder.start();
  forwarder.enqueue(item("as it came", { tags: [tags("a")] }));
  await forwarder.commit();
  await drained();
  assert.equal(received[0]?.body.toString(), "as it came");
  assert.match(log.join(), /internal error in forwarder: Error: no such item/);
});

test("of all status codes, those that OTLP names and no others are asked again", async (context) => {
  const retried: number[] = [];
  for (let code = 200; code < 600; code++) {
    const { url, received, kept } = await sink(context, status(code), status(200));
    const { forwarder, take, drained } = bench(context, url);
    forwarder.start();
    await take("body");
    await drained();
    if (received.length > 1) retried.push(code);
    assert.equal(kept.length, code < 300 || received.length > 1 ? 1 : 0);
    assert.equal(forwarder.stats().droppedItems.rejected_downstream, kept.length === 1 ? 0 : 3);
  }
  assert.deepEqual(retried, [429, 502, 503, 504]);
});

test("a receiver that refuses connections costs nothing but time, and the pauses grow with full jitter", async (context) => {
  const { url, kept, received } = await sink(context, ...Array.from({ length: 9 }, () => reset), status(200));
  const { forwarder, telemetry, take, waits, drained } = bench(context, url);
  forwarder.start();
  await take(...NAMES);
  await drained();
  assert.deepEqual(kept, NAMES);
  assert.equal(received.length, 19);
  assert.deepEqual(waits, [1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000, 15_000, 15_000]);
  assert.equal(forwarder.stats().retries, 9);
  assert.deepEqual(droppedBy(telemetry), []);
});

test("a closed port is tried again, never more than once a second, whatever the dice say", async (context) => {
  const { forwarder, take, waits } = bench(context, "http://127.0.0.1:9", { random: () => 0 });
  forwarder.start();
  await take("body");
  await until(() => waits.length >= 20);
  assert.ok(waits.every((millis) => millis >= 1_000));
});

test("Retry-After is honoured in seconds and as a date, with a little jitter, up to five minutes", async (context) => {
  const cases: [header: string, least: number][] = [
    ["7", 7_000],
    ["0", 1_000],
    [new Date(NOW + 60_000).toUTCString(), 60_000],
    [new Date(NOW - 60_000).toUTCString(), 1_000],
    ["86400", 300_000],
  ];
  for (const [header, least] of cases) {
    const { url, kept } = await sink(context, status(503, { "retry-after": header }), status(200));
    const { forwarder, take, waits, drained } = bench(context, url);
    forwarder.start();
    await take("body");
    await drained();
    assert.equal(waits.length, 1);
    assert.ok((waits[0] ?? 0) >= least && (waits[0] ?? 0) <= least * 1.2, `${header}: ${waits[0]}`);
    assert.equal(kept.length, 1);
  }
  for (const header of ["soon", "-1", "1.5", "", "2026-11-25"]) {
    const { url } = await sink(context, status(429, { "retry-after": header }), status(200));
    const { forwarder, take, waits, drained } = bench(context, url);
    forwarder.start();
    await take("body");
    await drained();
    assert.deepEqual(waits, [1_000], header);
  }
});

test("a receiver that hangs is given up after the timeout and asked again", async (context) => {
  const stalls: Answer = (response) => void response.writeHead(200).write("x");
  const { url, received, kept } = await sink(context, hang, stalls, status(200));
  const { forwarder, take, log, drained } = bench(context, url, { timeoutMillis: 50 });
  forwarder.start();
  await take("body");
  await drained();
  assert.equal(received.length, 3);
  assert.equal(kept.at(-1), "body");
  assert.match(log.join(), /is away: no answer in 50 ms/);
});

test("a receiver that flaps gets every body once and in order", async (context) => {
  const answers = Array.from({ length: 30 }, (_, index) =>
    index % 3 === 0 ? status(503) : index % 3 === 1 ? reset : status(200),
  );
  const { url, kept } = await sink(context, ...answers);
  const { forwarder, take, drained } = bench(context, url);
  forwarder.start();
  await take(...NAMES);
  await drained();
  assert.deepEqual(kept, NAMES);
});

test("when a receiver keeps a body and its answer is lost, it comes again, once for each attempt", async (context) => {
  const answers = Array.from({ length: 5 }, () => [reset, status(200)]).flat();
  const { url, received } = await sink(context, ...answers);
  const { forwarder, take, drained } = bench(context, url);
  forwarder.start();
  await take(...NAMES.slice(0, 5));
  await drained();
  assert.deepEqual(
    received.map(({ body }) => body.toString()),
    NAMES.slice(0, 5).flatMap((name) => [name, name]),
  );
});

test("a 400 is not asked again: it goes to the dead-letter file, is counted, and the queue moves on", async (context) => {
  const { url, received, kept } = await sink(context, status(400, {}, "s3cret"), status(200));
  const { forwarder, telemetry, folder, take, log, waits, drained } = bench(context, url);
  forwarder.start();
  await take("bad", "good");
  await drained();
  assert.equal(received.length, 2);
  assert.deepEqual([kept, waits], [["good"], []]);
  assert.deepEqual(droppedBy(telemetry), [["spans", "rejected_downstream", 3]]);
  const path = join(folder, "dead", "letters.jsonl");
  const [line = ""] = readFileSync(path, "utf8").split("\n");
  const about = {
    timestamp: new Date(NOW).toISOString(),
    signal: "traces",
    encoding: "protobuf",
    item_count: 3,
    status_code: 400,
  };
  assert.deepEqual(JSON.parse(line), { ...about, body: Buffer.from("bad").toString("base64") });
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.match(log.join(), /refused a request: HTTP 400/);
  assert.ok(!log.join().includes("s3cret"));
});

test("the dead-letter files stay under their bound, and a body that is too large for them is named", async (context) => {
  const { url } = await sink(context, status(400));
  const { folder, forwarder, take, log, drained } = bench(context, url, { deadLetterBytes: 4_000 });
  forwarder.start();
  await take(...Array.from({ length: 30 }, (_, index) => String(index).repeat(100)), "x".repeat(3_000));
  await drained();
  const path = join(folder, "dead", "letters.jsonl");
  assert.ok(statSync(path).size + statSync(`${path}.1`).size <= 4_000);
  assert.match(log.join(), /cannot write .*letters.jsonl: a request of 3000 bytes is too large/);
  assert.equal(forwarder.stats().droppedItems.rejected_downstream, 31 * 3);
});

test("a 413 is sent once more in halves; a half that is too large still is a dead letter", async (context) => {
  const tooLarge: Answer = (response, { body }) =>
    status(body.length > 4 ? 413 : 200)(response, { request: response.req, body });
  const { url, received, kept } = await sink(context, tooLarge);
  const { forwarder, telemetry, take, drained } = bench(context, url, {
    halve: (body) => [
      { body: body.subarray(0, 4), itemCount: 1 },
      { body: body.subarray(4), itemCount: 2 },
    ],
  });
  forwarder.start();
  await take("abcdefgh", "ABCDEFGHIJKL", "next");
  await drained();
  assert.deepEqual(
    received.map(({ body }) => body.toString()),
    ["abcdefgh", "abcd", "efgh", "ABCDEFGHIJKL", "ABCD", "EFGHIJKL", "next"],
  );
  assert.deepEqual(kept, ["abcd", "efgh", "ABCD", "next"]);
  assert.deepEqual(droppedBy(telemetry), [["spans", "rejected_downstream", 2]]);
  assert.equal(forwardedBy(telemetry), 3 + 1 + 3);
});

test("a 413 that cannot be cut is a dead letter at once", async (context) => {
  const { url, received } = await sink(context, status(413), status(200));
  const { take, forwarder, drained } = bench(context, url);
  forwarder.start();
  await take("whole", "next");
  await drained();
  assert.equal(received.length, 2);
  assert.equal(forwarder.stats().droppedItems.rejected_downstream, 3);
});

test("what partial_success rejects is counted and not sent again, in protobuf and JSON, for spans and logs", async (context) => {
  const json = { "content-type": "application/json; charset=utf-8" };
  const answers = [
    status(200, { "content-type": "application/x-protobuf" }, Buffer.from("0a020802", "hex")),
    status(200, json, '{"partialSuccess":{"rejectedSpans":"1","errorMessage":"no"}}'),
    status(200, json, '{"partialSuccess":{"rejectedSpans":99}}'),
    status(200, json, '{"partialSuccess":'),
    status(200, json, '{"partialSuccess":{"rejectedSpans":-5}}'),
    status(200, {}, Buffer.alloc(1_000, 0xff)),
  ];
  const { url, received } = await sink(context, ...answers);
  const { forwarder, telemetry, take, drained } = bench(context, url);
  forwarder.start();
  await take(...NAMES.slice(0, answers.length));
  await drained();
  assert.equal(received.length, answers.length);
  assert.deepEqual(droppedBy(telemetry), [["spans", "rejected_downstream", 2 + 1 + 3]]);
  assert.equal(forwardedBy(telemetry), answers.length * 3 - 6);
  const logs = await sink(context, status(200, json, '{"partialSuccess":{"rejectedLogRecords":2}}'));
  const second = bench(context, logs.url);
  second.forwarder.start();
  second.forwarder.enqueue(item("x", { signal: "logs" }));
  await second.forwarder.commit();
  await second.drained();
  assert.deepEqual(droppedBy(second.telemetry), [["logs", "rejected_downstream", 2]]);
});

test("a redirect is not followed", async (context) => {
  const other = await sink(context);
  const { url } = await sink(context, status(307, { location: `${other.url}/v1/traces` }));
  const { forwarder, take, drained } = bench(context, url);
  forwarder.start();
  await take("body");
  await drained();
  assert.equal(other.received.length, 0);
  assert.equal(forwarder.stats().droppedItems.rejected_downstream, 3);
});

test("of an answer of 64 MB no more than 4 MiB are read, and what it said with its status holds", async (context) => {
  let sent = 0;
  const huge: Answer = (response) => {
    response.writeHead(200);
    const more = (): void => {
      while (sent < 64_000_000 && !response.destroyed) {
        sent += 65_536;
        if (!response.write(Buffer.alloc(65_536))) return void response.once("drain", more);
      }
      response.end();
    };
    more();
  };
  const { url, received } = await sink(context, huge, status(200));
  const { forwarder, take, drained } = bench(context, url);
  forwarder.start();
  await take("one", "two");
  await drained();
  assert.equal(received.length, 2);
  assert.equal(forwarder.stats().forwardedItems, 6);
  assert.ok(sent < 32_000_000, `${sent} bytes were sent`);
});

test("a queue that is full refuses the new item and counts it; what is queued arrives", async (context) => {
  const { url, kept } = await sink(context);
  const { forwarder, telemetry, drained } = bench(context, url, {}, { maxBytes: 3_000 });
  const names: string[] = [];
  for (let index = 0; index < 30; index++) {
    const name = `${index} ${"x".repeat(100)}`;
    const outcome = forwarder.enqueue(item(name));
    if (outcome.status === "queued") names.push(name);
    else assert.equal(outcome.status, "full");
  }
  assert.ok(names.length > 5 && names.length < 30);
  assert.deepEqual(droppedBy(telemetry), [["spans", "queue_full", (30 - names.length) * 3]]);
  await forwarder.commit();
  const { queuedBytes, capacityBytes } = forwarder.stats();
  assert.ok(queuedBytes <= capacityBytes && queuedBytes > capacityBytes / 2);
  forwarder.start();
  await drained();
  assert.deepEqual(kept, names);
});

test("an item is given up after a day of failed attempts and not before, and never without an attempt", async (context) => {
  const { url, received } = await sink(context, status(503), status(200));
  const { forwarder, telemetry, clock, take, drained } = bench(context, url);
  await take("old", "also old");
  clock.now += 86_400_000;
  forwarder.start();
  await drained();
  assert.deepEqual(
    received.map(({ body }) => body.toString()),
    ["old", "also old"],
  );
  assert.deepEqual(droppedBy(telemetry), [["spans", "expired", 3]]);
  assert.equal(forwardedBy(telemetry), 3);
  const away = bench(context, "http://127.0.0.1:9");
  away.forwarder.start();
  await away.take("body");
  await away.drained();
  assert.ok(away.clock.now - NOW >= 86_400_000 && away.clock.now - NOW < 86_500_000);
});

test("stopping sends what is queued, or keeps it on disk when the receiver is away or the time is over", async (context) => {
  const good = await sink(context);
  const first = bench(context, good.url);
  await first.take(...NAMES);
  first.forwarder.start();
  await first.forwarder.stop(10_000);
  assert.deepEqual(good.kept, NAMES);

  const away = await sink(context, status(503));
  const second = bench(context, away.url);
  await second.take(...NAMES);
  second.forwarder.start();
  await second.forwarder.stop(10_000);
  assert.equal(second.forwarder.stats().queuedRequests, NAMES.length);

  const slow = await sink(context, hang);
  const third = bench(context, slow.url);
  await third.take(...NAMES);
  third.forwarder.start();
  await until(() => slow.received.length === 1);
  await third.forwarder.stop(20);
  assert.equal(third.forwarder.stats().queuedRequests, NAMES.length);
  assert.deepEqual(droppedBy(third.telemetry), []);
});

test("the next process sends what was left, in order and with the tags that were stored", async (context) => {
  const { url, kept } = await sink(context);
  const folder = join(base, "left");
  const left = bench(context, "http://127.0.0.1:9", {}, { folder });
  left.forwarder.enqueue(item("tagged", { tags: [tags("x")] }));
  await left.take("plain");
  await left.forwarder.stop(0);
  cpSync(folder, `${folder}-next`, { recursive: true });
  rmSync(join(`${folder}-next`, "lock"));
  const next = bench(context, url, {}, { folder: `${folder}-next` });
  next.forwarder.start();
  await next.drained();
  assert.match(kept[0] ?? "", /^\["tagged","traces","protobuf",\[\{"place"/);
  assert.equal(kept[1], "plain");
});
