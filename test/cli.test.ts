import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { freshFolder } from "./fresh-folder";

const folder = freshFolder();

interface Said {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function seismo(args: readonly string[], env: { readonly [name: string]: string } = {}): Said {
  const { status, stdout, stderr } = spawnSync(process.execPath, [resolve("dist", "cli.js"), ...args], {
    cwd: folder,
    env: { PATH: process.env["PATH"], ...env },
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

test("without a command it shows how it is used, and that something is missing", () => {
  const { status, stdout, stderr } = seismo([]);
  assert.deepEqual([status, stdout], [2, ""]);
  assert.match(stderr, /^Usage: seismo <command>/);
});

for (const args of [["--help"], ["-h"], ["help"]]) {
  test(`${args.join(" ")} shows how it is used`, () => {
    const { status, stdout, stderr } = seismo(args);
    assert.deepEqual([status, stderr], [0, ""]);
    assert.match(stdout, /^Usage: seismo <command>/);
  });
}

test("--version shows the version of the package", () => {
  const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { readonly version: string };
  assert.deepEqual(seismo(["--version"]), { status: 0, stdout: `${version}\n`, stderr: "" });
});

test("collect --help shows its options, and how they are set otherwise", () => {
  const { status, stdout, stderr } = seismo(["collect", "--help"]);
  assert.deepEqual([status, stderr], [0, ""]);
  for (const option of ["--config", "--host", "--port", "--otlp-port", "--grpc-port", "--forward"]) {
    assert.ok(stdout.includes(`  ${option} `), option);
  }
});

test("check --help shows what it compares, and with what", () => {
  const { status, stdout, stderr } = seismo(["check", "--help"]);
  assert.deepEqual([status, stderr], [0, ""]);
  for (const option of ["--url", "--rules", "--dashboards", "--prometheus", "--docs", "--token-file"]) {
    assert.ok(stdout.includes(`  ${option} `), option);
  }
});

test("what is wrong on the command line of collect is told by the name of the option", () => {
  const { status, stderr } = seismo(["collect", "--port", "ten", "--forward", "ftp://x"]);
  assert.equal(status, 1);
  assert.match(stderr, /^command line: --port="ten": expected port, a whole number from 0 to 65535$/m);
  assert.match(stderr, /^command line: --forward="ftp:\/\/x": expected a URL/m);
});

test("a collector does not pass anything on in the clear, and says what would allow it", () => {
  const { status, stderr } = seismo([
    "collect",
    "--port",
    "0",
    "--otlp-port",
    "0",
    "--forward",
    "http://otel.example:4318",
  ]);
  assert.equal(status, 1);
  assert.match(stderr, /^seismo: forward\.endpoint: .*https.*forward\.allow_insecure/m);
});

for (const [args, says] of [
  [["collect", "--prot", "1"], /--prot/],
  [["collect", "now"], /unexpected "now"/],
  [["chekc"], /unknown command "chekc"/],
  [["check", "one", "two"], /check takes one file/],
  [["check", "--fast"], /--fast/],
  [["check", "--rules", "rules.yml"], /--rules needs --url/],
  [["check", "--url", "localhost:9464"], /--url "localhost:9464": expected a URL/],
  [["check", "--url", "http://me:hunter22@localhost"], /--url "http:\/\/\[REDACTED\]@localhost": expected a URL/],
] as const) {
  test(`${args.join(" ")} is refused with a reason, and with how it is used`, () => {
    const { status, stdout, stderr } = seismo(args);
    assert.deepEqual([status, stdout], [2, ""]);
    assert.match(stderr, says);
    assert.match(stderr, /Usage: seismo/);
  });
}

test("check finds nothing wrong with no configuration, nor with a good one", () => {
  for (const args of [["check"], ["check", file("good.json", '{"metrics":{"port":9465}}')]]) {
    assert.deepEqual(seismo(args), { status: 0, stdout: "configuration is valid\n", stderr: "" });
  }
});

test("check names the file, the key, the value, the rule and the nearest name of each fault", () => {
  const path = file("bad.yaml", "metrics:\n  port: many\n  prot: 1\nrequests:\n  slow_ms: -1\n");
  const { status, stdout, stderr } = seismo(["check", path]);
  assert.deepEqual([status, stdout], [1, "3 faults\n"]);
  assert.match(stderr, /bad\.yaml: metrics\.port="many": expected port, a whole number from 0 to 65535$/m);
  assert.match(stderr, /bad\.yaml: metrics\.prot.*the nearest known name is metrics\.port$/m);
  assert.match(stderr, /bad\.yaml: requests\.slow_ms="-1": expected milliseconds/m);
});

test("check reads the environment as well, and shows no secret", () => {
  const { status, stderr } = seismo(["check"], { SEISMO_TOKEN: "hunter22", SEISMO_METRICS_PORT: "x" });
  assert.equal(status, 1);
  assert.match(stderr, /environment: SEISMO_METRICS_PORT="x"/);
  assert.match(stderr, /SEISMO_TOKEN/);
  assert.doesNotMatch(stderr, /hunter22/);
});

for (const [name, args] of [
  ["a file that is missing", ["check", "/nonexistent.json"]],
  ["a file that is no YAML", ["check", file("odd.yaml", "a: [1,\nb: }")]],
  ["a file of an unknown kind", ["check", file("odd.toml", "a = 1")]],
] as const) {
  test(`check refuses ${name}`, () => {
    const { status, stderr } = seismo(args);
    assert.equal(status, 1);
    assert.match(stderr, /expected a configuration file that can be read/);
  });
}
