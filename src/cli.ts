#!/usr/bin/env node
/** The `seismo` command: the only file that exits or prints. */
import { createReadStream } from "node:fs";
import { hostname } from "node:os";
import { type ParseArgsConfig, parseArgs } from "node:util";
import type { Config, ConfigProblem } from "./config";
import { describeProblems, loadConfig } from "./config";
import { showValue } from "./config/problems";
import type { Rules } from "./processors/rules";
import { VERSION } from "./version";

const USAGE = `Usage: seismo <command> [options]

Commands:
  collect          takes OTLP and error reports, counts and passes on (seismo collect --help)
  check [FILE]     validates the configuration, and rules and dashboards against live endpoints (seismo check --help)
  rules            makes alerting/rules.yml of alerting/thresholds.yaml (seismo rules --help)
  fingerprint      names errors: JSON lines in, JSON lines out (seismo fingerprint --help)
  replay FILE…     takes a journal into a store, or tells how a change of rules would group it (seismo replay --help)

Options:
  -h, --help       shows this text
  -v, --version    shows the version

To watch a service:  node --require seismo/register app.js
`;

const COLLECT_USAGE = `Usage: seismo collect [options]

Takes OTLP over HTTP (POST /v1/traces, /v1/logs) and error reports (POST /api/report-error), writes every error to the
journal, serves /metrics, and passes OTLP on when an endpoint is set. Stops on SIGTERM and SIGINT when all is written.

Options:
  --config FILE       configuration (else SEISMO_CONFIG or seismo.config.*)
  --host HOST         address of API and metrics (127.0.0.1)
  --port PORT         of API and metrics (8080)
  --otlp-host HOST    address of OTLP (127.0.0.1)
  --otlp-port PORT    of OTLP/HTTP (4318)
  --grpc-port PORT    of OTLP/gRPC, usually 4317 (off)
  --forward URL       where OTLP goes on to
  --theme THEME       of the page: system, dark or light (system)
  --db-path FILE      where errors are kept to be asked about (seismo.duckdb)
  --no-store          keeps none but in the journal
  -h, --help          shows this text

Each is also an option of the configuration and a variable of the environment: docs/configuration.md.
`;

const RULES_USAGE = `Usage: seismo rules [options]

Makes Prometheus' recording and alerting rules of the thresholds, after checking these.

Options:
  --thresholds FILE   numbers and links (alerting/thresholds.yaml)
  --out FILE          rules to write; - prints them (alerting/rules.yml)
  --prefix PREFIX     of the metrics, as set by metrics.prefix (seismo_)
  --check             writes nothing; exit code 1 when the rules are not those of the thresholds
  -h, --help          shows this text

docs/alerting.md lists the alerts.
`;

const CHECK_USAGE = `Usage: seismo check [FILE] [--url URL …] [options]

Validates the configuration (FILE, else SEISMO_CONFIG or seismo.config.*, and the environment). With --url also proves
that rules, dashboards, scrape configuration and the list of metrics agree with what these endpoints serve.

  seismo check --url http://127.0.0.1:9464/metrics --url http://127.0.0.1:8080/metrics

Options:
  --url URL           metrics of a service or a collector; one of each tells all
  --rules FILE        recording and alerting rules, may be given again (alerting/rules.yml)
  --dashboards PATH   a folder of dashboards, or one (grafana/dashboards)
  --prometheus FILE   scrape configuration (prometheus.yml)
  --docs FILE         list of metrics (docs/metrics.md)
  --token-file FILE   token that the endpoints ask for, in a file of mode 600 (else SEISMO_TOKEN)
  -h, --help          shows this text

Files are looked for in the working folder, then among those that came with Seismo.
Exit code: 0 when all agrees, 1 when something does not, 2 when an option is wrong.
`;

const FINGERPRINT_USAGE = `Usage: seismo fingerprint [--config FILE] < errors.jsonl > names.jsonl

Reads errors, one JSON object a line, and prints which group each belongs to, in the same order:

  in    {"id", "type", "message", "stack", "language"}          id: number or text, handed back; the others are texts,
                                                                of which type, message or stack is required
  out   {"id", "fingerprint", "template", "category", "reason"}
        {"id", "line", "error"}                                 for a line that is no error; the exit code is then 1

Errors with the same fingerprint are one problem. Secrets are hidden first, and the rules of the configuration apply.

Options:
  --config FILE       configuration (else SEISMO_CONFIG or seismo.config.*)
  -h, --help          shows this text
`;

