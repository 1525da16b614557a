/** A program with OpenTelemetry's SDK for Java (`examples/java`). */
import { resolve } from "node:path";
import { test } from "node:test";
import { isCountedRight, isWrittenRight, runShop, type ShopErrors } from "./example-shop";
import { isPrepared, type Step } from "./preparation";
import { startCollector } from "./running-collector";

const LIBRARIES = resolve("build", "java");
const EXAMPLE = resolve("examples", "java");
const STEPS: readonly Step[] = [
  { command: "javac", args: ["-version"] },
  {
    command: "mvn",
    args: ["--quiet", "--batch-mode", "dependency:copy-dependencies", `-DoutputDirectory=${LIBRARIES}`],
    folder: EXAMPLE,
  },
];
const ERRORS: ShopErrors = {
  outOfStock: ["Shop.OutOfStock", "no tea left"],
  refused: ["java.net.ConnectException", "Connection refused"],
  notPaid: ["java.lang.IllegalStateException", "payment is not possible"],
  noPrice: ["java.lang.IllegalArgumentException", "no price"],
  noFile: ["java.nio.file.NoSuchFileException", "/nowhere/carts.db"],
  thrownAt: /Shop.*buy.*Shop\.java/,
};

test("failures of a service in Java are counted where they began, sent compressed", async (context) => {
  if (!(await isPrepared(context, STEPS))) return;
  const collector = await startCollector(context, { env: { SEISMO_ORIGIN_HOLD_MS: "1000" } });
  const sinceMillis = Date.now();
  await runShop("java", ["-cp", resolve(LIBRARIES, "*"), resolve(EXAMPLE, "Shop.java")], {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.otlpUrl,
    OTEL_EXPORTER_OTLP_PROTOCOL: "http/protobuf",
    OTEL_EXPORTER_OTLP_COMPRESSION: "gzip",
    OTEL_METRICS_EXPORTER: "none",
  });
  await isCountedRight(collector, ERRORS);
  isWrittenRight(collector, ERRORS, sinceMillis);
});
