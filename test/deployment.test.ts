/**
 * The container files, as far as a machine without Docker can try them: they are read, and held against the options,
 * files and ports that they name; what the image holds is put together in a folder and started.
 */
import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { parse, parseAllDocuments } from "yaml";
import { describeOptions } from "../src/config";
import { cannotRunHere } from "./cannot-run-here";
import { startCollector } from "./collector/running-collector";
import { freePort } from "./free-port";
import { freshFolder } from "./fresh-folder";
import { eventually } from "./instrumentation/fixture-app";

const text = (file: string): string => readFileSync(file, "utf8");
const yaml = (file: string): unknown => parse(text(file));
const compose = yaml("docker-compose.yml");
const KUBERNETES = join("examples", "kubernetes");
const manifests: readonly unknown[] = readdirSync(KUBERNETES)
  .filter((file) => file !== "annotations.yaml")
  .flatMap((file) => parseAllDocuments(text(join(KUBERNETES, file))))
  .map((document) => {
    assert.deepEqual(document.errors, []);
    return document.toJS() as unknown;
  });
const services = Object.values(mapAt(compose, "services"));
const workloads = manifests.filter((manifest) => at(manifest, "spec.template") !== undefined);
const containers = workloads.flatMap((workload) => list(workload, "spec.template.spec.containers"));
const PINNED = /^[\w./-]+:v?\d+\.\d+(?:\.\d+)?(?:-[\w.-]+)?$/;
const TOKEN = "correct-horse-battery-staple-0123456789";

/** By key of the configuration, the default that docs/configuration.md lists. */
const defaultOf = (key: string): string =>
  describeOptions()
    .find((option) => option.key === key)
    ?.fallback.replaceAll("`", "") ?? assert.fail(key);
const OTLP_PORT = defaultOf("receiver.port");
const API_PORT = defaultOf("server.port");
const METRICS_PORT = defaultOf("metrics.port");

interface Stage {
  readonly name: string;
  readonly lines: readonly string[];
}

/** Each `FROM … AS name` with the instructions that follow it, continued lines joined. */
const stages: readonly Stage[] = text("Dockerfile")
  .replaceAll("\\\n", " ")
  .split(/^FROM /m)
  .slice(1)
  .map((part) => ({ name: / AS (\w+)/.exec(part)?.[1] ?? "", lines: part.split("\n").slice(1) }));
const stage = (name: string): Stage => stages.find((each) => each.name === name) ?? assert.fail(name);
const instructions = ({ lines }: Stage, word: string): string[] =>
  lines.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1).trim());
/** `HEALTHCHECK … CMD [...]`, `ENTRYPOINT [...]`. */
const command = (line: string | undefined): readonly string[] =>
  JSON.parse(/\[.*\]$/.exec(line ?? "")?.[0] ?? "[]") as string[]; // Docker's exec form is JSON

test("every image is pinned to a version", () => {
  const images = [
    /^ARG NODE_IMAGE=(.+)$/m.exec(text("Dockerfile"))?.[1],
    ...services.map((service) => word(service, "image")),
    ...containers.map((container) => word(container, "image")),
  ];
  assert.ok(images.length >= 8);
  for (const image of images) assert.match(image ?? "", PINNED);
  const from = [...text("Dockerfile").matchAll(/^FROM (\S+)/gm)].map(([, image]) => image);
  assert.deepEqual(new Set(from), new Set(["$" + "{NODE_IMAGE}", "build"]), "no image but that one");
});

test("the images run as a user that is not root, answer for their health, and start what there is", () => {
  for (const name of ["samples", "collector"]) {
    assert.deepEqual(instructions(stage(name), "USER"), ["node"], name);
    assert.equal(instructions(stage(name), "HEALTHCHECK").length, 1, name);
  }
  assert.equal(stages.at(-1)?.name, "collector", "the last stage is what `docker build .` makes");
  assert.deepEqual(command(instructions(stage("collector"), "ENTRYPOINT")[0]), ["node", "/app/dist/cli.js"]);
  assert.deepEqual(command(instructions(stage("collector"), "CMD")[0]), ["collect"]);
  assert.deepEqual(instructions(stage("collector"), "EXPOSE"), [`${OTLP_PORT} ${API_PORT}`]);
  const [, script = ""] = command(instructions(stage("samples"), "ENTRYPOINT")[0]);
  assert.ok(existsSync(script.replace("/app/", "")), script);
});

