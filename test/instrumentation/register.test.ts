import assert from "node:assert/strict";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { freePort } from "../free-port";
import { eventually, type FixtureApp, type FixtureOptions, runFixture, sum } from "./fixture-app";
import { silentPeer } from "./peers";

/** Express, one request that is answered and one that fails. */
async function serves(app: FixtureApp): Promise<void> {
  assert.equal((await app.fetch("/ok")).status, 200);
  assert.equal((await app.fetch("/throw/1")).status, 500);
}

test("a metrics port that is taken costs one warning, and the application serves", async () => {
  const other = await silentPeer();
  const app = runFixture("express-app.js", { env: { SEISMO_METRICS_PORT: String(other.port) } });
  await serves(app);
  const { events, stderr } = await app.stop();
  await other.close();
  assert.equal(events.length, 1);
  assert.equal(
    stderr,
    `seismo: metrics are not served on 127.0.0.1:${other.port}: the port is taken ${labels(other.port)}\n`,
  );
});

test("port 0 takes a free one and says which; a port that was asked for needs no word", async () => {
  const free = runFixture("express-app.js");
  const port = await free.line(/^seismo: metrics on http:\/\/127\.0\.0\.1:(\d+)\/metrics$/m, "stderr");
  assert.notEqual(port, "0");
  await free.stop();
  const asked = runFixture("express-app.js", { env: { SEISMO_METRICS_PORT: String(await freePort()) } });
  await serves(asked);
  assert.equal((await asked.stop()).stderr, "");
});

for (const [name, env, says] of [
  [
    "a variable that nobody knows",
    { SEISMO_SLOW_REQEST_MS: "5" },
    /environment: SEISMO_SLOW_REQEST_MS.*SEISMO_SLOW_REQUEST_MS/,
  ],
  ["a number that is none", { SEISMO_SLOW_REQUEST_MS: "soon" }, /SEISMO_SLOW_REQUEST_MS="soon": expected milliseconds/],
  [
    "a configuration file that is missing",
    { SEISMO_CONFIG: "/nonexistent.yaml" },
    /SEISMO_CONFIG="\/nonexistent\.yaml": expected a/,
  ],
  [
    "a key that nobody knows",
    { SEISMO_CONFIG: configFile('{"metrics":{"prot":9464}}') },
    /metrics\.prot.*metrics\.port/,
  ],
  ["a file that is no JSON", { SEISMO_CONFIG: configFile("{") }, /expected a configuration file that can be read/],
  ["an open host without a token", { SEISMO_METRICS_HOST: "0.0.0.0" }, /SEISMO_METRICS_HOST="0\.0\.0\.0": .*token/],
] as const) {
  test(`${name}: one line says what is wrong, and the application starts with the default`, async () => {
    const app = runFixture("express-app.js", { env });
    await serves(app);
    await app.line(/metrics on http:\/\/127\.0\.0\.1:(\d+)/, "stderr");
    const { stderr, events } = await app.stop();
    const lines = stderr.split("\n").filter((line) => line.includes("configuration: "));
    assert.equal(lines.length, 1);
    assert.match(lines[0] ?? "", says);
    assert.match(lines[0] ?? "", /going on with the default$/);
    assert.equal(events.length, 1);
  });

  test(`${name}: SEISMO_STRICT refuses to start, before the application's first line`, async () => {
    const { code, stdout, stderr } = await runFixture("dying-app.js", {
      args: ["throw"],
      env: { ...env, SEISMO_STRICT: "true" },
    }).ended();
    assert.equal(code, 1);
    assert.equal(stdout, "");
    assert.match(stderr, says);
  });
}

test("SEISMO_ENABLED=false does nothing at all", async () => {
  const app = runFixture("express-app.js", { env: { SEISMO_ENABLED: "false" } });
  await serves(app);
  const answer = await app.fetch("/headers");
  const { events, stderr } = await app.stop();
  assert.equal(answer.headers["x-request-id"], undefined);
  assert.deepEqual(events, []);
  assert.equal(stderr, "");
});

