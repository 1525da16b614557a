/** What the user asked for: `npm run demo -- --for 20`. */
import { parseArgs } from "node:util";

export interface RunOptions {
  /** Undefined: until Ctrl-C. */
  readonly forSeconds: number | undefined;
  readonly rate: number;
  readonly port: number;
  readonly seed: number;
}

export type CommandLine =
  | { readonly kind: "run"; readonly options: RunOptions }
  | { readonly kind: "help" }
  | { readonly kind: "mistake"; readonly message: string };

export const HELP = `Usage: npm run demo -- [options]

Starts three sample services with Seismo in front of each and a collector behind them, makes
every category of error that one machine can make, and compares what was made with what they
and the collector have counted.

  --for N     stop after N seconds (default: run until Ctrl-C)
  --rate N    web requests in a second, 1 to 500 (default: 15)
  --port N    port of the shop's API, 0 for a free one (default: 0)
  --seed N    another order of the same traffic (default: 1)
  --help      this page

Exit code: 0 when every error was counted once, 1 when not or when one of them died,
2 when an option is wrong.
`;

/** `args` without node and the script. */
export function readCommandLine(args: readonly string[]): CommandLine {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        for: { type: "string" },
        rate: { type: "string", default: "15" },
        port: { type: "string", default: "0" },
        seed: { type: "string", default: "1" },
        help: { type: "boolean", default: false },
      },
    });
    if (values.help) return { kind: "help" };
    return {
      kind: "run",
      options: {
        forSeconds: values.for === undefined ? undefined : number("--for", values.for, 1, 86_400),
        rate: number("--rate", values.rate, 1, 500),
        port: number("--port", values.port, 0, 65_535),
        seed: number("--seed", values.seed, 0, 4_294_967_295),
      },
    };
  } catch (error) {
    return { kind: "mistake", message: error instanceof Error ? error.message : String(error) };
  }
}

function number(name: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && value <= most) return value;
  throw new Error(`${name} ${text}: expected a whole number from ${least} to ${most}`);
}
