import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually, type FixtureApp, type JournalEvent, runFixture, send, sum } from "./fixture-app";

interface ChildEnd {
  readonly args: readonly string[];
  readonly says: RegExp;
  /** None: what was asked for is no failure. */
  readonly event?: Partial<JournalEvent>;
}

const died = { error_category: "worker_crashed", severity: "critical", origin: "root", fatal: true };

const ends: readonly ChildEnd[] = [
  {
    args: ["fork", "throw"],
    says: /ended 1/,
    event: { ...died, error_type: "RangeError", error_message: "the child's own" },
  },
  {
    args: ["fork", "exit", "7"],
    says: /ended 7/,
    event: { ...died, error_message: "child process ended with code 7" },
  },
  { args: ["fork", "exit", "0"], says: /ended 0/ },
  {
    args: ["fork", "kill-self", "SIGSEGV"],
    says: /SIGSEGV/,
    event: { ...died, error_message: "child process ended by SIGSEGV" },
  },
  {
    args: ["fork", "kill-self", "SIGKILL"],
    says: /SIGKILL/,
    event: { ...died, error_message: "child process ended by SIGKILL" },
  },
  { args: ["fork", "kill-self", "SIGTERM"], says: /SIGTERM/ },
  { args: ["fork", "kill-parent-asks"], says: /SIGKILL/ },
  { args: ["spawn", "false"], says: /ended 1/ },
  { args: ["spawn", "grep", "nothing", "/dev/null"], says: /ended 1/ },
  { args: ["spawn", "/nonexistent/program"], says: /error ENOENT/ },
  {
    args: ["spawn", "sh", "-c", "kill -SEGV $$"],
    says: /SIGSEGV/,
    event: { ...died, error_message: "child process ended by SIGSEGV" },
  },
  {
    args: ["thread", "throw"],
    says: /ended 1/,
    event: { ...died, error_type: "RangeError", error_message: "the child's own" },
  },
  {
    args: ["thread", "out-of-memory"],
    says: /error ERR_WORKER_OUT_OF_MEMORY/,
    event: { ...died, error_category: "resource_exhausted" },
  },
  {
    args: ["thread", "exit", "1"],
    says: /ended 1/,
    event: { ...died, error_message: "worker thread ended with code 1" },
  },
  { args: ["thread", "exit", "0"], says: /ended 0/ },
  { args: ["thread", "kill-parent-asks"], says: /ended 1/ },
];

for (const { args, says, event } of ends) {
  test(`${args.join(" ")}: ${event === undefined ? "is no failure" : "is one failure, of child and parent together"}`, async () => {
    const ended = await runFixture("parent-app.js", { args }).ended();
    assert.match(ended.stdout, says);
    assert.equal(ended.code, 0);
    assert.deepEqual(
      ended.events.map((found) =>
        Object.fromEntries(Object.keys(event ?? found).map((field) => [field, found[field]])),
      ),
      event === undefined ? [] : [event],
    );
  });
}

test("one scrape shows all cluster workers, each under its own name, and keeps the counts of a dead one", async () => {
  const { app, ports } = await startCluster();
  for (const [index, port] of ports.entries()) {
    for (let n = 0; n <= index; n++) assert.equal((await send(port, "/fail")).status, 500);
  }
  const before = await eventually("six errors", async () => {
    const samples = await app.samples("errors");
    return sum(samples) === 6 ? samples : undefined;
  });
  const workers = before.map(({ labels }) => labels["worker"] ?? "");
  assert.equal(new Set(workers).size, 3);
  for (const worker of workers) assert.match(worker, /-[123]$/);

  await send(ports[2] ?? 0, "/kill");
  await app.line(/(worker \d ended SIGKILL)/);
  const after = await eventually("the death", async () => {
    const samples = await app.samples("errors");
    return sum(samples, { category: "worker_crashed" }) === 1 ? samples : undefined;
  });
  assert.equal(sum(after), 7);
  const { events } = await app.stop();
  assert.equal(events.length, 7);
});

test("one scrape shows that each cluster worker lives, its memory, and when one was seen last that is gone", async () => {
  const { app, ports } = await startCluster(2, {
    OTEL_RESOURCE_ATTRIBUTES: "service.version=4.2.0,deployment.environment.name=production",
  });
  const memoryOf = (processes: number) =>
    eventually(`the memory of ${processes} processes`, async () => {
      const samples = await app.samples("process_resident_memory_bytes");
      return samples.length === processes ? samples : undefined;
    });
  await memoryOf(3);
  await send(ports[1] ?? 0, "/kill");
  await app.line(/(worker 2 ended SIGKILL)/);
  const memory = await memoryOf(2);
  for (const { value } of memory) assert.ok(value > 10_000_000 && value < 2_000_000_000, `${value} bytes`);
  const seen = await app.samples("worker_last_seen_timestamp_seconds");
  assert.equal(seen.length, 3);
  for (const { value } of seen) assert.ok(Math.abs(Date.now() / 1_000 - value) < 30, `${value}`);
  const [info, ...more] = await app.samples("service_info");
  assert.deepEqual(info?.labels, { service: "fixture", service_version: "4.2.0", environment: "production" });
  assert.deepEqual(more, []);
  await app.stop();
});

test("a thread of a cluster worker has the worker label of its process", async () => {
  const { app, ports } = await startCluster(2);
  await send(ports[1] ?? 0, "/thread");
  const [error] = await eventually("the thread's error", async () => {
    const samples = await app.samples("errors");
    return samples.length > 0 ? samples : undefined;
  });
  const { events } = await app.stop();
  assert.match(error?.labels["worker"] ?? "", /-2$/);
  assert.deepEqual(
    events.map((event) => [event.error_message, event["worker_id"]]),
    [["in a thread", error?.labels["worker"]]],
  );
});

for (const [path, ended, event] of [
  ["/throw", /worker 1 (ended 1)/, { ...died, error_type: "RangeError", error_message: "a worker's own" }],
  ["/kill", /worker 1 (ended SIGKILL)/, { ...died, error_message: "cluster worker ended by SIGKILL" }],
  ["/exit", /worker 1 (ended 1)/, { ...died, error_message: "cluster worker ended with code 1" }],
  ["/leave", /worker 1 (ended 0)/, undefined],
  ["/end", /worker 1 (ended 0)/, undefined],
] as const) {
  test(`cluster worker ${path}: ${event === undefined ? "is no failure" : "is one failure, of worker and primary together"}`, async () => {
    const { app, ports } = await startCluster(1);
    await send(ports[0] ?? 0, path).catch(() => undefined);
    await app.line(ended);
    // The primary may still be counting: a scrape answers after it.
    const counted = sum(await app.samples("errors"));
    const { events } = await app.stop();
    assert.deepEqual(
      events.map((found) => Object.fromEntries(Object.keys(event ?? found).map((field) => [field, found[field]]))),
      event === undefined ? [] : [event],
    );
    assert.equal(counted, events.length);
  });
}

async function startCluster(
  workers = 3,
  env: { readonly [name: string]: string } = {},
): Promise<{ app: FixtureApp; ports: readonly number[] }> {
  const app = runFixture("cluster-app.js", { env: { WORKERS: String(workers), ...env } });
  const ports: number[] = [];
  for (let id = 1; id <= workers; id++) {
    ports.push(Number(await app.line(new RegExp(`worker ${id} listening (\\d+)`))));
  }
  return { app, ports };
}
