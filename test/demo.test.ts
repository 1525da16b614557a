/** The demo as its user sees it (a terminal, exit codes), and the parts that make its table true. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { CATEGORIES } from "seismo";
import { ACTIONS, type Action } from "../demo/actions";
import { readCommandLine } from "../demo/command-line";
import { compare } from "../demo/comparison";
import { parseExposition, type Sample } from "../demo/readings";
import { renderComparison, renderProgress, renderSummary } from "../demo/screen";
import { startDemo } from "../demo/start-demo";
import { createTraffic } from "../demo/traffic";

test("a run closes with every error counted once and leaves nothing behind", { timeout: 90_000 }, async () => {
  const { code, output } = await ended(startMain("--for", "8"));
  assert.equal(code, 0, output);
  assert.match(output, /^shop +http:\/\/127\.0\.0\.1:\d+ +http:\/\/127\.0\.0\.1:\d+\/metrics$/m);
  assert.match(output, /^Every error was counted once\.$/m);
  const folder = /^Journals and logs: (.+)$/m.exec(output)?.[1];
  assert.ok(folder !== undefined && !existsSync(folder), "its folder is gone");
  assert.ok(!output.includes("\u001b"), "no escapes where there is no terminal");
});

test("Ctrl-C stops the traffic and still prints the table", { timeout: 60_000 }, async () => {
  const main = startMain();
  const stopWhenAsked = (text: string): void => {
    if (!text.includes("Ctrl-C stops.")) return;
    main.stdout?.off("data", stopWhenAsked);
    main.kill("SIGINT");
  };
  main.stdout?.setEncoding("utf8").on("data", stopWhenAsked);
  const { code, output } = await ended(main);
  assert.equal(code, 0, output);
  assert.match(output, /^category +service +made +counted +difference$/m);
});

test("a service that dies is named, and the others are ended with the demo", { timeout: 60_000 }, async () => {
  const demo = await startDemo();
  const [shop] = demo.services;
  assert.ok(shop !== undefined);
  process.kill(shop.pid, "SIGKILL");
  assert.match(await demo.died, /^the shop service ended by itself \(SIGKILL\)/);
  await demo.stop();
  for (const { pid } of demo.services) assert.throws(() => process.kill(pid, 0), { code: "ESRCH" });
});

test("a wrong option is explained, with exit code 2", { timeout: 30_000 }, async () => {
  for (const [args, message] of [
    [["--speed", "3"], /Unknown option '--speed'/],
    [["--for", "soon"], /--for soon: expected a whole number from 1 to 86400/],
    [["--rate", "0"], /--rate 0: expected a whole number from 1 to 500/],
    [["now"], /Unexpected argument 'now'/],
  ] as const) {
    const commandLine = readCommandLine(args);
    assert.equal(commandLine.kind, "mistake");
    assert.match(commandLine.kind === "mistake" ? commandLine.message : "", message);
  }
  const { code, output } = await ended(startMain("--port", "70000"));
  assert.equal(code, 2, output);
  assert.match(output, /--port 70000.*\n\nUsage: npm run demo/);
});

test("there is an act for every category", () => {
  const made = new Set(ACTIONS.flatMap(({ makes }) => makes.map(({ category }) => category)));
  assert.deepEqual(
    Object.values(CATEGORIES)
      .flat()
      .filter((category) => !made.has(category)),
    [],
  );
});

test("docs/demo.md lists every act and what it makes", () => {
  const page = readFileSync("docs/demo.md", "utf8");
  const missing = ACTIONS.filter(({ name, makes }) => {
    const row = page.split("\n").find((line) => line.startsWith(`| \`${name}\` |`)) ?? "";
    return row === "" || !makes.every(({ service, category }) => row.includes(`${service}: \`${category}\``));
  });
  assert.deepEqual(
    missing.map(({ name }) => name),
    [],
  );
});

test("the traffic does everything once a round, in an order that the seed decides", async () => {
  const order = async (seed: number): Promise<string[]> => {
    const done: string[] = [];
    const actions = ["a", "b", "c", "d", "e", "f"].map(
      (name): Action => ({
        name,
        lane: "web",
        weight: name === "a" ? 2 : 1,
        makes: name === "b" ? [{ service: "shop", category: "file_upload" }] : [],
        run: async () => {
          done.push(name);
          if (done.length === 7) over.abort();
        },
      }),
    );
    const over = new AbortController();
    const around = { urls: { shop: "", orders: "", pool: "" }, next: () => 0 };
    const traffic = createTraffic({ actions, around, rate: 500, seed });
    await traffic.run(10_000, over.signal);
    assert.deepEqual(traffic.made(), [{ service: "shop", category: "file_upload", made: 1 }]);
    return done;
  };
  const [first, again, other] = [await order(1), await order(1), await order(2)];
  assert.deepEqual(first, again);
  assert.notDeepEqual(first, other);
  assert.deepEqual(first.toSorted(), ["a", "a", "b", "c", "d", "e", "f"]);
});

test("an act that does not go as it should makes nothing and is a problem", async () => {
  const over = new AbortController();
  const action: Action = {
    name: "GET /x",
    lane: "pool",
    weight: 1,
    makes: [{ service: "pool", category: "unknown_error" }],
    run: async () => {
      over.abort();
      throw new Error("answered 500 instead of 200");
    },
  };
  const around = { urls: { shop: "", orders: "", pool: "" }, next: () => 0 };
  const traffic = createTraffic({ actions: [action], around, rate: 1, seed: 1 });
  await traffic.run(10_000, over.signal);
  assert.deepEqual(traffic.made(), []);
  assert.deepEqual(traffic.problems(), ["GET /x: answered 500 instead of 200"]);
});

test("made and counted are compared by service and category, roots alone", () => {
  const samples = parseExposition(
    [
      "# TYPE seismo_errors_total counter",
      errors("shop", "file_upload", "root", 2),
      errors("shop", "file_upload", "root", 1, "shop-2"),
      errors("shop", "http_server_error", "echo", 5),
      errors("orders", "application_error", "root", 1),
      "",
    ].join("\n"),
  );
  const rows = compare(
    [
      { service: "shop", category: "file_upload", made: 3 },
      { service: "shop", category: "network_dns", made: 1 },
    ],
    samples,
  );
  assert.deepEqual(rows, [
    { service: "shop", category: "network_dns", made: 1, counted: 0 },
    { service: "shop", category: "file_upload", made: 3, counted: 3 },
    { service: "orders", category: "application_error", made: 0, counted: 1 },
  ]);
  assert.deepEqual(renderComparison(rows, false).slice(1), [
    "network_dns                 shop             1          0         -1",
    "file_upload                 shop             3          3          0",
    "application_error           orders           0          1         +1",
    "all                                          4          4          0",
    "",
    "Made and counted differ: network_dns in shop, application_error in orders.",
  ]);
});

test("label values are read with their escapes", () => {
  assert.deepEqual(parseExposition('a{b="x\\"y\\\\z\\n",c="{}"} 1.5\nup 1\n# d 1\n'), [
    { name: "a", labels: { b: 'x"y\\z\n', c: "{}" }, value: 1.5 },
    { name: "up", labels: {}, value: 1 },
  ]);
});

test("the summary fits on its screen, however small, and loses no error", () => {
  const categories = Object.values(CATEGORIES).flat();
  const samples = parseExposition(categories.map((name) => errors("shop", name, "root", 2)).join("\n"));
  for (const columns of [40, 80, 200]) {
    for (const rows of [8, 24, 50]) {
      const lines = renderSummary(samples, "Seismo demo", { columns, rows, isColored: false });
      assert.ok(lines.length < rows, `${lines.length} lines on ${rows} rows`);
      assert.ok(lines.every((line) => line.length <= columns));
      const cells = lines.slice(5).flatMap((line) => [...line.matchAll(/(\d+) (?:in \d+|[a-z_]+)/g)]);
      assert.equal(
        cells.reduce((all, [, count]) => all + Number(count), 0),
        2 * categories.length,
      );
    }
  }
});

test("colours are for terminals", () => {
  const samples: Sample[] = [{ name: "seismo_worker_status", labels: { worker: "pool" }, value: 2 }];
  const terminal = { columns: 80, rows: 24 };
  assert.ok(
    renderSummary(samples, "", { ...terminal, isColored: true })
      .join("")
      .includes("\u001b[31mcritical\u001b[0m pool"),
  );
  assert.ok(
    !renderSummary(samples, "", { ...terminal, isColored: false })
      .join("")
      .includes("\u001b"),
  );
  assert.equal(
    renderProgress(samples, "5 s"),
    "5 s: requests 0, errors 0 (critical 0, warning 0, info 0), slow 0, in flight 0, stuck 0, new groups 0",
  );
});

function errors(service: string, category: string, origin: string, value: number, worker = service): string {
  return `seismo_errors_total{service="${service}",worker="${worker}",category="${category}",severity="info",origin="${origin}"} ${value}`;
}

function startMain(...args: readonly string[]): ChildProcess {
  const main = join(__dirname, "..", "demo", "main.js");
  return spawn(process.execPath, [main, ...args], { stdio: ["ignore", "pipe", "pipe"] });
}

async function ended(main: ChildProcess): Promise<{ readonly code: number | null; readonly output: string }> {
  let output = "";
  for (const stream of [main.stdout, main.stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  await once(main, "close");
  return { code: main.exitCode, output };
}
