/** Where errors happen: each worker's, and how it is. */
import type { JSX } from "preact";
import type { WorkerRow } from "../../src/store/answers";
import { Ago } from "../parts/ago";
import { Link } from "../parts/link";
import { moveByArrows } from "../parts/move-by-arrows";
import { Panel } from "../parts/panel";
import { StatusChip } from "../parts/severity";
import { SeverityBar } from "../parts/severity-bar";
import { Line } from "../parts/shown-text";
import { Empty, Failed, Loading } from "../parts/state-notes";
import { errors } from "../state/errors";
import { place } from "../state/navigation";
import { placeIn } from "../state/place";
import { count } from "../text/numbers";
import { lastHours } from "../text/times";

export function WorkersView(): JSX.Element {
  const { data, problem } = errors.value;
  if (data === undefined) return problem === undefined ? <Loading /> : <Failed problem={problem} />;
  const workers = Object.entries(data.worker_errors).sort(
    ([, one], [, other]) => STATUSES.indexOf(one.status) - STATUSES.indexOf(other.status) || other.total - one.total,
  );
  return (
    <div class="workers">
      <section class="panel status-counts" aria-label="Workers by status">
        <dl class="tiles">
          {STATUSES.map((status) => (
            <div key={status} class="tile">
              <dt>
                <span class={`dot ${status}`} aria-hidden="true" /> {status}
              </dt>
              <dd class="tile-value">{count(workers.filter(([, row]) => row.status === status).length)}</dd>
              <dd class="tile-note">{STATUS_NOTES[status]}</dd>
            </div>
          ))}
        </dl>
      </section>
      <Panel title="Errors by worker" aside={<span class="faint">{lastHours(data.summary.time_range_hours)}</span>}>
        {workers.length === 0 ? (
          <Empty title="No worker had an error in this time" />
        ) : (
          <WorkerTable workers={workers} />
        )}
      </Panel>
    </div>
  );
}

const STATUSES = ["critical", "warning", "stable"] as const;
const STATUS_NOTES = {
  critical: "a critical error in 5 minutes",
  warning: "a warning in 5 minutes",
  stable: "no more than infos",
} as const;

function WorkerTable({ workers }: { readonly workers: readonly (readonly [string, WorkerRow])[] }): JSX.Element {
  const highest = Math.max(1, ...workers.map(([, row]) => row.total));
  return (
    <table class="data" onKeyDown={moveByArrows}>
      <caption class="unseen">Errors by worker</caption>
      <thead>
        <tr>
          <th scope="col">Worker</th>
          <th scope="col">Status</th>
          <th scope="col" class="bar-column">
            Errors
          </th>
          <th scope="col" class="number">
            Count
          </th>
          <th scope="col" class="on-middle">
            Most common
          </th>
          <th scope="col" class="on-small">
            Last seen
          </th>
        </tr>
      </thead>
      <tbody>
        {workers.map(([worker, row]) => (
          <tr key={worker}>
            <th scope="row">
              <Link to={placeIn("distribution", place.value, { worker })} data-row>
                <Line text={worker} max={80} />
                <span class="under faint">
                  <Line text={row.service} max={60} />
                </span>
              </Link>
            </th>
            <td>
              <StatusChip status={row.status} />
            </td>
            <td class="bar-column">
              <SeverityBar counts={row} of={highest} />
            </td>
            <td class="number strong">{count(row.total)}</td>
            <td class="on-middle cut">
              <Line text={row.most_common_error} max={120} />
            </td>
            <td class="on-small">
              <Ago time={row.last_seen} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
