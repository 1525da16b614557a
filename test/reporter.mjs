/**
 * What a run of the tests says, the same on every version of Node: a line for each file that has ended and for each test that
 * was skipped, the runner's count, and last of all what failed. What a file printed is shown only where something in it failed.
 */
import { relative, resolve } from "node:path";
import { inspect } from "node:util";

const MAX_ERROR_CHARS = 16_384;
const MAX_PRINTED_CHARS = 8_192;
/** Longer than the runner's own limit: Node 24 has none for a file whose tests are done, but which something holds open. */
const MAX_FILE_MILLIS = 540_000;

export default async function* report(events) {
  const files = new Map();
  const failures = [];
  const counts = [];
  const path = []; // the names of the tests around the one that is told of
  for await (const { type, data } of events) {
    const file = fileOf(files, data);
    switch (type) {
      case "test:stdout":
      case "test:stderr":
        file.prints(data.message);
        break;
      case "test:dequeue":
        if (isFile(data)) file.limit = setTimeout(() => endWith(failures, file), MAX_FILE_MILLIS).unref();
        else file.running.add(data.name);
        break;
      case "test:complete":
        if (isFile(data)) {
          clearTimeout(file.limit);
          yield lineOf(file, data.details);
        } else file.running.delete(data.name);
        break;
      case "test:start":
        path.splice(data.nesting, path.length, data.name);
        break;
      case "test:pass":
        if (data.skip !== undefined) yield `skipped: ${path.join(" > ")} (${file.name}): ${data.skip}\n`;
        break;
      case "test:fail":
        if (data.details.error.failureType === "subtestsFailed") break; // they tell of themselves
        failures.push({
          file,
          title: isFile(data) ? "" : path.join(" > "),
          line: data.line,
          error: data.details.error,
        });
        break;
      case "test:diagnostic":
        if (data.file === undefined) counts.push(data.message);
        else file.prints(`${data.message}\n`);
        break;
    }
  }
  yield `\n${counts.map((count) => `# ${count}\n`).join("")}`;
  if (failures.length > 0) yield textOf(failures);
}

function fileOf(files, { file }) {
  const path = file === undefined ? "" : resolve(file); // the versions differ in whether it is absolute
  const known = files.get(path) ?? {
    name: relative(process.cwd(), path),
    running: new Set(),
    printed: "",
    prints(text) {
      this.printed = (this.printed + text).slice(-MAX_PRINTED_CHARS);
    },
  };
  files.set(path, known);
  return known;
}

/** The runner holds a file for a test around those in it, and tells of it. */
function isFile({ name, nesting, file }) {
  return nesting === 0 && file !== undefined && resolve(name) === resolve(file);
}

function lineOf(file, { duration_ms, passed }) {
  return `${(duration_ms / 1_000).toFixed(1).padStart(6)} s  ${file.name}${passed ? "" : "  FAILED"}\n`;
}

/** The runner would wait for ever. Asked to end, it ends its files, but says no more. */
function endWith(failures, file) {
  const error = new Error(`has not ended after ${MAX_FILE_MILLIS / 1_000} s`);
  process.stdout.write(textOf([...failures, { file, title: "", error }]), () => process.kill(process.pid, "SIGTERM"));
}

function textOf(failures) {
  const parts = [...new Set(failures.map(({ file }) => file))].flatMap((file) => [
    ...failures.filter((failure) => failure.file === file).map(failureText),
    ...(file.printed === "" ? [] : [`${file.name} printed:\n${indented(file.printed.trimEnd())}`]),
  ]);
  return `\n${failures.length} FAILED\n\n${parts.join("\n\n")}\n`;
}

function failureText({ file, title, line, error }) {
  if (title !== "") return `${file.name}:${line}: ${title}\n${indented(errorText(error.cause ?? error))}`;
  const reason =
    error.exitCode === undefined ? error.message : `ended with ${error.signal ?? `code ${error.exitCode}`}`;
  return [`${file.name}: ${reason}`, ...[...file.running].map((name) => `  not done: ${name}`)].join("\n");
}

/** An assertion's stack has its message, and that the difference; of anything else the causes and properties tell more. */
function errorText(error) {
  const text =
    typeof error === "string" ? error : error.code === "ERR_ASSERTION" ? error.stack : inspect(error, { depth: 6 });
  return text.length > MAX_ERROR_CHARS ? `${text.slice(0, MAX_ERROR_CHARS)} …` : text;
}

function indented(text) {
  return text.replaceAll(/^/gm, "  ");
}
