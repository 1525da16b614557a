import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createAlertmanagerChannel } from "../../src/exporter/channels/alertmanager";
import { createSlackChannel } from "../../src/exporter/channels/slack";
import { draftOf, type GroupNotification, notificationOf } from "../../src/exporter/notification";
import type { NotificationChannel } from "../../src/exporter/notification-channel";
import { createDelivery, type Delivery } from "../../src/exporter/notification-delivery";
import { openOutbox } from "../../src/exporter/notification-outbox";
import { createTelemetry } from "../../src/telemetry";
import { freshFolder } from "../fresh-folder";
import { eventually } from "../instrumentation/fixture-app";
import { errorEvent, NOW } from "./error-event";
import { hang, reset, type ScriptedSink, startSink, status } from "./scripted-sink";

const SECRET_PATH = "/services/T0SECRET/B0SECRET";
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

interface Bench {
  readonly delivery: Delivery;
  readonly folder: string;
  readonly log: string[];
  /** Pauses that were asked for. */
  readonly waits: number[];
  readonly clock: { now: number };
}

interface BenchOptions {
  readonly folder?: string;
  readonly channel?: NotificationChannel;
  readonly clock?: { now: number };
  readonly timeoutMillis?: number;
}

/** A delivery whose pauses take no time, but move its clock. */
function bench(context: TestContext, sink: Pick<ScriptedSink, "url">, options: BenchOptions = {}): Bench {
  const folder = options.folder ?? freshFolder();
  const clock = options.clock ?? { now: NOW };
  const log: string[] = [];
  const waits: number[] = [];
  const nowMillis = (): number => clock.now;
  const telemetry = createTelemetry({ log: { write: (_level, message) => void log.push(message) } });
  let ids = 0;
  const channel =
    options.channel ??
    createSlackChannel({
      ...{ url: sink.url + SECRET_PATH, allowInsecure: false, allowPrivate: false, nowMillis },
      timeoutMillis: options.timeoutMillis ?? 5_000,
    });
  const delivery = createDelivery({
    ...{ channel, outbox: openOutbox(folder, channel.name, telemetry, nowMillis), telemetry, nowMillis },
    ...{ budget: { perMinute: 20, perHour: 60 }, windowMillis: 5 * MINUTE, pageUrl: "http://seismo.example" },
    ...{ newId: () => `digest-${++ids}`, random: () => 0.5 },
    async wait(millis, abort) {
      if (abort.aborted) return;
      waits.push(millis);
      clock.now += millis;
      await new Promise((resolve) => setImmediate(resolve));
    },
  });
  context.after(() => delivery.stop(0));
  return { delivery, folder, log, waits, clock };
}

function notification(fingerprint: string, extra: Parameters<typeof errorEvent>[0] = {}): GroupNotification {
  const event = errorEvent({ fingerprint: { id: fingerprint, version: 1, reason: "", template: "" }, ...extra });
  const stamp = { id: `n-${fingerprint}`, nowMillis: NOW, pageUrl: "http://seismo.example" };
  return notificationOf(draftOf(event), ["new"], stamp);
}

/** The ids of groups in messages that were taken, in their order. */
function toldOf(sink: ScriptedSink): string[] {
  return sink.kept.map(({ body }) => {
    const [attachment] = JSON.parse(body).attachments;
    return new URL(attachment.actions[0].url).searchParams.get("fingerprint") ?? JSON.parse(body).text;
  });
}

async function sentOf({ delivery }: Bench, count: number): Promise<void> {
  await eventually(
    `${count} sent`,
    () => delivery.stats().sent >= count || undefined,
    () => JSON.stringify(delivery.stats()),
  );
}

test("what is offered is sent in order, and nothing is left", async (context) => {
  const sink = await startSink(context);
  const { delivery, folder, log } = bench(context, sink);
  delivery.start();
  for (const id of ["a", "b", "c"]) delivery.offer(notification(id));
  await sentOf({ delivery } as Bench, 3);
  assert.deepEqual(toldOf(sink), ["a", "b", "c"]);
  assert.equal(sink.requests[0]?.path, SECRET_PATH);
  assert.deepEqual(JSON.parse(readFileSync(join(folder, "slack.json"), "utf8")).waiting, []);
  assert.deepEqual(log, []);
});

test("after 429 it comes again when Slack says so, and sends once", async (context) => {
  const sink = await startSink(context, status(429, { "retry-after": "7" }), status(200));
  const one = bench(context, sink);
  one.delivery.start();
  one.delivery.offer(notification("a"));
  await sentOf(one, 1);
  assert.deepEqual(toldOf(sink), ["a"]);
  const [pause = 0] = one.waits;
  assert.ok(pause >= 7_000 && pause < 8_000, String(pause));
});

