/** What the demo shows: pure text, made from samples. The terminal is main's. */
import type { Comparison } from "./comparison";
import { type Sample, sum, sumBy } from "./readings";

export interface Terminal {
  readonly columns: number;
  readonly rows: number;
  readonly isColored: boolean;
}

/** One screen: at most `rows` - 1 lines of at most `columns` characters. */
export function renderSummary(samples: readonly Sample[], heading: string, terminal: Terminal): string[] {
  const paint = painter(terminal.isColored);
  const { requests, errors, severities, slow, inFlight, stuck, newGroups, echoes } = figures(samples);
  const workers = [...sumBy(samples, "seismo_worker_status", "worker")].sort(([a], [b]) => (a < b ? -1 : 1));
  const categories = [...sumBy(samples, "seismo_errors_total", "category", { origin: "root" })].sort(
    ([a, m], [b, n]) => n - m || (a < b ? -1 : 1),
  );
  const count = (severity: string): string => `${severities.get(severity) ?? 0} ${severity}`;
  const head = [
    paint("bold", heading),
    `requests ${requests}   slow ${slow}   in flight ${inFlight}   stuck ${stuck}`,
    `errors ${errors}   ${paint("red", count("critical"))}   ${paint("yellow", count("warning"))}   ${count("info")}   ` +
      `new groups ${newGroups}   echoes ${echoes}`,
    `workers ${workers.map(([name, status]) => paintStatus(paint, name, status)).join("  ")}`,
    "",
  ];
  const perLine = Math.max(1, Math.floor((terminal.columns + GAP) / (CELL + GAP)));
  const cells = categories.map(([name, value]) => `${String(value).padStart(5)} ${name}`.padEnd(CELL));
  const lines: string[] = [];
  for (let at = 0; at < cells.length; at += perLine)
    lines.push(
      cells
        .slice(at, at + perLine)
        .join(" ".repeat(GAP))
        .trimEnd(),
    );
  const room = Math.max(0, terminal.rows - 1 - head.length);
  if (lines.length > room) lines.splice(Math.max(0, room - 1), Infinity, `${" ".repeat(6)}and others`);
  return [...head, ...lines].slice(0, Math.max(1, terminal.rows - 1));
}

/** One line, for where there is no screen. */
export function renderProgress(samples: readonly Sample[], heading: string): string {
  const { requests, errors, severities, slow, inFlight, stuck, newGroups } = figures(samples);
  const count = (severity: string): string => `${severity} ${severities.get(severity) ?? 0}`;
  return (
    `${heading}: requests ${requests}, errors ${errors} (${["critical", "warning", "info"].map(count).join(", ")}), ` +
    `slow ${slow}, in flight ${inFlight}, stuck ${stuck}, new groups ${newGroups}`
  );
}

/** The closing table, and below it what to make of it. */
export function renderComparison(rows: readonly Comparison[], isColored: boolean): string[] {
  const paint = painter(isColored);
  const line = (category: string, service: string, ...numbers: readonly (string | number)[]): string =>
    [category.padEnd(27), service.padEnd(7), ...numbers.map((value) => String(value).padStart(10))].join(" ").trimEnd();
  const total = (key: "made" | "counted"): number => rows.reduce((all, row) => all + row[key], 0);
  const wrong = rows.filter(({ made, counted }) => made !== counted);
  return [
    paint("bold", line("category", "service", "made", "counted", "difference")),
    ...rows.map(({ category, service, made, counted }) => {
      const text = line(category, service, made, counted, signed(counted - made));
      return made === counted ? text : paint("red", text);
    }),
    paint("bold", line("all", "", total("made"), total("counted"), signed(total("counted") - total("made")))),
    "",
    wrong.length === 0
      ? paint("green", "Every error was counted once.")
      : paint(
          "red",
          `Made and counted differ: ${wrong.map(({ service, category }) => `${category} in ${service}`).join(", ")}.`,
        ),
  ];
}

const CELL = 32;
const GAP = 2;

type Style = "bold" | "red" | "yellow" | "green";
type Paint = (style: Style, text: string) => string;

const STYLES: { readonly [style in Style]: number } = { bold: 1, red: 31, yellow: 33, green: 32 };

function painter(isColored: boolean): Paint {
  return (style, text) => (isColored ? `\u001b[${STYLES[style]}m${text}\u001b[0m` : text);
}

function paintStatus(paint: Paint, name: string, status: number): string {
  const [style, word] =
    status >= 2
      ? (["red", "critical"] as const)
      : status >= 1
        ? (["yellow", "warning"] as const)
        : (["green", "stable"] as const);
  return `${name} ${paint(style, word)}`;
}

function figures(samples: readonly Sample[]) {
  return {
    requests: sum(samples, "seismo_http_request_duration_seconds_count"),
    errors: sum(samples, "seismo_errors_total", { origin: "root" }),
    echoes: sum(samples, "seismo_errors_total", { origin: "echo" }),
    severities: sumBy(samples, "seismo_errors_total", "severity", { origin: "root" }),
    slow: sum(samples, "seismo_slow_requests_total"),
    inFlight: sum(samples, "seismo_requests_in_flight"),
    stuck: sum(samples, "seismo_requests_stuck"),
    newGroups: sum(samples, "seismo_new_error_groups_total"),
  };
}

function signed(difference: number): string {
  return difference > 0 ? `+${difference}` : String(difference);
}