test("without a disk to write to, the application is not affected, and the loss is counted", async () => {
  const nowhere = "/dev/null/nowhere";
  const app = runFixture("express-app.js", {
    env: {
      SEISMO_JOURNAL_PATH: `${nowhere}/journal.jsonl`,
      SEISMO_JOURNAL_FALLBACK_PATH: `${nowhere}/fallback.txt`,
      LOG_FILE_PATH: `${nowhere}/seismo.log`,
      TMPDIR: nowhere,
    },
  });
  await serves(app);
  const dropped = await eventually("the loss", async () => {
    const samples = await app.samples("dropped");
    return sum(samples) > 0 ? samples : undefined;
  });
  assert.deepEqual(
    dropped.map(({ labels: { signal, reason }, value }) => [signal, reason, value]),
    [["errors", "journal_failed", 1]],
  );
  assert.equal(sum(await app.samples("errors")), 1);
  for (let n = 0; n < 20; n++) await app.fetch("/throw/1");
  const { code, signal, stderr } = await app.stop();
  assert.deepEqual([code, signal], [null, "SIGTERM"]);
  assert.ok(stderr.split("\n").length < 10, stderr);
});

test("on a full disk the fallback file takes a plain line for each error, and they are counted", async () => {
  const app = runFixture("express-app.js", { env: { SEISMO_JOURNAL_PATH: "/dev/full" } });
  await serves(app);
  await app.fetch("/throw/1");
  await eventually("two lines", async () => sum(await app.samples("journal_fallback_lines")) === 2 || undefined);
  assert.equal(readFileSync(join(app.folder, "fallback.txt"), "utf8").match(/\n/g)?.length, 2);
  assert.equal(sum(await app.samples("dropped")), 0);
  await app.stop();
});

for (const [name, options] of [
  ["twice", { nodeArgs: ["--require", "seismo/register", "--require", "seismo/register"] }],
  ["by --require and --import", { nodeArgs: ["--import", "seismo/register"] }],
  ["from two copies of the package", { nodeArgs: ["--require", secondCopy()] }],
] as const satisfies readonly (readonly [string, FixtureOptions])[]) {
  test(`registered ${name}: one runtime counts each failure once`, async () => {
    const app = runFixture("express-app.js", options);
    await serves(app);
    await eventually("the request", async () =>
      sum((await app.samples("http_request_duration_seconds")).filter((sample) => sample.name.endsWith("_count"))) === 2
        ? true
        : undefined,
    );
    assert.equal(sum(await app.samples("errors")), 1);
    const { events, stderr } = await app.stop();
    assert.equal(events.length, 1);
    assert.match(stderr, /^seismo: metrics on [^\n]*\n$/);
  });
}

test("an application that has prom-client metrics of the same names keeps them, and Seismo has its own", async () => {
  const app = runFixture("prom-client-app.js", { env: { SEISMO_METRICS_DEFAULT: "true" } });
  assert.equal((await app.fetch("/fail")).status, 500);
  const own = await app.fetch("/metrics");
  assert.match(own.body, /^seismo_errors_total\{service="own"\} 41$/m);
  assert.doesNotMatch(own.body, /service="fixture"/);
  const errors = await eventually("the failure", async () => {
    const samples = await app.samples("errors");
    return samples.length > 0 ? samples : undefined;
  });
  assert.deepEqual(
    errors.map(({ labels: { service }, value }) => [service, value]),
    [["fixture", 1]],
  );
  const { stderr } = await app.stop();
  assert.match(stderr, /^seismo: metrics on [^\n]*\n$/);
});

function labels(port: number): string {
  return `host=127.0.0.1 port=${port}`;
}

function folderOf(name: string): string {
  const folder = resolve("build", "register", name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  return folder;
}

function configFile(content: string): string {
  const path = join(folderOf(`config-${content.length}`), "seismo.config.json");
  writeFileSync(path, content);
  return path;
}

/** As it lies in a folder of modules when two packages depend on it in different versions. */
function secondCopy(): string {
  const folder = join(folderOf("copy"), "node_modules", "seismo");
  cpSync("dist", join(folder, "dist"), { recursive: true });
  writeFileSync(join(folder, "package.json"), readFileSync("package.json"));
  return join(folder, "dist", "instrumentation", "register.js");
}
