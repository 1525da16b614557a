import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterEach, test } from "node:test";
import fc from "fast-check";
import type * as Seismo from "../../src/index";
import type { startedRuntime } from "../../src/instrumentation/runtime";
import { freshFolder } from "../fresh-folder";
import type { JournalEvent } from "./fixture-app";

// The library reads its configuration at first use.
const folder = freshFolder();
const journal = join(folder, "journal.jsonl");
Object.assign(process.env, {
  SEISMO_METRICS_ENABLED: "false",
  SEISMO_JOURNAL_PATH: journal,
  LOG_FILE_PATH: join(folder, "seismo.log"),
});
const seismo = require("../../src/index") as typeof Seismo;
const { startedRuntime: running } = require("../../src/instrumentation/runtime") as {
  readonly startedRuntime: typeof startedRuntime;
};
const { values } = require(resolve("test/fixtures/hostile-values.js")) as {
  readonly values: { readonly [name: string]: () => unknown };
};

const hostile = Object.entries(values).map(([name, make]) => [name, make()] as const);

afterEach(() => seismo.shutdown());

type Anything = (...args: unknown[]) => unknown;

/** All that takes arguments, with as many as it looks at. */
const functions: readonly (readonly [name: string, call: Anything, count: number])[] = [
  ["captureError", seismo.captureError as Anything, 2],
  ["trackError", seismo.trackError as Anything, 4],
  ["trackFileProcessingError", seismo.trackFileProcessingError as Anything, 3],
  ["trackAnalysisError", seismo.trackAnalysisError as Anything, 3],
  ["trackUiError", seismo.trackUiError as Anything, 3],
  ["trackPerformance", (name, value) => seismo.trackPerformance(name as string, () => value), 2],
  ["addBreadcrumb", seismo.addBreadcrumb as Anything, 3],
  ["addErrorContext", seismo.addErrorContext as Anything, 1],
  ["addDatabaseContext", seismo.addDatabaseContext as Anything, 1],
  ["addRequestContext", seismo.addRequestContext as Anything, 1],
  ["setUser", seismo.setUser as Anything, 2],
  ["setErrorFingerprint", seismo.setErrorFingerprint as Anything, 1],
  ["getRequestId", seismo.getRequestId as Anything, 1],
  ["metrics.timer", (name) => seismo.metrics.timer(name as string)(), 1],
  ["metrics.record", seismo.metrics.record as Anything, 2],
  ["metrics.increment", seismo.metrics.increment as Anything, 2],
  ["metrics.getStats", seismo.metrics.getStats as Anything, 1],
  ["expressErrorHandler", (...args) => (seismo.expressErrorHandler() as Anything)(...args, () => {}), 3],
  ["createErrorSpanProcessor", seismo.createErrorSpanProcessor as Anything, 1],
  ["createRequestIdSpanProcessor", seismo.createRequestIdSpanProcessor as Anything, 1],
  ["createSlowRequestSpanProcessor", seismo.createSlowRequestSpanProcessor as Anything, 1],
];

for (const [name, call, count] of functions) {
  test(`${name}() throws for no argument at all`, () => {
    const anything = fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true });
    fc.assert(
      fc.property(fc.array(anything, { minLength: count, maxLength: count }), (args) => {
        call(...args);
      }),
      { numRuns: 550 },
    );
    for (const [what, value] of hostile) {
      for (let place = 0; place < count; place++) {
        const args = Array.from({ length: count }, (_, index) => (index === place ? value : undefined));
        const started = performance.now();
        call(...args);
        assert.ok(performance.now() - started < 2_000, `${what} took ${performance.now() - started} ms`);
      }
    }
    assert.deepEqual(dropped(), []);
  });
}

