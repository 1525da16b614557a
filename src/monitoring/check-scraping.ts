/** Whether the jobs of a scrape configuration ask services and collectors where they serve, and its rule files exist. */
import { dirname } from "node:path";
import type { Config, ConfigProblem } from "../config";
import type { ServedEndpoint } from "./endpoint";
import type { FileContent } from "./monitoring-files";
import { existsRuleFile, type ScrapeConfig, type ScrapeJob } from "./scrape-config";

type Kind = "service" | "collector";

export function checkScraping(
  { file, path, content }: FileContent<ScrapeConfig>,
  endpoints: readonly ServedEndpoint[],
  config: Config,
): ConfigProblem[] {
  const kindOf = ({ families }: ServedEndpoint): Kind =>
    families.has(`${config.metrics.prefix}otlp_refused_requests_total`) ? "collector" : "service";
  const missing = content.ruleFiles
    .filter((pattern) => !existsRuleFile(pattern, dirname(path)))
    .map((value) => ({ source: file, key: "rule_files", value, rule: "there is no such file" }));
  const ofKind = (["service", "collector"] as const).flatMap((kind) => {
    const asked = endpoints.filter((endpoint) => kindOf(endpoint) === kind).map(({ url }) => url);
    const job = content.jobs.find(({ name }) => name === JOBS[kind]);
    if (job !== undefined) return checkJob(job, kind, file, asked, config);
    const rule = `expected a job ${JOBS[kind]}, which scrapes ${asked[0]?.href}`;
    return asked.length === 0 ? [] : [{ source: file, key: "scrape_configs", value: "", rule }];
  });
  return [...missing, ...ofKind];
}

/** As prometheus.yml names them, and rules and dashboards go by. */
const JOBS: { readonly [K in Kind]: string } = { service: "seismo", collector: "seismo-collector" };

function checkJob(job: ScrapeJob, kind: Kind, file: string, asked: readonly URL[], config: Config): ConfigProblem[] {
  const [option, port] =
    kind === "service" ? ["metrics.port", config.metrics.port] : ["server.port", config.server.port];
  const ports = new Set([String(port), ...asked.map((url) => url.port || (url.protocol === "https:" ? "443" : "80"))]);
  const paths = new Set(["/metrics", ...asked.map(({ pathname }) => pathname)]);
  const source = file;
  const wrong = job.targets
    .filter((target) => !ports.has(target.slice(target.lastIndexOf(":") + 1)))
    .map((value) => {
      const rule = `expected port ${port} (${option}) or that of a ${kind} given by --url`;
      return { source, key: `${job.name}: targets`, value, rule };
    });
  if (paths.has(job.path)) return wrong;
  const rule = `expected ${[...paths].join(" or ")}`;
  return [...wrong, { source, key: `${job.name}: metrics_path`, value: job.path, rule }];
}
