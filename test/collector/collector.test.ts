/** `seismo collect` through its front doors: what goes in by OTLP and REST, and what is found in journal and metrics. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { OTLPLogExporter } from "@opentelemetry/exporter-logs-otlp-proto";
import { OTLPTraceExporter as GrpcTraceExporter } from "@opentelemetry/exporter-trace-otlp-grpc";
import { OTLPTraceExporter as ProtobufTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { LoggerProvider, SimpleLogRecordProcessor } from "@opentelemetry/sdk-logs";
import { BasicTracerProvider, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
import type { JsonObject } from "../../src/event";
import { VERSION } from "../../src/version";
import { cannotRunHere } from "../cannot-run-here";
import { eventually } from "../instrumentation/fixture-app";
import { exceptionLogBody, hexId, postOtlp, tracesBody } from "./otlp-requests";
import {
  counted,
  errorsOf,
  freshFolder,
  isBalanced,
  journalOf,
  metricsOf,
  type RunningCollector,
  runCollector,
  samplesOf,
  startCollector,
  total,
} from "./running-collector";

const QUICK = { SEISMO_ORIGIN_HOLD_MS: "300" };
const FAILURE = {
  type: "TypeError",
  message: "no total",
  stack: "TypeError: no total\n    at total (/srv/shop/cart.js:3:9)",
};

test("it says where it listens, is ready, and ends with 0 when it is told to stop", async (context) => {
  const collector = await startCollector(context);
  assert.match(collector.stdout(), /^seismo \d+\.\d+\.\d+ collects$/m);
  for (const path of ["/healthz", "/readyz"]) assert.equal((await fetch(collector.apiUrl + path)).status, 200, path);
  const families = await metricsOf(collector);
  assert.equal(total(families, "seismo_build_info"), 1);
  assert.equal(families.has("seismo_requests_in_flight"), false, "it has no requests of its own");
  assert.equal(await collector.stop(), 0);
  assert.match(collector.stdout(), /SIGTERM: writing what is left/);
  assert.equal(collector.stderr(), "");
});

test("a failure that comes by OTLP is one event, counted once, under one id everywhere", async (context) => {
  const collector = await startCollector(context, { env: QUICK });
  const traceId = hexId(16);
  const spans = [
    {
      traceId,
      kind: 2,
      exception: FAILURE,
      status: 2,
      attributes: { "http.request.method": "GET", "http.route": "/cart/:id", "http.response.status_code": 500 },
    },
    {
      kind: 2,
      attributes: { "http.request.method": "GET", "http.route": "/cart/:id", "http.response.status_code": 200 },
      durationMillis: 6_000,
    },
  ];
  assert.equal(await postOtlp(collector.otlpUrl, tracesBody([{ service: "shop", worker: "shop-1", spans }])), 200);
  const [line, ...more] = errorsOf(collector.folder);
  assert.deepEqual(more, []);
  assert.deepEqual(
    [line?.["error_type"], line?.["error_message"], line?.["service"], line?.["worker_id"], line?.["trace_id"]],
    ["TypeError", "no total", "shop", "shop-1", traceId],
  );
  const families = await counted(collector, 1);
  const [sample] = samplesOf(families, "seismo_errors");
  assert.deepEqual(sample?.labels, {
    ...{ service: "shop", worker: "shop-1", category: "application_error", group: "application_error" },
    ...{ type: "TypeError", severity: "warning", origin: "root" },
  });
  assert.deepEqual(sample?.exemplar?.labels, { trace_id: traceId, fingerprint: line?.["fingerprint"] });
  const requests = { service: "shop", method: "GET", route: "/cart/:id" };
  const count = samplesOf(families, "seismo_http_request_duration_seconds").filter(({ name }) =>
    name.endsWith("_count"),
  );
  assert.deepEqual(
    count.map(({ labels, value }) => [labels, value]),
    [
      [{ ...requests, status_class: "5xx" }, 1],
      [{ ...requests, status_class: "2xx" }, 1],
    ],
  );
  assert.equal(total(families, "seismo_slow_requests", requests), 1);
  await isBalanced(collector);
});

test("OpenTelemetry's own exporters are understood, over HTTP and gRPC, spans and logs", async (context) => {
  const collector = await startCollector(context, { env: { ...QUICK, SEISMO_OTLP_GRPC_PORT: "0" } });
  const resource = resourceFromAttributes({ "service.name": "sdk", "service.instance.id": "sdk-1" });
  for (const exporter of [
    new ProtobufTraceExporter({ url: `${collector.otlpUrl}/v1/traces` }),
    new GrpcTraceExporter({ url: `http://${collector.grpcAddress}` }),
  ]) {
    const provider = new BasicTracerProvider({ resource, spanProcessors: [new SimpleSpanProcessor(exporter)] });
    const span = provider.getTracer("test").startSpan("pay");
    span.recordException(new RangeError("too much"));
    span.end();
    await provider.shutdown();
  }
  const logs = new LoggerProvider({
    resource,
    processors: [
      new SimpleLogRecordProcessor({ exporter: new OTLPLogExporter({ url: `${collector.otlpUrl}/v1/logs` }) }),
    ],
  });
  logs.getLogger("test").emit({ attributes: { "exception.type": "LogError", "exception.message": "told by a log" } });
  await logs.shutdown();
  const families = await counted(collector, 3);
  assert.equal(total(families, "seismo_errors", { type: "RangeError", worker: "sdk-1" }), 2);
  assert.equal(total(families, "seismo_errors", { type: "LogError", worker: "sdk-1" }), 1);
  await isBalanced(collector);
});

test("a trace through three services with one database failure counts one root", async (context) => {
  const collector = await startCollector(context, { env: QUICK });
  const traceId = hexId(16);
  const ids = Array.from({ length: 6 }, () => hexId(8));
  const at = Date.now();
  const span = (index: number, more: object) => ({
    ...{ traceId, spanId: ids[index] ?? "", startMillis: at + index, durationMillis: 100 - 10 * index, status: 2 },
    ...(index === 0 ? {} : { parentSpanId: ids[index - 1] ?? "" }),
    ...more,
  });
  const http = (status: number) => ({ "http.request.method": "GET", "http.response.status_code": status });
  const exception = { type: "23505", message: 'duplicate key value violates unique constraint "users_email_key"' };
  const requests = [
    tracesBody([
      {
        service: "gateway",
        spans: [span(0, { kind: 2, attributes: http(502) }), span(1, { kind: 3, attributes: http(502) })],
      },
    ]),
    tracesBody([
      {
        service: "orders",
        spans: [span(2, { kind: 2, attributes: http(502) }), span(3, { kind: 3, attributes: http(500) })],
      },
    ]),
    tracesBody([
      {
        service: "users",
        spans: [
          span(4, { kind: 2, attributes: http(500), exception }),
          span(5, {
            kind: 3,
            attributes: { "db.system.name": "postgresql", "db.query.text": "INSERT INTO users" },
            exception,
          }),
        ],
      },
    ]),
  ];
  for (const body of requests) assert.equal(await postOtlp(collector.otlpUrl, body), 200);
  const families = await counted(collector, 5);
  const roots = samplesOf(families, "seismo_errors").filter(({ labels }) => labels["origin"] === "root");
  assert.deepEqual(
    roots.map(({ labels, value }) => [labels["service"], labels["category"], value]),
    [["users", "database_constraint", 1]],
  );
  assert.equal(total(families, "seismo_errors", { origin: "echo" }), 4, "two spans each of gateway and orders");
  assert.equal(
    total(families, "seismo_dropped", { signal: "errors", reason: "duplicate" }),
    1,
    "the server span of users",
  );
  await eventually(
    "the judgement in the journal",
    () =>
      journalOf(collector.folder).some(
        ({ action, changed }) => action === "origin" && Array.isArray(changed) && changed.length > 0,
      ) || undefined,
  );
  await isBalanced(collector);
});

test("a report by REST is journaled, counted, and feeds the metrics of worker and hardware", async (context) => {
  const collector = await startCollector(context);
  const response = await fetch(`${collector.apiUrl}/api/report-error`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      ...{ worker_id: "lab-7", type: "GPUError", error_category: "HARDWARE_OVERHEATING", message: "GPU 0 is at 96 °C" },
      hardware_context: { hardware_type: "gpu", hardware_status: { overheating: true } },
      system_context: {
        metrics: { cpu: { percent: 42 }, memory: { used_percent: 61 } },
        gpu_metrics: { devices: [{ index: 0, temperature: 96, memory_utilization: 80 }] },
      },
    }),
  });
  assert.equal(response.status, 200);
  const { id, fingerprint } = (await response.json()) as { readonly id: string; readonly fingerprint: string };
  const [line] = errorsOf(collector.folder);
  assert.deepEqual([line?.id, line?.["fingerprint"], line?.["severity"]], [id, fingerprint, "critical"]);
  const families = await metricsOf(collector);
  assert.equal(total(families, "seismo_errors", { worker: "lab-7", severity: "critical" }), 1);
  assert.equal(total(families, "seismo_worker_status", { worker: "lab-7" }), 2);
  assert.equal(total(families, "seismo_hardware_errors", { hardware_type: "gpu", status: "overheating" }), 1);
  assert.equal(total(families, "seismo_worker_cpu_percent", { worker: "lab-7" }), 42);
  assert.equal(total(families, "seismo_gpu_temperature_celsius", { worker: "lab-7", device: "0" }), 96);
  await isBalanced(collector);
});

test("whoever sends anything is seen: its release, and when its worker last gave a sign of life", async (context) => {
  const collector = await startCollector(context);
  const begun = Date.now() / 1_000;
  const healthy = tracesBody([
    { service: "shop", worker: "shop-1", version: "4.2.0", spans: [{}] },
    { service: "shop", worker: "shop-2", version: "4.2.0", spans: [{}] },
    { service: "till", spans: [] },
  ]);
  assert.equal(await postOtlp(collector.otlpUrl, healthy), 200);
  assert.equal(await postOtlp(collector.otlpUrl, healthy.slice(1)), 400);
  assert.equal(await postOtlp(collector.otlpUrl, exceptionLogBody("mail", "E", "x"), "/v1/logs"), 200);
  const report = await fetch(`${collector.apiUrl}/api/report-error`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ service: "lab", worker_id: "lab-7", message: "the lens is dirty" }),
  });
  assert.equal(report.status, 200);
  const families = await metricsOf(collector);
  const releases = samplesOf(families, "seismo_service_info").map(({ labels, value }) => {
    assert.equal(value, 1);
    return [labels["service"], labels["service_version"], labels["environment"]];
  });
  assert.deepEqual(releases, [
    ["seismo-collector", VERSION, ""],
    ["shop", "4.2.0", ""],
    ["mail", "", ""],
    ["lab", "", ""],
  ]);
  const workers = samplesOf(families, "seismo_worker_last_seen_timestamp_seconds").map(({ labels, value }) => {
    assert.ok(value >= begun - 1 && value <= Date.now() / 1_000 + 1, `${value}`);
    return labels["worker"];
  });
  assert.deepEqual(workers.slice(1), ["shop-1", "shop-2", "unknown", "lab-7"]);
  const memory = samplesOf(families, "seismo_process_resident_memory_bytes");
  assert.deepEqual(
    memory.map(({ labels }) => labels["service"]),
    ["seismo-collector"],
  );
});

test("what is malformed is refused whole: nothing of it is counted or kept, and the next request works", async (context) => {
  const collector = await startCollector(context, { env: QUICK });
  const good = tracesBody([{ service: "shop", spans: [{ exception: FAILURE, status: 2 }] }]);
  for (const bad of [good.slice(0, -1), "[]", '{"resourceSpans":{}}', good.replace('"events":[', '"events":["x",')]) {
    assert.equal(await postOtlp(collector.otlpUrl, bad), 400, bad.slice(0, 40));
  }
  assert.equal(await postOtlp(collector.otlpUrl, Uint8Array.from([0x0a, 0xff, 0xff, 0xff, 0x7f])), 400);
  assert.deepEqual(errorsOf(collector.folder), []);
  assert.equal(await postOtlp(collector.otlpUrl, good), 200);
  assert.equal(await postOtlp(collector.otlpUrl, exceptionLogBody("shop", "E", "x"), "/v1/logs"), 200);
  assert.equal(total(await counted(collector, 2), "seismo_errors"), 2);
});

test("an error that cannot be written is not acknowledged, and not counted", async (context) => {
  const collector = await startCollector(context, { env: { ...QUICK, SEISMO_JOURNAL_PATH: "/dev/full" } });
  const body = tracesBody([{ service: "shop", spans: [{ exception: FAILURE, status: 2 }] }]);
  assert.equal(await postOtlp(collector.otlpUrl, body), 503);
  const report = await fetch(`${collector.apiUrl}/api/report-error`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: '{"message":"lost"}',
  });
  assert.equal(report.status, 503);
  assert.equal(report.headers.get("retry-after"), "1");
  const healthy = tracesBody([{ service: "shop", spans: [{}] }]);
  assert.equal(await postOtlp(collector.otlpUrl, healthy), 200, "what needs no journal is taken");
  assert.equal(await collector.stop(), 0);
  assert.match(collector.stderr(), /cannot write \/dev\/full/);
});

test("on a full disk it asks senders to come again, loses nothing that it acknowledged, and recovers", async (context) => {
  const folder = mkdtempSync(join(tmpdir(), "seismo-full-"));
  // Ended in this order, and the collector before them.
  const leave = (): void => {
    spawnSync("umount", ["--lazy", folder]);
    rmSync(folder, { recursive: true, force: true });
  };
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], { encoding: "utf8" });
  if (mounted.status !== 0) {
    leave();
    return cannotRunHere(context, `needs the right to mount a tmpfs: ${mounted.stderr}`);
  }
  const collector = await startCollector(context, { folder, env: QUICK });
  context.after(leave);
  const send = (traceId: string) =>
    postOtlp(collector.otlpUrl, tracesBody([{ service: "shop", spans: [{ traceId, exception: FAILURE, status: 2 }] }]));
  writeFileSync(join(folder, "ballast"), Buffer.alloc(3_500_000));
  const acknowledged: string[] = [];
  let status: number | undefined = 200;
  for (let i = 0; i < 2_000 && status === 200; i++) {
    const traceId = hexId(16);
    status = await send(traceId);
    if (status === 200) acknowledged.push(traceId);
  }
  assert.equal(status, 503);
  assert.ok(acknowledged.length > 50);
  rmSync(join(folder, "ballast"));
  const late = hexId(16);
  await eventually("room again", async () => ((await send(late)) === 200 ? true : undefined), undefined, 5_000);
  const found = new Set(errorsOf(folder, "damaged").map((line) => line["trace_id"]));
  assert.deepEqual(
    [...acknowledged, late].filter((traceId) => !found.has(traceId)),
    [],
  );
  assert.equal(await collector.stop(), 0);
});

test("ten thousand services and hostile names stay within the caps, and the metrics can be read", async (context) => {
  const collector = await startCollector(context, { env: { ...QUICK, SEISMO_ORIGIN_HOLD_MS: "0" } });
  const odd = [
    "__proto__",
    "constructor",
    'a"b',
    "a\\b",
    "a\nb",
    "\u0000",
    "\u202e",
    "\ud83d",
    "<script>",
    "x".repeat(100_000),
  ];
  const names = [...odd, ...Array.from({ length: 10_000 }, (_, index) => `service-${index}`)];
  for (let from = 0; from < names.length; from += 500) {
    const services = names.slice(from, from + 500).map((name) => ({
      service: name,
      spans: [
        {
          ...{ kind: 2, status: 2, exception: { type: name.slice(0, 200), message: name } },
          attributes: { "http.request.method": name.slice(0, 20), "http.route": name, [name.slice(0, 40)]: 1 },
        },
      ],
    }));
    assert.equal(await postOtlp(collector.otlpUrl, tracesBody(services)), 200);
  }
  const families = await counted(collector, names.length);
  assert.equal(total(families, "seismo_errors"), names.length, "the sum stays exact");
  const requests = samplesOf(families, "seismo_http_request_duration_seconds").filter(({ name }) =>
    name.endsWith("_count"),
  );
  assert.equal(
    requests.reduce((sum, { value }) => sum + value, 0),
    names.length,
  );
  for (const { name, samples } of families.values()) {
    const series = new Set(
      samples.map(({ labels: { le: _, ...labels } }) => JSON.stringify(Object.entries(labels).sort())),
    );
    assert.ok(series.size <= 2_000, `${name} has ${series.size} series`);
  }
  assert.ok(total(families, "seismo_series_overflow") > 0);
  assert.equal(errorsOf(collector.folder).length, names.length);
  await isBalanced(collector);
});

test("it does not start on a port that is taken, and says which", async (context) => {
  const blocker = createServer();
  blocker.listen(0, "127.0.0.1");
  await once(blocker, "listening");
  context.after(() => blocker.close());
  const { port } = blocker.address() as AddressInfo; // an address of TCP
  for (const [name, variable] of [
    ["OTLP/HTTP", "SEISMO_OTLP_PORT"],
    ["the API", "SEISMO_PORT"],
  ] as const) {
    const { code, stderr } = await runCollector(freshFolder(context), { env: { [variable]: String(port) } });
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(`^seismo: ${name} cannot listen on 127\\.0\\.0\\.1:${port}: .*EADDRINUSE`, "m"));
  }
});

test("it refuses to start on bad configuration, and lists all faults", async (context) => {
  const { code, stderr } = await runCollector(freshFolder(context), {
    env: { SEISMO_OTLP_PROT: "1", SEISMO_PORT: "ten", SEISMO_HOST: "0.0.0.0" },
  });
  assert.equal(code, 1);
  assert.match(stderr, /SEISMO_OTLP_PROT="1": nothing reads this; the nearest known name is SEISMO_OTLP_PORT/);
  assert.match(stderr, /SEISMO_PORT="ten": expected port/);
  assert.match(stderr, /SEISMO_HOST="0\.0\.0\.0": a bind other than loopback needs a token/);
});

test("with a token, whoever has none is refused at every door", async (context) => {
  const token = "t".repeat(40);
  const collector = await startCollector(context, { env: { SEISMO_TOKEN: token } });
  assert.equal(await postOtlp(collector.otlpUrl, tracesBody([])), 401);
  assert.equal((await fetch(`${collector.apiUrl}/metrics`)).status, 401);
  const authorization = `Bearer ${token}`;
  assert.equal((await fetch(`${collector.apiUrl}/metrics`, { headers: { authorization } })).status, 200);
});

test("a restart knows the groups of before, and counts what was written and not yet counted", async (context) => {
  const folder = freshFolder(context);
  const env = { SEISMO_ORIGIN_HOLD_MS: "60000" };
  const first = await startCollector(context, { folder, env });
  const body = () => tracesBody([{ service: "shop", spans: [{ exception: FAILURE, status: 2 }] }]);
  for (let i = 0; i < 3; i++) assert.equal(await postOtlp(first.otlpUrl, body()), 200);
  assert.equal(await first.stop("SIGKILL"), "SIGKILL");
  const second = await startCollector(context, { folder, env: QUICK });
  const families = await metricsOf(second);
  assert.equal(total(families, "seismo_errors", { service: "shop" }), 3);
  assert.equal(total(families, "seismo_new_error_groups", { service: "shop" }), 1);
  assert.equal(await postOtlp(second.otlpUrl, body()), 200);
  assert.equal(total(await counted(second, 4), "seismo_new_error_groups", { service: "shop" }), 1);
  assert.equal(await second.stop(), 0);
  const third = await startCollector(context, { folder, env: QUICK });
  assert.equal(total(await metricsOf(third), "seismo_errors"), 0, "all of before is judged");
  await isBalanced(third);
});

test("a rule that renames a group makes it not new, and its lines carry the id of before", async (context) => {
  const folder = freshFolder(context);
  const body = () => tracesBody([{ service: "shop", spans: [{ exception: FAILURE, status: 2 }] }]);
  const first = await startCollector(context, { folder, env: QUICK });
  assert.equal(await postOtlp(first.otlpUrl, body()), 200);
  await counted(first, 1);
  assert.equal(await first.stop(), 0);
  const rule = { match: { type: FAILURE.type }, fingerprint: ["failures"] };
  writeFileSync(join(folder, "seismo.config.json"), JSON.stringify({ errors: { fingerprints: [rule] } }));
  const second = await startCollector(context, { folder, env: QUICK });
  assert.equal(await postOtlp(second.otlpUrl, body()), 200);
  assert.equal(total(await counted(second, 1), "seismo_new_error_groups"), 0);
  const [before, after] = errorsOf(folder);
  assert.notEqual(after?.["fingerprint"], before?.["fingerprint"]);
  assert.equal(after?.["fingerprint_previous"], before?.["fingerprint"]);
});

test("a group that was silent for a day has regressed, and is not new, whatever was restarted meanwhile", async (context) => {
  const folder = freshFolder(context);
  const first = await startCollector(context, { folder, env: QUICK });
  const send = async (collector: RunningCollector, type: string) => {
    const spans = [{ exception: { ...FAILURE, type }, status: 2 }];
    assert.equal(await postOtlp(collector.otlpUrl, tracesBody([{ service: "shop", spans }])), 200);
  };
  await send(first, "Silent");
  await send(first, "Recent");
  await counted(first, 2);
  assert.equal(await first.stop(), 0);
  setBack(folder, "Silent", 25 * 3_600_000);
  setBack(folder, "Recent", 23 * 3_600_000);

  const second = await startCollector(context, { folder, env: { SEISMO_ORIGIN_HOLD_MS: "60000" } });
  for (const type of ["Silent", "Recent", "Silent"]) await send(second, type);
  assert.equal(await second.stop("SIGKILL"), "SIGKILL");
  const told = errorsOf(folder).map(({ error_type, recurrence }) => [error_type, recurrence]);
  assert.deepEqual(
    told.slice(2).map(([type, recurrence]) => [type, (recurrence as { is_regressed: boolean }).is_regressed]),
    [
      ["Silent", true],
      ["Recent", false],
      ["Silent", false],
    ],
  );

  const third = await startCollector(context, { folder, env: QUICK });
  await send(third, "Silent");
  const families = await counted(third, 4);
  assert.equal(total(families, "seismo_regressed_error_groups", { service: "shop" }), 1, "counted after the kill");
  assert.equal(total(families, "seismo_new_error_groups"), 0);
});

test("since when a group is known, and what it usually comes after, outlives a restart", async (context) => {
  const folder = freshFolder(context);
  const first = await startCollector(context, { folder, env: QUICK });
  const fail = async (collector: RunningCollector) => {
    const traceId = hexId(16);
    const spans = ["Cause", "Effect"].map((type) => ({ traceId, exception: { ...FAILURE, type }, status: 2 }));
    assert.equal(await postOtlp(collector.otlpUrl, tracesBody([{ service: "shop", spans }])), 200);
    return errorsOf(folder).at(-1)?.["recurrence"] as JsonObject;
  };
  await fail(first);
  assert.equal((await fail(first))["usually_after"], null, "seen twice");
  assert.equal(await first.stop(), 0);
  const path = join(folder, "logs", "error_log.jsonl");
  const lines = readFileSync(path, "utf8");
  writeFileSync(path, lines.replaceAll(/"first_seen":"[^"]*"/g, '"first_seen":"2020-02-20T20:20:20.000Z"'));

  const second = await startCollector(context, { folder, env: QUICK });
  const { first_seen, last_7d, usually_after } = await fail(second);
  assert.deepEqual([first_seen, last_7d], ["2020-02-20T20:20:20.000Z", 3]);
  const [cause] = errorsOf(folder);
  assert.deepEqual(usually_after, { fingerprint: cause?.["fingerprint"], within: "request" });
});

test("what is passed on differs from what came in only by the added attributes, and a dead receiver costs nobody", async (context) => {
  const sink = await startSink(context);
  const collector = await startCollector(context, {
    env: { ...QUICK, SEISMO_FORWARD_ENDPOINT: sink.url, SEISMO_FORWARD_GZIP: "false" },
  });
  sink.answer = 503;
  const healthy = tracesBody([{ service: "shop", spans: [{ attributes: { a: 1 } }] }]);
  const failing = tracesBody([
    { service: "shop", spans: [{}, { exception: FAILURE, status: 2, attributes: { b: "2" } }] },
  ]);
  assert.equal(await postOtlp(collector.otlpUrl, healthy), 200);
  assert.equal(await postOtlp(collector.otlpUrl, failing), 200);
  sink.answer = 200;
  const bodies = await eventually("both requests", () => (sink.taken.length >= 2 ? sink.taken : undefined));
  assert.equal(bodies[0], healthy, "byte for byte");
  const [line] = errorsOf(collector.folder);
  const added = [
    ...[
      ["error.category", "application_error"],
      ["error.group", "application_error"],
      ["error.severity", "warning"],
    ],
    ...[
      ["error.fingerprint", line?.["fingerprint"]],
      ["error.origin", "root"],
    ],
  ].map(([key, stringValue]) => ({ key, value: { stringValue } }));
  const expected = JSON.parse(failing);
  expected.resourceSpans[0].scopeSpans[0].spans[1].attributes.push(...added);
  assert.deepEqual(JSON.parse(bodies[1] ?? ""), expected);
  await eventually("the books to close", async () => {
    const families = await metricsOf(collector);
    return total(families, "seismo_forwarded", { signal: "spans" }) === 3 || undefined;
  });
  await isBalanced(collector);
});

/** Makes the errors of one type in the journal as much older. */
function setBack(folder: string, type: string, millis: number): void {
  const path = join(folder, "logs", "error_log.jsonl");
  const lines = readFileSync(path, "utf8").split("\n");
  const older = lines.map((line) => {
    if (!line.includes(`"error_type":"${type}"`)) return line;
    const record = JSON.parse(line);
    return JSON.stringify({ ...record, timestamp: new Date(Date.parse(record.timestamp) - millis).toISOString() });
  });
  writeFileSync(path, older.join("\n"));
}

interface Sink {
  readonly url: string;
  /** Bodies that were answered with 200. */
  readonly taken: string[];
  answer: number;
}

async function startSink(context: { after(end: () => void): void }): Promise<Sink> {
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      if (sink.answer === 200) sink.taken.push(Buffer.concat(chunks).toString());
      response.writeHead(sink.answer, { "content-type": "application/json" }).end("{}");
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo; // an address of TCP
  const sink: Sink = { url: `http://127.0.0.1:${port}`, taken: [], answer: 200 };
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return sink;
}
