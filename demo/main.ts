/**
 * `npm run demo`: starts the demo, shows what happens, and closes with what was made against what was counted.
 * The only file of the demo that prints or exits.
 */
import { setTimeout as delay } from "node:timers/promises";
import { HELP, type RunOptions, readCommandLine } from "./command-line";
import { compare, compareEchoes, isRight } from "./comparison";
import { type Readings, sumBy } from "./readings";
import { renderComparison, renderProgress, renderSummary } from "./screen";
import { type Demo, startDemo } from "./start-demo";

const EXIT = { good: 0, failed: 1, usage: 2, interrupted: 130 } as const;
const SCREEN_MILLIS = 1_000;
const PROGRESS_MILLIS = 5_000;
const FOREVER_MILLIS = 2 ** 40;

const { stdout } = process;
const isColored = stdout.isTTY && !process.env["NO_COLOR"] && process.env["TERM"] !== "dumb";
const print = (...lines: readonly string[]): void => void stdout.write(`${lines.join("\n")}\n`);
const complain = (text: string): void => void process.stderr.write(`${text}\n`);

const commandLine = readCommandLine(process.argv.slice(2));
switch (commandLine.kind) {
  case "help":
    stdout.write(HELP);
    break;
  case "mistake":
    complain(`demo: ${commandLine.message}\n\n${HELP}`);
    process.exitCode = EXIT.usage;
    break;
  case "run":
    void run(commandLine.options).then(
      (code) => process.exit(code),
      (error: unknown) => {
        complain(`demo: ${error instanceof Error ? error.message : String(error)}`);
        process.exit(EXIT.failed);
      },
    );
    break;
  default:
    commandLine satisfies never;
}

async function run({ forSeconds, rate, port, seed }: RunOptions): Promise<number> {
  const interrupt = new AbortController();
  const { signal } = interrupt;
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(name, () => {
      if (signal.aborted) process.exit(EXIT.interrupted); // asked twice: at once, and the services with us
      interrupt.abort();
    });
  }
  stdout.on("error", () => interrupt.abort()); // nobody reads any more

  print("Starting the collector and the services…");
  const demo = await startDemo({ rate, port, seed, signal }).catch((error: unknown) => {
    if (signal.aborted) return undefined;
    throw error;
  });
  if (demo === undefined) return EXIT.interrupted;
  const lost = new AbortController();
  let code: number = EXIT.failed;
  try {
    printAddresses(demo);
    const outcome = await Promise.race([demo.died, act(demo, forSeconds, signal, lost.signal)]);
    if (outcome === undefined) code = EXIT.good;
    else complain(`demo: ${outcome}`);
  } finally {
    lost.abort();
    // What went wrong is easier found with the journals at hand.
    const keepFolder = code !== EXIT.good;
    await demo.stop({ keepFolder });
    if (keepFolder) complain(`Journals and logs are in ${demo.folder}`);
  }
  return code;
}

/** Resolves to what went wrong, if something did. `enough` ends the traffic, `lost` makes the rest pointless. */
async function act(
  demo: Demo,
  forSeconds: number | undefined,
  enough: AbortSignal,
  lost: AbortSignal,
): Promise<string | undefined> {
  const end = AbortSignal.any([enough, lost]);
  const answered = new AbortController();
  const showing = show(demo, forSeconds, AbortSignal.any([end, answered.signal]));
  await demo.generate(forSeconds === undefined ? FOREVER_MILLIS : forSeconds * 1_000, end);
  answered.abort();
  await showing;
  if (lost.aborted) return undefined;

  print("", "The traffic has stopped. Waiting until the counts stand still…", "");
  const readings = await demo.settled();
  const rows = compare(demo.expected(), readings);
  const echoes = compareEchoes(demo.expected(), readings);
  print(...renderComparison(rows, isColored));
  print(`Passed on by one service to another: ${echoes.expected} echoes expected, ${echoes.collected} collected.`);
  if (demo.alertmanager !== undefined) {
    const { slackMessages, mails } = demo.alertmanager.inbox;
    print(
      `Alertmanager sent ${slackMessages.length} messages to Slack and ${mails.length} e-mails; both ended in the demo's own inbox.`,
    );
  }
  for (const reason of demo.skipped) print(`Not made here: ${reason}.`);
  if (demo.problems().length > 0) return `not all went as it should:\n  ${demo.problems().join("\n  ")}`;
  const unbalanced = [...sumBy(readings.collector, "seismo_unaccounted", "signal")].filter(([, count]) => count !== 0);
  if (unbalanced.length > 0) return `the collector's books do not balance: ${unbalanced.join(", ")}`;
  if (echoes.expected !== echoes.collected) return "echoes expected and collected differ";
  return rows.every(isRight) ? undefined : "made and counted differ";
}

function printAddresses(demo: Demo): void {
  print("");
  for (const { name, url, metricsUrl } of demo.services) print(`${name.padEnd(12)} ${url}   ${metricsUrl}`);
  const { otlpUrl, metricsUrl, journal } = demo.collector;
  print(`${"collector".padEnd(12)} ${otlpUrl}   ${metricsUrl}   ${journal}`);
  for (const [name, url] of [
    ["Prometheus", demo.prometheus?.prometheusUrl],
    ["Alertmanager", demo.alertmanager?.alertmanagerUrl],
  ] as const) {
    print(`${name.padEnd(12)} ${url ?? "not started: it is not installed here"}`);
  }
  print("", `Open ${demo.collector.pageUrl}`);
  print("", `Journals and logs: ${demo.folder}`, "Ctrl-C stops.", "");
}

/** On a terminal one screen that is drawn over again, else a line now and then. Never rejects. */
async function show(demo: Demo, forSeconds: number | undefined, over: AbortSignal): Promise<void> {
  const elapsed = stopwatch();
  const limit = forSeconds === undefined ? "" : ` of ${forSeconds}`;
  let drawn = 0;
  let said = "";
  const draw = (readings: Readings): void => {
    const terminal = { columns: stdout.columns || 80, rows: stdout.rows || 24, isColored };
    const lines = renderSummary(readings, `Seismo demo, ${elapsed()}${limit} s`, terminal);
    const up = drawn === 0 ? "" : `\u001b[${drawn}A\r`;
    stdout.write(`${up}${lines.map((line) => `${line}\u001b[K\n`).join("")}\u001b[J`);
    drawn = lines.length;
  };
  const look = async (): Promise<void> => {
    const readings = await demo.read().catch(() => undefined); // a service that died says so itself
    if (readings === undefined) return;
    if (stdout.isTTY) return draw(readings);
    const line = renderProgress(readings, `${elapsed()}${limit} s`);
    if (line !== said) print(line);
    said = line;
  };
  do {
    await delay(stdout.isTTY ? SCREEN_MILLIS : PROGRESS_MILLIS, undefined, { signal: over }).catch(() => {}); // it is over
    await look();
  } while (!over.aborted);
}

function stopwatch(): () => number {
  const start = performance.now();
  return () => Math.round((performance.now() - start) / 1_000);
}
