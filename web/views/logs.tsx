/** Log lines as they come, filtered by level and text; what is older by page; all of it as a file. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import type { LogLevelName, LogRow, LogsData } from "../../src/store/answers";
import { Choice } from "../parts/choice";
import { Icon } from "../parts/icon";
import { Link } from "../parts/link";
import { MoreButton } from "../parts/more-button";
import { Panel } from "../parts/panel";
import { SearchField } from "../parts/search-field";
import { Line } from "../parts/shown-text";
import { Empty, Failed, Loading } from "../parts/state-notes";
import { withParams } from "../state/api";
import { narrow, place } from "../state/navigation";
import { feed } from "../state/page";
import { usePages } from "../state/pages";
import { LOG_LEVELS, type Place, placeIn } from "../state/place";
import { settings } from "../state/settings";
import { clock, full } from "../text/times";

export function LogsView(): JSX.Element {
  const filter = place.value;
  const params = { time_range: filter.range, level: filter.level, service: filter.service, q: filter.q };
  const { pages, problem, isLoading, more } = usePages<LogsData>(
    withParams("/api/logs", { ...params, limit: PAGE_ROWS }),
  );
  const live = useSignal<readonly LogRow[]>([]);
  useEffect(
    () =>
      feed.followLogs((rows) => {
        if (settings.peek().autoRefresh) live.value = [...rows].reverse().concat(live.peek()).slice(0, MAX_LIVE);
      }),
    [],
  );
  const kept = pages.flatMap((page) => page.logs);
  const rows = withLive(live.value, kept, filter);
  return (
    <Panel
      title="Logs"
      aside={
        <a class="download" href={withParams("/api/logs/download", params)} download>
          <Icon name="download" /> Download
        </a>
      }
    >
      <div class="filters">
        <SearchField label="Search logs" value={filter.q} onSearch={(q) => narrow({ q }, "replace")} />
        <Choice label="Level" value={filter.level} options={LEVEL_OPTIONS} onChoose={(level) => narrow({ level })} />
      </div>
      {pages.length === 0 && rows.length === 0 && problem !== undefined && <Failed problem={problem} />}
      {pages.length === 0 && rows.length === 0 && problem === undefined && <Loading rows={12} />}
      {pages.length > 0 && rows.length === 0 && (
        <Empty title="No log line matches">Services send theirs by OTLP; the collector's own are here as well.</Empty>
      )}
      {rows.length > 0 && <LogTable rows={rows} />}
      <MoreButton title="Older lines" isLoading={isLoading} more={more} />
    </Panel>
  );
}

const PAGE_ROWS = 100;
const MAX_LIVE = 500;
const LEVEL_OPTIONS: readonly (readonly ["" | LogLevelName, string])[] = [
  ["", "Any level"],
  ...LOG_LEVELS.map((level) => [level, level === "FATAL" ? "FATAL" : `${level} and graver`] as const),
];

function LogTable({ rows }: { readonly rows: readonly LogRow[] }): JSX.Element {
  return (
    <table class="data logs">
      <caption class="unseen">Log lines, the newest first</caption>
      <thead>
        <tr>
          <th scope="col">Time</th>
          <th scope="col">Level</th>
          <th scope="col" class="on-small">
            Service
          </th>
          <th scope="col">Message</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row, index) => (
          <tr key={keyOf(row, rows.length - index)}>
            <td class="log-time">
              <time dateTime={row.timestamp} title={full(row.timestamp)}>
                {clock(Date.parse(row.timestamp) || 0)}
              </time>
            </td>
            <td>
              <span class={`level ${row.level.toLowerCase()}`}>{row.level}</span>
            </td>
            <td class="on-small cut" title={row.worker_id}>
              <Line text={row.service} max={40} />
            </td>
            <td class="log-message">
              <Line text={row.message} max={2_000} />
              <LogLink row={row} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function LogLink({ row }: { readonly row: LogRow }): JSX.Element | null {
  const { request_id, trace_id } = row;
  if (request_id === null && trace_id === null) return null;
  const to =
    request_id !== null
      ? placeIn("journey", place.value, { by: "request_id", value: request_id })
      : placeIn("journey", place.value, { by: "trace_id", value: trace_id ?? "" });
  return (
    <Link class="log-link" to={to} aria-label="Journey of this line">
      journey
    </Link>
  );
}

/** From the end, so that a line keeps its row when newer ones come. */
function keyOf(row: LogRow, fromEnd: number): string {
  return `${row.timestamp} ${fromEnd}`;
}

/** Live lines that the store has answered with meanwhile are not shown twice. */
function withLive(live: readonly LogRow[], kept: readonly LogRow[], filter: Place): readonly LogRow[] {
  const lowest = filter.level === "" ? 0 : LOG_LEVELS.indexOf(filter.level);
  const text = filter.q.toLowerCase();
  const known = new Set(kept.slice(0, MAX_LIVE).map(identityOf));
  const fresh = live.filter(
    (row) =>
      LOG_LEVELS.indexOf(row.level) >= lowest &&
      (filter.service === "" || row.service === filter.service) &&
      (text === "" || row.message.toLowerCase().includes(text)) &&
      !known.has(identityOf(row)),
  );
  if (fresh.length === 0) return kept;
  return [...fresh, ...kept].sort((one, other) =>
    one.timestamp < other.timestamp ? 1 : one.timestamp > other.timestamp ? -1 : 0,
  );
}

function identityOf(row: LogRow): string {
  return JSON.stringify([row.timestamp, row.service, row.worker_id, row.message]);
}