test("what the caller says of an error reaches its event", async () => {
  const id = seismo.captureError(new RangeError("out of stock"), {
    category: "shop_stock",
    severity: "critical",
    fingerprint: ["stock", "{{ type }}"],
    details: { name: "lamp", left: 0 },
    user: { id: "u-7", plan: "gold" },
    sessionId: "s-1",
    page: "/cart?step=2",
    handled: false,
  });
  const [event] = await eventsOf(id);
  assert.deepEqual(
    fields(event, "error_type", "error_category", "severity", "user_id", "session_id", "page", "handled"),
    ["RangeError", "shop_stock", "critical", "u-7", "s-1", "/cart?step=2", false],
  );
  assert.deepEqual(event?.["error_details"], { name: "lamp", left: 0 });
  assert.deepEqual(event?.["user_context"], { plan: "gold" });
});

test("options that are no options cost nothing but themselves", async () => {
  const id = seismo.captureError(new Error("kept"), values["proxy that throws"]?.() as Seismo.CaptureOptions);
  const [event] = await eventsOf(id);
  assert.deepEqual(fields(event, "error_message", "handled", "severity"), ["kept", true, "info"]);
});

test("a tracked error names its endpoint, and what is unknown to it stays as details", async () => {
  const context = { endpoint: "/analyse/:id", method: "POST", statusCode: 422, tenant: "north" };
  const id = seismo.trackError("AnalysisRefused", "too many pages", { pages: 900 }, context);
  const [event] = await eventsOf(id);
  assert.deepEqual(event?.["request"], { route: "/analyse/:id", method: "POST", status_code: 422 });
  assert.deepEqual(event?.["error_details"], { tenant: "north", pages: 900 });
});

test("a failing file, analysis and view have categories of their own", async () => {
  const made = [
    seismo.trackFileProcessingError("cannot read", { name: "a.pdf", size: 7 }),
    seismo.trackAnalysisError("failed", {}),
    seismo.trackAnalysisError("failed", { step: "ocr" }),
    seismo.trackUiError("broke", { component: "Cart" }),
    seismo.trackUiError("broke", {}),
  ];
  const events = await eventsOf(...made);
  assert.deepEqual(
    events.map((event) => event.error_category),
    ["file_upload", "analysis_failed", "analysis_step", "ui_component", "ui_session"],
  );
  assert.deepEqual(events[0]?.["error_details"], { file: { name: "a.pdf", size: 7 } });
});

test("trackPerformance() returns what the function returns, and counts what fails in it", async () => {
  assert.equal(
    seismo.trackPerformance("sum", () => 7),
    7,
  );
  const promise = Promise.resolve(8);
  assert.equal(
    seismo.trackPerformance("sum", () => promise),
    promise,
  );
  const thrown = new RangeError("thrown");
  assert.throws(
    () =>
      seismo.trackPerformance("sum", () => {
        throw thrown;
      }),
    thrown,
  );
  const rejected = new TypeError("rejected");
  await assert.rejects(
    seismo.trackPerformance("sum", () => Promise.reject(rejected)),
    rejected,
  );
  assert.equal(seismo.metrics.getStats()["sum"]?.count, 4);
  assert.deepEqual(
    (await allEvents()).slice(-2).map((event) => [event.error_message, event["handled"]]),
    [
      ["thrown", false],
      ["rejected", false],
    ],
  );
});

function dropped(): unknown {
  return (
    running()
      ?.telemetry.snapshot()
      .dropped.filter(({ reason }) => reason === "internal_error") ?? []
  );
}

function fields(event: JournalEvent | undefined, ...names: readonly string[]): readonly unknown[] {
  return names.map((name) => event?.[name]);
}

async function eventsOf(...ids: readonly (string | undefined)[]): Promise<readonly JournalEvent[]> {
  const events = await allEvents();
  return ids.flatMap((id) => events.filter((event) => event["id"] === id));
}

async function allEvents(): Promise<readonly JournalEvent[]> {
  await seismo.shutdown();
  const lines = readFileSync(journal, "utf8").split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as JournalEvent); // the journal's format
}
