/** The requests of the services: which endpoints are slow or fail, and the single requests behind it. */
import type { JSX } from "preact";
import type { EndpointRow, RequestRow, RequestsData } from "../../src/store/answers";
import { Ago } from "../parts/ago";
import { Choice } from "../parts/choice";
import { Icon } from "../parts/icon";
import { Link } from "../parts/link";
import { MoreButton } from "../parts/more-button";
import { moveByArrows } from "../parts/move-by-arrows";
import { Panel } from "../parts/panel";
import { Line } from "../parts/shown-text";
import { Empty, Failed, Loading } from "../parts/state-notes";
import { withParams } from "../state/api";
import { narrow, place } from "../state/navigation";
import { usePages } from "../state/pages";
import { type Place, placeIn } from "../state/place";
import { count, duration, percent, rate } from "../text/numbers";
import { lastHours } from "../text/times";

export function RequestsView(): JSX.Element {
  const { range, service, route, only } = place.value;
  const path = withParams("/api/requests", {
    time_range: range,
    service,
    route,
    slow: only === "slow" ? "true" : undefined,
    failed: only === "failed" ? "true" : undefined,
    limit: PAGE_ROWS,
  });
  const { pages, problem, isLoading, more } = usePages<RequestsData>(path);
  const first = pages[0];
  if (first === undefined) return problem === undefined ? <Loading /> : <Failed problem={problem} />;
  const rows = pages.flatMap((page) => page.requests);
  return (
    <div class="requests">
      <Panel title="Endpoints" aside={<span class="faint">all requests, {lastHours(range)}</span>}>
        {first.endpoints.length === 0 ? <NoRequests /> : <EndpointTable endpoints={first.endpoints} />}
      </Panel>
      <Panel title="Requests" aside={<span class="faint">slow and failed ones, and a sample of the others</span>}>
        <div class="filters">
          <Choice
            label="Which requests"
            value={only}
            options={ONLY_OPTIONS}
            onChoose={(chosen) => narrow({ only: chosen })}
          />
          {route !== "" && (
            <button
              type="button"
              class="filter-chip"
              aria-label="Remove the filter route"
              onClick={() => narrow({ route: "" })}
            >
              <span class="faint">route</span> <Line text={route} max={60} />
              <Icon name="close" />
            </button>
          )}
        </div>
        {rows.length === 0 ? <Empty title="No such request in this time" /> : <RequestTable rows={rows} />}
        <MoreButton title="Older requests" isLoading={isLoading} more={more} />
      </Panel>
    </div>
  );
}

const PAGE_ROWS = 50;
const MAX_ENDPOINTS = 60;
/** A request that took as long had hung: see `seismo_requests_stuck` for those that still do. */
const STUCK_MILLIS = 60_000;
const ONLY_OPTIONS = [
  ["", "All that are kept"],
  ["slow", "Slow"],
  ["failed", "Failed"],
] as const;

function NoRequests(): JSX.Element {
  return (
    <Empty title="No requests in this time">Services that send their spans to this collector by OTLP show here.</Empty>
  );
}

