/**
 * Writes metric families as text: Prometheus 0.0.4 and OpenMetrics 1.0.0. Between chunks the event loop gets its turn,
 * and the text of a series' name and labels, which is most of a line, is built once in its life.
 *
 *   seismo_errors_total{service="shop",type="TypeError"} 3 # {trace_id="…"} 1 1700000000.5
 *   └──────────────── kept with the series ────────────┘   └─ OpenMetrics only ─────────┘
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Exemplar, MetricFamilySnapshot } from "./metric-family";

export type ExpositionFormat = "prometheus" | "openmetrics";

export const CONTENT_TYPES: Readonly<Record<ExpositionFormat, string>> = {
  prometheus: "text/plain; version=0.0.4; charset=utf-8",
  openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
};

/** OpenMetrics when the `Accept` header prefers it; the text format for any other scraper, browser or `curl`. */
export function negotiateFormat(accept: string | undefined): ExpositionFormat {
  const ranges = parseQualities(accept ?? "");
  const quality = (type: string, versions: readonly string[]): number =>
    Math.max(
      0,
      ...ranges
        .filter(({ name, parameters }) => name === type && versions.includes(parameters.get("version") ?? ""))
        .map(({ quality }) => quality),
    );
  const openmetrics = quality("application/openmetrics-text", ["", "0.0.1", "1.0.0"]);
  const prometheus = quality("text/plain", ["", "0.0.4"]);
  return openmetrics > 0 && openmetrics >= prometheus ? "openmetrics" : "prometheus";
}

export function acceptsGzip(acceptEncoding: string | undefined): boolean {
  const codings = parseQualities(acceptEncoding ?? "");
  const coding = codings.find(({ name }) => name === "gzip") ?? codings.find(({ name }) => name === "*");
  return coding !== undefined && coding.quality > 0;
}

/** In chunks of about 2,000 lines, each ending with its line. */
export async function* renderExposition(
  families: readonly MetricFamilySnapshot[],
  format: ExpositionFormat,
): AsyncGenerator<string> {
  // Appending is the cheapest way by far to build a text of this size: V8 joins it once, when it is sent.
  let text = "";
  let lines = 0;
  for (const family of families) {
    text += header(family, format);
    for (const point of family.series) {
      const starts = startsOf(lineStarts[format], family, point.labels, format);
      if ("buckets" in point) {
        let count = 0;
        let index = 0;
        for (const start of starts.lines) {
          count += point.buckets[index] ?? 0;
          const exemplar = point.exemplars[index++];
          text += `${start}${number(count)}${exemplar ? exemplarText(exemplar, format) : ""}\n`;
        }
        text += `${starts.sum}${number(point.sum)}\n${starts.count}${number(count)}\n`;
      } else {
        const exemplar = "exemplar" in point ? point.exemplar : undefined;
        text += `${starts.lines[0]}${number(point.value)}${exemplarText(exemplar, format)}\n`;
      }
      lines += starts.lines.length;
      if (lines < CHUNK_LINES) continue;
      yield text;
      text = "";
      lines = 0;
      await nextTurn();
    }
  }
  if (format === "openmetrics") text += "# EOF\n";
  if (text !== "") yield text;
}

/** For as long as the series live that have these labels. */
const lineStarts: Readonly<Record<ExpositionFormat, WeakMap<readonly string[], LineStarts>>> = {
  prometheus: new WeakMap(),
  openmetrics: new WeakMap(),
};
const CHUNK_LINES = 2_000;

/** What stands before the number: one line, or a line a bucket with those of sum and count. */
interface LineStarts {
  readonly family: string;
  readonly lines: readonly string[];
  readonly sum: string;
  readonly count: string;
}

function header({ name, help, type }: MetricFamilySnapshot, format: ExpositionFormat): string {
  // OpenMetrics names a counter without the `_total` that its sample must have.
  const named = format === "openmetrics" && type === "counter" ? name.replace(/_total$/, "") : name;
  const quoted = format === "openmetrics" ? escapeText(help).replaceAll('"', '\\"') : escapeText(help);
  return `# HELP ${named} ${quoted}\n# TYPE ${named} ${type}\n`;
}

function startsOf(
  known: WeakMap<readonly string[], LineStarts>,
  family: MetricFamilySnapshot,
  labels: readonly string[],
  format: ExpositionFormat,
): LineStarts {
  const present = known.get(labels);
  if (present?.family === family.name) return present;
  const made = makeStarts(family, labels, format);
  known.set(labels, made);
  return made;
}

function makeStarts(family: MetricFamilySnapshot, labels: readonly string[], format: ExpositionFormat): LineStarts {
  const { name, labelNames } = family;
  const pairs = labelNames.map(
    (label, index) => `${label}="${escapeText(labels[index] ?? "").replaceAll('"', '\\"')}"`,
  );
  const start = (suffix: string, ...more: string[]): string => {
    const all = [...pairs, ...more];
    return all.length === 0 ? `${name}${suffix} ` : `${name}${suffix}{${all.join(",")}} `;
  };
  if (family.type === "histogram") {
    const bounds = [...family.bounds.map((bound) => boundText(bound, format)), "+Inf"];
    const lines = bounds.map((bound) => start("_bucket", `le="${bound}"`));
    return { family: name, lines, sum: start("_sum"), count: start("_count") };
  }
  const suffix = format === "openmetrics" && family.type === "counter" && !name.endsWith("_total") ? "_total" : "";
  return { family: name, lines: [start(suffix)], sum: "", count: "" };
}

/** OpenMetrics compares bounds as text and wants `1.0`, as does every newer Prometheus, whatever the format. */
function boundText(bound: number, format: ExpositionFormat): string {
  return format === "openmetrics" && Number.isInteger(bound) ? `${bound}.0` : number(bound);
}

function exemplarText(exemplar: Exemplar | null | undefined, format: ExpositionFormat): string {
  if (!exemplar || format !== "openmetrics") return "";
  const pairs = Object.entries(exemplar.labels).map(
    ([name, value]) => `${name}="${escapeText(value).replaceAll('"', '\\"')}"`,
  );
  return ` # {${pairs.join(",")}} ${number(exemplar.value)} ${exemplar.timestampSeconds.toFixed(3)}`;
}

function number(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
}

function escapeText(text: string): string {
  return /[\\\n]/.test(text) ? text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n") : text;
}

interface Preference {
  readonly name: string;
  readonly parameters: ReadonlyMap<string, string>;
  readonly quality: number;
}

/** The comma-separated preferences of an `Accept…` header. A quality that is no number counts as 0. */
function parseQualities(header: string): Preference[] {
  return header.split(",").map((part) => {
    const [name = "", ...pairs] = part.split(";").map((piece) => piece.trim().toLowerCase());
    const parameters = new Map(
      pairs.map((pair): [string, string] => {
        const at = pair.indexOf("=");
        return at < 0
          ? [pair, ""]
          : [
              pair.slice(0, at).trim(),
              pair
                .slice(at + 1)
                .trim()
                .replace(/^"(.*)"$/, "$1"),
            ];
      }),
    );
    const quality = Number(parameters.get("q") ?? 1);
    return { name, parameters, quality: quality >= 0 && quality <= 1 ? quality : 0 };
  });
}
