import assert from "node:assert/strict";
import { type ChildProcess, fork, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, statSync } from "node:fs";
import { connect } from "node:net";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { Worker } from "node:worker_threads";
import type { MetricFamilySnapshot } from "../../src/exporter/metric-family";
import {
  createProcessGroup,
  joinProcessGroup,
  type ProcessGroup,
  type ProcessGroupOptions,
} from "../../src/exporter/process-group";
import { createTelemetry } from "../../src/telemetry";
import { eventually } from "../instrumentation/fixture-app";
import { errorEvent, metricsWith, request } from "./error-event";

const MEMBER = join(__dirname, "fixtures/group-member.js");

function group(context: TestContext, options: Partial<Omit<ProcessGroupOptions, "metrics" | "telemetry">> = {}) {
  const telemetry = createTelemetry();
  const metrics = metricsWith({ resource: { service: "shop", worker: "primary" } }, { telemetry });
  const created = createProcessGroup({ metrics, telemetry, maxSeries: 2_000, ...options });
  // Nothing of a group keeps a process alive, this one neither.
  const alive = setInterval(() => {}, 60_000);
  context.after(() => {
    clearInterval(alive);
    created.close();
  });
  const { path } = created;
  assert.ok(path);
  return { ...created, metrics, telemetry, path };
}

async function member(context: TestContext, path: string, worker: string, errors: number): Promise<ChildProcess> {
  const child = fork(MEMBER, [path, worker, String(errors)]);
  context.after(() => child.kill("SIGKILL"));
  await once(child, "message");
  return child;
}

async function tell(child: ChildProcess, message: object): Promise<void> {
  child.send(message);
  await once(child, "message");
}

