/** One group of errors: how it goes, why these errors are one group, whom and what it hits, what to do. */
import type { JSX } from "preact";
import type { Counts, GroupDetail } from "../../src/store/answers";
import { BarList } from "../parts/bar-list";
import { Dialog } from "../parts/dialog";
import { ErrorList } from "../parts/error-list";
import { Link } from "../parts/link";
import { SeverityChip } from "../parts/severity";
import { Block, Line } from "../parts/shown-text";
import { Empty, Failed, Loading } from "../parts/state-notes";
import { Timeline } from "../parts/timeline";
import { withParams } from "../state/api";
import { now } from "../state/clock";
import { narrow, place } from "../state/navigation";
import { placeIn } from "../state/place";
import { useQuery } from "../state/query";
import { count, duration } from "../text/numbers";
import { ago, full, lastHours } from "../text/times";
import { GroupMarks, Trend } from "./patterns";

export function PatternSheet({ fingerprint }: { readonly fingerprint: string }): JSX.Element {
  const path = withParams(`/api/groups/${encodeURIComponent(fingerprint)}`, { time_range: place.value.range });
  const { data, problem } = useQuery<GroupDetail>(path);
  return (
    <Dialog
      class="sheet"
      title={data === undefined ? "Pattern" : <Line text={data.title} max={200} />}
      onClose={() => narrow({ pattern: "" })}
    >
      {data === undefined && problem === undefined && <Loading />}
      {data === undefined && problem?.status === "not_found" && (
        <Empty title="No error of this pattern in this time">A longer time range may show it.</Empty>
      )}
      {data === undefined && problem !== undefined && problem.status !== "not_found" && <Failed problem={problem} />}
      {data !== undefined && <Detail group={data} />}
    </Dialog>
  );
}

function Detail({ group }: { readonly group: GroupDetail }): JSX.Element {
  const range = lastHours(place.value.range);
  return (
    <div class="detail">
      <div class="detail-marks">
        <SeverityChip severity={group.severity} />
        <GroupMarks group={group} />
        <Link to={placeIn("distribution", place.value, { fingerprint: group.fingerprint })}>All its errors</Link>
      </div>
      <div class="detail-message">
        <p class="detail-type">
          <Line text={group.type} max={200} />
        </p>
        <Block text={group.message} />
      </div>
      <p class="advice">
        <strong>What to do</strong> <Line text={group.advice} max={1_000} />
      </p>
      <dl class="tiles">
        <Tile name="Last hour" value={count(group.last_1h)} />
        <Tile name="6 hours" value={count(group.last_6h)} />
        <Tile name="24 hours" value={count(group.last_24h)} />
        <Tile name="7 days" value={count(group.last_7d)} />
        <Tile name="Users" value={count(group.users)} />
        <Tile name="Sessions" value={count(group.sessions)} />
        <Tile name="Workers" value={count(group.workers)} />
      </dl>
      <Timeline points={group.timeline} title={`Errors of this pattern, ${range}`} height={130} />
      <dl class="facts">
        <div>
          <dt>Trend</dt>
          <dd>
            <Trend trend={group.trend} />
          </dd>
        </div>
        <Time name="First seen" iso={group.first_seen} />
        <Time name="Last seen" iso={group.last_seen} />
        {group.recovery_ms !== null && (
          <div>
            <dt>Is usually over after</dt>
            <dd>{duration(group.recovery_ms)}</dd>
          </div>
        )}
        {group.usually_after !== null && (
          <div>
            <dt>Usually comes after</dt>
            <dd>
              <Link to={{ ...place.value, pattern: group.usually_after.fingerprint }}>
                <Line text={group.usually_after.title ?? group.usually_after.fingerprint} max={160} />
              </Link>{" "}
              <span class="faint">in the same {group.usually_after.within}</span>
            </dd>
          </div>
        )}
        <div>
          <dt>Category</dt>
          <dd>
            <Line text={group.error_category} max={80} /> <span class="faint">in {group.group}</span>
          </dd>
        </div>
        <div class="whole">
          <dt>Why these are one</dt>
          <dd>
            <Line text={group.fingerprint_reason} max={600} />
            <span class="under faint">
              fingerprint <code>{group.fingerprint}</code>, version {group.fingerprint_version}
            </span>
          </dd>
        </div>
      </dl>
      <div class="detail-counts">
        <Counted title="Services" counts={group.by_service} />
        <Counted title="Workers" counts={group.by_worker} />
        <Counted title="Releases" counts={group.by_release} />
      </div>
      <section>
        <h3>Recent errors</h3>
        {group.recent_errors.length === 0 ? (
          <Empty title="None in this time" />
        ) : (
          <ErrorList rows={group.recent_errors.slice(0, MAX_ERRORS)} label="Recent errors of this pattern" />
        )}
      </section>
    </div>
  );
}

const MAX_ERRORS = 30;

function Tile({ name, value }: { readonly name: string; readonly value: string }): JSX.Element {
  return (
    <div class="tile">
      <dt>{name}</dt>
      <dd class="tile-value">{value}</dd>
    </div>
  );
}

function Time({ name, iso }: { readonly name: string; readonly iso: string }): JSX.Element {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        {full(iso)} <span class="faint">{ago(iso, now.value)}</span>
      </dd>
    </div>
  );
}

function Counted({ title, counts }: { readonly title: string; readonly counts: Counts }): JSX.Element | null {
  if (Object.keys(counts).length === 0) return null;
  return (
    <section>
      <h3>{title}</h3>
      <BarList counts={counts} most={6} />
    </section>
  );
}
