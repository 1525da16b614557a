import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { hardwareFaults, utilization } from "../../src/exporter/hardware-context";
import { createFrequency } from "../../src/processors/frequency";
import { processError } from "../../src/processors/process-error";
import { compileRedaction, redact } from "../../src/processors/redact";
import { compileRules } from "../../src/processors/rules";
import {
  MAX_AGE_MILLIS,
  MAX_AHEAD_MILLIS,
  MAX_NAME_CHARS,
  MAX_UNKNOWN_FIELDS,
  parseReport,
} from "../../src/server/report-error";
import type { ReportOutcome } from "../../src/server/report-routes";
import { ask, assertServesOn, FINGERPRINT, NOW, report, serve } from "./ask";

const FULL = {
  timestamp: "2026-11-25T11:59:58.5Z",
  service: "shop",
  worker_id: "worker-3",
  type: "CudaError",
  error_category: "RESOURCE_EXHAUSTED",
  message: "CUDA out of memory",
  traceback: [
    "Traceback (most recent call last):\n",
    '  File "a.py", line 1, in f\n',
    "CudaError: CUDA out of memory\n",
  ],
  system_context: {
    hostname: "gpu-1",
    platform: "linux",
    architecture: "x86_64",
    python_version: "3.12.1",
    metrics: {
      cpu: { percent: 91.5, count: 16, physical_count: 8, frequency_mhz: 3400.5 },
      memory: { used_percent: 60, total_gb: 64, available_gb: 25.6 },
      disk: { used_percent: 97, total_gb: 500, free_gb: 15 },
    },
    gpu_metrics: { count: 1, devices: [{ index: 0, name: "A100", memory_utilization: 99, temperature: 81 }] },
  },
  hardware_context: {
    hardware_type: "gpu",
    hardware_types: ["gpu", "cpu"],
    hardware_status: { overheating: false, memory_pressure: true, throttling: false },
  },
  error_frequency: {
    recurring: true,
    same_type: { last_1h: 3, last_6h: 9, last_24h: 9 },
    similar_message: { last_1h: 1, last_6h: 1, last_24h: 2 },
  },
  request_id: "req-1",
  session_id: "session-1",
  user_id: "user-1",
  page: "/jobs?id=1",
  user_agent: "curl/8",
  user_context: { plan: "pro" },
  error_details: { step: "train", epoch: 3 },
  breadcrumbs: [
    {
      ...{ timestamp: "2026-11-25T11:59:50Z", category: "loader", message: "epoch 3 begins", level: "WARN" },
      data: { rows: 512 },
    },
    { message: "out", level: "loud" },
  ],
  endpoint: "/jobs/:id",
  method: "POST",
  status_code: 503,
  trace_id: "0AF7651916CD43DD8448EB211C80319C",
  span_id: "b7ad6b7169203331",
  release: "1.4.2",
};

test("every field of a report finds its place in the error", async (context) => {
  const { port, reports, telemetry } = await serve(context);
  const answer = await report(port, FULL);
  assert.deepEqual(JSON.parse(answer.text), {
    status: "success",
    message: "Error reported successfully",
    id: "id-1",
    fingerprint: FINGERPRINT,
  });
  assert.equal(answer.status, 200);
  assert.deepEqual(reports, [
    {
      id: "id-1",
      source: "report",
      origin: "root",
      timeUnixMillis: Date.UTC(2026, 10, 25, 11, 59, 58, 500),
      type: "CudaError",
      message: "CUDA out of memory",
      stack: 'Traceback (most recent call last):\n  File "a.py", line 1, in f\nCudaError: CUDA out of memory',
      causes: [],
      properties: {},
      handled: false,
      fatal: false,
      resource: { service: "shop", worker: "worker-3" },
      traceId: "0af7651916cd43dd8448eb211c80319c",
      spanId: "b7ad6b7169203331",
      attributes: {},
      request: { method: "POST", route: "/jobs/:id", url: undefined, statusCode: 503 },
      requestId: "req-1",
      sessionId: "session-1",
      userId: "user-1",
      page: "/jobs?id=1",
      userAgent: "curl/8",
      userContext: { plan: "pro" },
      breadcrumbs: [
        {
          ...{ type: "custom", category: "loader", message: "epoch 3 begins", level: "warning", data: { rows: 512 } },
          timeUnixMillis: Date.UTC(2026, 10, 25, 11, 59, 50),
        },
        {
          ...{ type: "custom", category: "custom", message: "out", level: "info", data: {} },
          timeUnixMillis: Date.UTC(2026, 10, 25, 11, 59, 58, 500),
        },
      ],
      details: { release: "1.4.2", step: "train", epoch: 3, error_frequency: FULL.error_frequency },
      systemContext: FULL.system_context,
      hardwareContext: FULL.hardware_context,
      given: { category: "RESOURCE_EXHAUSTED", severity: undefined },
    },
  ]);
  assert.deepEqual(telemetry.snapshot().kept, [{ signal: "reports", reason: "", value: 1 }]);
});