function EndpointTable({ endpoints }: { readonly endpoints: readonly EndpointRow[] }): JSX.Element {
  const slowest = Math.max(1, ...endpoints.map((row) => row.p99_ms));
  return (
    <table class="data" onKeyDown={moveByArrows}>
      <caption class="unseen">Endpoints</caption>
      <thead>
        <tr>
          <th scope="col">Endpoint</th>
          <th scope="col" class="number">
            Rate
          </th>
          <th scope="col" class="number on-middle">
            Requests
          </th>
          <th scope="col" class="number">
            Errors
          </th>
          <th scope="col" class="number on-small">
            Slow
          </th>
          <th scope="col" class="on-wide bar-column">
            Latency
          </th>
          <th scope="col" class="number on-middle">
            p50
          </th>
          <th scope="col" class="number">
            p95
          </th>
          <th scope="col" class="number on-small">
            p99
          </th>
          <th scope="col" class="number on-wide">
            Max
          </th>
        </tr>
      </thead>
      <tbody>
        {endpoints.slice(0, MAX_ENDPOINTS).map((row) => (
          <tr key={JSON.stringify([row.service, row.method, row.route])}>
            <th scope="row">
              <Link to={{ ...place.value, route: row.route, service: row.service }} data-row>
                <span class="method">{row.method}</span> <Line text={row.route} max={80} />
                <span class="under faint">
                  <Line text={row.service} max={60} />
                </span>
              </Link>
            </th>
            <td class="number">{rate(row.per_minute)}/min</td>
            <td class="number on-middle">{count(row.count)}</td>
            <td class={`number ${errorTone(shareOf(row))}`}>{percent(shareOf(row))}</td>
            <td class={`number on-small ${row.slow > 0 ? "warning-text" : "faint"}`}>{count(row.slow)}</td>
            <td class="on-wide bar-column">
              <Latency row={row} of={slowest} />
            </td>
            <td class="number on-middle">{duration(row.p50_ms)}</td>
            <td class="number strong">{duration(row.p95_ms)}</td>
            <td class="number on-small">{duration(row.p99_ms)}</td>
            <td class="number on-wide">{duration(row.max_ms)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function shareOf({ count: all, errors }: EndpointRow): number {
  return all === 0 ? 0 : (errors / all) * 100;
}

/** Red is for endpoints that fail, not for one failure of a thousand. */
function errorTone(percentage: number): string {
  return percentage >= 5 ? "critical-text" : percentage >= 1 ? "warning-text" : percentage > 0 ? "" : "faint";
}

/** From the middle one to the slowest of a hundred, on one scale of powers for all endpoints. */
function Latency({ row, of }: { readonly row: EndpointRow; readonly of: number }): JSX.Element {
  const at = (millis: number): number => (Math.log2(1 + millis) / Math.log2(1 + of)) * 100;
  return (
    <span class="latency" aria-hidden="true">
      <span
        class="latency-range"
        style={{ left: `${at(row.p50_ms)}%`, width: `${Math.max(1, at(row.p99_ms) - at(row.p50_ms))}%` }}
      />
      <span class="latency-mark" style={{ left: `${at(row.p95_ms)}%` }} />
    </span>
  );
}

function RequestTable({ rows }: { readonly rows: readonly RequestRow[] }): JSX.Element {
  return (
    <table class="data" onKeyDown={moveByArrows}>
      <caption class="unseen">Requests, the newest first</caption>
      <thead>
        <tr>
          <th scope="col">Request</th>
          <th scope="col">Status</th>
          <th scope="col" class="number">
            Took
          </th>
          <th scope="col" class="on-middle">
            Worker
          </th>
          <th scope="col" class="on-small">
            When
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={JSON.stringify([row.span_id, row.request_id, row.timestamp, row.route])}>
            <th scope="row">
              <RequestName row={row} />
            </th>
            <td>
              <StatusCode row={row} />
            </td>
            <td class={`number ${row.slow ? "warning-text strong" : ""}`}>{duration(row.duration_ms)}</td>
            <td class="on-middle">
              <Line text={row.worker_id} max={60} />
            </td>
            <td class="on-small">
              <Ago time={row.timestamp} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function RequestName({ row }: { readonly row: RequestRow }): JSX.Element {
  const inside = (
    <>
      <span class="method">{row.method}</span> <Line text={row.route} max={80} />
      {row.duration_ms >= STUCK_MILLIS ? (
        <span class="tag back">stuck</span>
      ) : (
        row.slow && <span class="tag back">slow</span>
      )}
      <span class="under faint">
        <Line text={row.service} max={60} />
        {row.request_id !== null && (
          <>
            {" · "}
            <Line text={row.request_id} max={40} />
          </>
        )}
      </span>
    </>
  );
  const journey = journeyOf(row);
  return journey === undefined ? (
    <span>{inside}</span>
  ) : (
    <Link to={journey} data-row>
      {inside}
    </Link>
  );
}

/** All services that a request went through share its request id, else its trace. */
function journeyOf(row: RequestRow): Place | undefined {
  if (row.request_id !== null) return placeIn("journey", place.value, { by: "request_id", value: row.request_id });
  if (row.trace_id !== null) return placeIn("journey", place.value, { by: "trace_id", value: row.trace_id });
  return undefined;
}

export function StatusCode({ row }: { readonly row: Pick<RequestRow, "status_code" | "failed"> }): JSX.Element {
  const tone = row.status_code >= 500 || row.failed ? "critical-text" : row.status_code >= 400 ? "warning-text" : "";
  return <span class={`status-code ${tone}`}>{row.status_code === 0 ? "none" : row.status_code}</span>;
}
