/**
 * Prometheus and Alertmanager around the demo, where the machine has them, with the files that users copy:
 *
 *   services, collector ◄──scrape── Prometheus ──alerts──► Alertmanager ──► Slack and e-mail (alert-inbox.ts)
 *                  │                prometheus.yml          alerting/alertmanager.yml
 *                  │                alerting/rules.yml      alerting/templates/
 *                  └─────────── new groups, critical errors ──►┘
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

/** Undefined where the machine has no Alertmanager. */
export interface Alerting {
  readonly alertmanagerUrl: string;
  readonly inbox: AlertInbox;
  /** Resolves, with a message for people, when it ends by itself. */
  readonly died: Promise<string>;
  stop(): Promise<void>;
}

export interface Scraping extends Pick<RunningProcess<unknown>, "died" | "stop"> {
  readonly prometheusUrl: string;
}

/** `host:port` of each service and collector, by the folder that prometheus.yml looks into. */
export interface Targets {
  readonly targets: readonly string[];
  readonly collectors: readonly string[];
}

export const PROMETHEUS = ["prometheus"];
/** Debian has it under another name. */
export const ALERTMANAGER = ["alertmanager", "prometheus-alertmanager"];
/** Long enough for a scrape on a machine that has much to do. */
const INTERVAL = "2s";

/** Undefined where there is no Alertmanager. `folder` exists; the configuration, data and what is printed go there. */
export async function startAlerting(folder: string): Promise<Alerting | undefined> {
  const program = installed(ALERTMANAGER);
  if (program === undefined) return undefined;
  const inbox = await startAlertInbox();
  try {
    cpSync(join(house(), "alerting"), folder, { recursive: true });
    const file = join(folder, "alertmanager.yml");
    rewrite(file, (config) => forInbox(config, folder, inbox));
    const alertmanager = await startServer("Alertmanager", program, folder, [
      `--config.file=${file}`,
      `--storage.path=${join(folder, "data")}`,
      "--web.listen-address=127.0.0.1:0",
      "--cluster.listen-address=", // one of them, so there is no cluster to find
    ]);
    return {
      alertmanagerUrl: alertmanager.ready,
      inbox,
      died: alertmanager.died,
      async stop() {
        await alertmanager.stop();
        await inbox.close();
      },
    };
  } catch (error) {
    await inbox.close();
    throw error;
  }
}

/** Undefined where there is no Prometheus. `folder` exists; the configuration, data and what is printed go there. */
export async function startScraping(
  folder: string,
  found: Targets,
  alertmanagerUrl: string | undefined,
): Promise<Scraping | undefined> {
  const program = installed(PROMETHEUS);
  if (program === undefined) return undefined;
  const file = join(folder, "prometheus.yml");
  cpSync(join(house(), "prometheus.yml"), file);
  cpSync(join(house(), "alerting"), join(folder, "alerting"), { recursive: true });
  rewrite(file, (config) => forDemo(config, alertmanagerUrl));
  for (const [name, targets] of Object.entries(found)) {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, "demo.json"), JSON.stringify([{ targets }]));
  }
  const { ready, died, stop } = await startServer("Prometheus", program, folder, [
    `--config.file=${file}`,
    `--storage.tsdb.path=${join(folder, "data")}`,
    "--web.listen-address=127.0.0.1:0",
    "--enable-feature=exemplar-storage",
  ]);
  return { prometheusUrl: ready, died, stop };
}

/** Where the files are that users copy. */
function house(): string {
  return dirname(require.resolve("seismo/package.json"));
}

/** The first of these programs that this machine has. */
export function installed(names: readonly string[]): string | undefined {
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
