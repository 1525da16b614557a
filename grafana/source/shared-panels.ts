/** Panels that stand on more than one dashboard. */
import { LIVE_PAGE, linkTo } from "./frame";
import { coloured, lines, type Panel, tablePanel } from "./panels";
import { countInRange, type Promql, perSecond, quantile } from "./promql";
import { LATENCY_STEPS, PROCESS_MEMORY_STEPS, STATUS_COLOURS } from "./thresholds";

/** The groups that failed most, each with a link to its live page. */
export function groupsTable({ select }: Promql): Panel {
  const groups = select("error_group_occurrences_total", ["service", "category"], 'fingerprint!="other"');
  return tablePanel(
    {
      title: "Most frequent groups",
      description:
        "Kinds of failure by how often they happened within the time range; a click on a fingerprint opens its live page. Counts echoes and every worker and severity. About a hundred groups have a series of their own, the rest is not listed.",
      unit: "short",
      noValue: "No errors",
    },
    {
      labels: [
        { name: "fingerprint", width: 160, link: { title: "Open the live page", url: LIVE_PAGE, newTab: true } },
        { name: "service", link: { title: "Errors of this service", url: linkTo("seismo-errors", "service") } },
        { name: "category", link: { title: "Errors of this category", url: linkTo("seismo-errors", "category") } },
      ],
      values: [
        {
          title: "Errors",
          expr: `topk(${LISTED_GROUPS}, ${countInRange(groups, ["fingerprint", "service", "category"])} > 0)`,
          unit: "short",
          decimals: 0,
        },
      ],
      sortBy: "Errors",
    },
  );
}

const LISTED_GROUPS = 25;

export function requestsByStatus({ select }: Promql): Panel {
  return coloured(
    lines(
      {
        title: "Requests by status",
        description: "HTTP server requests a second, by the class of their answer.",
        unit: "reqps",
        noValue: "No requests",
      },
      [
        {
          expr: perSecond(select("http_request_duration_seconds_count", ["service"]), ["status_class"]),
          legend: "{{status_class}}",
        },
      ],
    ),
    STATUS_COLOURS,
  );
}

export function responseTimes({ select }: Promql): Panel {
  const buckets = select("http_request_duration_seconds_bucket", ["service"]);
  return lines(
    {
      title: "Response time percentiles",
      description:
        "The time that half, 95 % and 99 % of the requests stayed under. Dots are single requests, and lead to their traces.",
      unit: "s",
      noValue: "No requests",
    },
    [
      { expr: quantile(0.5, buckets, [], "$__rate_interval"), legend: "p50" },
      { expr: quantile(0.95, buckets, [], "$__rate_interval"), legend: "p95", exemplar: true },
      { expr: quantile(0.99, buckets, [], "$__rate_interval"), legend: "p99" },
    ],
    LATENCY_STEPS,
  );
}

export function processMemory({ select }: Promql): Panel {
  return lines(
    {
      title: "Memory of each process",
      description: "Resident memory. Orange and red begin where the alerts do.",
      unit: "decbytes",
      noValue: "No process is scraped",
    },
    [
      {
        expr: `max by (service, worker) (${select("process_resident_memory_bytes", ["service", "worker"])})`,
        legend: "{{service}} {{worker}}",
      },
    ],
    PROCESS_MEMORY_STEPS,
  );
}
