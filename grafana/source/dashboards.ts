/** All dashboards, as the files that Grafana reads. */
import { errors } from "./errors";
import type { DashboardOptions } from "./frame";
import { hardware } from "./hardware";
import { health } from "./health";
import { llm } from "./llm";
import { overview } from "./overview";
import { createPromql } from "./promql";
import { requests } from "./requests";
import { workers } from "./workers";

export interface DashboardSettings {
  /** Of the names of all metrics: SEISMO_METRICS_PREFIX. */
  readonly prefix: string;
  readonly seismoUrl: string;
}

/** What the committed files are made with. */
export const SHIPPED: DashboardSettings = { prefix: "seismo_", seismoUrl: "http://localhost:8080" };

/** File names and their texts. Throws when a setting cannot be one. */
export function dashboardFiles({ prefix, seismoUrl }: DashboardSettings): ReadonlyMap<string, string> {
  if (!ADDRESS.test(seismoUrl)) throw new Error(`--seismo-url "${seismoUrl}": expected http:// or https:// and a host`);
  const options: DashboardOptions = { promql: createPromql(prefix), seismoUrl: seismoUrl.replace(/\/+$/, "") };
  const dashboards = [overview, errors, workers, requests, hardware, llm, health].map((build) => build(options));
  return new Map(dashboards.map((built) => [`${built.uid}.json`, `${JSON.stringify(built, undefined, 2)}\n`]));
}

const ADDRESS = /^https?:\/\/[^\s/?#@]+[^\s?#@]*$/;
