import assert from "node:assert/strict";
import { type SpawnSyncReturns, spawn, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { fingerprintLines, MAX_LINE_CHARS } from "../src/fingerprint-command";
import { compileRules } from "../src/processors/rules";
import { freshFolder } from "./fresh-folder";

const folder = freshFolder();
const CLI = resolve("dist", "cli.js");

type Answer = { readonly [key: string]: unknown };

async function* chunksOf(text: string, size: number): AsyncGenerator<string> {
  for (let at = 0; at < text.length; at += size) yield text.slice(at, at + size);
}

/** What is answered to lines that come in pieces of `size` characters. */
async function answersTo(
  text: string,
  size = 7,
): Promise<{ readonly answers: readonly Answer[]; readonly bad: number }> {
  let out = "";
  const write = async (lines: string): Promise<void> => {
    out += lines;
  };
  const bad = await fingerprintLines(chunksOf(text, size), write, compileRules({}));
  const answers = out
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Answer);
  return { answers, bad };
}

const ERRORS = [
  { id: 1, type: "Error", message: "no order 17" },
  { id: "two", type: "Error", message: "no order 4711", stack: "", language: "" },
  { id: 3, type: "TypeError", message: "x is null", stack: "TypeError: x is null\n    at f (/app/src/a.js:1:2)" },
  { type: "Error", message: "用户42不存在" },
];

test("each error is named, in the order in which they came, with its id handed back", async () => {
  const { answers, bad } = await answersTo(ERRORS.map((error) => JSON.stringify(error)).join("\n"));
  assert.equal(bad, 0);
  assert.deepEqual(
    answers.map(({ id }) => id),
    [1, "two", 3, null],
  );
  for (const answer of answers) {
    assert.deepEqual(Object.keys(answer), ["id", "fingerprint", "template", "category", "reason"]);
    assert.match(String(answer["fingerprint"]), /^[0-9a-f]{16}$/);
  }
  assert.equal(answers[0]?.["template"], "no order <number>");
  assert.equal(answers[0]?.["fingerprint"], answers[1]?.["fingerprint"]);
  assert.match(String(answers[2]?.["reason"]), /^in-app frames, f \(a\)$/);
  assert.equal(answers[3]?.["template"], "用户<number>不存在");
});

test("a stack alone names its error by its first line", async () => {
  const stack = "TypeError: x is null\n    at f (/app/src/a.js:1:2)";
  const { answers } = await answersTo(`${JSON.stringify({ stack })}\n${JSON.stringify(ERRORS[2])}\n`);
  assert.equal(answers[0]?.["template"], "x is null");
  assert.equal(answers[0]?.["fingerprint"], answers[1]?.["fingerprint"]);
});

test("a line that is no error is answered by what is wrong with it, and the others are named", async () => {
  const lines: readonly (readonly [line: string, error: string | undefined])[] = [
    ['{"id":1,"message":"a"}', undefined],
    ["no json, secret hunter2", "the line is no JSON"],
    ["[1]", "the line is no JSON object"],
    ["null", "the line is no JSON object"],
    ['{"id":{},"message":"a"}', "id: expected a number, or text of at most 1024 characters"],
    ['{"id":2,"message":17}', "message: expected text"],
    ['{"id":2,"stack":["a"]}', "stack: expected text"],
    ['{"id":2}', "expected type, message or stack"],
    ['{"id":2,"message":null,"type":""}', "expected type, message or stack"],
    ['{"id":3,"message":"b","extra":[1]}', undefined],
  ];
  const { answers, bad } = await answersTo(lines.map(([line]) => line).join("\r\n\r\n"));
  assert.deepEqual(
    answers.map(({ error }) => error),
    lines.map(([, error]) => error),
  );
  assert.equal(bad, 8);
  assert.deepEqual(answers[1], { id: null, line: 3, error: "the line is no JSON" });
  assert.deepEqual(answers[5], { id: 2, line: 11, error: "message: expected text" });
});

test("a line beyond the limit is answered and not kept, and the next is named", async () => {
  const long = `{"message":"${"x".repeat(MAX_LINE_CHARS)}"}`;
  const { answers, bad } = await answersTo(`${long}\n{"id":2,"message":"a"}\n${long}`, 1_048_576);
  assert.equal(bad, 2);
  assert.deepEqual(
    answers.map((answer) => [answer["id"], "error" in answer]),
    [
      [null, true],
      [2, false],
      [null, true],
    ],
  );
});

