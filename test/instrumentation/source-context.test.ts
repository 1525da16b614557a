import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, rmSync, truncateSync, unlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { freshFolder } from "../fresh-folder";
import { CANARIES } from "../processors/canaries";
import { eventually, type JournalEvent, runFixture, sum } from "./fixture-app";

interface JournalFrame {
  readonly function: string;
  readonly file: string;
  readonly line: number;
  readonly context?: { readonly pre: readonly string[]; readonly line: string; readonly post: readonly string[] };
}

const SOURCE = "test/fixtures/mapped-shop.ts";
const SOURCE_LINES = readFileSync(SOURCE, "utf8").split("\n");
const THROW_LINE = SOURCE_LINES.findIndex((line) => line.includes("throw new RangeError")) + 1;

interface Build {
  readonly name: string;
  readonly flags: readonly string[];
  /** The map has the text: the source is not deployed. */
  readonly isSourceGone: boolean;
}
const BUILDS: readonly Build[] = [
  { name: "a map beside the file", flags: ["--sourceMap"], isSourceGone: false },
  { name: "a map beside the file that has the sources", flags: ["--sourceMap", "--inlineSources"], isSourceGone: true },
  { name: "a map in the file", flags: ["--inlineSourceMap", "--inlineSources"], isSourceGone: true },
];

const fingerprints = new Set<unknown>();
for (const build of BUILDS) {
  for (const how of ["capture", "crash"]) {
    for (const nodeArgs of [[], ["--enable-source-maps"]]) {
      test(`${build.name}, ${how} ${nodeArgs}: frames and lines are the author's`, async () => {
        const folder = compile(build.flags);
        if (build.isSourceGone) rmSync(join(folder, "src"), { recursive: true });
        const { events } = await runFixture(join(folder, "dist", "shop.js"), { args: [how], nodeArgs }).ended();
        assert.equal(events.length, 1);
        const [priced] = framesOf(events[0]);
        assert.equal(priced?.function, "Cart.priced");
        assert.equal(priced.file, join(folder, "src", "shop.ts"));
        assert.equal(priced.line, THROW_LINE);
        assert.deepEqual(priced.context, {
          pre: SOURCE_LINES.slice(THROW_LINE - 6, THROW_LINE - 1),
          line: SOURCE_LINES[THROW_LINE - 1],
          post: SOURCE_LINES.slice(THROW_LINE, THROW_LINE + 5),
        });
        fingerprints.add(events[0]?.["fingerprint"]);
        assert.equal(fingerprints.size, 1, "maps have no part in the fingerprint");
      });
    }
  }
}

interface Damage {
  readonly name: string;
  readonly harm: (folder: string) => void;
  readonly reason: string;
  readonly hasContext: boolean;
}
const DAMAGES: readonly Damage[] = [
  {
    name: "a map that is missing",
    harm: (folder) => unlinkSync(join(folder, "dist", "shop.js.map")),
    reason: "broken_map",
    hasContext: true,
  },
  {
    name: "a map that is no map",
    harm: (folder) => writeFileSync(join(folder, "dist", "shop.js.map"), '{"version":3,"mappings":[['),
    reason: "broken_map",
    hasContext: true,
  },
  {
    name: "a map of 2 GB",
    harm: (folder) => truncateSync(join(folder, "dist", "shop.js.map"), 2 * 1_073_741_824),
    reason: "broken_map",
    hasContext: true,
  },
  {
    name: "a source that vanished",
    harm: (folder) => unlinkSync(join(folder, "src", "shop.ts")),
    reason: "missing",
    hasContext: false,
  },
  {
    name: "a source that is a folder",
    harm(folder) {
      unlinkSync(join(folder, "src", "shop.ts"));
      mkdirSync(join(folder, "src", "shop.ts"));
    },
    reason: "not_a_file",
    hasContext: false,
  },
  {
    name: "a source of 2 GB",
    harm: (folder) => truncateSync(join(folder, "src", "shop.ts"), 2 * 1_073_741_824),
    reason: "too_large",
    hasContext: false,
  },
];

for (const { name, harm, reason, hasContext } of DAMAGES) {
  test(`${name}: the event comes all the same, and one counter tells`, async () => {
    const folder = compile(["--sourceMap"]);
    const app = runFixture(join(folder, "dist", "shop.js"), { args: ["serve"] });
    await app.line(/(listening)/);
    // Older than the process: what came later would be another file than the one that runs.
    harm(folder);
    assert.equal((await app.fetch("/")).status, 200);
    const samples = await eventually("the problem", async () => {
      const found = await app.samples("source_problems");
      return sum(found) > 0 ? found : undefined;
    });
    const { events } = await app.stop();
    assert.equal(sum(samples, { reason }), 1, JSON.stringify(samples));
    const [priced] = framesOf(events[0]);
    assert.equal(priced?.function, "Cart.priced");
    assert.equal(priced.context !== undefined, hasContext);
  });
}

