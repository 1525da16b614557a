/**
 * One alert, with all that a message about it needs. Texts are templates of Prometheus: `{{ $labels.service }}` is filled
 * in when the alert fires, as it is, whatever it holds.
 */
import type { Levels, Thresholds } from "./thresholds";

export interface RecordingRule {
  readonly record: string;
  readonly expr: string;
}

export interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: { readonly [label: string]: string };
  readonly annotations: { readonly [annotation: string]: string };
}

export interface RuleGroup {
  readonly name: string;
  /** Without one, as often as Prometheus evaluates by default. */
  readonly interval?: string;
  readonly rules: readonly (RecordingRule | AlertRule)[];
}

/** What all topics build on. */
export interface RuleGround {
  readonly thresholds: Thresholds;
  /** The name under which a metric is served: `errors_total` is `seismo_errors_total`, unless the prefix is another. */
  metric(name: string): string;
}

export interface AlertOptions {
  readonly name: string;
  readonly severity: "critical" | "warning" | "none";
  readonly expr: string;
  /** In minutes; without it, at once. */
  readonly forMinutes?: number;
  /** Where the series have no such label and every case of this alert belongs to one. */
  readonly category?: string;
  readonly summary: string;
  readonly description: string;
  readonly dashboard: Dashboard;
  /** Labels of the alert that the dashboard has a variable for. */
  readonly variables?: readonly ("service" | "worker" | "category" | "job")[];
  /** Of the group on the live page. */
  readonly link?: string;
}

export type Dashboard = "overview" | "errors" | "workers" | "requests" | "hardware" | "llm" | "health";

export function alert(options: AlertOptions, { links }: Thresholds): AlertRule {
  const { name, severity, expr, forMinutes, category, summary, description } = options;
  const filled = (options.variables ?? []).map((label) => `var-${label}={{ $labels.${label} | urlquery }}`);
  const query = filled.length === 0 ? "" : `?${filled.join("&")}`;
  return {
    alert: name,
    expr,
    ...(forMinutes !== undefined && { for: `${forMinutes}m` }),
    labels: { severity, ...(category !== undefined && { category }) },
    annotations: {
      summary,
      description,
      ...(options.link !== undefined && { link: links.seismo + options.link }),
      dashboard: `${links.grafana}/d/seismo-${options.dashboard}${query}`,
      runbook_url: `${links.runbooks}/${name}.md`,
    },
  };
}

/** The same alert at both levels: one name, told apart by its severity. */
export function atLevels(
  levels: Levels,
  build: (level: number) => Omit<AlertOptions, "severity">,
  thresholds: Thresholds,
): AlertRule[] {
  return (["warning", "critical"] as const).map((severity) =>
    alert({ ...build(levels[severity]), severity }, thresholds),
  );
}
