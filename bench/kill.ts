/** The kill loop of the tests at full length: load, SIGKILLs, and what was acknowledged and is not in the journal. */
import { type TestContext, test } from "node:test";
import { parseArgs } from "node:util";
import { runKillLoop } from "../test/collector/kill-loop";
import { freePort } from "../test/free-port";
import { markdownTable } from "./markdown-table";

const HELP = `npm run bench:kill -- [options]
  --seconds N   of load (default 60)
  --kills N     in that time (default 10)
  --rate N      spans a second (default 50000)
  --errors N    failing spans, per cent (default 2)`;

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    kills: { type: "string", default: "10" },
    rate: { type: "string", default: "50000" },
    errors: { type: "string", default: "2" },
    help: { type: "boolean", default: false },
  },
});

if (values.help) console.log(HELP);
else {
  // A test's context ends what it started, whatever happens.
  test("kill loop", { timeout: 2 * Number(values.seconds) * 1_000 + 120_000 }, async (context: TestContext) => {
    const result = await runKillLoop(context, {
      seconds: Number(values.seconds),
      kills: Number(values.kills),
      spansPerSecond: Number(values.rate),
      errorPercent: Number(values.errors),
      ports: { otlp: await freePort(), api: await freePort() },
    });
    console.log(
      markdownTable(
        ["", ""],
        [
          ["spans acknowledged", result.acknowledgedSpans.toLocaleString("en")],
          ["spans a second", Math.round(result.acknowledgedSpans / Number(values.seconds)).toLocaleString("en")],
          ["errors acknowledged", result.acknowledgedErrors.toLocaleString("en")],
          ["acknowledged and not found", String(result.lost)],
          ["written twice", String(result.duplicates)],
          ["requests without an answer", String(result.unanswered)],
          ["requests refused", String(result.refused)],
          ["slowest start, ms", result.slowestStartMillis.toFixed(0)],
        ],
      ),
    );
    if (result.lost > 0) process.exitCode = 1;
  });
}