test("500, a connection that breaks and an answer that does not come are tried again, with growing pauses and no secret in the log", async (context) => {
  const sink = await startSink(context, status(500), status(503), reset, hang, status(200));
  const one = bench(context, sink, { timeoutMillis: 200 });
  one.delivery.start();
  one.delivery.offer(notification("a"));
  await sentOf(one, 1);
  assert.deepEqual(toldOf(sink), ["a"]);
  assert.equal(sink.requests.length, 5);
  assert.deepEqual(one.waits, [1_000, 2_000, 4_000, 8_000]);
  assert.equal(one.log.length, 1, "once a minute");
  assert.match(one.log[0] ?? "", /^slack 127\.0\.0\.1:\d+ is away: HTTP 500$/);
});

for (const [code, headers] of [
  [400, {}],
  [404, {}],
  [410, {}],
  [302, { location: "/elsewhere" }],
] as const) {
  test(`${code} is final: it is not sent again, not followed, and logged without the URL's secret`, async (context) => {
    const sink = await startSink(context, status(code, headers), status(200));
    const one = bench(context, sink);
    one.delivery.start();
    one.delivery.offer(notification("a"));
    one.delivery.offer(notification("b"));
    await sentOf(one, 1);
    assert.deepEqual(toldOf(sink), ["b"]);
    assert.deepEqual([sink.requests.length, one.delivery.stats().failed], [2, 1]);
    assert.match(one.log.join("\n"), new RegExp(`^slack 127\\.0\\.0\\.1:\\d+ refused a notification: HTTP ${code}$`));
  });
}

test("a notification that its receiver cannot bear stands in the way of those behind it for five attempts only", async (context) => {
  const sink = await startSink(context);
  const isPoison = (body: string): boolean => body.includes("fingerprint=bad");
  const answer = status(200);
  sink.script((response, request) => {
    const last = sink.requests.at(-1)?.body ?? "";
    if (isPoison(last)) response.writeHead(500).end();
    else answer(response, request);
  });
  const one = bench(context, sink);
  for (const id of ["bad", "b", "c"]) one.delivery.offer(notification(id));
  one.delivery.start();
  await sentOf(one, 2);
  assert.deepEqual(toldOf(sink), ["b", "c"]);
  await eventually("the day to pass", () => one.delivery.stats().failed || undefined);
  assert.deepEqual([one.delivery.stats().failed, one.delivery.stats().waiting], [1, 0]);
  assert.match(one.log.join("\n"), /was away for too long: HTTP 500/);
});

test("ten thousand groups in a minute are 19 messages and one digest with the number of the rest, then one in five minutes", async (context) => {
  const sink = await startSink(context);
  const one = bench(context, sink);
  for (let group = 0; group < 10_000; group++) {
    const service = group % 4 === 0 ? "gateway" : "shop";
    one.delivery.offer(notification(`g${group}`, { resource: { service, worker: "w" } }));
  }
  assert.ok(readFileSync(join(one.folder, "slack.json")).length < 100_000, "only what is sent is on the disk");
  one.delivery.start();
  await sentOf(one, 20);
  const messages = toldOf(sink);
  assert.deepEqual(
    messages.slice(0, 19),
    Array.from({ length: 19 }, (_, group) => `g${group}`),
  );
  assert.equal(messages[19], "and 9981 more of 9981 groups");
  const digest = JSON.parse(sink.kept[19]?.body ?? "").attachments[0];
  assert.deepEqual(
    digest.fields.map(({ title, value }: { title: string; value: string }) => [title, value]).slice(0, 2),
    [
      ["Warning", "9981"],
      ["Services", "shop (7486), gateway (2495)"],
    ],
  );
  assert.equal(one.clock.now, NOW + MINUTE, "the digest came a minute after the first that was held back");
  for (let group = 0; group < 20; group++) one.delivery.offer(notification(`h${group}`));
  await sentOf(one, 20 + 17 + 1);
  assert.equal(toldOf(sink).at(-1), "and 3 more of 3 groups", "17 fill the hour");
  assert.equal(one.clock.now, NOW + 6 * MINUTE);
  assert.deepEqual(one.delivery.stats().heldBack, 9_984);
});

test("a critical error is told of in a storm that has used up all that others may use", async (context) => {
  const sink = await startSink(context);
  const one = bench(context, sink);
  one.delivery.start();
  for (let minute = 0; minute < 3; minute++) {
    for (let group = 0; group < 100; group++) one.delivery.offer(notification(`g${minute}-${group}`));
    one.clock.now += MINUTE;
  }
  one.delivery.offer(notification("disk", { rating: { severity: "critical", reasons: ["the disk is full"] } }));
  await eventually("the critical error", () => toldOf(sink).includes("disk") || undefined);
  assert.equal(toldOf(sink).filter((id) => id.startsWith("g")).length, 36);
});

test("while the channel is away notifications wait within the budget; when it is back, no minute has more than 20", async (context) => {
  const sink = await startSink(context, status(503));
  const clock = { now: NOW };
  const one = bench(context, sink, { clock });
  for (let group = 0; group < 40; group++) {
    one.delivery.offer(notification(`g${group}`));
    clock.now += 10_000;
  }
  assert.deepEqual([one.delivery.stats().waiting, one.delivery.stats().heldBack], [36, 4]);
  sink.script(status(200));
  one.delivery.start();
  await sentOf(one, 37);
  assert.deepEqual(
    toldOf(sink).slice(0, 36),
    Array.from({ length: 36 }, (_, group) => `g${group}`),
  );
  assert.equal(toldOf(sink)[36], "and 4 more of 4 groups");
  assert.ok(
    one.waits.some((millis) => millis > 50_000),
    `it paused after the twentieth: ${one.waits}`,
  );
});

