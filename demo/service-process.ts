/** One service of the demo: a process of its own, with Seismo in front and nothing else changed. */
import { once } from "node:events";
import { join } from "node:path";
import { plainEnvironment, printed, type RunningProcess, startProcess } from "./child-process";

export interface ServiceProcess extends Pick<RunningProcess<unknown>, "pid" | "died" | "stop"> {
  readonly name: string;
  readonly url: string;
  readonly metricsUrl: string;
}

export interface ServiceOptions {
  readonly name: string;
  /** Compiled, in this folder. */
  readonly script: string;
  readonly port: number;
  /** Default 0, a free one. */
  readonly metricsPort?: number;
  readonly settings: { readonly [name: string]: string };
  /** Where its spans go, and the errors that none of them tells of. */
  readonly otlpUrl: string;
  /** For the journal, logs and what the service prints. Exists. */
  readonly folder: string;
}

/** So that what one service says of a trace is not far behind what another one says. */
const EXPORT_DELAY_MILLIS = 250;

/** Waits until the service takes requests and its metrics can be asked for. */
export async function startService(options: ServiceOptions): Promise<ServiceProcess> {
  const { name, script, folder, metricsPort = 0 } = options;
  const { pid, ready, died, stop } = await startProcess({
    title: `${name} service`,
    args: ["--require", require.resolve("seismo/register"), join(__dirname, script)],
    env: environment(options),
    folder,
    whenReady: async (child) => {
      const [[message], metricsUrl] = await Promise.all([
        once(child, "message"),
        // Only a port that Seismo chose is told.
        metricsPort === 0
          ? printed(child.stderr, /metrics on (http:\S+)/)
          : Promise.resolve(`http://127.0.0.1:${metricsPort}/metrics`),
      ]);
      const { port }: { readonly port?: unknown } = Object(message);
      return { url: `http://127.0.0.1:${Number(port)}`, metricsUrl };
    },
  });
  return { name, pid, ...ready, died, stop };
}

function environment({ name, port, metricsPort = 0, settings, otlpUrl, folder }: ServiceOptions): NodeJS.ProcessEnv {
  return {
    ...plainEnvironment(),
    ...settings,
    PORT: String(port),
    DATA_FOLDER: folder,
    OTEL_SERVICE_NAME: name,
    OTEL_EXPORTER_OTLP_ENDPOINT: otlpUrl,
    OTEL_BSP_SCHEDULE_DELAY: String(EXPORT_DELAY_MILLIS),
    OTEL_BLRP_SCHEDULE_DELAY: String(EXPORT_DELAY_MILLIS),
    SEISMO_WORKER_ID: name,
    SEISMO_METRICS_PORT: String(metricsPort),
    SEISMO_SLOW_REQUEST_MS: "300",
    SEISMO_JOURNAL_PATH: join(folder, "error_log.jsonl"),
    SEISMO_JOURNAL_FALLBACK_PATH: join(folder, "error_log_fallback.txt"),
    LOG_FILE_PATH: join(folder, "seismo.log"),
  };
}