test("what the image is built from exists and is not ignored", () => {
  const ignored = text(".dockerignore").split("\n").filter(Boolean);
  const { files } = JSON.parse(text("package.json")) as { readonly files: readonly string[] }; // npm's format
  const copied = instructions(stage("dependencies"), "COPY").flatMap((line) => line.split(" ").slice(0, -1));
  const needed = ["src", "demo", "tsconfig.json", "tsconfig.test.json", "LICENSE", ...copied];
  for (const path of [...needed, ...files.filter((file) => file !== "dist")]) {
    assert.ok(existsSync(path), path);
    assert.ok(!ignored.includes(path.split("/")[0] ?? ""), `${path} is ignored`);
  }
  for (const secret of [".env", "secrets", ".git"]) assert.ok(ignored.includes(secret), secret);
});

test("every variable that is set is one that something reads", () => {
  const known = new Set(describeOptions().flatMap(({ env = "" }) => env.split(/[, ]+/)));
  const samples = text("demo/sample-services.ts");
  const names = [
    ...stages.flatMap((each) => instructions(each, "ENV")).flatMap((line) => line.split(" ").map(nameOf)),
    ...["collector", "samples"].flatMap((name) => Object.keys(mapAt(compose, `services.${name}.environment`))),
    ...containers.flatMap((container) => list(container, "env").map((variable) => word(variable, "name"))),
  ];
  assert.ok(names.length > 15);
  for (const name of names) {
    const isRead = known.has(name) || ["NODE_ENV", "NODE_OPTIONS"].includes(name) || samples.includes(`["${name}"]`);
    assert.ok(isRead, name);
  }
});

test("ports are those of the defaults, and those of the machine are its own alone", () => {
  const published = services.flatMap((service) => list(service, "ports").map(String));
  assert.deepEqual(published.sort(), [
    "127.0.0.1:3000:3000",
    `127.0.0.1:${OTLP_PORT}:${OTLP_PORT}`,
    `127.0.0.1:${API_PORT}:${API_PORT}`,
    "127.0.0.1:9090:9090",
    "127.0.0.1:9093:9093",
  ]);
  const ports = (name: string): string[] =>
    containers
      .filter((container) => word(container, "name") === name)
      .flatMap((container) => list(container, "ports").map((port) => word(port, "containerPort")));
  assert.deepEqual(ports("collector"), [OTLP_PORT, API_PORT]);
  assert.ok(ports("shop").includes(METRICS_PORT));
  for (const service of manifests.filter((manifest) => word(manifest, "kind") === "Service")) {
    const names = containers.flatMap((container) => list(container, "ports").map((port) => at(port, "name")));
    for (const port of list(service, "spec.ports")) assert.ok(names.includes(at(port, "targetPort")));
  }
});

test("what compose mounts lies in the repository", () => {
  const mounted = services
    .flatMap((service) => list(service, "volumes").map((volume) => String(volume).replace(/^\$\{\w+:-(.*)\}:/, "$1:")))
    .map((volume) => volume.split(":")[0] ?? "")
    .filter((source) => source.startsWith("."));
  assert.ok(mounted.length >= 7);
  for (const source of mounted) assert.ok(existsSync(source), source);
  const named = Object.keys(mapAt(compose, "volumes"));
  const used = services.flatMap((service) =>
    list(service, "volumes")
      .map((volume) => String(volume).split(":")[0] ?? "")
      .filter((source) => /^\w/.test(source)),
  );
  assert.deepEqual(used.sort(), named.sort());
});