const REPLAY_USAGE = `Usage: seismo replay FILE… [--db-path FILE] [options]
       seismo replay FILE… --compare [--against FILE] [options]

Takes the errors of journal files into a store. What it has already is left as it is, so that running it again stores
nothing twice. A collector that runs takes its own journal in by itself, and no other process may have its store open.

  seismo replay backup/error_log.jsonl* --db-path copy.duckdb

With --compare names the errors anew, by the current configuration, and tells which groups of before are several now,
and which are one now. Before: by another configuration, or the ids that the journal recorded. Changes nothing.

  seismo replay logs/error_log.jsonl --compare                        the current rules against what was recorded
  seismo replay logs/error_log.jsonl* --compare --against old.yaml    against those of another configuration

Options:
  --db-path FILE      the store (seismo.duckdb)
  --compare           compares
  --against FILE      the configuration before (else what the journal recorded)
  --config FILE       configuration (else SEISMO_CONFIG or seismo.config.*)
  --json              JSON lines: {"kind":"split"|"merge","fingerprint","errors","parts"}, at last {"kind":"summary",…}
  -h, --help          shows this text

Exit code: 0 when all was read, 1 when a file, store or configuration cannot be used, 2 when an option is wrong.
`;

/** The variables that the options of `collect` stand for; the command line wins. */
const COLLECT_OPTIONS: { readonly [option: string]: string } = {
  config: "SEISMO_CONFIG",
  host: "SEISMO_HOST",
  port: "SEISMO_PORT",
  "otlp-host": "SEISMO_OTLP_HOST",
  "otlp-port": "SEISMO_OTLP_PORT",
  "grpc-port": "SEISMO_OTLP_GRPC_PORT",
  forward: "SEISMO_FORWARD_ENDPOINT",
  theme: "SEISMO_THEME",
  "db-path": "SEISMO_DB_PATH",
};

/** The longest that a collector takes to stop. */
const STOP_MILLIS = 9_000;
/** Of rules and dashboards; the rest are counted. */
const MAX_SHOWN_FAULTS = 200;
const EXIT = { done: 0, failed: 1, misused: 2 } as const;

async function main(args: readonly string[]): Promise<number> {
  const [command, ...rest] = args;
  switch (command) {
    case undefined:
      process.stderr.write(USAGE);
      return EXIT.misused;
    case "-h":
    case "--help":
    case "help":
      process.stdout.write(USAGE);
      return EXIT.done;
    case "-v":
    case "--version":
      process.stdout.write(`${VERSION}\n`);
      return EXIT.done;
    case "check":
      return await check(rest);
    case "collect":
      return await collect(rest);
    case "rules":
      return rules(rest);
    case "fingerprint":
      return await fingerprint(rest);
    case "replay":
      return await replay(rest);
    default:
      return misused(`unknown command "${command}"`, USAGE);
  }
}

async function check(args: readonly string[]): Promise<number> {
  const given = parse(args, CHECK_OPTIONS, CHECK_USAGE, "file");
  if (typeof given === "number") return given;
  const [file, ...more] = given.positionals;
  if (more.length > 0) return misused("check takes one file", CHECK_USAGE);
  const urls = texts(given.values["url"]);
  const bad = urls.find((url) => !isHttpUrl(url));
  if (bad !== undefined)
    return misused(`--url "${showValue(bad)}": expected a URL that begins with http:// or https://`, CHECK_USAGE);
  const needsUrl = Object.keys(CHECK_OPTIONS).find((option) => given.values[option] !== undefined);
  if (urls.length === 0 && needsUrl !== undefined) return misused(`--${needsUrl} needs --url`, CHECK_USAGE);

  const [tokenFile] = texts(given.values["token-file"]);
  const { config, problems } = configuration({
    ...(file === undefined ? {} : { SEISMO_CONFIG: file }),
    ...(tokenFile === undefined ? {} : { SEISMO_TOKEN: `file:${tokenFile}` }),
  });
  const typed = new Map(tokenFile === undefined ? [] : [["SEISMO_TOKEN", "token-file"]]);
  complain(problems.map((problem) => asTyped(problem, typed)));
  if (urls.length === 0) {
    process.stdout.write(problems.length === 0 ? "configuration is valid\n" : `${problems.length} faults\n`);
    return problems.length === 0 ? EXIT.done : EXIT.failed;
  }
  return await checkAgainst(urls.map(metricsUrl), config, problems.length, given.values);
}

