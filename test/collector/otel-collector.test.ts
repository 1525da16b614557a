/** `examples/` with a real OpenTelemetry Collector before and behind Seismo, on free ports in place of those in the files. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { type TestContext, test } from "node:test";
import { OTLPLogExporter } from "@opentelemetry/exporter-logs-otlp-proto";
import { OTLPTraceExporter as GrpcTraceExporter } from "@opentelemetry/exporter-trace-otlp-grpc";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { LoggerProvider, SimpleLogRecordProcessor } from "@opentelemetry/sdk-logs";
import { BasicTracerProvider, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { freePort } from "../free-port";
import { eventually } from "../instrumentation/fixture-app";
import { exceptionLogBody, hexId, postOtlp, tracesBody } from "./otlp-requests";
import { isPrepared, type Step } from "./preparation";
import { counted, errorsOf, freshFolder, isBalanced, startCollector, total } from "./running-collector";

const PROGRAM = resolve("build", "otelcol");
const STEPS: readonly Step[] = [
  {
    command: "go",
    args: ["build", "-buildvcs=false", "-o", PROGRAM, "."],
    folder: resolve("test", "collector", "otelcol"),
  },
];
const QUICK = { SEISMO_ORIGIN_HOLD_MS: "300" };

/** Ports as the examples have them, and the free ones that stand in for them. */
type Ports = Readonly<Record<"4317" | "4318" | "4328" | "4338", number>>;

test("what a Collector in front cannot deliver waits in its queue, and is counted once when Seismo is there", async (context) => {
  if (!(await isPrepared(context, STEPS))) return;
  const folder = freshFolder(context);
  const ports = await freePorts();
  const log = await startOtelCollector(context, folder, [
    example("otel-collector.yaml", ports, ["4317", "4318", "4328"]),
    WITHOUT_METRICS,
  ]);
  const resource = resourceFromAttributes({ "service.name": "shop", "service.instance.id": "shop-1" });
  for (const exporter of [
    new OTLPTraceExporter({ url: `http://127.0.0.1:${ports[4328]}/v1/traces` }),
    new GrpcTraceExporter({ url: `http://127.0.0.1:${ports[4317]}` }),
  ]) {
    const provider = new BasicTracerProvider({ resource, spanProcessors: [new SimpleSpanProcessor(exporter)] });
    const span = provider.getTracer("test").startSpan("pay");
    span.recordException(new RangeError("too much"));
    span.end();
    await provider.shutdown();
  }
  const exporter = new OTLPLogExporter({ url: `http://127.0.0.1:${ports[4328]}/v1/logs` });
  const logs = new LoggerProvider({ resource, processors: [new SimpleLogRecordProcessor({ exporter })] });
  logs.getLogger("test").emit({ attributes: { "exception.type": "LogError", "exception.message": "told by a log" } });
  await logs.shutdown();
  await eventually("a failed attempt", () => log().includes("Will retry the request") || undefined, log);

  const seismo = await startCollector(context, { folder, env: { ...QUICK, SEISMO_OTLP_PORT: String(ports[4318]) } });
  const families = await counted(seismo, 3);
  assert.equal(total(families, "seismo_errors", { type: "RangeError", worker: "shop-1", origin: "root" }), 2);
  assert.equal(total(families, "seismo_errors", { type: "LogError", worker: "shop-1", origin: "root" }), 1);
  assert.equal(errorsOf(folder).length, 3);
  await isBalanced(seismo);
});