test("what a report says of the machine is read like that of any other error", () => {
  const event = processError(rawOf(FULL), compileRules(), createFrequency(), NOW);
  assert.deepEqual(
    [event.classification.group, event.classification.category],
    ["resource_error", "resource_exhausted"],
  );
  assert.equal(event.rating.severity, "critical");
  for (const reason of ["hardware is under memory pressure", "CPU 91.5 %, above 90 %", "free disk 3 %, below 5 %"]) {
    assert.ok(event.rating.reasons.includes(reason), reason);
  }
  const { cpuPercent, gpus } = utilization(event.systemContext ?? {});
  assert.deepEqual([cpuPercent, gpus], [91.5, [{ device: "0", memoryPercent: 99, temperatureCelsius: 81 }]]);
  assert.deepEqual(hardwareFaults(event), [
    { type: "gpu", status: "memory_pressure" },
    { type: "cpu", status: "memory_pressure" },
  ]);
});

test("a type or a message is enough", () => {
  assert.deepEqual(textsOf({ type: "E" }), ["E", ""]);
  assert.deepEqual(textsOf({ message: "m" }), ["Error", "m"]);
  assert.deepEqual(textsOf({ type: " ", message: "m", traceback: null }), ["Error", "m"]);
  for (const body of [{}, { type: "" }, { message: " ", type: null }, { traceback: "x" }]) {
    assert.deepEqual(fieldsOf(body), ["message"], JSON.stringify(body));
  }
});

test("who reported is the service and the worker, else the host, else nobody known", () => {
  const who = (body: object) => rawOf({ message: "m", ...body }).resource;
  assert.deepEqual(who({}), { service: "reported", worker: "unknown" });
  assert.deepEqual(who({ worker_id: "", service: "", system_context: { hostname: "h" } }), {
    service: "reported",
    worker: "h",
  });
  const hostile = "../../etc/passwd\0";
  assert.deepEqual(who({ service: hostile, worker_id: hostile }), { service: hostile, worker: hostile });
  assert.deepEqual(fieldsOf({ message: "m", worker_id: "w".repeat(MAX_NAME_CHARS + 1) }), ["worker_id"]);
});