test("Alertmanager finds the secrets that its configuration names", () => {
  const wanted = [...text("alerting/alertmanager.yml").matchAll(/^[^#\n]*_file: *["']?([^"'\s]+)/gm)].map(
    ([, path = ""]) => path,
  );
  assert.ok(wanted.length > 0);
  for (const path of wanted) {
    const inside = resolve("/etc/alertmanager", path);
    assert.equal(dirname(inside), "/etc/alertmanager/secrets", path);
    assert.ok(existsSync(join("examples", "compose", "secrets", inside.split("/").at(-1) ?? "")), path);
  }
});

test("compose's Prometheus is prometheus.yml but for addresses and the token", () => {
  const ours = yaml("examples/compose/prometheus.yml");
  const plain = (config: unknown): unknown =>
    JSON.parse(
      JSON.stringify({ config }, (key, value) =>
        ["static_configs", "authorization"].includes(key) ? undefined : (value as unknown),
      ),
    );
  for (const [section, settings] of Object.entries(mapAt(yaml("prometheus.yml"), ""))) {
    const paths = Array.isArray(settings)
      ? [section]
      : Object.keys(mapAt(settings, "")).map((key) => `${section}.${key}`);
    for (const path of paths) assert.deepEqual(plain(at(ours, path)), plain(at(yaml("prometheus.yml"), path)), path);
  }
  const names = Object.keys(mapAt(compose, "services"));
  const targets = [...text("examples/compose/prometheus.yml").matchAll(/"([\w-]+):\d+"/g)].map(([, host = ""]) => host);
  assert.ok(targets.length >= 5);
  for (const host of targets) assert.ok(names.includes(host), host);
});

test("compose's data source is that of Grafana's provisioning but for the address", () => {
  const withoutUrl = (path: string): unknown => {
    const config = mapAt(yaml(path), "");
    return { ...config, datasources: list(config, "datasources").map((source) => ({ ...mapAt(source, ""), url: "" })) };
  };
  assert.deepEqual(
    withoutUrl("examples/compose/datasource.yaml"),
    withoutUrl("grafana/provisioning/datasources/seismo.yaml"),
  );
});

test("Prometheus takes compose's configuration", (t) => {
  const { status, stderr, error } = spawnSync(
    "promtool",
    ["check", "config", "--syntax-only", "examples/compose/prometheus.yml"],
    { encoding: "utf8" },
  );
  if (error !== undefined) return cannotRunHere(t, "no promtool found (Debian: prometheus)");
  assert.equal(status, 0, stderr);
});

test("nothing in Kubernetes runs as root, writes outside its volumes, or is cut off while it stops", () => {
  assert.deepEqual(workloads.map((workload) => word(workload, "kind")).sort(), ["Deployment", "StatefulSet"]);
  for (const workload of workloads) {
    const pod = at(workload, "spec.template.spec");
    assert.equal(at(pod, "securityContext.runAsNonRoot"), true);
    assert.ok(Number(at(pod, "terminationGracePeriodSeconds")) > 10, "the collector takes up to ten seconds");
    for (const container of list(pod, "containers")) {
      assert.equal(at(container, "securityContext.readOnlyRootFilesystem"), true);
      assert.equal(at(container, "securityContext.allowPrivilegeEscalation"), false);
      const volumes = [...list(pod, "volumes"), ...list(workload, "spec.volumeClaimTemplates")].map(
        (volume) => at(volume, "name") ?? at(volume, "metadata.name"),
      );
      for (const mount of list(container, "volumeMounts")) assert.ok(volumes.includes(at(mount, "name")));
      const paths = list(container, "env").map((variable) => word(variable, "value"));
      const mounts = list(container, "volumeMounts").map((mount) => word(mount, "mountPath"));
      for (const path of paths.filter((value) => value.startsWith("/")))
        assert.ok(mounts.includes(dirname(path)), path);
    }
    const labels = JSON.stringify(at(workload, "spec.template.metadata.labels"));
    assert.equal(JSON.stringify(at(workload, "spec.selector.matchLabels")), labels);
    assert.ok(
      manifests.some(
        (manifest) => word(manifest, "kind") === "Service" && JSON.stringify(at(manifest, "spec.selector")) === labels,
      ),
      "a Service selects its pods",
    );
  }
});

test("each ServiceMonitor finds a Service, its port, the token, and the job that prometheus.yml has", () => {
  const monitors = manifests.filter((manifest) => word(manifest, "kind") === "ServiceMonitor");
  const jobs = list(yaml("prometheus.yml"), "scrape_configs").map((job) => at(job, "job_name"));
  const secret = manifests.find((manifest) => word(manifest, "kind") === "Secret");
  assert.equal(monitors.length, 2);
  for (const monitor of monitors) {
    const [endpoint] = list(monitor, "spec.endpoints");
    const wanted = Object.entries(mapAt(monitor, "spec.selector.matchLabels"));
    const service = manifests.find(
      (manifest) =>
        word(manifest, "kind") === "Service" &&
        wanted.every(([label, value]) => mapAt(manifest, "metadata.labels")[label] === value),
    );
    assert.ok(list(service, "spec.ports").some((port) => at(port, "name") === at(endpoint, "port")));
    assert.equal(word(endpoint, "path"), "/metrics");
    assert.ok(jobs.includes(at(list(endpoint, "relabelings")[0], "replacement")));
    assert.equal(at(secret, "metadata.name"), at(endpoint, "authorization.credentials.name"));
    assert.ok(word(endpoint, "authorization.credentials.key") in mapAt(secret, "stringData"));
  }
});

test("the annotations name the collector's port and path", () => {
  const annotations = at(yaml(join(KUBERNETES, "annotations.yaml")), "spec.template.metadata.annotations");
  assert.deepEqual(annotations, {
    "prometheus.io/scrape": "true",
    "prometheus.io/port": API_PORT,
    "prometheus.io/path": "/metrics",
  });
});

let image = "";
let missing: string | undefined;

/** What the Dockerfile does: the packed package, and beside it the dependencies that it needs to run. */
before(() => {
  const folder = freshFolder();
  const run = (program: string, args: readonly string[], cwd: string): string =>
    execFileSync(program, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  const packed = run("npm", ["pack", "--ignore-scripts", "--silent", "--pack-destination", folder], process.cwd());
  run("tar", ["-xzf", join(folder, packed.trim())], folder);
  image = join(folder, "package");
  copyFileSync("package-lock.json", join(image, "package-lock.json"));
  try {
    run("npm", ["ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"], image);
  } catch (error) {
    if (process.env["CI"] === "true") throw error;
    missing = "npm could not install from its registry";
  }
});

const running: { kill(signal: NodeJS.Signals): void }[] = [];
after(() => {
  for (const child of running) child.kill("SIGKILL");
});

/** The image's command in its working folder, with its variables. */
function start(more: { readonly [name: string]: string }) {
  const variables = instructions(stage("collector"), "ENV").flatMap((line) => line.split(" ").map(pairOf));
  const [program = "", script = ""] = command(instructions(stage("collector"), "ENTRYPOINT")[0]);
  assert.equal(program, "node");
  const args = command(instructions(stage("collector"), "CMD")[0]);
  const child = spawn(process.execPath, [script.replace("/app", image), ...args], {
    cwd: freshFolder(),
    env: { PATH: process.env["PATH"], ...Object.fromEntries(variables), ...more },
  });
  running.push(child);
  const said = { stdout: "", stderr: "" };
  child.stdout.on("data", (chunk) => (said.stdout += chunk));
  child.stderr.on("data", (chunk) => (said.stderr += chunk));
  return { child, said };
}

test("the image refuses to start without a token, and says so", async (t) => {
  if (missing !== undefined) return cannotRunHere(t, missing);
  const { child, said } = start({});
  const [code] = await once(child, "close");
  assert.equal(code, 1);
  assert.match(said.stderr, /SEISMO_HOST="0\.0\.0\.0": a bind other than loopback needs a token \(SEISMO_TOKEN\)/);
});

test("the image starts with a token, is healthy and ready where probes ask, and stops at SIGTERM", async (t) => {
  if (missing !== undefined) return cannotRunHere(t, missing);
  const port = await freePort();
  const { child, said } = start({
    SEISMO_TOKEN: TOKEN,
    SEISMO_HOST: "127.0.0.1",
    SEISMO_OTLP_HOST: "127.0.0.1",
    SEISMO_PORT: String(port),
    SEISMO_OTLP_PORT: "0",
  });
  await eventually(
    "the journal's line",
    () => (said.stdout.includes("  journal ") ? true : undefined),
    () => said.stderr,
  );
  const probes = containers
    .filter((container) => word(container, "name") === "collector")
    .flatMap((container) =>
      ["startupProbe", "livenessProbe", "readinessProbe"].map((probe) => at(container, `${probe}.httpGet`)),
    );
  assert.equal(probes.length, 3);
  for (const probe of probes) {
    assert.equal(word(probe, "port"), "http");
    assert.equal((await fetch(`http://127.0.0.1:${port}${at(probe, "path")}`)).status, 200);
  }
  const [healthcheck = "", ...args] = command(instructions(stage("collector"), "HEALTHCHECK")[0]);
  assert.equal(healthcheck, "node");
  const isHealthy = (at: number): number | null =>
    spawnSync(process.execPath, args, { env: { SEISMO_PORT: String(at) } }).status;
  assert.equal(isHealthy(port), 0);
  child.kill("SIGTERM");
  const [code] = await once(child, "close");
  assert.equal(code, 0);
  assert.equal(isHealthy(port), 1);
});

test("the sample services serve their metrics behind the token, and send to the collector with it", async (t) => {
  const collector = await startCollector(t, { env: { SEISMO_TOKEN: TOKEN } });
  const ports = [await freePort(), await freePort(), await freePort()];
  const child = spawn(process.execPath, [resolve("build", "demo", "sample-services.js")], {
    env: {
      PATH: process.env["PATH"],
      COLLECTOR_URL: collector.otlpUrl,
      SEISMO_TOKEN: TOKEN,
      METRICS_PORTS: ports.join(","),
      RATE: "20",
    },
  });
  running.push(child);
  const closed = once(child, "close");
  let said = "";
  child.stdout.on("data", (chunk) => (said += chunk));
  child.stderr.on("data", (chunk) => (said += chunk));
  const authorization = `Bearer ${TOKEN}`;
  await eventually(
    "three services",
    () => (said.split("\n").length > 3 ? true : undefined),
    () => said,
  );
  for (const port of ports) {
    assert.equal((await fetch(`http://127.0.0.1:${port}/healthz`)).status, 200);
    assert.equal((await fetch(`http://127.0.0.1:${port}/metrics`)).status, 401);
    assert.equal((await fetch(`http://127.0.0.1:${port}/metrics`, { headers: { authorization } })).status, 200);
  }
  await eventually("errors of the services at the collector", async () => {
    const metrics = await (await fetch(`${collector.apiUrl}/metrics`, { headers: { authorization } })).text();
    const services = ["shop", "orders", "pool"].filter((name) =>
      metrics.includes(`seismo_errors_total{service="${name}"`),
    );
    return services.length === 3 ? true : undefined;
  });
  child.kill("SIGTERM");
  assert.deepEqual(await closed, [0, null], said);
});

/** What lies at a path of keys; undefined where there is nothing. */
function at(tree: unknown, path: string): unknown {
  return path.split(".").reduce((value, key) => (key === "" ? value : Object(value)[key]), tree);
}

function mapAt(tree: unknown, path: string): { readonly [key: string]: unknown } {
  return Object(at(tree, path));
}

function list(tree: unknown, path: string): readonly unknown[] {
  const value = at(tree, path);
  return Array.isArray(value) ? value : [];
}

function word(tree: unknown, path: string): string {
  return String(at(tree, path) ?? "");
}

function nameOf(pair: string): string {
  return pairOf(pair)[0];
}

function pairOf(pair: string): [string, string] {
  const at = pair.indexOf("=");
  return [pair.slice(0, at), pair.slice(at + 1)];
}
