/** The demo's collector: `seismo collect` as anybody runs it, on free ports, in a folder of its own. */
import { dirname, join } from "node:path";
import { plainEnvironment, printed, type RunningProcess, startProcess } from "./child-process";

export interface CollectorProcess extends Pick<RunningProcess<unknown>, "pid" | "died" | "stop"> {
  /** OTLP over HTTP. */
  readonly otlpUrl: string;
  readonly metricsUrl: string;
  readonly pageUrl: string;
  readonly journal: string;
}

/**
 * Waits until it takes OTLP. What it gets it passes on where `SEISMO_FORWARD_…` says, as ever; of new groups and
 * critical errors it tells Alertmanager.
 */
export async function startCollector(folder: string, alertmanagerUrl?: string): Promise<CollectorProcess> {
  const journal = join(folder, "error_log.jsonl");
  const forwarding = Object.entries(process.env).filter(([key]) => key.startsWith("SEISMO_FORWARD_"));
  const { pid, ready, died, stop } = await startProcess({
    title: "collector",
    args: [join(dirname(require.resolve("seismo/package.json")), "dist", "cli.js"), "collect"],
    env: {
      ...plainEnvironment(),
      ...Object.fromEntries(forwarding),
      SEISMO_PORT: "0",
      SEISMO_OTLP_PORT: "0",
      SEISMO_SLOW_REQUEST_MS: "300",
      SEISMO_JOURNAL_PATH: journal,
      SEISMO_DB_PATH: join(folder, "seismo.duckdb"),
      LOG_FILE_PATH: join(folder, "seismo.log"),
      ...(alertmanagerUrl === undefined
        ? {}
        : {
            SEISMO_NOTIFICATIONS_ALERTMANAGER_URL: alertmanagerUrl,
            SEISMO_NOTIFICATIONS_OUTBOX_PATH: join(folder, "notifications"),
          }),
    },
    folder,
    whenReady: async ({ stdout }) => {
      const [otlpUrl, metricsUrl, pageUrl] = await Promise.all([
        printed(stdout, /^ {2}OTLP\/HTTP +(\S+)$/m),
        printed(stdout, /^ {2}metrics +(\S+)$/m),
        printed(stdout, /^ {2}page +(\S+)$/m),
      ]);
      return { otlpUrl, metricsUrl, pageUrl };
    },
  });
  return { pid, ...ready, journal, died, stop };
}