test("a new delivery goes on with the outbox of the one before: what waited, what was held back, and the budget", async (context) => {
  const sink = await startSink(context, status(503));
  const clock = { now: NOW };
  const first = bench(context, sink, { clock });
  for (let group = 0; group < 30; group++) first.delivery.offer(notification(`g${group}`));
  await first.delivery.stop(0);
  sink.script(status(200));
  const second = bench(context, sink, { clock, folder: first.folder });
  assert.deepEqual(
    second.delivery.taken().map(({ fingerprint }) => fingerprint),
    Array.from({ length: 19 }, (_, group) => `g${group}`),
  );
  second.delivery.offer(notification("late"));
  assert.equal(second.delivery.stats().heldBack, 1, "the minute's budget was spent by the first");
  second.delivery.start();
  await sentOf(second, 20);
  assert.equal(new Set(toldOf(sink)).size, 20, "nothing twice");
  assert.equal(toldOf(sink).at(-1), "and 12 more of 12 groups");
});

test("an outbox that cannot be understood is set aside, with a word in the log", async (context) => {
  const sink = await startSink(context);
  for (const damaged of ["", '{"version":1,"waiting":[', '{"version":99}', "[]", '{"version":1,"waiting":7}']) {
    const folder = freshFolder();
    writeFileSync(join(folder, "slack.json"), damaged);
    const one = bench(context, sink, { folder });
    assert.match(one.log.join(), /slack\.json cannot be understood; it is set aside as/);
    assert.equal(readdirSync(folder).filter((name) => name.startsWith("slack.json.corrupt-")).length, 1);
    const before = sink.kept.length;
    one.delivery.start();
    one.delivery.offer(notification("a"));
    await sentOf(one, 1);
    assert.equal(sink.kept.length, before + 1);
  }
});

test("a disk that takes nothing costs what survives a crash, not the notification", async (context) => {
  const sink = await startSink(context);
  const one = bench(context, sink, { folder: join(freshFolder(), "gone") });
  one.delivery.start();
  one.delivery.offer(notification("a"));
  await sentOf(one, 1);
  assert.deepEqual(toldOf(sink), ["a"]);
  assert.match(one.log.join(), /cannot write .*slack\.json: ENOENT/);
});

test("when it is stopped it sends what it can, does not wait for who is away, and keeps the rest", async (context) => {
  const sink = await startSink(context, status(200), status(503));
  const one = bench(context, sink);
  for (const id of ["a", "b", "c"]) one.delivery.offer(notification(id));
  one.delivery.start();
  await one.delivery.stop(5_000);
  assert.deepEqual(toldOf(sink), ["a"]);
  const left = JSON.parse(readFileSync(join(one.folder, "slack.json"), "utf8")).waiting;
  assert.equal(left.length, 2);
});

test("a stop ends an attempt that hangs when the time is over", async (context) => {
  const sink = await startSink(context, hang);
  const one = bench(context, sink, { timeoutMillis: 60_000 });
  one.delivery.offer(notification("a"));
  one.delivery.start();
  await eventually("the attempt", () => sink.requests.length || undefined);
  const begun = performance.now();
  await one.delivery.stop(100);
  assert.ok(performance.now() - begun < 2_000);
  assert.equal(one.delivery.stats().waiting, 1);
});

test("Alertmanager is told again while a group recurs, outside the budget, and no more when it has let it end", async (context) => {
  const sink = await startSink(context);
  const clock = { now: NOW };
  const channel = createAlertmanagerChannel({
    ...{ url: sink.url, allowInsecure: false, allowPrivate: false, windowMillis: 5 * MINUTE },
    nowMillis: () => clock.now,
  });
  const one = bench(context, sink, { channel, clock });
  one.delivery.start();
  one.delivery.offer(notification("a"));
  await eventually("the first", () => sink.kept[0]);
  for (let second = 1; second <= 300; second++) {
    clock.now += 1_000;
    one.delivery.recurred("a");
    one.delivery.recurred("b");
    await eventually("what waits", () => one.delivery.stats().waiting === 0 || undefined);
  }
  const alerts = sink.kept.map(({ body }) => JSON.parse(body)[0]);
  assert.deepEqual(
    alerts.map(({ labels, endsAt }) => [labels.fingerprint, Date.parse(endsAt) - NOW]),
    Array.from({ length: 6 }, (_, minute) => ["a", (5 + minute) * MINUTE]),
  );
  assert.equal(one.delivery.stats().sent, 1, "one notification");
  clock.now += HOUR;
  one.delivery.recurred("a");
  assert.equal(one.delivery.stats().waiting, 0, "it has ended there");
});
