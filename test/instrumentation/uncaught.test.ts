import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { freePort } from "../free-port";
import { freshFolder } from "../fresh-folder";
import { type Ended, type FixtureApp, type FixtureOptions, type JournalEvent, runFixture } from "./fixture-app";
import { silentPeer } from "./peers";

interface Death {
  readonly how: string;
  /** Sends a request of this id first, and waits for the death. */
  readonly request?: boolean;
  readonly nodeArgs?: readonly string[];
  readonly events: readonly Partial<JournalEvent>[];
}

const fatal = { error_category: "worker_crashed", severity: "critical", fatal: true, handled: false, origin: "root" };
const survived = { severity: "warning", fatal: false, handled: false, origin: "root" };

const deaths: readonly Death[] = [
  {
    how: "throw",
    events: [{ ...fatal, error_type: "RangeError", error_message: "thrown at the top", request_id: null }],
  },
  { how: "throw-null", events: [{ ...fatal, error_message: "null" }] },
  {
    how: "throw-in-request",
    request: true,
    events: [{ ...fatal, error_type: "TypeError", error_message: "thrown by the handler", request_id: "the-id" }],
  },
  { how: "throw-null-in-request", request: true, events: [{ ...fatal, error_message: "null", request_id: "the-id" }] },
  { how: "throw-text-in-request", request: true, events: [{ ...fatal, error_message: "no error at all" }] },
  {
    how: "throw-later",
    request: true,
    events: [{ ...fatal, error_type: "TypeError", error_message: "thrown by a timer", request_id: "the-id" }],
  },
  {
    how: "reject-in-request",
    request: true,
    events: [{ ...fatal, error_type: "TypeError", error_message: "rejected by the handler", request_id: "the-id" }],
  },
  { how: "reject", events: [{ ...fatal, error_type: "RangeError", error_message: "rejected at the top" }] },
  { how: "reject-undefined", events: [fatal] },
  { how: "rejection-handled", events: [{ ...survived, error_message: "rejected, and heard" }] },
  { how: "exception-handled", events: [{ ...survived, error_message: "thrown, and heard" }] },
  { how: "exception-captured", events: [{ ...survived, error_message: "thrown, and captured" }] },
  { how: "exit", events: [] },
  { how: "exit-code", events: [] },
  { how: "out-of-memory", nodeArgs: ["--max-old-space-size=32"], events: [] },
  { how: "worker", events: [{ ...fatal, error_type: "RangeError", error_message: "thrown at the top" }] },
  { how: "worker-heard", events: [{ ...fatal, error_type: "RangeError", error_message: "thrown at the top" }] },
];

for (const { how, request, nodeArgs, events } of deaths) {
  test(`${how}: the process ends as it does without Seismo, and what it died of is in the journal`, async () => {
    const run = async (register: "require" | "none"): Promise<Ended> => {
      const app = await start(how, { register, ...(nodeArgs && { nodeArgs }) });
      if (request) await app.fetch("/", { headers: { "x-request-id": "the-id" } }).catch(() => undefined);
      return app.ended();
    };
    const [bare, watched] = [await run("none"), await run("require")];
    assertSameEnd(watched, bare);
    assertEvents(watched, events);
  });
}

for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
  for (const how of ["signal", "signal-handled", "signal-counted"]) {
    test(`${how} ${signal}: the process ends as it does without Seismo`, async () => {
      const run = async (register: "require" | "none"): Promise<Ended> => {
        const app = await start(how, { register, args: [how, signal] });
        await app.line(/(listening)/);
        app.process.kill(signal);
        return app.ended();
      };
      const [bare, watched] = [await run("none"), await run("require")];
      assertSameEnd(watched, bare);
      assertEvents(watched, []);
    });
  }
}

for (const how of ["throw-in-request", "throw-later", "end-after-request", "signal"]) {
  test(`${how}: an OTLP endpoint that hangs delays the end by two seconds at most`, async () => {
    const hanging = await silentPeer();
    let millis = Number.POSITIVE_INFINITY;
    // What else the machine has to do delays it as well, but not each time.
    for (let attempt = 0; attempt < 5 && millis >= 2_500; attempt++) {
      const app = await start(how, { env: { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${hanging.port}` } });
      await app.line(/(listening)/);
      const started = performance.now();
      await app.fetch("/").catch(() => undefined);
      if (how === "signal") app.process.kill("SIGTERM");
      const { events, stderr } = await app.ended();
      millis = performance.now() - started;
      assert.equal(events.length, 1);
      assert.doesNotMatch(stderr, /seismo/);
    }
    await hanging.close();
    assert.ok(millis > 1_000 && millis < 2_500, `${millis} ms`);
  });
}

for (const how of ["throw", "exit", "exit-code", "signal"]) {
  test(`${how}: what the process had on the disk for its children is gone with it`, async () => {
    const folder = freshFolder();
    const app = await start(how, { env: { TMPDIR: folder } });
    if (how === "signal") {
      await app.line(/(listening)/);
      assert.equal(readdirSync(folder).length, 1);
      app.process.kill("SIGTERM");
    }
    await app.ended();
    assert.deepEqual(readdirSync(folder), []);
  });
}

/** On a port of its own, so that Seismo has nothing to say on stderr. */
async function start(how: string, options: FixtureOptions): Promise<FixtureApp> {
  const env = { SEISMO_METRICS_PORT: String(await freePort()), ...options.env };
  return runFixture("dying-app.js", { args: [how], ...options, env });
}

function assertSameEnd(watched: Ended, bare: Ended): void {
  assert.deepEqual([watched.code, watched.signal], [bare.code, bare.signal]);
  assert.equal(withoutPort(watched.stdout), withoutPort(bare.stdout));
  assert.equal(printed(watched.stderr), printed(bare.stderr));
}

function withoutPort(stdout: string): string {
  return stdout.replace(/listening \d+/, "listening");
}

/**
 * Where instrumentation stands between Node and the application, a stack has its frames, and an error that passes
 * through it is quoted from the line that threw it on.
 */
function printed(stderr: string): string {
  if (stderr.includes("heap out of memory")) return "heap out of memory";
  return stderr
    .replace(/^\n?.*\n *throw (?:error|thrown);\n *\^\n/, QUOTED)
    .replace(/^\n?.*dying-app\.js:\d+\n.*\n *\^\n/, QUOTED)
    .split("\n")
    .filter((line) => !/^\s+at /.test(line) || line.includes("dying-app.js"))
    .join("\n");
}
const QUOTED = "(the line that threw)\n";

function assertEvents(ended: Ended, expected: readonly Partial<JournalEvent>[]): void {
  const found = ended.events.map((event, index) =>
    Object.fromEntries(Object.keys(expected[index] ?? event).map((field) => [field, event[field]])),
  );
  assert.deepEqual(found, expected);
}