const CHECK_OPTIONS = {
  url: { type: "string", multiple: true },
  rules: { type: "string", multiple: true },
  dashboards: { type: "string" },
  prometheus: { type: "string" },
  docs: { type: "string" },
  "token-file": { type: "string" },
} as const;

async function checkAgainst(
  urls: readonly URL[],
  config: Config,
  faults: number,
  options: Given["values"],
): Promise<number> {
  // Loaded only here, with a parser of PromQL and one of YAML.
  const { checkMonitoring } = require("./monitoring/check") as typeof import("./monitoring/check");
  const path = (option: string): string | undefined => texts(options[option])[0];
  const { problems, notes, summary } = await checkMonitoring({
    urls,
    token: config.security.token,
    paths: {
      rules: options["rules"] === undefined ? undefined : texts(options["rules"]),
      dashboards: path("dashboards"),
      prometheus: path("prometheus"),
      docs: path("docs"),
    },
    config,
    cwd: process.cwd(),
  });
  complain(problems.slice(0, MAX_SHOWN_FAULTS));
  if (problems.length > MAX_SHOWN_FAULTS) process.stderr.write(`and ${problems.length - MAX_SHOWN_FAULTS} more\n`);
  const all = faults + problems.length;
  const lines = [
    ...(faults === 0 ? ["configuration is valid"] : []),
    ...summary,
    ...describeProblems(notes).map((note) => `note: ${note}`),
    all === 0 ? "no faults" : `${all} ${all === 1 ? "fault" : "faults"}`,
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
  return all === 0 ? EXIT.done : EXIT.failed;
}

function isHttpUrl(text: string): boolean {
  return URL.canParse(text) && /^https?:\/\/[^@]*$/i.test(text);
}

/** A bare address stands for its usual path. */
function metricsUrl(text: string): URL {
  const url = new URL(text);
  if (url.pathname === "/") url.pathname = "/metrics";
  return url;
}

function texts(value: Given["values"][string]): string[] {
  return [value].flat().filter((item) => typeof item === "string");
}

function rules(args: readonly string[]): number {
  const text = { type: "string" } as const;
  const given = parse(args, { thresholds: text, out: text, prefix: text, check: { type: "boolean" } }, RULES_USAGE);
  if (typeof given === "number") return given;
  const monitoring = require("./monitoring/make-rules") as typeof import("./monitoring/make-rules");
  const { thresholds, out, prefix, check: onlyCheck } = given.values;
  const outFile = String(out ?? monitoring.DEFAULT_RULES_FILE);
  const made = monitoring.makeRules({
    thresholdsFile: String(thresholds ?? monitoring.DEFAULT_THRESHOLDS_FILE),
    outFile,
    prefix: String(prefix ?? monitoring.DEFAULT_METRIC_PREFIX),
    check: onlyCheck === true,
  });
  switch (made.status) {
    case "made":
      process.stdout.write(made.content);
      return EXIT.done;
    case "refused":
      complain(made.problems);
      return EXIT.failed;
    case "written":
    case "fresh":
      process.stdout.write(
        `${outFile}: ${made.rules} rules ${made.status === "written" ? "written" : "as they shall be"}\n`,
      );
      return EXIT.done;
  }
}

async function collect(args: readonly string[]): Promise<number> {
  const given = parse(
    args,
    {
      ...Object.fromEntries(Object.keys(COLLECT_OPTIONS).map((name) => [name, { type: "string" }])),
      "no-store": { type: "boolean" },
    },
    COLLECT_USAGE,
  );
  if (typeof given === "number") return given;
  const typed = Object.keys(COLLECT_OPTIONS).filter((option) => typeof given.values[option] === "string");
  const overrides = new Map(typed.map((option) => [COLLECT_OPTIONS[option] ?? "", option]));
  const { config, problems } = configuration({
    ...Object.fromEntries([...overrides].map(([variable, option]) => [variable, String(given.values[option])])),
    ...(given.values["no-store"] === true ? { SEISMO_STORE: "false" } : {}),
  });
  if (problems.length > 0) {
    complain(problems.map((problem) => asTyped(problem, overrides)));
    return EXIT.failed;
  }
  return await runCollector(config);
}

async function runCollector(config: Config): Promise<number> {
  // Loaded only here: the other commands have no use for servers.
  const { createCollector } = require("./collector") as typeof import("./collector");
  const collector = createCollector(config);
  const started = await collector.start();
  if (started.status === "failed") {
    process.stderr.write(`seismo: ${started.message}\n`);
    return EXIT.failed;
  }
  process.stdout.write(
    `seismo ${VERSION} collects\n` +
      `  OTLP/HTTP   ${started.otlpUrl}\n` +
      (started.grpcAddress === undefined ? "" : `  OTLP/gRPC   ${started.grpcAddress}\n`) +
      `  page        ${started.apiUrl}/error-visualization\n` +
      `  reports     ${started.apiUrl}/api/report-error\n` +
      `  metrics     ${started.apiUrl}/metrics\n` +
      `  journal     ${config.journal.path}\n` +
      (config.store.enabled ? `  store       ${config.store.path}\n` : "") +
      (config.forward.endpoint === undefined ? "" : `  passes on   ${started.forwardsTo}\n`) +
      started.notifies.map((target) => `  notifies    ${target}\n`).join(""),
  );
  const signal = await stopSignal();
  process.stdout.write(`${signal}: writing what is left; a second signal ends it at once\n`);
  const again = stopSignal().then(() => "again" as const);
  const ended = await Promise.race([collector.stop(STOP_MILLIS).then(() => "stopped" as const), again]);
  return ended === "stopped" ? EXIT.done : EXIT.failed;
}

async function fingerprint(args: readonly string[]): Promise<number> {
  const given = parse(args, { config: { type: "string" } }, FINGERPRINT_USAGE);
  if (typeof given === "number") return given;
  const file = given.values["config"];
  const { config, problems } = configuration(typeof file === "string" ? { SEISMO_CONFIG: file } : {});
  complain(problems.map((problem) => asTyped(problem, new Map([["SEISMO_CONFIG", "config"]]))));
  if (problems.length > 0) return EXIT.failed;
  // Loaded only here: the other commands name no errors by themselves.
  const { compileRules } = require("./processors/rules") as typeof import("./processors/rules");
  const { fingerprintLines } = require("./fingerprint-command") as typeof import("./fingerprint-command");
  const { stdin, stdout } = process;
  // Whoever reads the answers may have enough of them: `seismo fingerprint | head`.
  stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? EXIT.done : EXIT.failed));
  const write = async (lines: string): Promise<void> => {
    if (!stdout.write(lines)) await new Promise((resolve) => stdout.once("drain", resolve));
  };
  const rules = compileRules({ ...config.errors, redaction: config.redaction });
  const bad = await fingerprintLines(stdin.setEncoding("utf8"), write, rules);
  if (bad > 0) process.stderr.write(`seismo: ${bad} ${bad === 1 ? "line was" : "lines were"} no error\n`);
  return bad === 0 ? EXIT.done : EXIT.failed;
}

