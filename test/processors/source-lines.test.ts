import assert from "node:assert/strict";
import { test } from "node:test";
import { compileRedaction } from "../../src/processors/redact";
import { hideSecrets } from "../../src/processors/secret-patterns";
import { type HideSecrets, MAX_LINE_LENGTH, sourceLines } from "../../src/processors/source-lines";
import { assertQuick } from "../processor-time";

const rules = compileRedaction({});
const hide: HideSecrets = (text, end) => hideSecrets(text, rules, end);
const LINES = Array.from({ length: 100 }, (_, index) => `line ${index + 1}`);

test("a line stands between the lines around it, as far as there are some", () => {
  assert.deepEqual(sourceLines(LINES, 50, 2, hide), {
    pre: ["line 48", "line 49"],
    line: "line 50",
    post: ["line 51", "line 52"],
  });
  assert.deepEqual(sourceLines(LINES, 1, 2, hide), { pre: [], line: "line 1", post: ["line 2", "line 3"] });
  assert.deepEqual(sourceLines(LINES, 100, 1, hide), { pre: ["line 99"], line: "line 100", post: [] });
});

test("a line that is not there has no context", () => {
  assert.equal(sourceLines(LINES, 0, 2, hide), undefined);
  assert.equal(sourceLines(LINES, 101, 2, hide), undefined);
});

test("a private key that began long before is hidden, and every line keeps its number", () => {
  const key = Array.from({ length: 60 }, (_, index) => `MIIEvQIBADANBgkqhkiG9w0BAQEFAASC${index}`);
  const lines = ["const key = `-----BEGIN PRIVATE KEY-----", ...key, "-----END PRIVATE KEY-----`;", "use(key);"];
  const context = sourceLines(lines, 63, 5, hide);
  assert.equal(context?.line, "use(key);");
  assert.equal(context.pre.length, 5);
  assert.doesNotMatch(context.pre.join(), /MIIE/);
});

test("a secret is hidden where it stands, also at the cut of a long line", () => {
  const long = `${"x".repeat(MAX_LINE_LENGTH - 12)} ghp_0123456789abcdefghijklmnop`;
  const context = sourceLines(["before", 'const password = "hunter22";', long, "after"], 2, 2, hide);
  assert.deepEqual(context?.pre, ["before"]);
  assert.equal(context.line, 'const password = "[REDACTED]";');
  assert.ok(context.post[0]?.startsWith("xxx"));
  assert.doesNotMatch(JSON.stringify(context), /hunter22|ghp_0/);
  assert.equal(context.post[1], "after");
});

test("lines of 5 MB cost no more than short ones", () => {
  const huge = "k=v ".repeat(1_300_000);
  const read = () => sourceLines([huge, huge, "throw here;", huge], 3, 5, hide);
  assertQuick(50, read);
  assert.ok(read()?.pre.every((line) => line.length <= MAX_LINE_LENGTH + 1));
});
