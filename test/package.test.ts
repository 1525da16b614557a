/** What a user gets: the packed package, installed in an empty folder beside a ten-line application. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { VERSION } from "../src/version";
import { cannotRunHere } from "./cannot-run-here";
import { eventually, runFixture, sum } from "./instrumentation/fixture-app";

const APP = `const express = require("express");
const app = express();
app.get("/", (request, response) => response.send("hello"));
app.get("/orders/:id", (request) => {
  throw new TypeError("no price for order " + request.params.id);
});
const server = app.listen(0, "127.0.0.1", () => console.log("listening", server.address().port));
`;

const folder = mkdtempSync(join(tmpdir(), "seismo-package-"));
let missing: string | undefined;

before(() => {
  const packed: unknown = JSON.parse(
    npm(["pack", "--json", "--ignore-scripts", "--pack-destination", folder], process.cwd()),
  );
  const { filename, files } = described(packed);
  assert.ok(files.includes("dist/instrumentation/register.js"));
  assert.deepEqual(
    files.filter((file) => /^(src|test|bench|demo|docs|build|node_modules)\//.test(file)),
    ["docs/metrics.md"], // which `seismo check` compares with what is served
  );
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "hello-shop", private: true }));
  writeFileSync(join(folder, "app.js"), APP);
  try {
    npm(["install", "--no-audit", "--no-fund", join(folder, filename), "express@5"], folder);
  } catch (error) {
    if (process.env["CI"] === "true") throw error;
    missing = "npm could not install from its registry";
  }
});
after(() => rmSync(folder, { recursive: true, force: true }));

for (const register of ["require", "import"] as const) {
  test(`the installed package counts the failures of an unchanged Express application, by --${register}`, async (t) => {
    if (missing !== undefined) return cannotRunHere(t, missing);
    const app = runFixture(join(folder, "app.js"), { register, cwd: folder, env: { OTEL_SERVICE_NAME: "" } });
    for (let id = 1; id <= 3; id++) assert.equal((await app.fetch(`/orders/${id}`)).status, 500);
    assert.equal((await app.fetch("/")).status, 200);
    const errors = await eventually("three errors", async () => {
      const samples = await app.samples("errors");
      return sum(samples) === 3 ? samples : undefined;
    });
    assert.equal(errors.length, 1, "one series");
    const { trace_id, fingerprint } = errors[0]?.exemplar?.labels ?? {};
    assert.match(trace_id ?? "", /^[0-9a-f]{32}$/);
    assert.deepEqual(errors[0]?.labels, {
      service: "hello-shop",
      worker: errors[0]?.labels["worker"],
      category: "application_error",
      group: "application_error",
      type: "TypeError",
      severity: "warning",
      origin: "root",
    });
    const { events, stderr, code, signal } = await app.stop();
    assert.deepEqual(
      events.map((event) => event.fingerprint),
      [fingerprint, fingerprint, fingerprint],
    );
    assert.deepEqual([code, signal], [null, "SIGTERM"]);
    assert.deepEqual(
      stderr.split("\n").filter((line) => line.startsWith("seismo:")).length,
      1,
      "only the chosen port is told",
    );
  });
}

test("the installed command tells its version", (t) => {
  if (missing !== undefined) return cannotRunHere(t, missing);
  assert.equal(npm(["exec", "--offline", "seismo", "--", "--version"], folder).trim(), VERSION);
  const { version }: { readonly version: string } = JSON.parse(readFileSync("package.json", "utf8"));
  assert.equal(version, VERSION);
});

function npm(args: readonly string[], cwd: string): string {
  return execFileSync("npm", args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

/** `npm pack --json` answers with a list in some versions, with an object by name in others. */
function described(packed: unknown): { readonly filename: string; readonly files: readonly string[] } {
  const [first] = Object.values(packed as { readonly [key: string]: PackedPackage }); // npm's format
  return { filename: first?.filename ?? "", files: (first?.files ?? []).map(({ path }) => path) };
}
interface PackedPackage {
  readonly filename: string;
  readonly files: readonly { readonly path: string }[];
}
