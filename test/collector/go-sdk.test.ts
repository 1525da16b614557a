/** A program with OpenTelemetry's SDK for Go (`examples/go`), whose errors have no stack. */
import assert from "node:assert/strict";
import { resolve } from "node:path";
import { test } from "node:test";
import { runShop } from "./example-shop";
import { isPrepared, type Step } from "./preparation";
import { counted, errorsOf, isBalanced, samplesOf, startCollector, total } from "./running-collector";

const PROGRAM = resolve("build", "go-shop");
const STEPS: readonly Step[] = [
  { command: "go", args: ["build", "-buildvcs=false", "-o", PROGRAM, "."], folder: resolve("examples", "go") },
];

test("failures of a service in Go are counted where they began, by what their errors say", async (context) => {
  if (!(await isPrepared(context, STEPS))) return;
  const collector = await startCollector(context, { env: { SEISMO_ORIGIN_HOLD_MS: "1000" } });
  await runShop(PROGRAM, [], { OTEL_EXPORTER_OTLP_ENDPOINT: collector.otlpUrl });
  const families = await counted(collector, 5);
  const samples = samplesOf(families, "seismo_errors").filter(({ name }) => name.endsWith("_total"));
  assert.deepEqual(
    samples.map(({ labels, value }) => [labels["type"], labels["category"], labels["origin"], value]).sort(),
    [
      ["*errors.errorString", "application_error", "root", 2],
      ["*errors.errorString", "network_connection", "root", 1],
      ["*fmt.wrapError", "network_connection", "echo", 1],
      ["main.outOfStock", "application_error", "root", 1],
    ],
  );
  assert.equal(total(families, "seismo_dropped", { signal: "errors", reason: "duplicate" }), 2);
  assert.deepEqual(
    new Set(errorsOf(collector.folder).map((line) => line["error_message"])),
    new Set(["no tea left", "connection refused", "payment is not possible: connection refused", "no price"]),
  );
  for (const line of errorsOf(collector.folder)) assert.equal(line["worker_id"], "shop-1");
  await isBalanced(collector);
});
