/** What the demo shows: pure text, made from samples. The terminal is main's. */
import { stripVTControlCharacters } from "node:util";
import { byCategory, type Comparison } from "./comparison";
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
  const count = (severity: string): string => `${severities.get(severity) ?? 0} ${severity}`;
  const lines = [
    paint("bold", heading),
    `requests ${requests}   slow ${slow}   in flight ${inFlight}   stuck ${stuck}`,
    `errors ${errors}   ${paint("red", count("critical"))}   ${paint("yellow", count("warning"))}   ` +
      `${count("info")}   new groups ${newGroups}   echoes ${echoes}`,
    `workers   ${renderWorkers(samples, paint)}`,
    "",
  ];
  lines.push(...renderCategories(samples, terminal.columns, Math.max(1, terminal.rows - 1 - lines.length)));
  return lines.slice(0, Math.max(1, terminal.rows - 1)).map((line) => fit(line, terminal.columns));
}

/** In columns; each category keeps its place. Where room lacks, the rarest are left to the last line. */
function renderCategories(samples: readonly Sample[], columns: number, room: number): string[] {
  const perLine = Math.max(1, Math.floor((columns + GAP.length) / (CELL + GAP.length)));
  const counts = [...sumBy(samples, "seismo_errors_total", "category", { origin: "root" })].sort(
    ([, m], [, n]) => n - m,
  );
  const others = counts.splice(counts.length > perLine * room ? perLine * (room - 1) : counts.length);
  const cells = counts
    .sort(([a], [b]) => byCategory(a, b))
    .map(([category, value]) => `${String(value).padStart(5)} ${category}`.padEnd(CELL));
  const lines: string[] = [];
  for (let at = 0; at < cells.length; at += perLine)
    lines.push(
      cells
        .slice(at, at + perLine)
        .join(GAP)
        .trimEnd(),
    );
  if (others.length > 0) {
    const rest = others.reduce((all, [, value]) => all + value, 0);
    lines.push(`${String(rest).padStart(5)} in ${others.length} other categories`);
  }
  return lines;
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
      ? paint("green", rows.length === 0 ? "No error was made." : "Every error was counted once.")
      : paint(
          "red",
          `Made and counted differ: ${wrong.map(({ service, category }) => `${category} in ${service}`).join(", ")}.`,
        ),
  ];
}

const CELL = 32;
const GAP = "  ";

type Style = "bold" | "red" | "yellow" | "green";
type Paint = (style: Style, text: string) => string;

const STYLES: { readonly [style in Style]: number } = { bold: 1, red: 31, yellow: 33, green: 32 };

function painter(isColored: boolean): Paint {
  return (style, text) => (isColored ? `\u001b[${STYLES[style]}m${text}\u001b[0m` : text);
}

const STATUSES: readonly (readonly [status: number, word: string, style: Style])[] = [
  [2, "critical", "red"],
  [1, "warning", "yellow"],
  [0, "stable", "green"],
];

/** `critical pool   stable pool-1, pool-2` */
function renderWorkers(samples: readonly Sample[], paint: Paint): string {
  const workers = [...sumBy(samples, "seismo_worker_status", "worker")].sort(([a], [b]) => (a < b ? -1 : 1));
  return STATUSES.flatMap(([status, word, style]) => {
    const names = workers.filter(([, value]) => value === status).map(([name]) => name);
    return names.length === 0 ? [] : [`${paint(style, word)} ${names.join(", ")}`];
  }).join("   ");
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

/** A line that is too long would wrap, and the next picture would not cover it. */
function fit(line: string, columns: number): string {
  const plain = stripVTControlCharacters(line);
  return plain.length <= columns ? line : plain.slice(0, columns);
}

function signed(difference: number): string {
  return difference > 0 ? `+${difference}` : String(difference);
}
