/**
 * `npm run demo`: starts the demo, shows what happens, and closes with what was made against what was counted.
 * The only file of the demo that prints or exits.
 */
import { setTimeout as delay } from "node:timers/promises";
import { HELP, type RunOptions, readCommandLine } from "./command-line";
import { compare } from "./comparison";
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

  print("Starting the services…");
  const demo = await startDemo({ rate, port, seed, signal }).catch((error: unknown) => {
    if (signal.aborted) return undefined;
    throw error;
  });
  if (demo === undefined) return EXIT.interrupted;
  let code: number = EXIT.failed;
  try {
    printAddresses(demo);
    const outcome = await Promise.race([demo.died, act(demo, forSeconds, signal)]);
    if (outcome === undefined) code = EXIT.good;
    else complain(`demo: ${outcome}`);
  } finally {
    // What went wrong is easier found with the journals at hand.
    const keepFolder = code !== EXIT.good;
    await demo.stop({ keepFolder });
    if (keepFolder) complain(`Journals and logs are in ${demo.folder}`);
  }
  return code;
}

/** Resolves to what went wrong, if something did. */
async function act(demo: Demo, forSeconds: number | undefined, signal: AbortSignal): Promise<string | undefined> {
  const over = new AbortController();
  const showing = stdout.isTTY ? showScreen(demo, forSeconds, over.signal) : showProgress(demo, over.signal);
  await demo.generate(forSeconds === undefined ? FOREVER_MILLIS : forSeconds * 1_000, signal);
  over.abort();
  await showing;

  print("", "The traffic has stopped. Waiting until the counts stand still…", "");
  const rows = compare(demo.expected(), await demo.settled());
  print(...renderComparison(rows, isColored));
  for (const reason of demo.skipped) print(`Not made here: ${reason}.`);
  if (demo.problems().length > 0) return `not all went as it should:\n  ${demo.problems().join("\n  ")}`;
  return rows.every(({ made, counted }) => made === counted) ? undefined : "made and counted differ";
}

function printAddresses(demo: Demo): void {
  print("");
  for (const { name, url, metricsUrl } of demo.services) print(`${name.padEnd(7)} ${url}   ${metricsUrl}`);
  print("", `Journals and logs: ${demo.folder}`, "Ctrl-C stops.", "");
}

/** Draws over what it drew before. */
async function showScreen(demo: Demo, forSeconds: number | undefined, over: AbortSignal): Promise<void> {
  let drawn = 0;
  const draw = async (): Promise<void> => {
    const terminal = { columns: stdout.columns, rows: stdout.rows, isColored };
    const limit = forSeconds === undefined ? "" : ` of ${forSeconds}`;
    const lines = renderSummary(await demo.read(), `Seismo demo, ${elapsed()}${limit} s`, terminal);
    const up = drawn === 0 ? "" : `\u001b[${drawn}A\r`;
    stdout.write(`${up}${lines.map((line) => `${line}\u001b[K\n`).join("")}\u001b[J`);
    drawn = lines.length;
  };
  const elapsed = stopwatch();
  while (!over.aborted) {
    await draw();
    await delay(SCREEN_MILLIS, undefined, { signal: over }).catch(() => {}); // woken early: it is over
  }
  await draw();
}

async function showProgress(demo: Demo, over: AbortSignal): Promise<void> {
  const elapsed = stopwatch();
  while (!over.aborted) {
    await delay(PROGRESS_MILLIS, undefined, { signal: over }).catch(() => {}); // woken early: it is over
    print(renderProgress(await demo.read(), `${elapsed()} s`));
  }
}

function stopwatch(): () => number {
  const start = performance.now();
  return () => Math.round((performance.now() - start) / 1_000);
}
