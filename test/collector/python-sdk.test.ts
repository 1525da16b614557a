/** A program with OpenTelemetry's SDK for Python (`examples/python`), by each of its OTLP exporters. */
import { resolve } from "node:path";
import { test } from "node:test";
import { isCountedRight, isWrittenRight, runShop, type ShopErrors } from "./example-shop";
import { isPrepared, type Step } from "./preparation";
import { startCollector } from "./running-collector";

const ENVIRONMENT = resolve("build", "python");
const EXAMPLE = resolve("examples", "python");
const STEPS: readonly Step[] = [
  { command: "python3", args: ["-m", "venv", ENVIRONMENT] },
  {
    command: resolve(ENVIRONMENT, "bin", "pip"),
    args: ["install", "--quiet", "--disable-pip-version-check", "-r", resolve(EXAMPLE, "requirements.txt")],
  },
];
const ERRORS: ShopErrors = {
  outOfStock: ["OutOfStock", "no tea left"],
  refused: ["ConnectionRefusedError", "[Errno 111] Connection refused"],
  notPaid: ["RuntimeError", "payment is not possible"],
  noPrice: ["KeyError", "'price'"],
  noFile: ["FileNotFoundError", "[Errno 2] No such file or directory: '/nowhere/carts.db'"],
  thrownAt: /"function":"buy".*app\.py/,
};

for (const { way, env } of [
  { way: "in protobuf over HTTP", env: {} },
  { way: "compressed", env: { OTEL_EXPORTER_OTLP_COMPRESSION: "gzip" } },
  { way: "over gRPC", env: { OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" } },
]) {
  test(`failures of a service in Python are counted where they began, sent ${way}`, async (context) => {
    if (!(await isPrepared(context, STEPS))) return;
    const collector = await startCollector(context, {
      env: { SEISMO_ORIGIN_HOLD_MS: "1000", SEISMO_OTLP_GRPC_PORT: "0" },
    });
    const endpoint = way === "over gRPC" ? `http://${collector.grpcAddress}` : collector.otlpUrl;
    const sinceMillis = Date.now();
    await runShop(resolve(ENVIRONMENT, "bin", "python"), [resolve(EXAMPLE, "app.py")], {
      OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
      ...env,
    });
    await isCountedRight(collector, ERRORS);
    isWrittenRight(collector, ERRORS, sinceMillis);
  });
}