test("every wrong type is refused and names its field", async (context) => {
  const served = await serve(context);
  const wrong: readonly (readonly [path: string, wrong: readonly unknown[]])[] = [
    ...TEXTS.map((path) => [path, [1, true, ["x"], { length: 3 }]] as const),
    [
      "timestamp",
      [1_700_000_000, "yesterday", "", "2026-02-30T00:00:00Z", "2026-11-25T25:00:00Z", "+010000-01-01T00:00:00Z"],
    ],
    ["traceback", [1, {}, [1], ["x", null]]],
    ["handled", ["true", 1, {}]],
    ["fatal", ["true", 0]],
    ["status_code", ["500", 99, 600, 500.5, -500, 1e308, []]],
    ...["user_context", "error_details", "system_context", "hardware_context", "error_frequency"].map(
      (path) => [path, ["x", 1, true, [], ["x"]]] as const,
    ),
    ["breadcrumbs", ["x", {}, ["x"], [{ message: 1 }], [{ data: [] }], [{ timestamp: "now" }]]],
    ["system_context.hostname", [1]],
    ["system_context.metrics", ["x", []]],
    ["system_context.metrics.cpu", [90]],
    ...["cpu.percent", "cpu.frequency_mhz", "memory.used_percent", "disk.free_gb"].map(
      (path) => [`system_context.metrics.${path}`, ["90", -1, 1e308, {}]] as const,
    ),
    ["system_context.metrics.cpu.count", [1.5, -1, "8"]],
    ["system_context.gpu_metrics.devices", [{}, "x", { length: 3 }]],
    ["hardware_context.hardware_type", [1]],
    ["hardware_context.hardware_types", ["gpu", {}]],
    ...["overheating", "memory_pressure", "throttling"].map(
      (flag) => [`hardware_context.hardware_status.${flag}`, ["yes", 1]] as const,
    ),
    ["error_frequency.recurring", ["yes"]],
    ["error_frequency.same_type.last_1h", [-1, 1e308, 1.5, "3"]],
    ["error_frequency.similar_message.last_24h", [-1, 1e308]],
  ];
  for (const [path, values] of wrong) {
    for (const value of values) {
      const answer = await report(served.port, { type: "E", message: "m", ...nested(path, value) });
      const said = JSON.parse(answer.text);
      assert.equal(answer.status, 400, `${path}: ${JSON.stringify(value)}`);
      assert.equal(said.status, "error");
      assert.deepEqual(
        new Set(said.errors.map((error: { path: string }) => error.path.slice(0, path.length))),
        new Set([path]),
        JSON.stringify(value),
      );
    }
  }
  const several = await report(served.port, {
    message: 1,
    system_context: { gpu_metrics: { devices: [{ index: 0 }, { index: [], temperature: "hot" }] } },
  });
  assert.deepEqual(
    JSON.parse(several.text).errors.map(({ path }: { path: string }) => path),
    ["message", "system_context.gpu_metrics.devices.1.index", "system_context.gpu_metrics.devices.1.temperature"],
  );
  assert.equal(served.reports.length, 0);
  await assertServesOn(served);
});

test("very many wrong items are a short list of errors", () => {
  const devices = (count: number) => ({ gpu_metrics: { devices: Array.from({ length: count }, () => ({ name: 1 })) } });
  assert.equal(fieldsOf({ message: "m", system_context: devices(1_000) }).length, 20);
  assert.deepEqual(fieldsOf({ message: "m", system_context: devices(100_000) }), [
    "system_context.gpu_metrics.devices",
  ]);
  const hardware_types = Array.from({ length: 300_000 }, () => 1);
  assert.deepEqual(fieldsOf({ message: "m", hardware_context: { hardware_types } }), [
    "hardware_context.hardware_types",
  ]);
  assert.deepEqual(fieldsOf({ message: "m", traceback: hardware_types }), ["traceback"]);
});

test("null stands for what a sender has not", () => {
  const names = Object.keys(FULL).filter((field) => field !== "release");
  const raw = rawOf({ ...Object.fromEntries(names.map((field) => [field, null])), type: "E" });
  assert.deepEqual(raw.details, {});
  assert.deepEqual([raw.type, raw.message, raw.timeUnixMillis, raw.request], ["E", "", NOW, undefined]);
});

test("a time that cannot be the error's is kept as a detail, and the time of arrival stands for it", () => {
  const timeOf = (timestamp: string) => rawOf({ message: "m", timestamp });
  const iso = (millis: number) => new Date(millis).toISOString();
  for (const near of [NOW, NOW - MAX_AGE_MILLIS, NOW + MAX_AHEAD_MILLIS]) {
    assert.equal(timeOf(iso(near)).timeUnixMillis, near);
    assert.deepEqual(timeOf(iso(near)).details, {});
  }
  for (const far of [
    "1970-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "0000-01-01T00:00:00Z",
    iso(NOW - MAX_AGE_MILLIS - 1),
  ]) {
    assert.equal(timeOf(far).timeUnixMillis, NOW);
    assert.deepEqual(timeOf(far).details, { timestamp: far });
  }
});

