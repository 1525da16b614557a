/** A service with Seismo in front, and `seismo collect` behind it: what the one has told the other. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { cannotRunHere } from "../cannot-run-here";
import { eventually, type FixtureApp, type JournalEvent, runFixture } from "../instrumentation/fixture-app";
import { mysqlPeer, redisPeer } from "../instrumentation/peers";
import { startPostgres } from "../postgres";
import {
  errorsOf,
  type JournalRecord,
  journalOf,
  metricsOf,
  type RunningCollector,
  samplesOf,
  startCollector,
  total,
} from "./running-collector";

const QUICK = { SEISMO_ORIGIN_HOLD_MS: "1000" };
/** What is the collector's own to say, or said of the way that the event took. */
const NOT_CARRIED = ["id", "source", "severity_reasons", "fingerprint_reason", "recurrence", "attributes"];

function run(collector: RunningCollector, env: { readonly [name: string]: string } = {}): FixtureApp {
  return runFixture("capturing-app.js", {
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.otlpUrl,
      OTEL_BSP_SCHEDULE_DELAY: "50",
      OTEL_BLRP_SCHEDULE_DELAY: "50",
      SEISMO_WORKER_ID: "till-1",
      ...env,
    },
  });
}

/** The errors of the journal whose judgement is in, with their origins. */
async function judged(collector: RunningCollector, count: number): Promise<readonly JournalRecord[]> {
  const origins = new Map<unknown, unknown>();
  const errors = await eventually(
    `${count} judged errors`,
    () => {
      const lines = journalOf(collector.folder);
      const judgements = lines.filter(({ action }) => action === "origin");
      for (const { changed } of judgements) {
        for (const { id, origin } of changed as readonly { id: string; origin: string }[]) origins.set(id, origin);
      }
      const ids = lines.map(({ id }) => id);
      const through = judgements.at(-1)?.["through"];
      const isAll = typeof through === "string" && ids.indexOf(through) === ids.findLastIndex((id) => id !== undefined);
      const found = errorsOf(collector.folder);
      return isAll && found.length >= count ? found : undefined;
    },
    () => JSON.stringify(errorsOf(collector.folder).map(({ error_message }) => error_message)),
  );
  return errors.map((error) => ({ ...error, origin: origins.get(error.id) ?? error["origin"] }));
}

function originsOf(errors: readonly JournalRecord[]): readonly unknown[] {
  return errors.map(({ error_message, origin }) => [error_message, origin]).sort();
}

function carried(event: JournalRecord | JournalEvent | undefined): unknown {
  return Object.fromEntries(Object.entries(event ?? {}).filter(([field]) => !NOT_CARRIED.includes(field)));
}

async function isBalanced(collector: RunningCollector): Promise<void> {
  for (const { labels, value } of samplesOf(await metricsOf(collector), "seismo_unaccounted")) {
    assert.equal(value, 0, labels["signal"]);
  }
}

for (const protocol of ["http/json", "http/protobuf"]) {
  test(`an event that no span carries is the same at the collector as in its service (${protocol})`, async (context) => {
    const collector = await startCollector(context, { env: QUICK });
    const app = run(collector, { OTEL_EXPORTER_OTLP_PROTOCOL: protocol, CAPTURE_AT_START: "yes" });
    await app.fetch("/gpu");
    await app.fetch("/handled/1", { headers: { "x-request-id": "order-7", "user-agent": "till" } });
    const received = await judged(collector, 3);
    const families = await metricsOf(collector);
    const { events } = await app.stop();
    assert.equal(events.length, 3);
    for (const event of events) {
      const twin = received.find(({ error_message }) => error_message === event.error_message);
      assert.deepEqual(carried(twin), carried(event));
    }
    for (const [metric, labels, value] of [
      ["seismo_worker_cpu_percent", { worker: "till-1" }, 93],
      ["seismo_gpu_temperature_celsius", { worker: "till-1", device: "0" }, 97],
      ["seismo_hardware_errors", { hardware_type: "GPU", status: "overheating" }, 1],
      ["seismo_errors", { worker: "till-1", category: "hardware_overheating", severity: "critical" }, 1],
    ] as const) {
      assert.equal(total(families, metric, labels), value, metric);
    }
    await isBalanced(collector);
  });
}