test("between two Collectors a failure is counted once, and all goes on as it came but for the added attributes", async (context) => {
  if (!(await isPrepared(context, STEPS))) return;
  const folder = freshFolder(context);
  const ports = await freePorts();
  await startOtelCollector(context, folder, [example("between-collectors/after.yaml", ports, ["4338"])]);
  writeFileSync(join(folder, "seismo.config.yaml"), example("between-collectors/seismo.config.yaml", ports, ["4338"]));
  const seismo = await startCollector(context, {
    folder,
    env: { ...QUICK, SEISMO_OTLP_PORT: String(ports[4318]) },
    args: ["--config", "seismo.config.yaml"],
  });
  await startOtelCollector(context, folder, [
    example("otel-collector.yaml", ports, ["4317", "4318", "4328"]),
    WITHOUT_METRICS,
  ]);

  const traceId = hexId(16);
  const spanId = hexId(8);
  const exception = { type: "TypeError", message: "no total", stack: "TypeError: no total\n    at f (/srv/a.js:3:9)" };
  const traces = tracesBody([
    {
      service: "shop",
      worker: "shop-1",
      spans: [
        { traceId, spanId, kind: 2, attributes: { "http.request.method": "GET", "http.response.status_code": 200 } },
        { traceId, parentSpanId: spanId, exception, status: 2, attributes: { "shop.total": 12, "shop.new": true } },
      ],
    },
  ]);
  const logs = exceptionLogBody("shop", "LogError", "told by a log");
  const written = join(folder, "telemetry.jsonl");
  for (const port of [ports[4338], ports[4328]]) {
    assert.equal(await postOtlp(`http://127.0.0.1:${port}`, traces), 200);
    assert.equal(await postOtlp(`http://127.0.0.1:${port}`, logs, "/v1/logs"), 200);
  }
  const lines = await eventually("both ways of both signals", () => {
    const found = existsSync(written) ? readFileSync(written, "utf8").split("\n").slice(0, -1) : [];
    return found.length >= 4 ? found : undefined;
  });
  for (const signal of ["resourceSpans", "resourceLogs"]) {
    const [one, other, ...more] = lines.filter((line) => line.includes(signal)).map((line) => withoutAdded(line));
    assert.deepEqual(more, []);
    assert.equal(Math.min(one?.added.length ?? -1, other?.added.length ?? -1), 0, "the one that went straight");
    assert.deepEqual(other?.rest, one?.rest);
    const added = new Map([...(one?.added ?? []), ...(other?.added ?? [])]);
    const type = signal === "resourceSpans" ? "TypeError" : "LogError";
    const line = errorsOf(folder).find(({ error_type }) => error_type === type);
    assert.deepEqual(Object.fromEntries(added), {
      "error.category": "application_error",
      "error.group": "application_error",
      "error.severity": line?.["severity"],
      "error.fingerprint": line?.["fingerprint"],
      "error.origin": "root",
    });
  }
  const families = await counted(seismo, 2);
  assert.equal(total(families, "seismo_errors", { origin: "root" }), 2);
  assert.equal(errorsOf(folder).length, 2);
  await isBalanced(seismo);
});

/** The Collector's own metrics have a fixed port, which the tests leave alone. */
const WITHOUT_METRICS = "service: { telemetry: { metrics: { level: none } } }\n";

async function freePorts(): Promise<Ports> {
  return { 4317: await freePort(), 4318: await freePort(), 4328: await freePort(), 4338: await freePort() };
}

function example(file: string, ports: Ports, used: readonly (keyof Ports)[]): string {
  return used.reduce(
    (text, port) => {
      assert.ok(text.includes(`127.0.0.1:${port}\n`), `${file} has port ${port}`);
      return text.replaceAll(`127.0.0.1:${port}\n`, `127.0.0.1:${ports[port]}\n`);
    },
    readFileSync(join("examples", file), "utf8"),
  );
}

/** Takes data when it resolves, with what it has logged; writes into the folder. */
async function startOtelCollector(
  context: TestContext,
  folder: string,
  configs: readonly string[],
): Promise<() => string> {
  const args = configs.map((config) => {
    const path = join(folder, `otelcol-${hexId(4)}.yaml`);
    writeFileSync(path, config);
    return `--config=${path}`;
  });
  const child = spawn(PROGRAM, args, { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
  context.after(() => void child.kill("SIGKILL"));
  let log = "";
  child.stderr.on("data", (text) => (log += text));
  await eventually(
    "the Collector",
    () => {
      assert.equal(child.exitCode, null, log);
      return log.includes("Everything is ready") || undefined;
    },
    () => log,
  );
  return () => log;
}

interface Untagged {
  readonly rest: unknown;
  /** Key and value. */
  readonly added: readonly (readonly [string, unknown])[];
}

/** A line of telemetry, and the attributes that Seismo adds apart from it. */
function withoutAdded(line: string): Untagged {
  const added: [string, unknown][] = [];
  const rest: unknown = JSON.parse(line, (key, value) => {
    if (key !== "attributes" || !Array.isArray(value)) return value;
    return value.filter(({ key: name, value: given }) => {
      const isAdded = String(name).startsWith("error.");
      if (isAdded) added.push([name, Object.values(given)[0]]);
      return !isAdded;
    });
  });
  return { rest, added };
}