test("a time without a zone is UTC, and zones and microseconds are read", () => {
  const timeOf = (timestamp: string) => rawOf({ message: "m", timestamp }).timeUnixMillis;
  assert.equal(timeOf("2026-11-25T12:00:00"), NOW);
  assert.equal(timeOf("2026-11-25T12:00"), NOW);
  assert.equal(timeOf("2026-11-25T12:00:00.001999"), NOW + 1);
  assert.equal(timeOf("2026-11-25T21:00:00+09:00"), NOW);
});

test("an error was dealt with unless the answer or the sender says otherwise", () => {
  const of = (body: object) => rawOf({ message: "m", ...body });
  assert.equal(of({}).handled, true);
  assert.equal(of({ status_code: 404 }).handled, true);
  assert.equal(of({ status_code: 500 }).handled, false);
  assert.equal(of({ status_code: 500, handled: true }).handled, true);
  assert.equal(of({ handled: false }).handled, false);
  assert.deepEqual([of({ fatal: true }).fatal, of({ fatal: true }).handled], [true, false]);
});

test("a named severity counts; any other text is a detail", () => {
  assert.equal(rawOf({ message: "m", severity: "critical" }).given.severity, "critical");
  const odd = rawOf({ message: "m", severity: "catastrophic" });
  assert.deepEqual([odd.given.severity, odd.details], [undefined, { severity: "catastrophic" }]);
});

test("an endpoint with a query or a host is a URL, any other a route", () => {
  const requestOf = (endpoint: string) => rawOf({ message: "m", endpoint }).request;
  assert.equal(requestOf("/users/:id")?.route, "/users/:id");
  for (const url of ["/users?token=abc", "https://api.example/users"]) {
    assert.deepEqual([requestOf(url)?.url, requestOf(url)?.route], [url, undefined]);
  }
});

test("an id of a trace that is none does not cost the error", () => {
  for (const trace_id of ["", "x", "0".repeat(32), "g".repeat(32), "0af7651916cd43dd8448eb211c80319c0"]) {
    assert.equal(rawOf({ message: "m", trace_id }).traceId, undefined);
  }
});

test("no name of a field or category means anything to us", async (context) => {
  const served = await serve(context);
  const before = Object.getOwnPropertyNames(Object.prototype);
  const hostile =
    '{"message":"m","error_category":"__proto__","__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},' +
    '"toString":"x","user_context":{"__proto__":{"polluted":1}},"system_context":{"__proto__":{"metrics":1}}}';
  assert.equal((await report(served.port, hostile)).status, 200);
  assert.equal(served.reports[0]?.given.category, "__proto__");
  assert.deepEqual(Object.keys(served.reports[0]?.details ?? {}), ["__proto__", "constructor", "toString"]);
  assert.equal(Object.getPrototypeOf(served.reports[0]?.details), Object.prototype);
  assert.equal("polluted" in {}, false);
  assert.deepEqual(Object.getOwnPropertyNames(Object.prototype), before);
  await assertServesOn(served);
});

test("of very many fields the first are kept and the others counted", async (context) => {
  const served = await serve(context);
  for (const prefix of ["key", ""]) {
    const many = Object.fromEntries(Array.from({ length: 60_000 }, (_, index) => [`${prefix}${index}`, 1]));
    assert.equal((await report(served.port, { ...many, message: "m" })).status, 200);
    const details = served.reports.at(-1)?.details ?? {};
    assert.equal(Object.keys(details).length, MAX_UNKNOWN_FIELDS + 1);
    assert.equal(details["omitted_fields"], 60_000 - MAX_UNKNOWN_FIELDS);
  }
  await assertServesOn(served);
});

test("only what was accepted is acknowledged with its id", async (context) => {
  let outcome: ReportOutcome = { status: "ignored" };
  const served = await serve(context, { onReport: async () => outcome });
  const ignored = await report(served.port, { message: "m" });
  assert.equal(ignored.status, 200);
  assert.match(JSON.parse(ignored.text).message, /ignored by a rule/);
  assert.equal("id" in JSON.parse(ignored.text), false);

  outcome = { status: "unavailable", reason: "the journal cannot be written", retryAfterSeconds: 4.2 };
  const unavailable = await report(served.port, { message: "m" });
  assert.deepEqual([unavailable.status, unavailable.headers["retry-after"]], [503, "5"]);
  assert.deepEqual(JSON.parse(unavailable.text), { status: "error", message: "the journal cannot be written" });

  outcome = { status: "accepted", fingerprint: FINGERPRINT };
  await assertServesOn(served);
  const { received, kept, dropped } = served.telemetry.snapshot();
  assert.deepEqual(received, [{ signal: "reports", reason: "", value: 3 }]);
  assert.deepEqual(kept, [{ signal: "reports", reason: "", value: 1 }]);
  assert.deepEqual(dropped, [
    { signal: "reports", reason: "ignored", value: 1 },
    { signal: "reports", reason: "refused", value: 1 },
  ]);
});