test("secrets are hidden before anything is printed", async () => {
  const message = "login with password=hunter2hunter2 and card 4111 1111 1111 1111 failed";
  const { answers } = await answersTo(JSON.stringify({ type: "Error", message, stack: `Error: ${message}` }));
  assert.doesNotMatch(JSON.stringify(answers), /hunter2|4111/);
});

test("no more is read while the reader of the answers is slow", async () => {
  let read = 0;
  async function* lines(): AsyncGenerator<string> {
    for (; read < 100_000; read++) yield '{"message":"no stock left in any depot of the shop"}\n';
  }
  let release = (): void => {};
  const written = new Promise<void>((resolveWritten) => {
    void fingerprintLines(
      lines(),
      () => {
        resolveWritten();
        return new Promise((resolveWrite) => {
          release = resolveWrite;
        });
      },
      compileRules({}),
    );
  });
  await written;
  const before = read;
  for (let turn = 0; turn < 10; turn++) await new Promise((resolveTurn) => setImmediate(resolveTurn));
  assert.ok(before < 1_000 && read === before, `${before}, ${read}`);
  release();
});

function seismo(args: readonly string[], input: string): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, [CLI, "fingerprint", ...args], {
    cwd: folder,
    env: { PATH: process.env["PATH"] },
    encoding: "utf8",
    input,
  });
}

test("the command prints the same in every process, and its exit code says whether all were errors", () => {
  const input = ERRORS.map((error) => `${JSON.stringify(error)}\n`).join("");
  const [first, second] = [seismo([], input), seismo([], input)];
  assert.deepEqual([first.status, first.stderr], [0, ""]);
  assert.equal(first.stdout, second.stdout);
  const faulty = seismo([], `${input}nonsense\n`);
  assert.deepEqual([faulty.status, faulty.stderr], [1, "seismo: 1 line was no error\n"]);
  assert.equal(faulty.stdout, `${first.stdout}{"id":null,"line":5,"error":"the line is no JSON"}\n`);
  assert.deepEqual([seismo([], "").status, seismo([], "").stdout], [0, ""]);
});

test("the command follows the rules of the configuration", () => {
  const config = join(folder, "rules.json");
  const rule = { match: { message: "*order*" }, fingerprint: ["orders"] };
  writeFileSync(config, JSON.stringify({ errors: { fingerprints: [rule] } }));
  const input = '{"message":"no order 17"}\n{"message":"order 4 is locked"}\n';
  const ids = (text: string): readonly unknown[] =>
    text
      .trim()
      .split("\n")
      .map((line) => (JSON.parse(line) as Answer)["fingerprint"]);
  assert.equal(new Set(ids(seismo(["--config", config], input).stdout)).size, 1);
  assert.equal(new Set(ids(seismo([], input).stdout)).size, 2);
});

test("wrong use of the command is told", () => {
  const { status, stderr } = seismo(["errors.jsonl"], "");
  assert.equal(status, 2);
  assert.match(stderr, /^seismo: unexpected "errors\.jsonl"\n\nUsage: seismo fingerprint/);
  const missing = seismo(["--config", "nowhere.yaml"], "");
  assert.equal(missing.status, 1);
  assert.match(missing.stderr, /^command line: --config="nowhere\.yaml"/);
});

test("a reader that has had enough ends the command without a word", async () => {
  const child = spawn(process.execPath, [CLI, "fingerprint"], { cwd: folder, env: { PATH: process.env["PATH"] } });
  child.stdin.on("error", () => {}); // it is closed under us, as is meant
  let stderr = "";
  child.stderr.on("data", (data: Buffer) => {
    stderr += data.toString();
  });
  child.stdout.once("data", () => child.stdout.destroy());
  const line = '{"message":"no stock left in any depot of the shop"}\n';
  const feed = (): void => {
    while (child.stdin.writable && child.stdin.write(line.repeat(1_000)));
  };
  child.stdin.on("drain", feed);
  feed();
  const code = await new Promise((resolveExit) => child.on("exit", resolveExit));
  assert.deepEqual([code, stderr], [0, ""]);
});