test("an error that a span tells of is the same at the collector, with its causes, properties, context and source lines", async (context) => {
  const collector = await startCollector(context, { env: QUICK });
  // Long enough that the source has been read when the span leaves.
  const app = run(collector, { OTEL_BSP_SCHEDULE_DELAY: "3000" });
  assert.equal((await app.fetch("/thrown/7", { headers: { "x-request-id": "order-8" } })).status, 500);
  const received = await judged(collector, 1);
  const { events } = await app.stop();
  const [event] = events;
  const twin = received.find(({ origin }) => origin === "root");
  assert.equal(events.length, 1);
  assert.deepEqual(carried(twin), carried(event));
  const { stack, causes, error_details } = JSON.parse(JSON.stringify(twin)) as {
    readonly stack: readonly { readonly context: { readonly line: string } }[];
    readonly causes: readonly { readonly message: string }[];
    readonly error_details: object;
  };
  assert.match(String(stack[0]?.context.line), /nothing left of/);
  assert.deepEqual(error_details, { code: "E_CARD", order: 7, step: "charge" });
  assert.equal(causes[0]?.message, "card declined");
  await isBalanced(collector);
});

test("an error that is captured in a request is one event, whatever becomes of the request", async (context) => {
  const collector = await startCollector(context, { env: QUICK });
  const app = run(collector);
  for (const path of ["/rethrown", "/answered", "/inner"]) assert.equal((await app.fetch(path)).status, 500);
  assert.equal((await app.fetch("/handled/1")).status, 200);
  const received = await judged(collector, 7);
  await app.stop();
  const [echo, ...others] = originsOf(received.filter(({ origin }) => origin !== "duplicate"));
  assert.deepEqual(others, [
    ["captured in an inner span", "root"],
    ["captured, then answered", "root"],
    ["captured, then thrown on", "root"],
    ["the payment failed", "root"],
  ]);
  assert.deepEqual(echo, ["GET /answered answered 500", "echo"]);
  await isBalanced(collector);
});

test("an error of a driver that the application wraps in one of its own is one failure, here and there", async (context) => {
  const [collector, mysql, redis, postgres] = await Promise.all([
    startCollector(context, { env: QUICK }),
    mysqlPeer(),
    redisPeer(),
    startPostgres(),
  ]);
  context.after(() => Promise.all([mysql.close(), redis.close()]));
  const paths = ["/mysql2/unique", "/mysql2/deadlock", "/redis/err"];
  const env = { APP_MYSQL_PORT: String(mysql.port), APP_REDIS_PORT: String(redis.port) };
  if (postgres.status === "running") {
    context.after(postgres.stop);
    paths.push("/pg/unique", "/pg/syntax");
    Object.assign(env, { APP_POSTGRES: postgres.connectionString });
  } else cannotRunHere(context, postgres.reason);
  // Long enough that no span of a query leaves before the request that it belongs to has failed.
  const app = runFixture("database-app.js", {
    env: { ...env, OTEL_EXPORTER_OTLP_ENDPOINT: collector.otlpUrl, OTEL_BSP_SCHEDULE_DELAY: "3000" },
  });
  for (const path of paths) assert.equal((await app.fetch(`${path}?wrapped`)).status, 500, path);
  const received = await judged(collector, 2 * paths.length);
  const { events } = await app.stop();
  const fingerprints = (errors: readonly { readonly [field: string]: unknown }[]) =>
    errors.map(({ fingerprint, error_category }) => [error_category, fingerprint]).sort();
  assert.equal(events.length, paths.length);
  assert.deepEqual(fingerprints(received.filter(({ origin }) => origin === "root")), fingerprints(events));
  await isBalanced(collector);
});

test("workers that die are counted once, also where a request waits for them", async (context) => {
  const collector = await startCollector(context, { env: QUICK });
  const app = run(collector);
  assert.equal((await app.fetch("/thread/throw")).status, 500);
  assert.equal((await app.fetch("/thread/memory")).status, 500);
  assert.equal((await app.fetch("/child")).status, 200);
  const received = await judged(collector, 5);
  const { events } = await app.stop();
  const outOfMemory = "Worker terminated due to reaching memory limit: JS heap out of memory";
  assert.deepEqual(originsOf(received), [
    [outOfMemory, "duplicate"],
    [outOfMemory, "root"],
    ["child process ended by SIGKILL", "root"],
    // The thread has told of itself; the request that waited for it failed because of that.
    ["the thread has no input", "echo"],
    ["the thread has no input", "root"],
  ]);
  assert.equal(events.length, 3);
  await isBalanced(collector);
});

test("a process that dies sends its last error and span before it is gone", async (context) => {
  const collector = await startCollector(context, { env: QUICK });
  const app = run(collector, { OTEL_BSP_SCHEDULE_DELAY: "60000", OTEL_BLRP_SCHEDULE_DELAY: "60000" });
  await app.fetch("/handled/1");
  await assert.rejects(app.fetch("/die"), "the connection dies with the process");
  const { code, events } = await app.ended();
  assert.equal(code, 1);
  assert.equal(events.length, 2);
  const received = await judged(collector, 3);
  assert.deepEqual(originsOf(received.filter(({ origin }) => origin !== "duplicate")), [
    ["nobody catches this", "root"],
    ["the payment failed", "root"],
  ]);
  await isBalanced(collector);
});
