/** The table of who may import whom. A new arrow is a line here and a sentence in docs/architecture.md. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import { test } from "node:test";

/** A module is a folder of src, or a file at its top. Some may be imported by all but `event`. */
const MAY_IMPORT: { readonly [module: string]: readonly string[] } = {
  bag: [],
  event: [],
  version: [],
  "bearer-token": [],
  "node-error": [],
  telemetry: [],
  config: ["event"],
  processors: ["event"],
  exporter: ["event"],
  store: ["event", "exporter", "lines"],
  receiver: ["event"],
  instrumentation: ["event", "config", "processors", "exporter"],
  server: ["event", "exporter", "store", "receiver"],
  collector: ["event", "config", "instrumentation", "processors", "exporter", "store", "receiver", "server"],
  monitoring: ["event", "config"],
  lines: [],
  "fingerprint-command": ["event", "processors", "lines"],
  "replay-compare": ["event", "processors", "lines"],
  cli: ["config", "collector", "processors", "monitoring", "fingerprint-command", "replay-compare", "store"],
  index: ["event", "config", "instrumentation", "processors", "exporter"],
};
const BY_ALL_BUT_EVENT = ["bag", "bearer-token", "node-error", "telemetry", "version"];
const FORBIDDEN_TO_PROCESSORS = ["node:fs", "node:net", "node:http", "node:https", "node:child_process"];
const SRC = "src";

const files = readdirSync(SRC, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts"))
  .map((file) => join(SRC, file));

test("every import between modules is in the table", () => {
  const forbidden: string[] = [];
  for (const file of files) {
    const from = moduleOf(file);
    const allowed = MAY_IMPORT[from];
    assert.ok(allowed, `${file}: module "${from}" is not in the table`);
    for (const to of importsOf(file)
      .filter(isLocal)
      .map((path) => moduleOf(resolve(file, path)))) {
      if (to === from || allowed.includes(to) || (from !== "event" && BY_ALL_BUT_EVENT.includes(to))) continue;
      forbidden.push(`${file} imports ${to}`);
    }
  }
  assert.deepEqual(forbidden, []);
});

test("the library and register never reach store, server or receiver", () => {
  const reached = reachableFrom([join(SRC, "index.ts"), join(SRC, "instrumentation", "register.ts")]);
  assert.ok(reached.size > 20, "the walk follows imports");
  assert.deepEqual(
    [...reached].filter((file) => ["store", "server", "receiver"].includes(moduleOf(file))),
    [],
  );
});

test("the steps do no input or output", () => {
  const found = files
    .filter((file) => moduleOf(file) === "processors")
    .flatMap((file) =>
      importsOf(file)
        .filter((path) => FORBIDDEN_TO_PROCESSORS.includes(path))
        .map((path) => `${file} imports ${path}`),
    );
  assert.deepEqual(found, []);
});

test("only the wiring reads the environment, and only the command line exits", () => {
  const envReaders = files.filter((file) => /process\.env\b/.test(readFileSync(file, "utf8")));
  assert.deepEqual(envReaders.sort(), [
    "src/cli.ts",
    "src/instrumentation/metrics-endpoint.ts",
    "src/instrumentation/runtime.ts",
  ]);
  const exits = files.filter((file) => /process\.exit\(/.test(readFileSync(file, "utf8")));
  // register.ts refuses bad configuration when SEISMO_STRICT asks for it; uncaught.ts ends what only its own flush
  // still keeps alive; store-process.ts is a process of its own, which ends with the collector.
  assert.deepEqual(exits.sort(), [
    "src/cli.ts",
    "src/instrumentation/register.ts",
    "src/instrumentation/uncaught.ts",
    "src/store/store-process.ts",
  ]);
});

function importsOf(file: string): string[] {
  const source = readFileSync(file, "utf8");
  const pattern = /(?:from|import|require\()\s*["']([^"']+)["']/g;
  return [...source.matchAll(pattern)].map((match) => match[1] ?? "");
}

function isLocal(path: string): boolean {
  return path.startsWith(".");
}

function resolve(file: string, path: string): string {
  const target = normalize(join(dirname(file), path));
  return files.includes(`${target}.ts`) ? `${target}.ts` : target;
}

function moduleOf(file: string): string {
  return (relative(SRC, file).split(/[\\/]/)[0] ?? "").replace(/\.ts$/, "");
}

function reachableFrom(entries: readonly string[]): Set<string> {
  const reached = new Set<string>();
  const waiting = [...entries];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (reached.has(file)) continue;
    reached.add(file);
    for (const path of importsOf(file).filter(isLocal)) waiting.push(resolve(file, path));
  }
  return reached;
}
