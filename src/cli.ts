#!/usr/bin/env node
/** The `seismo` command: the only file that exits or prints. */
import { hostname } from "node:os";
import { parseArgs } from "node:util";
import { describeProblems, loadConfig } from "./config";
import { VERSION } from "./version";

const USAGE = `Usage: seismo <command> [options]

Commands:
  check [FILE]     validates the configuration (FILE, else SEISMO_CONFIG or seismo.config.*, and the environment)

Options:
  -h, --help       shows this text
  -v, --version    shows the version

To watch a service:  node --require seismo/register app.js
`;

/** Exit codes: 0 done, 1 the configuration is wrong, 2 the command line is wrong. */
function main(args: readonly string[]): number {
  const [command, ...rest] = args;
  switch (command) {
    case undefined:
      process.stderr.write(USAGE);
      return 2;
    case "-h":
    case "--help":
    case "help":
      process.stdout.write(USAGE);
      return 0;
    case "-v":
    case "--version":
      process.stdout.write(`${VERSION}\n`);
      return 0;
    case "check":
      return check(rest);
    default:
      return misused(`unknown command "${command}"`);
  }
}

function check(args: readonly string[]): number {
  let positionals: readonly string[];
  try {
    const parsed = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { help: { type: "boolean", short: "h" } },
    });
    if (parsed.values.help === true) {
      process.stdout.write(USAGE);
      return 0;
    }
    positionals = parsed.positionals;
  } catch (error) {
    return misused(error instanceof Error ? error.message : String(error));
  }
  if (positionals.length > 1) return misused("check takes one file");
  const [file] = positionals;
  const env = file === undefined ? process.env : { ...process.env, SEISMO_CONFIG: file };
  const { problems } = loadConfig({ env, cwd: process.cwd(), hostname: hostname() });
  for (const line of describeProblems(problems)) process.stderr.write(`${line}\n`);
  process.stdout.write(problems.length === 0 ? "configuration is valid\n" : `${problems.length} faults\n`);
  return problems.length === 0 ? 0 : 1;
}

function misused(message: string): number {
  process.stderr.write(`seismo: ${message}\n\n${USAGE}`);
  return 2;
}

process.exitCode = main(process.argv.slice(2));