test("a file that was replaced while the process runs is not shown", async () => {
  const folder = compile(["--sourceMap"]);
  const app = runFixture(join(folder, "dist", "shop.js"), { args: ["serve"] });
  await app.line(/(listening)/);
  writeFileSync(join(folder, "src", "shop.ts"), "// another\n".repeat(100));
  await app.fetch("/");
  const { events } = await app.stop();
  assert.equal(framesOf(events[0])[0]?.context, undefined);
});

test("no lines are asked for: frames are the author's, without lines", async () => {
  const folder = compile(["--sourceMap"]);
  const { events } = await runFixture(join(folder, "dist", "shop.js"), {
    args: ["capture"],
    env: { SEISMO_SOURCE_CONTEXT: "0" },
  }).ended();
  const [priced] = framesOf(events[0]);
  assert.deepEqual([priced?.line, priced?.context], [THROW_LINE, undefined]);
});

test("a stack that names a file of secrets gets none of its lines", async () => {
  const folder = freshFolder();
  writeFileSync(join(folder, "shadow"), "root:hunter22:1:2\n".repeat(10));
  writeFileSync(join(folder, "lib.min.js"), "minified()\n".repeat(10));
  writeFileSync(
    join(folder, "app.js"),
    `const { captureError } = require("node:module").createRequire(process.cwd() + "/app.js")("seismo");
const forged = ["shadow", "lib.min.js"].map((name) => "    at read (${folder}/" + name + ":2:1)").join("\\n");
captureError(Object.assign(new Error("forged"), { stack: "Error: forged\\n" + forged + "\\n    at x (/dev/zero.js:1:1)" }));
`,
  );
  const { events } = await runFixture(join(folder, "app.js")).ended();
  assert.deepEqual(
    framesOf(events[0]).map((frame) => frame.context),
    [undefined, undefined, undefined],
  );
});

test("secrets in source lines and local variables are on no surface", async () => {
  const folder = freshFolder();
  const functions = CANARIES.map(
    ({ text }, index) => `  function fail${index}(given) {
    const note = ${JSON.stringify(text)};
    const held = { note, list: [given] };
    throw new Error("failed " + held.list.length);
  },`,
  );
  writeFileSync(
    join(folder, "app.js"),
    `const { captureError } = require("node:module").createRequire(process.cwd() + "/app.js")("seismo");
const texts = JSON.parse(process.env.SECRETS);
const ways = [
${functions.join("\n")}
];
function next(index) {
  if (index === ways.length) return;
  try {
    ways[index](texts[index]);
  } catch (error) {
    captureError(error);
  }
  setTimeout(next, 20, index + 1);
}
next(0);
`,
  );
  const texts = CANARIES.map(({ text }) => text);
  const app = runFixture(join(folder, "app.js"), {
    env: { SECRETS: JSON.stringify(texts), SEISMO_LOCAL_VARIABLES: "all", LOG_LEVEL: "debug" },
  });
  const { events, stderr } = await app.ended();
  assert.equal(events.length, CANARIES.length);
  const frames = events.map((event) => framesOf(event)[0]);
  assert.ok(
    frames.every((frame) => frame?.context !== undefined),
    "each has its lines",
  );
  assert.ok(frames.filter((frame) => frame !== undefined && "variables" in frame).length > 10, "many have variables");
  const journal = JSON.stringify(events);
  const leaks = CANARIES.filter(({ secret }) =>
    [
      secret,
      JSON.stringify(secret).slice(1, -1),
      JSON.stringify(JSON.stringify(secret).slice(1, -1)).slice(1, -1),
    ].some((form) => journal.includes(form) || stderr.includes(form)),
  );
  assert.deepEqual(
    leaks.map(({ name }) => name),
    [],
  );
});

/** `src/shop.ts` and `dist/shop.js` in a folder of their own, older than any process to come. */
function compile(flags: readonly string[]): string {
  const folder = freshFolder();
  mkdirSync(join(folder, "src"));
  copyFileSync(SOURCE, join(folder, "src", "shop.ts"));
  const options = [
    "--outDir",
    join(folder, "dist"),
    "--rootDir",
    join(folder, "src"),
    "--ignoreConfig",
    "--types",
    "",
    "--module",
    "commonjs",
  ];
  const tsc = spawnSync(
    process.execPath,
    [
      resolve("node_modules/typescript/bin/tsc"),
      join(folder, "src", "shop.ts"),
      "--target",
      "es2022",
      ...options,
      ...flags,
    ],
    { encoding: "utf8" },
  );
  assert.equal(tsc.status, 0, tsc.stdout);
  return folder;
}

function framesOf(event: JournalEvent | undefined): readonly JournalFrame[] {
  return (event?.["stack"] ?? []) as readonly JournalFrame[]; // the journal's own format
}