test("an error of the collector is a 500 that tells nothing", async (context) => {
  let fails = true;
  const served = await serve(context, {
    onReport: async () => {
      if (fails) throw new Error("/home/me is broken");
      return { status: "accepted", fingerprint: FINGERPRINT };
    },
  });
  const answer = await report(served.port, { message: "m" });
  assert.deepEqual([answer.status, JSON.parse(answer.text)], [500, { status: "error", message: "internal error" }]);
  fails = false;
  await assertServesOn(served);
});

test("any JSON value is a report or is refused, and is safe to go on with", () => {
  const before = Object.getOwnPropertyNames(Object.prototype);
  const rules = compileRedaction({});
  fc.assert(
    fc.property(anyBody(), (body) => {
      const sent = JSON.parse(JSON.stringify(body));
      const parsed = parse(sent);
      if (parsed.status === "invalid")
        assert.ok(parsed.errors.length > 0 && parsed.errors.every(({ message }) => message));
      else JSON.stringify(redact(parsed.raw, rules));
    }),
    { numRuns: 2_000 },
  );
  assert.deepEqual(Object.getOwnPropertyNames(Object.prototype), before);
});

test("any JSON value as a body is a 200, a 400 or a 413", async (context) => {
  const served = await serve(context);
  const before = Object.getOwnPropertyNames(Object.prototype);
  await fc.assert(
    fc.asyncProperty(anyBody(), async (body) => {
      const taken = served.reports.length;
      const { status } = await report(served.port, JSON.stringify(body));
      assert.ok([200, 400, 413].includes(status), String(status));
      assert.equal(served.reports.length - taken, status === 200 ? 1 : 0);
    }),
    { numRuns: 300 },
  );
  assert.deepEqual(Object.getOwnPropertyNames(Object.prototype), before);
  assert.equal((await ask(served.port, { path: "/metrics" })).status, 200);
  await assertServesOn(served);
});

const TEXTS = [
  ...["service", "worker_id", "type", "error_category", "message", "request_id", "session_id", "user_id", "page"],
  ...["user_agent", "endpoint", "method", "trace_id", "span_id"],
];

/** Any value at all, and objects that know the names of fields but not their types. */
function anyBody(): fc.Arbitrary<unknown> {
  const value = fc.oneof(fc.jsonValue(), fc.string(), fc.constantFrom("m", true, 3, {}, [], null));
  const names = [...Object.keys(FULL), "__proto__", "constructor", "handled", "fatal", "severity"];
  const report = fc.dictionary(fc.constantFrom(...names), value).map((fields) => ({ message: "m", ...fields }));
  return fc.oneof(fc.jsonValue(), report);
}

function nested(path: string, value: unknown): object {
  return path.split(".").reduceRight<unknown>((inner, key) => ({ [key]: inner }), value) as object; // a path has a key
}

function parse(body: unknown) {
  const around = { resource: { service: "reported", worker: "unknown" }, newId: () => "id", nowMillis: () => NOW };
  return parseReport(JSON.parse(JSON.stringify(body)), around);
}

function rawOf(body: object) {
  const parsed = parse(body);
  assert.equal(parsed.status, "valid", JSON.stringify(parsed));
  return parsed.status === "valid" ? parsed.raw : assert.fail();
}

function textsOf(body: object): string[] {
  const { type, message } = rawOf(body);
  return [type, message];
}

function fieldsOf(body: object): string[] {
  const parsed = parse(body);
  return parsed.status === "invalid" ? parsed.errors.map(({ path }) => path) : [];
}
