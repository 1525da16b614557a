/** The demo as its user sees it (a terminal, exit codes), and the parts that make its table true. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { CATEGORIES } from "seismo";
import { ACTIONS, type Action, LAB_ACTIONS } from "../demo/actions";
import { readCommandLine } from "../demo/command-line";
import { compare, compareEchoes, type Failure } from "../demo/comparison";
import { parseExposition, type Readings } from "../demo/readings";
import { renderComparison, renderProgress, renderSummary } from "../demo/screen";
import { startDemo } from "../demo/start-demo";
import { createTraffic } from "../demo/traffic";

test("a run closes with every error counted once and leaves nothing behind", async () => {
  const { code, output } = await ended(startMain("--for", "8"));
  assert.equal(code, 0, output);
  assert.match(output, /^shop +http:\/\/127\.0\.0\.1:\d+ +http:\/\/127\.0\.0\.1:\d+\/metrics$/m);
  assert.match(output, /^Every error was counted once\.$/m);
  assert.match(output, /^collector +http:\/\/127\.0\.0\.1:\d+ +http:\/\/127\.0\.0\.1:\d+\/metrics +\/.+\.jsonl$/m);
  const folder = /^Journals and logs: (.+)$/m.exec(output)?.[1];
  assert.ok(folder !== undefined && !existsSync(folder), "its folder is gone");
  assert.ok(!output.includes("\u001b"), "no escapes where there is no terminal");
});

test("Ctrl-C stops the traffic and still prints the table", async () => {
  const main = startMain();
  const stopWhenAsked = (text: string): void => {
    if (!text.includes("Ctrl-C stops.")) return;
    main.stdout?.off("data", stopWhenAsked);
    main.kill("SIGINT");
  };
  main.stdout?.setEncoding("utf8").on("data", stopWhenAsked);
  const { code, output } = await ended(main);
  assert.equal(code, 0, output);
  assert.match(output, /^category +service +made +counted +diff +roots +collected +diff$/m);
});

for (const victim of ["shop service", "collector"]) {
  test(`when the ${victim} dies it is named, and all else ends with the demo`, async () => {
    const demo = await startDemo();
    const processes = [demo.collector, ...demo.services];
    const dying = victim === "collector" ? demo.collector : demo.services[0];
    assert.ok(dying !== undefined);
    process.kill(dying.pid, "SIGKILL");
    assert.match(await demo.died, new RegExp(`^the ${victim} ended by itself \\(SIGKILL\\)`));
    await demo.stop();
    for (const { pid } of processes) assert.throws(() => process.kill(pid, 0), { code: "ESRCH" });
  });
}

test("a wrong option is explained, with exit code 2", async () => {
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
  const missing = [...ACTIONS, ...LAB_ACTIONS].filter(({ name, makes }) => {
    const row = page.split("\n").find((line) => line.startsWith(`| \`${name}\` |`)) ?? "";
    return row === "" || !makes.every((failure) => row.includes(shown(failure)));
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
        makes: name === "b" ? [PASSED_ON, { ...PASSED_ON, isRoot: true }] : [],
        run: async () => {
          done.push(name);
          if (done.length === 7) over.abort();
        },
      }),
    );
    const over = new AbortController();
    const around = { urls: { shop: "", orders: "", pool: "" }, reportUrl: "", next: () => 0 };
    const traffic = createTraffic({ actions, around, rate: 500, seed });
    await traffic.run(10_000, over.signal);
    assert.deepEqual(traffic.made(), [{ service: "shop", category: "http_upstream_error", made: 2, roots: 1 }]);
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
    makes: [PASSED_ON],
    run: async () => {
      over.abort();
      throw new Error("answered 500 instead of 200");
    },
  };
  const around = { urls: { shop: "", orders: "", pool: "" }, reportUrl: "", next: () => 0 };
  const traffic = createTraffic({ actions: [action], around, rate: 1, seed: 1 });
  await traffic.run(10_000, over.signal);
  assert.deepEqual(traffic.made(), []);
  assert.deepEqual(traffic.problems(), ["GET /x: answered 500 instead of 200"]);
});

test("made and counted are compared by service and category, roots alone; the collector counts where it began", () => {
  const services = parseExposition(
    [
      "# TYPE seismo_errors_total counter",
      errors("shop", "file_upload", "root", 2),
      errors("shop", "file_upload", "root", 1, "shop-2"),
      errors("shop", "http_upstream_error", "root", 2),
      errors("shop", "http_server_error", "echo", 5),
      errors("orders", "application_error", "root", 1),
      "",
    ].join("\n"),
  );
  const collector = parseExposition(
    [
      errors("shop", "file_upload", "root", 3),
      errors("shop", "http_upstream_error", "echo", 1),
      errors("shop", "http_upstream_error", "root", 1),
    ].join("\n"),
  );
  const rows = compare(
    [
      { service: "shop", category: "file_upload", made: 3, roots: 3 },
      { service: "shop", category: "http_upstream_error", made: 2, roots: 0 },
      { service: "shop", category: "network_dns", made: 1, roots: 1 },
    ],
    { services, collector },
  );
  assert.deepEqual(renderComparison(rows, false).slice(1), [
    "network_dns                shop         1       0    -1      1         0    -1",
    "http_upstream_error        shop         2       2     0      0         1    +1",
    "file_upload                shop         3       3     0      3         3     0",
    "application_error          orders       0       1    +1      0         0     0",
    "all                                     6       6     0      4         4     0",
    "",
    "Made and counted differ: network_dns in shop, http_upstream_error in shop, application_error in orders.",
  ]);
});

test("of what a service passed on, the collector should have the call and the answer as echoes", () => {
  const collector = parseExposition(
    [
      errors("shop", "http_upstream_error", "echo", 4),
      errors("shop", "http_client_error", "echo", 1),
      errors("shop", "http_server_error", "echo", 9),
    ].join("\n"),
  );
  const made = [
    { service: "shop", category: "http_upstream_error", made: 2, roots: 0 },
    { service: "shop", category: "http_client_error", made: 5, roots: 4 },
    { service: "shop", category: "http_server_error", made: 5, roots: 5 },
  ];
  assert.deepEqual(compareEchoes(made, { services: [], collector }), { expected: 6, collected: 5 });
});

test("label values are read with their escapes", () => {
  assert.deepEqual(parseExposition('a{b="x\\"y\\\\z\\n",c="{}"} 1.5\nup 1\n# d 1\n'), [
    { name: "a", labels: { b: 'x"y\\z\n', c: "{}" }, value: 1.5 },
    { name: "up", labels: {}, value: 1 },
  ]);
});

test("the summary fits on its screen, however small, and loses no error", () => {
  const categories = Object.values(CATEGORIES).flat();
  const readings = {
    services: [],
    collector: parseExposition(categories.map((name) => errors("shop", name, "root", 2)).join("\n")),
  };
  for (const columns of [40, 80, 200]) {
    for (const rows of [8, 24, 50]) {
      const lines = renderSummary(readings, "Seismo demo", { columns, rows, isColored: false });
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
  const readings: Readings = {
    services: [{ name: "seismo_worker_status", labels: { worker: "pool" }, value: 2 }],
    collector: [{ name: "seismo_received_total", labels: { signal: "spans" }, value: 7 }],
  };
  const terminal = { columns: 80, rows: 24 };
  assert.ok(
    renderSummary(readings, "", { ...terminal, isColored: true })
      .join("")
      .includes("\u001b[31mcritical\u001b[0m pool"),
  );
  assert.ok(
    !renderSummary(readings, "", { ...terminal, isColored: false })
      .join("")
      .includes("\u001b"),
  );
  assert.equal(
    renderProgress(readings, "5 s"),
    "5 s: requests 0, errors 0 (critical 0, warning 0, info 0), new groups 0, slow 0, in flight 0, stuck 0, spans received 7",
  );
});

function shown({ service, category, isRoot }: Failure): string {
  return `${service}: \`${category}\`${isRoot ? "" : " (passed on)"}`;
}

const PASSED_ON: Failure = { service: "shop", category: "http_upstream_error", isRoot: false };

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
