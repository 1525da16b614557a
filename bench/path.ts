/**
 * What Seismo's own steps cost, inside one process: the path of an error, a healthy span, the rendering of metrics.
 * Cases take turns in each round; figures are medians over the rounds.
 */
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import {
  type Attributes,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import { BasicTracerProvider, type SpanProcessor } from "@opentelemetry/sdk-trace-base";
import type { RawError } from "../src/event";
import { renderExposition } from "../src/exporter/exposition";
import { createProcessGroup } from "../src/exporter/process-group";
import { createMetrics } from "../src/exporter/prometheus";
import { type Runtime, runtime, shutdown } from "../src/instrumentation/runtime";
import { categorize } from "../src/processors/categorize";
import { fingerprint } from "../src/processors/fingerprint";
import { createFrequency } from "../src/processors/frequency";
import { processError } from "../src/processors/process-error";
import { readError } from "../src/processors/read-error";
import { redact } from "../src/processors/redact";
import { compileRules } from "../src/processors/rules";
import { rateSeverity } from "../src/processors/severity";
import { SlowRequestSpanProcessor } from "../src/processors/slow-request-span-processor";
import { parseStack } from "../src/processors/stack";
import { createTelemetry } from "../src/telemetry";
import { markdownTable } from "./markdown-table";
import { SAMPLE_ERRORS, type SampleError } from "./sample-errors";
import { median } from "./statistics";

const HELP = `npm run bench:path -- [options]
  --rounds N   measured rounds (default 15)
  --lines N    lines of the exposition (default 100000)`;

const ERRORS_A_ROUND = 1_000;
const SPANS_A_ROUND = 20_000;
const WARM_UP_ROUNDS = 3;
const TARGET_SPAN_NANOS = 1_000;
const TARGET_ERROR_MICROS = 60;

/** Prepares its work outside of the clock; what it returns is timed and does the work `count` times. */
interface Case {
  readonly name: string;
  prepare(count: number): () => void;
}

const RESOURCE = { service: "bench", worker: "bench-1" };
const SERVER_ATTRIBUTES: Attributes = {
  "http.request.method": "GET",
  "url.scheme": "http",
  "server.address": "shop.example",
  "server.port": 8080,
  "network.peer.address": "10.0.0.7",
  "network.peer.port": 51_126,
  "network.protocol.version": "1.1",
  "url.path": "/items/42",
  "user_agent.original": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36",
};
const DATABASE_ATTRIBUTES: Attributes = {
  "db.system.name": "postgresql",
  "db.namespace": "shop",
  "db.query.text": "INSERT INTO users (email, name) VALUES ($1, $2)",
};

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: "15" },
      lines: { type: "string", default: "100000" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return void console.log(HELP);
  const rounds = Number(values.rounds);
  console.log(
    `Node ${process.versions.node}, ${cpus()[0]?.model.trim() ?? "unknown CPU"}, ${cpus().length} cores; ` +
      `medians of ${rounds} rounds\n`,
  );
  reportSteps(rounds);
  const folder = mkdtempSync(join(tmpdir(), "seismo-bench-"));
  try {
    await reportSpans(rounds, folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  await reportExposition(rounds, Number(values.lines));
}

/** Microseconds of each case, by its name. */
function measure(rounds: number, count: number, cases: readonly Case[]): ReadonlyMap<string, number> {
  const samples = new Map<string, number[]>(cases.map(({ name }) => [name, []]));
  for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
    for (const { name, prepare } of cases) {
      const run = prepare(count);
      const started = performance.now();
      run();
      const micros = ((performance.now() - started) * 1_000) / count;
      if (round >= 0) samples.get(name)?.push(micros);
    }
  }
  return new Map([...samples].map(([name, micros]) => [name, median(micros)]));
}

// The path of an error

const STEPS = ["readError", "redact", "parseStack", "categorize", "fingerprint", "frequency", "rateSeverity"] as const;

function reportSteps(rounds: number): void {
  const columns = SAMPLE_ERRORS.map((sample) => measure(rounds, ERRORS_A_ROUND, stepsOf(sample)));
  const row = (name: string): string[] => [
    name,
    ...columns.map((micros) => (micros.get(name) ?? Number.NaN).toFixed(2)),
  ];
  console.log("The path of an error, µs:\n");
  console.log(
    markdownTable(
      ["", ...SAMPLE_ERRORS.map(({ name }) => name)],
      [...STEPS.map(row), row("processError (redact to rateSeverity)")],
    ),
  );
}

/** Each step on what the step before made of so many different errors. */
function stepsOf({ make }: SampleError): readonly Case[] {
  const rules = compileRules({ redaction: { emails: true } });
  const each = <T>(name: string, prepare: (error: Error) => T, step: (item: T) => unknown): Case => ({
    name,
    prepare(count) {
      const items = Array.from({ length: count }, (_, index) => prepare(make(index)));
      return () => {
        for (const item of items) step(item);
      };
    },
  });
  const named = (error: Error) => {
    const safe = redact(rawOf(error), rules.redaction);
    const frames = parseStack(safe.stack);
    const classification = categorize(safe, rules);
    const name = fingerprint(safe, frames, classification, rules);
    return { safe, frames, classification, id: name.id };
  };
  const frequency = createFrequency();
  const recurrence = createFrequency().record("", Date.now());
  let now = Date.now();
  return [
    each("readError", withReadStack, readError),
    each("redact", rawOf, (raw) => redact(raw, rules.redaction)),
    each("parseStack", (error) => named(error).safe.stack, parseStack),
    each(
      "categorize",
      (error) => named(error).safe,
      (safe) => categorize(safe, rules),
    ),
    each("fingerprint", named, ({ safe, frames, classification }) => fingerprint(safe, frames, classification, rules)),
    each("frequency", named, ({ safe, id }) => frequency.record(id, now++, safe)),
    each("rateSeverity", named, ({ safe, classification }) => rateSeverity(safe, classification, recurrence, rules)),
    each("processError (redact to rateSeverity)", rawOf, (raw) => processError(raw, rules, frequency, now++)),
  ];
}

/** The engine formats a stack when it is first read; recordException() has done that by then. */
function withReadStack(error: Error): Error {
  void error.stack;
  return error;
}

function rawOf(error: Error): RawError {
  return {
    ...readError(error),
    id: randomUUID(),
    source: "span",
    origin: "root",
    timeUnixMillis: Date.now(),
    handled: false,
    fatal: false,
    resource: RESOURCE,
    traceId: "0af7651916cd43dd8448eb211c80319c",
    spanId: "b7ad6b7169203331",
    spanName: "GET /items/:id",
    spanKind: "server",
    attributes: { ...SERVER_ATTRIBUTES, "http.route": "/items/:id", "http.response.status_code": 500 },
    request: { method: "GET", route: "/items/:id", url: "/items/42", statusCode: 500, durationMillis: 3.5 },
    requestId: randomUUID(),
    details: {},
    given: {},
  };
}

// Spans

type Spans = (tracer: Tracer, count: number) => () => void;

const HEALTHY_SPANS: { readonly [name: string]: Spans } = {
  "child span (internal)": (tracer, count) => {
    const context = trace.setSpan(ROOT_CONTEXT, tracer.startSpan("parent", { kind: SpanKind.SERVER }));
    return () => {
      for (let index = 0; index < count; index++) tracer.startSpan("render", {}, context).end();
    };
  },
  "HTTP server span": (tracer, count) => () => {
    for (let index = 0; index < count; index++) finishRequest(tracer, 200, () => {});
  },
};

async function reportSpans(rounds: number, folder: string): Promise<void> {
  const bare = tracerWith([]);
  const forHealthy = startRuntime(folder, false);
  const healthy = Object.entries(HEALTHY_SPANS).map(([name, spans]) => {
    const of = (tracer: Tracer) => (count: number) => spans(tracer, count);
    const micros = measure(rounds, SPANS_A_ROUND, [
      { name: "without", prepare: of(bare) },
      { name: "processors", prepare: of(tracerWith(processorsOf(forHealthy, unmeasured()))) },
      { name: "metrics", prepare: of(tracerWith(processorsOf(forHealthy, forHealthy.slowRequests))) },
    ]);
    const nanos = (of: string): number => (micros.get(of) ?? Number.NaN) * 1_000;
    const added = nanos("processors") - nanos("without");
    const times = [nanos("without"), added, nanos("metrics") - nanos("processors")];
    return [name, ...times.map((time) => time.toFixed(0)), verdict(added, TARGET_SPAN_NANOS)];
  });
  console.log("\nA healthy span, ns:\n");
  console.log(markdownTable(["", "the span itself", "Seismo's processors", "request metrics", "target"], healthy));

  const failing: string[][] = [];
  for (const journal of [false, true]) {
    await shutdown();
    const current = startRuntime(folder, journal);
    const seismo = tracerWith(processorsOf(current, current.slowRequests));
    for (const sample of SAMPLE_ERRORS) {
      const micros = measure(rounds, ERRORS_A_ROUND, [
        { name: "without", prepare: (count) => failures(bare, sample, count, () => {}) },
        { name: "with", prepare: (count) => failures(seismo, sample, count, () => current.pipeline.deliver()) },
      ]);
      failing.push(comparison(`${sample.name}${journal ? ", journal" : ""}`, micros));
    }
  }
  await shutdown();
  console.log("\nA failing HTTP server span with recordException(), µs, to metrics (and journal):\n");
  console.log(markdownTable(["", "without", "with", "added", "target"], failing));
}

function comparison(name: string, micros: ReadonlyMap<string, number>): string[] {
  const without = micros.get("without") ?? Number.NaN;
  const withSeismo = micros.get("with") ?? Number.NaN;
  const added = withSeismo - without;
  const times = [without, withSeismo, added].map((time) => time.toFixed(1));
  return [name, ...times, verdict(added, TARGET_ERROR_MICROS)];
}

function verdict(added: number, target: number): string {
  return `< ${target} ${added < target ? "met" : "missed"}`;
}

/** The engine as `register` has it, but for the scrape port. */
function startRuntime(folder: string, journal: boolean): Runtime {
  Object.assign(process.env, {
    SEISMO_METRICS_ENABLED: "false",
    SEISMO_JOURNAL: String(journal),
    SEISMO_JOURNAL_PATH: join(folder, "error_log.jsonl"),
    LOG_TO_FILE: "false",
  });
  return runtime();
}

function processorsOf(current: Runtime, slowRequests: SpanProcessor): SpanProcessor[] {
  return [current.requestIds, current.errorSpans, slowRequests, current.llmSpans];
}

/** As the runtime's, but for the metrics behind it. */
function unmeasured(): SpanProcessor {
  return new SlowRequestSpanProcessor(
    { service: RESOURCE.service, slowMillis: 5_000, redaction: compileRules({}).redaction, routes: [] },
    () => {},
    () => performance.now(),
  );
}

function tracerWith(spanProcessors: SpanProcessor[]): Tracer {
  return new BasicTracerProvider({ spanProcessors }).getTracer("bench");
}

/** As under Express: the error is recorded on the request's span, and before that on the query's, if one failed. */
function failures(tracer: Tracer, { make, name }: SampleError, count: number, deliver: () => void): () => void {
  const errors = Array.from({ length: count }, (_, index) => make(index));
  const isDatabase = name.startsWith("database");
  return () => {
    for (const error of errors) {
      finishRequest(tracer, 500, (span) => {
        if (isDatabase) failQuery(tracer, span, error);
        span.recordException(error);
      });
      deliver();
    }
  };
}

function failQuery(tracer: Tracer, parent: Span, error: Error): void {
  const context = trace.setSpan(ROOT_CONTEXT, parent);
  const span = tracer.startSpan("INSERT", { kind: SpanKind.CLIENT, attributes: DATABASE_ATTRIBUTES }, context);
  span.recordException(error);
  span.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
  span.end();
}

function finishRequest(tracer: Tracer, statusCode: number, handle: (span: Span) => void): void {
  const span = tracer.startSpan("GET", { kind: SpanKind.SERVER, attributes: SERVER_ATTRIBUTES }, ROOT_CONTEXT);
  handle(span);
  span.setAttribute("http.response.status_code", statusCode);
  span.setAttribute("http.route", "/items/:id");
  if (statusCode >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
  span.end();
}

// The exposition

async function reportExposition(rounds: number, lines: number): Promise<void> {
  const telemetry = createTelemetry();
  const metrics = createMetrics(
    {
      prefix: "seismo_",
      resource: RESOURCE,
      maxLabelValues: lines,
      maxSeries: lines,
      defaultMetrics: false,
      version: "bench",
    },
    { telemetry, requests: () => ({ inFlight: 0, stuck: 0 }), queues: () => [] },
  );
  const linesPerSeries = 17; // fourteen bounds, +Inf, sum and count
  for (let index = 0; index < lines / linesPerSeries; index++) {
    const route = `/shops/:shop/departments/${index}/items/:item`;
    const traceId = randomUUID().replaceAll("-", "");
    metrics.recordRequest({
      ...{ service: RESOURCE.service, method: "GET", route, statusCode: 200, durationMillis: index % 900 },
      ...{ slow: false, traceId },
    });
  }
  const group = createProcessGroup({ metrics, telemetry, maxSeries: lines });
  try {
    const first = await renderOnce();
    const later = { totals: [] as number[], gaps: [] as number[] };
    for (let round = 0; round < rounds; round++) {
      const { totalMillis, gapMillis } = await renderOnce();
      later.totals.push(totalMillis);
      later.gaps.push(gapMillis);
    }
    console.log(`\n/metrics, ${first.lines} lines, OpenMetrics with exemplars, ms:\n`);
    console.log(
      markdownTable(
        ["", "in all", "longest stop of the event loop"],
        [
          ["first scrape", first.totalMillis.toFixed(1), first.gapMillis.toFixed(1)],
          ["later scrapes", median(later.totals).toFixed(1), median(later.gaps).toFixed(1)],
        ],
      ),
    );
  } finally {
    group.close();
  }

  async function renderOnce(): Promise<{ lines: number; totalMillis: number; gapMillis: number }> {
    let count = 0;
    let gapMillis = 0;
    let isRunning = true;
    const started = performance.now();
    let last = started;
    const tick = (): void => {
      const now = performance.now();
      gapMillis = Math.max(gapMillis, now - last);
      last = now;
      if (isRunning) setImmediate(tick);
    };
    setImmediate(tick);
    for await (const chunk of renderExposition(await group.metricsOfGroup(), "openmetrics")) {
      count += chunk.split("\n").length - 1;
    }
    const totalMillis = performance.now() - started;
    isRunning = false;
    tick();
    return { lines: count, totalMillis, gapMillis };
  }
}

void main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
