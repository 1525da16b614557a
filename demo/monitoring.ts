/**
 * Prometheus and Alertmanager around the demo, where the machine has them, with the files that users copy:
 *
 *   services, collector ◄──scrape── Prometheus ──alerts──► Alertmanager ──► Slack and e-mail (alert-inbox.ts)
 *                                   prometheus.yml          alerting/alertmanager.yml
 *                                   alerting/rules.yml      alerting/templates/
 *
 * Of these files only addresses, secrets and intervals are changed.
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parse, stringify } from "yaml";
import { type AlertInbox, startAlertInbox } from "./alert-inbox";
import { plainEnvironment, printed, type RunningProcess, startProcess } from "./child-process";

export interface Monitoring {
  readonly prometheusUrl: string;
  /** Undefined where the machine has Prometheus alone. */
  readonly alertmanagerUrl: string | undefined;
  readonly inbox: AlertInbox;
  /** Resolves, with a message for people, when one of them ends by itself. */
  readonly died: Promise<string>;
  stop(): Promise<void>;
}

/** `host:port` of each service and collector, by the folder that prometheus.yml looks into. */
export interface Targets {
  readonly targets: readonly string[];
  readonly collectors: readonly string[];
}

const PROMETHEUS = ["prometheus"];
/** Debian has it under another name. */
const ALERTMANAGER = ["alertmanager", "prometheus-alertmanager"];
/** Long enough for a scrape on a machine that has much to do. */
const INTERVAL = "2s";

/** Undefined where there is no Prometheus. `folder` exists; the configuration, data and what is printed go there. */
export async function startMonitoring(folder: string, targets: Targets): Promise<Monitoring | undefined> {
  const prometheusProgram = installed(PROMETHEUS);
  const alertmanagerProgram = installed(ALERTMANAGER);
  if (prometheusProgram === undefined) return undefined;
  const house = dirname(require.resolve("seismo/package.json"));
  const folderOf = (name: string): string => {
    const own = join(folder, name);
    mkdirSync(own);
    return own;
  };
  const inbox = await startAlertInbox();
  const running: RunningProcess<string>[] = [];
  const stop = async (): Promise<void> => {
    for (const { stop: end } of running.splice(0).reverse()) await end();
    await inbox.close();
  };
  try {
    if (alertmanagerProgram !== undefined) {
      const own = folderOf("alertmanager");
      cpSync(join(house, "alerting"), own, { recursive: true });
      rewrite(join(own, "alertmanager.yml"), (config) => forInbox(config, own, inbox));
      running.push(
        await startServer("Alertmanager", alertmanagerProgram, own, [
          `--config.file=${join(own, "alertmanager.yml")}`,
          `--storage.path=${join(own, "data")}`,
          "--web.listen-address=127.0.0.1:0",
          "--cluster.listen-address=", // one of them, so there is no cluster to find
        ]),
      );
    }
    const alertmanagerUrl = running[0]?.ready;
    const own = folderOf("prometheus");
    cpSync(join(house, "prometheus.yml"), join(own, "prometheus.yml"));
    cpSync(join(house, "alerting"), join(own, "alerting"), { recursive: true });
    rewrite(join(own, "prometheus.yml"), (config) => forDemo(config, alertmanagerUrl));
    for (const [name, hosts] of Object.entries(targets)) {
      mkdirSync(join(own, name));
      writeFileSync(join(own, name, "demo.json"), JSON.stringify([{ targets: hosts }]));
    }
    const prometheus = await startServer("Prometheus", prometheusProgram, own, [
      `--config.file=${join(own, "prometheus.yml")}`,
      `--storage.tsdb.path=${join(own, "data")}`,
      "--web.listen-address=127.0.0.1:0",
      "--enable-feature=exemplar-storage",
    ]);
    running.push(prometheus);
    const died = Promise.race(running.map((server) => server.died));
    return { prometheusUrl: prometheus.ready, alertmanagerUrl, inbox, died, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function installed(names: readonly string[]): string | undefined {
  return names.find((name) => spawnSync(name, ["--version"], { stdio: "ignore" }).status === 0);
}

type Yaml = { [key: string]: unknown };

function rewrite(file: string, change: (config: Yaml) => void): void {
  const config = parse(readFileSync(file, "utf8")) as Yaml; // both files are a map at the top
  change(config);
  writeFileSync(file, stringify(config));
}

/** The targets are found through the files that users put beside the configuration. */
function forDemo(config: Yaml, alertmanagerUrl: string | undefined): void {
  config["global"] = { scrape_interval: INTERVAL, scrape_timeout: INTERVAL, evaluation_interval: INTERVAL };
  for (const job of config["scrape_configs"] as Yaml[]) delete job["static_configs"]; // a list of jobs
  if (alertmanagerUrl === undefined) delete config["alerting"];
  else config["alerting"] = { alertmanagers: [{ static_configs: [{ targets: [new URL(alertmanagerUrl).host] }] }] };
}

/** Slack and mail go to the inbox, whatever the file says of them; a secret is read from a file, as in the original. */
function forInbox(config: Yaml, folder: string, inbox: AlertInbox): void {
  const secret = join(folder, "slack-url");
  writeFileSync(secret, inbox.slackUrl, { mode: 0o600 });
  const visit = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    const map = value as Yaml; // or a list, whose keys are its indices
    for (const key of Object.keys(map)) {
      if (/^(?:smtp_)?auth_/.test(key)) delete map[key];
      else if (key === "api_url_file" || key === "slack_api_url_file") map[key] = secret;
      else if (key === "smtp_smarthost" || key === "smarthost") map[key] = inbox.smtpAddress;
      else if (key === "smtp_require_tls" || key === "require_tls") map[key] = false;
      else visit(map[key]);
    }
  };
  visit(config);
}

/** Resolves when it answers that it is ready. */
async function startServer(
  title: string,
  program: string,
  folder: string,
  args: readonly string[],
): Promise<RunningProcess<string>> {
  return startProcess({
    ...{ title, program, args, folder },
    env: plainEnvironment(),
    whenReady: async ({ stderr }) => {
      const url = `http://${await printed(stderr, /msg="?Listening on"? address=(\S+)/)}`;
      while (!(await isReady(url))) await delay(READY_LOOK_MILLIS);
      return url;
    },
  });
}

const READY_LOOK_MILLIS = 100;

async function isReady(url: string): Promise<boolean> {
  try {
    const answer = await fetch(`${url}/-/ready`);
    await answer.body?.cancel();
    return answer.ok;
  } catch {
    return false; // asked again; the start has a time limit
  }
}