function value(
  families: readonly MetricFamilySnapshot[],
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number {
  const family = families.find((one) => one.name === `seismo_${name}`);
  assert.ok(family, name);
  return family.series
    .filter((point) =>
      Object.entries(labels).every(([label, text]) => point.labels[family.labelNames.indexOf(label)] === text),
    )
    .reduce((sum, point) => sum + ("buckets" in point ? point.buckets.reduce((a, b) => a + b, 0) : point.value), 0);
}

/** A member joins a moment after it started. */
async function untilErrors(scrape: ProcessGroup["metricsOfGroup"], errors: number): Promise<MetricFamilySnapshot[]> {
  return eventually(`${errors} errors`, async () => {
    const families = await scrape();
    return value(families, "errors_total") === errors ? families : undefined;
  });
}

test("a process without members shows itself", async (context) => {
  const { metrics, metricsOfGroup } = group(context);
  metrics.export([errorEvent()]);
  assert.deepEqual(await metricsOfGroup(), metrics.snapshot());
});

test("child processes and worker threads are added up, each under its own worker label", async (context) => {
  const { metrics, metricsOfGroup, path } = group(context);
  metrics.export([errorEvent({ resource: { service: "shop", worker: "primary" } })]);
  await member(context, path, "a", 2);
  await member(context, path, "b", 3);
  const thread = new Worker(MEMBER, { argv: [path, "thread", "4"] });
  context.after(() => thread.terminate());
  await once(thread, "message");

  const families = await untilErrors(metricsOfGroup, 10);
  for (const [worker, errors] of Object.entries({ primary: 1, a: 2, b: 3, thread: 4 })) {
    assert.equal(value(families, "errors_total", { worker }), errors);
  }
  assert.equal(value(families, "http_request_duration_seconds"), 9);
  assert.equal(value(families, "requests_in_flight"), 3);
  assert.equal(value(families, "critical_errors"), 9);
  assert.equal(value(families, "worker_status", { worker: "b" }), 2);
  assert.equal(value(families, "build_info"), 1);
  // All failed alike: one group, however many processes saw it.
  assert.equal(value(families, "error_groups", { severity: "critical" }), 1);
});

test("a scrape shows what a member counted the moment before", async (context) => {
  const { metricsOfGroup, path } = group(context);
  const child = await member(context, path, "a", 1);
  await untilErrors(metricsOfGroup, 1);
  for (let expected = 2; expected < 6; expected++) {
    await tell(child, { count: 1 });
    assert.equal(value(await metricsOfGroup(), "errors_total"), expected);
  }
});

test("a member that ends keeps its counts, its status for five minutes, and loses its other gauges", async (context) => {
  let now = 1_000;
  const { metricsOfGroup, path } = group(context, { nowMillis: () => now });
  const child = await member(context, path, "a", 2);
  await member(context, path, "b", 3);
  await untilErrors(metricsOfGroup, 5);
  child.send({ end: true });
  await once(child, "exit");
  let families = await metricsOfGroup();
  while (value(families, "requests_in_flight") === 2) families = await metricsOfGroup();
  assert.equal(value(families, "errors_total"), 5);
  assert.equal(value(families, "errors_total", { worker: "a" }), 2);
  assert.equal(value(families, "http_request_duration_seconds"), 5);
  assert.equal(value(families, "requests_in_flight"), 1);

  const lastWords = (): readonly number[] => [
    value(families, "worker_status", { worker: "a" }),
    value(families, "worker_last_error_timestamp_seconds", { worker: "a" }),
  ];
  const before = lastWords();
  assert.equal(before[0], 2);
  assert.ok((before[1] ?? 0) > 0);
  now += 5 * 60_000 - 1;
  families = await metricsOfGroup();
  assert.deepEqual(lastWords(), before);
  now += 1;
  families = await metricsOfGroup();
  assert.deepEqual(lastWords(), [0, 0]);
  assert.equal(value(families, "worker_status", { worker: "b" }), 2);
  assert.equal(value(families, "errors_total", { worker: "a" }), 2);
});

test("each process shows its memory and that it lives; of one that is gone it shows for an hour when that was", async (context) => {
  let now = 1_000;
  const { metrics, metricsOfGroup, path } = group(context, { nowMillis: () => now });
  const child = await member(context, path, "a", 1);
  await untilErrors(metricsOfGroup, 1);
  const seen = (families: readonly MetricFamilySnapshot[]) =>
    value(families, "worker_last_seen_timestamp_seconds", { worker: "a" });
  const memory = (families: readonly MetricFamilySnapshot[]) =>
    value(families, "process_resident_memory_bytes", { worker: "a" });
  const alive = await metricsOfGroup();
  assert.equal(memory(alive), 50_000_000);
  assert.ok(seen(alive) > 0);
  assert.equal(value(alive, "process_resident_memory_bytes", { worker: "primary" }), 50_000_000);
  assert.equal(value(alive, "service_info"), 1, "one release, however many processes run it");
  child.kill("SIGKILL");
  await once(child, "exit");
  let families = await metricsOfGroup();
  while (memory(families) > 0) families = await metricsOfGroup();
  assert.equal(seen(families), seen(alive), "killed outright, it left what it had said last");
  now += 60 * 60_000 - 1;
  assert.equal(seen(await metricsOfGroup()), seen(alive));
  now += 1;
  assert.equal(seen(await metricsOfGroup()), 0);
  assert.deepEqual(
    value(await metricsOfGroup(), "worker_last_seen_timestamp_seconds"),
    value(metrics.snapshot(), "worker_last_seen_timestamp_seconds"),
  );
});

test("a member that dies before it could connect leaves its status, and one that ends well leaves none", async (context) => {
  const { metricsOfGroup, path } = group(context);
  for (const [worker, errors] of [
    ["failed", "1"],
    ["healthy", "0"],
  ]) {
    assert.equal(spawnSync(process.execPath, [MEMBER, path, worker ?? "", errors ?? "", "exit"]).status, 0);
  }
  const status = (await metricsOfGroup()).find(({ name }) => name === "seismo_worker_status");
  assert.deepEqual(
    status?.series.map(({ labels }) => labels),
    [
      ["shop", "primary"],
      ["shop", "failed"],
    ],
  );
});

test("a process that throws as it starts has been counted, before it could even connect", async (context) => {
  const { metricsOfGroup, path } = group(context);
  for (const end of ["throw", "exit"]) {
    const { status, stderr } = spawnSync(process.execPath, [MEMBER, path, end, "7", end], { encoding: "utf8" });
    assert.equal(status, end === "throw" ? 1 : 0, stderr);
  }
  const families = await metricsOfGroup();
  assert.equal(value(families, "errors_total", { worker: "throw" }), 7);
  assert.equal(value(families, "errors_total", { worker: "exit" }), 7);
  assert.equal(value(await metricsOfGroup(), "errors_total"), 14);
});

test("who sees a process die can know that it counted its death", async (context) => {
  const { announcedDeath, path } = group(context);
  const { pid } = spawnSync(process.execPath, [MEMBER, path, "a", "1", "throw"]);
  assert.ok(announcedDeath(pid, 0));
  assert.ok(!announcedDeath(pid, 1));
  assert.ok(!announcedDeath(pid + 1, 0));
});

test("a process that pushes and then lives on is counted once", async (context) => {
  const { metricsOfGroup, path } = group(context);
  const metrics = metricsWith();
  const joined = joinProcessGroup({ path, metrics, telemetry: createTelemetry() });
  context.after(() => joined.close());
  for (let errors = 1; errors <= 4; errors++) {
    metrics.export([errorEvent()]);
    joined.pushNow();
    joined.pushNow();
    await untilErrors(metricsOfGroup, errors);
  }
});

test("many short-lived processes end in one sum, and their counts stay", async (context) => {
  const { metricsOfGroup, path } = group(context, { maxSeries: 50 });
  for (let i = 0; i < 150; i++) {
    const metrics = metricsWith({ resource: { service: "shop", worker: `w${i}` } });
    metrics.export([errorEvent({ resource: { service: "shop", worker: `w${i}` } })]);
    metrics.recordRequest(request({ route: `/${i}` }));
    const joined = joinProcessGroup({ path, metrics, telemetry: createTelemetry() });
    joined.pushNow();
    joined.close();
    if (i % 40 === 39) await metricsOfGroup();
  }
  const families = await untilErrors(metricsOfGroup, 150);
  assert.equal(value(families, "http_request_duration_seconds"), 150);
  for (const { name, series } of families) assert.ok(series.length <= 50, name);
});

test("a member that hangs is shown as it was, and delays only the first scrape", async (context) => {
  const { metricsOfGroup, path } = group(context, { collectTimeoutMillis: 1_000 });
  const child = await member(context, path, "a", 2);
  await untilErrors(metricsOfGroup, 2);
  await tell(child, { blockMillis: 60_000 });
  const start = performance.now();
  assert.equal(value(await metricsOfGroup(), "errors_total"), 2);
  const first = performance.now() - start;
  assert.equal(value(await metricsOfGroup(), "errors_total"), 2);
  assert.ok(first >= 990 && first < 10_000, `waited ${first} ms`);
  assert.ok(performance.now() - start - first < 990, "waited again");
});

test("more members than there may be are turned away and counted", async (context) => {
  const { metricsOfGroup, path, telemetry } = group(context, { maxMembers: 2 });
  for (const worker of ["a", "b"]) await member(context, path, worker, 1);
  await untilErrors(metricsOfGroup, 2);
  await member(context, path, "c", 1);
  const dropped = () => telemetry.snapshot().dropped.find(({ signal }) => signal === "metrics")?.value ?? 0;
  while (dropped() === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(value(await metricsOfGroup(), "errors_total"), 2);
});

test("whoever sends something else is cut off, and the group is unharmed", async (context) => {
  const { metrics, metricsOfGroup, path } = group(context);
  metrics.export([errorEvent()]);
  const id = "00000000-0000-4000-8000-000000000000";
  const hello = JSON.stringify({ type: "hello", id });
  const families = (list: unknown): string => JSON.stringify({ type: "families", sequence: 1, families: list });
  const series = [{ labels: ["a"], value: 1 }];
  const shape = { name: "seismo_errors_total", help: "h", type: "counter", labelNames: ["l"] };
  const messages = [
    "no json\n",
    "null\n",
    `${JSON.stringify({ type: "hello", id: "../../x" })}\n`,
    `${families([])}\n`,
    `${hello}\n${families("x")}\n`,
    `${hello}\n${families([{ ...shape, name: "a b", series }])}\n`,
    `${hello}\n${families([{ ...shape, labelNames: ['l"'], series }])}\n`,
    `${hello}\n${families([{ ...shape, series: [{ labels: [], value: 1 }] }])}\n`,
    `${hello}\n${families([{ ...shape, series: [{ labels: ["a"], value: -1 }] }])}\n`,
    `${hello}\n${families([{ ...shape, series: [{ labels: ["a"], value: null }] }])}\n`,
    `${hello}\n${families([{ ...shape, type: "histogram", bounds: [1], series: [{ labels: ["a"], buckets: [1], sum: 1, exemplars: [] }] }])}\n`,
    "x".repeat(17 * 1024 * 1024),
  ];
  for (const message of messages) {
    const socket = connect(path);
    const closed = new Promise((resolve) => socket.on("close", resolve));
    socket.on("error", () => {}).resume();
    socket.write(message);
    await closed;
  }
  assert.deepEqual(await metricsOfGroup(), metrics.snapshot());
});

test("a family of another shape is left out, the others are added", async (context) => {
  const { metrics, metricsOfGroup, path } = group(context);
  metrics.export([errorEvent()]);
  const socket = connect(path);
  context.after(() => socket.destroy());
  const point = { labels: ["shop"], value: 5 };
  const families = [
    { name: "seismo_errors_total", help: "h", type: "counter", labelNames: ["service"], series: [point] },
    { name: "seismo_future_total", help: "h", type: "counter", labelNames: ["service"], series: [point] },
  ];
  socket.write(`${JSON.stringify({ type: "hello", id: "11111111-0000-4000-8000-000000000000" })}\n`);
  socket.write(`${JSON.stringify({ type: "families", sequence: 1, families })}\n`);
  socket.on("data", () => socket.write(`${JSON.stringify({ type: "families", sequence: 2, families: [] })}\n`));
  let all = await metricsOfGroup();
  while (!all.some(({ name }) => name === "seismo_future_total")) all = await metricsOfGroup();
  assert.equal(value(all, "errors_total"), 1);
  assert.equal(value(all, "future_total"), 5);
});

test("only this user may open the folder, and closing removes it", (context) => {
  const { close, path } = group(context);
  const folder = dirname(path);
  if (process.platform !== "win32") assert.equal(statSync(folder).mode & 0o777, 0o700);
  close();
  assert.ok(!existsSync(folder));
});

test("members live on without their owner, and are told that it is gone", async (context) => {
  const first = group(context);
  const metrics = metricsWith();
  let joined = joinProcessGroup({ path: first.path, metrics, telemetry: createTelemetry() });
  metrics.export([errorEvent()]);
  await untilErrors(first.metricsOfGroup, 1);
  first.close();
  joined.pushNow();
  joined.announceDeath();
  joined.close();
  const lost = new Promise<void>((resolve) => {
    joined = joinProcessGroup({ path: first.path, metrics, telemetry: createTelemetry(), onOwnerLost: resolve });
  });
  context.after(() => joined.close());
  await lost;
});

test("a group keeps no process alive, neither its owner nor a member", () => {
  const script = (path: string): string => `
    const { createProcessGroup, joinProcessGroup } = require(${JSON.stringify(require.resolve("../../src/exporter/process-group"))});
    const { metricsWith } = require(${JSON.stringify(require.resolve("./error-event"))});
    const { createTelemetry } = require(${JSON.stringify(require.resolve("../../src/telemetry"))});
    const telemetry = createTelemetry();
    const group = createProcessGroup({ metrics: metricsWith(), telemetry, maxSeries: 100 });
    process.on("exit", () => group.close());
    joinProcessGroup({ path: ${path}, metrics: metricsWith(), telemetry });
    setTimeout(() => {}, 50);`;
  for (const path of ["group.path", '"/nowhere/metrics.sock"']) {
    const { status, stderr } = spawnSync(process.execPath, ["-e", script(path)], { timeout: 60_000, encoding: "utf8" });
    assert.equal(status, 0, stderr);
  }
});
