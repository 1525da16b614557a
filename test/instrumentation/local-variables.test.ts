import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { startLocalVariables } from "../../src/instrumentation/local-variables";
import { createTelemetry } from "../../src/telemetry";
import { freePort } from "../free-port";
import { type Ended, eventually, type JournalEvent, runFixture, sum } from "./fixture-app";

test("all: a caught error has the variables of the application's calls, and none of its code ran for them", async () => {
  const { events, stdout } = await run("caught", "all");
  const [price, caught] = variablesOf(events[0]);
  assert.deepEqual(price, {
    missing: "[undefined]",
    customer: { name: "Ann" },
    index: 1,
    password: "[REDACTED]",
    trap: "[proxy]",
    lazy: { amount: "[getter]" },
    many: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, "[990 more]"],
    text: `${"x".repeat(256)}…`,
  });
  assert.deepEqual(caught, {});
  assert.match(stdout, /ran 0/);
});

test("off, and that is the default: no variables", async () => {
  const { events } = await runFixture("variables-app.js", { args: ["caught"] }).ended();
  assert.deepEqual(variablesOf(events[0]), []);
});

test("uncaught: a caught error has none", async () => {
  const { events } = await run("caught", "uncaught");
  assert.deepEqual(variablesOf(events[0]), []);
});

for (const [how, name] of [
  ["uncaught", "Bo"],
  ["rejected", "Cy"],
] as const) {
  test(`uncaught: what the process dies of (${how}) has its variables`, async () => {
    const { events, code } = await run(how, "uncaught");
    assert.equal(code, 1);
    assert.deepEqual(variablesOf(events[0])[0]?.["customer"], { name });
  });
}

test("where Node maps stacks itself, variables find their frames by name", async () => {
  const { events } = await run("caught", "all", ["--enable-source-maps"]);
  assert.deepEqual(variablesOf(events[0])[0]?.["customer"], { name: "Ann" });
});

test("an overflow of the stack is told of all the same", async () => {
  const { events } = await run("overflow", "all");
  assert.equal(events[0]?.error_type, "RangeError");
});

test("the statement debugger stops nothing", async () => {
  const { stdout, code } = await run("statement", "all");
  assert.deepEqual([stdout, code], ["went on\n", 0]);
});

test("a debugger attaches: local variables are off from then on", async () => {
  const { events, stderr, code } = await run("debugged", "all");
  assert.equal(code, 0);
  assert.deepEqual(variablesOf(events[0]), []);
  assert.match(stderr, /without local variables: a debugger is attached/);
});

test("the process was begun with a debugger: local variables are not begun", async () => {
  const { events, stderr } = await run("caught", "all", ["--inspect=127.0.0.1:0"]);
  assert.deepEqual(variablesOf(events[0]), []);
  assert.match(stderr, /without local variables: a debugger may attach/);
});

test("novel: the first error after the start has its variables, and so has one that comes again", async () => {
  const app = runFixture("variables-app.js", { args: ["serve"], env: { SEISMO_LOCAL_VARIABLES: "novel" } });
  for (let at = 0; at < 2; at++) await app.fetch("/caught");
  const { events } = await app.stop();
  assert.deepEqual(
    events.map((event) => variablesOf(event)[0]?.["customer"]),
    [{ name: "Ann" }, { name: "Ann" }],
  );
});

const LOOK_MILLIS = 1_500;

test("novel: when nothing new came for a while no error stops, until something new comes", async (context) => {
  const variables = startLocalVariables({
    ...{ mode: "novel", lookMillis: LOOK_MILLIS, isMapped: false, nowMillis: () => performance.now() },
    telemetry: createTelemetry({}),
  });
  assert.ok(variables !== undefined);
  context.after(() => variables.stop());
  const isNextKept = (): boolean => {
    const amount = 7;
    const error = thrownBy(() => {
      throw new RangeError(`not ${amount}`);
    });
    return variables.of(error) !== undefined;
  };
  assert.ok(isNextKept(), "at first all are new");
  await delay(LOOK_MILLIS); // without an error: each that stops costs of the budget
  await eventually("the rest", () => !isNextKept() || undefined);
  await delay(100); // the thread counts a stop when the application has gone on
  const { stops } = variables.counts();
  for (let at = 0; at < 1_000; at++) assert.ok(!isNextKept());
  assert.equal(variables.counts().stops, stops);
  variables.look();
  await eventually("the next look", () => isNextKept() || undefined);
  await eventually("its count", () => variables.counts().stops > stops || undefined);
});

test("a storm of errors spends the budget, is over soon, and switches variables off", async () => {
  const app = runFixture("variables-app.js", { args: ["serve"], env: { SEISMO_LOCAL_VARIABLES: "all" } });
  await app.line(/(listening)/);
  await app.fetch("/storm");
  const off = await eventually("the switch", async () => {
    const samples = await app.samples("local_variables_off");
    return sum(samples, { reason: "budget" }) === 1 ? samples : undefined;
  });
  assert.equal(sum(off), 1);
  const stopped = sum(await app.samples("local_variables_stopped_seconds"));
  assert.ok(stopped >= 0.1 && stopped < 0.5, `${stopped} s`);
  const stops = sum(await app.samples("local_variables_stops"));
  assert.ok(stops > 10 && stops < 3_000, `${stops} stops`);
  await app.fetch("/caught");
  const log = readFileSync(join(app.folder, "seismo.log"), "utf8");
  assert.equal(log.match(/more errors were thrown than there is time to look at/g)?.length, 1);
  const { events } = await app.stop();
  assert.deepEqual(variablesOf(events[0]), []);
});

for (const how of [
  "throw",
  "throw-null",
  "reject",
  "exit",
  "exit-code",
  "exception-handled",
  "worker",
  "signal-counted",
]) {
  test(`${how}: the process ends as it does without Seismo`, async () => {
    const end = async (register: "require" | "none"): Promise<Ended> => {
      const app = runFixture("dying-app.js", {
        args: [how, "SIGTERM"],
        register,
        env: { SEISMO_LOCAL_VARIABLES: "all", SEISMO_METRICS_PORT: String(await freePort()) },
      });
      if (how.startsWith("signal")) {
        await app.line(/(listening)/);
        app.process.kill("SIGTERM");
      }
      return app.ended();
    };
    const [bare, watched] = [await end("none"), await end("require")];
    assert.deepEqual([watched.code, watched.signal], [bare.code, bare.signal]);
    assert.equal(watched.stdout.replace(/\d{4,5}/, ""), bare.stdout.replace(/\d{4,5}/, ""));
    assert.doesNotMatch(watched.stderr, /debugger|seismo: /i);
  });
}

function thrownBy(run: () => void): Error {
  try {
    run();
  } catch (error) {
    if (error instanceof Error) return error;
  }
  return assert.fail("nothing was thrown");
}

function run(how: string, mode: string, nodeArgs: readonly string[] = []): Promise<Ended> {
  return runFixture("variables-app.js", { args: [how], nodeArgs, env: { SEISMO_LOCAL_VARIABLES: mode } }).ended();
}

type Variables = { readonly [name: string]: unknown };

/** Of the frames that have some, in their order. */
function variablesOf(event: JournalEvent | undefined): readonly Variables[] {
  const frames = (event?.["stack"] ?? []) as readonly { readonly variables?: Variables }[]; // the journal's own format
  return frames.flatMap(({ variables }) => (variables === undefined ? [] : [variables]));
}