async function replay(args: readonly string[]): Promise<number> {
  const given = parse(args, REPLAY_OPTIONS, REPLAY_USAGE, "file");
  if (typeof given === "number") return given;
  if (given.positionals.length === 0) return misused("replay needs a journal file", REPLAY_USAGE);
  if (given.values["compare"] !== true) return await replayIntoStore(given);
  if (given.values["db-path"] !== undefined) return misused("--compare uses no store", REPLAY_USAGE);
  const { compileRules } = require("./processors/rules") as typeof import("./processors/rules");
  const rulesOf = (option: "config" | "against"): Rules | undefined => {
    const file = given.values[option];
    const { config, problems } = configuration(typeof file === "string" ? { SEISMO_CONFIG: file } : {});
    complain(problems.map((problem) => asTyped(problem, new Map([["SEISMO_CONFIG", option]]))));
    return problems.length > 0 ? undefined : compileRules({ ...config.errors, redaction: config.redaction });
  };
  const after = rulesOf("config");
  const hasOther = given.values["against"] !== undefined;
  const before = hasOther ? rulesOf("against") : undefined;
  if (after === undefined || (hasOther && before === undefined)) return EXIT.failed;

  const compare = require("./replay-compare") as typeof import("./replay-compare");
  const comparing = compare.createComparison({ before, after });
  for (const path of given.positionals) {
    try {
      await comparing.read(createReadStream(path, "utf8"));
    } catch (error) {
      process.stderr.write(`seismo: cannot read ${path}: ${error instanceof Error ? error.message : String(error)}\n`);
      return EXIT.failed;
    }
  }
  const print = given.values["json"] === true ? compare.comparisonJson : compare.comparisonText;
  process.stdout.write(print(comparing.result()));
  return EXIT.done;
}

