/**
 * One scrape port for an application, however many processes and threads it has: the first process opens it and
 * gathers the others, which find it through an environment variable that they inherit.
 */
import type { Config } from "../config";
import { renderExposition } from "../exporter/exposition";
import { createProcessGroup, joinProcessGroup, type ProcessGroup } from "../exporter/process-group";
import type { Metrics } from "../exporter/prometheus";
import { createScrapeServer, type ScrapeServer } from "../exporter/scrape-server";
import type { Telemetry } from "../telemetry";

export interface MetricsEndpoint {
  /** For a process about to die: hands its counts on before it returns. */
  pushNow(): void;
  /** Tells the process that watches this one that its death is counted already. */
  announceDeath(): void;
  /** Whether that worker said that it counts its own death. */
  announcedDeath(pid: number, threadId: number): boolean;
  /** What it has on the disk is gone when the call returns; the promise waits for the port. */
  stop(): Promise<void>;
}

export function serveMetrics(config: Config, metrics: Metrics, telemetry: Telemetry): MetricsEndpoint {
  if (!config.startup.enabled || !config.metrics.enabled) return silent();
  return config.metrics.socketPath === undefined
    ? own(config, metrics, telemetry)
    : join(config.metrics.socketPath, config, metrics, telemetry);
}

function own(config: Config, metrics: Metrics, telemetry: Telemetry): MetricsEndpoint {
  const group = createProcessGroup({ metrics, telemetry, maxSeries: config.metrics.maxSeries });
  if (group.path !== undefined) process.env["SEISMO_METRICS_SOCKET"] = group.path;
  const server = open(config, group, telemetry);
  return {
    pushNow: () => {},
    announceDeath: () => {},
    announcedDeath: (pid, threadId) => group.announcedDeath(pid, threadId),
    async stop() {
      if (process.env["SEISMO_METRICS_SOCKET"] === group.path) delete process.env["SEISMO_METRICS_SOCKET"];
      group.close();
      await server.stop();
    },
  };
}

function join(path: string, config: Config, metrics: Metrics, telemetry: Telemetry): MetricsEndpoint {
  let successor: MetricsEndpoint | undefined;
  const member = joinProcessGroup({
    path,
    metrics,
    telemetry,
    onOwnerLost: () => {
      member.close();
      successor = own(config, metrics, telemetry);
    },
  });
  return {
    pushNow: () => member.pushNow(),
    announceDeath: () => member.announceDeath(),
    announcedDeath: (pid, threadId) => successor?.announcedDeath(pid, threadId) ?? member.announcedDeath(pid, threadId),
    async stop() {
      member.close();
      await successor?.stop();
    },
  };
}

function open(config: Config, group: ProcessGroup, telemetry: Telemetry): ScrapeServer {
  const { host, port } = config.metrics;
  const server = createScrapeServer({
    host,
    port,
    token: config.security.token?.reveal(),
    render: async (format) => renderExposition(await group.metricsOfGroup(), format),
    telemetry,
  });
  void server.start().then((result) => {
    if (result.status !== "listening") return; // the server has said why
    const line = `metrics on http://${host}:${result.port}/metrics`;
    // A port that was asked for needs no mention; one that the system chose is known from here alone.
    telemetry.log(port === 0 ? "warning" : "info", line);
  });
  return server;
}

function silent(): MetricsEndpoint {
  return {
    pushNow: () => {},
    announceDeath: () => {},
    announcedDeath: () => false,
    stop: async () => {},
  };
}