async function replayIntoStore(given: Given): Promise<number> {
  const notAlone = ["against", "json"].find((option) => given.values[option] !== undefined);
  if (notAlone !== undefined) return misused(`--${notAlone} needs --compare`, REPLAY_USAGE);
  const typed = new Map([
    ["SEISMO_CONFIG", "config"],
    ["SEISMO_DB_PATH", "db-path"],
  ]);
  const overrides = [...typed].filter(([, option]) => given.values[option] !== undefined);
  const { config, problems } = configuration(
    Object.fromEntries(overrides.map(([variable, option]) => [variable, String(given.values[option])])),
  );
  complain(problems.map((problem) => asTyped(problem, typed)));
  if (problems.length > 0) return EXIT.failed;
  const { replayInto } = require("./store/replay") as typeof import("./store/replay");
  const { path, retentionHours, maxBytes, memoryBytes, threads } = config.store;
  const clearLine = process.stderr.isTTY ? "\r\x1b[K" : "";
  const result = await replayInto(
    { path, retentionMillis: retentionHours * 3_600_000, maxBytes, memoryLimitBytes: memoryBytes, threads },
    given.positionals,
    {
      progress({ bytes, totalBytes, errors, duplicate }) {
        if (clearLine === "") return;
        const percent = Math.min(100, Math.round((100 * bytes) / Math.max(1, totalBytes)));
        process.stderr.write(`${clearLine}${percent} %, ${errors} errors taken in, ${duplicate} were there`);
      },
      note: (message) => void process.stderr.write(`${clearLine}seismo: ${message}\n`),
    },
  );
  process.stderr.write(clearLine);
  if (result.status === "failed") {
    process.stderr.write(`seismo: ${result.message}\n`);
    return EXIT.failed;
  }
  const { errors, duplicate, tooOld, corrupt } = result;
  process.stdout.write(
    `${path}: ${errors} errors taken in, ${duplicate} were there, ${tooOld} are too old, ${corrupt} lines cannot be read\n`,
  );
  return EXIT.done;
}

const REPLAY_OPTIONS = {
  "db-path": { type: "string" },
  compare: { type: "boolean" },
  against: { type: "string" },
  config: { type: "string" },
  json: { type: "boolean" },
} as const;

function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    const onSignal = (signal: NodeJS.Signals): void => {
      process.off("SIGTERM", onSignal).off("SIGINT", onSignal);
      resolve(signal);
    };
    process.on("SIGTERM", onSignal).on("SIGINT", onSignal);
  });
}

interface Given {
  readonly values: { readonly [option: string]: string | boolean | (string | boolean)[] | undefined };
  readonly positionals: readonly string[];
}

/** A number is the exit code: help was asked for, or the options are wrong. */
function parse(
  args: readonly string[],
  options: NonNullable<ParseArgsConfig["options"]>,
  usage: string,
  takes: "nothing" | "file" = "nothing",
): Given | number {
  try {
    const given = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { ...options, help: { type: "boolean", short: "h" } },
    });
    if (given.values["help"] === true) {
      process.stdout.write(usage);
      return EXIT.done;
    }
    const [first] = given.positionals;
    if (takes === "nothing" && first !== undefined) return misused(`unexpected "${first}"`, usage);
    return given;
  } catch (error) {
    return misused(error instanceof Error ? error.message : String(error), usage);
  }
}

function configuration(overrides: { readonly [variable: string]: string }): ReturnType<typeof loadConfig> {
  return loadConfig({ env: { ...process.env, ...overrides }, cwd: process.cwd(), hostname: hostname() });
}

/** Under the name that was typed, not that of the variable that it stands for. */
function asTyped(problem: ConfigProblem, overrides: ReadonlyMap<string, string>): ConfigProblem {
  const option = overrides.get(problem.key);
  return option === undefined ? problem : { ...problem, source: "command line", key: `--${option}` };
}

function complain(problems: readonly ConfigProblem[]): void {
  for (const line of describeProblems(problems)) process.stderr.write(`${line}\n`);
}

function misused(message: string, usage: string): number {
  process.stderr.write(`seismo: ${message}\n\n${usage}`);
  return EXIT.misused;
}

/** What a slow reader of a pipe has not taken yet would go with the process. */
function written(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((done) => stream.write("", () => done()));
}

void main(process.argv.slice(2)).then(async (code) => {
  await Promise.all([written(process.stdout), written(process.stderr)]);
  process.exit(code);
});
