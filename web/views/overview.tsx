/** How things are, at a glance. */
import type { JSX } from "preact";
import type { ErrorsData, ErrorsSummary } from "../../src/store/answers";
import { Ago } from "../parts/ago";
import { BarList } from "../parts/bar-list";
import { ErrorList } from "../parts/error-list";
import { Link } from "../parts/link";
import { Panel } from "../parts/panel";
import { Line } from "../parts/shown-text";
import { Sparkline } from "../parts/sparkline";
import { Empty, Failed, Loading } from "../parts/state-notes";
import { Timeline } from "../parts/timeline";
import { errors } from "../state/errors";
import { place } from "../state/navigation";
import { type Place, placeIn } from "../state/place";
import { count, rate } from "../text/numbers";
import { full, lastHours } from "../text/times";

export function OverviewView(): JSX.Element {
  const { data, problem } = errors.value;
  if (data === undefined) return problem === undefined ? <Loading rows={10} /> : <Failed problem={problem} />;
  const range = lastHours(data.summary.time_range_hours);
  return (
    <div class="overview">
      <Summary summary={data.summary} countedSince={data.counted_since} />
      <Panel title="Timeline" class="wide" aside={<span class="faint">{range}</span>}>
        <Timeline points={data.timeline} title={`Errors, ${range}`} />
      </Panel>
      <Panel
        title="Recent errors"
        class="recent"
        aside={<Link to={placeIn("distribution", place.value)}>All errors</Link>}
      >
        {data.recent_errors.length === 0 ? (
          <NothingYet />
        ) : (
          <ErrorList rows={data.recent_errors.slice(0, MAX_RECENT_SHOWN)} label="Recent errors, the newest first" />
        )}
      </Panel>
      <div class="side">
        <Panel title="By group">
          {data.summary.total_errors === 0 ? (
            <Empty title="No errors" />
          ) : (
            <BarList
              counts={data.error_distribution.by_group}
              most={7}
              to={(group) => (group === "other" ? undefined : inDistribution({ group }))}
            />
          )}
        </Panel>
        <Panel title="Most frequent" aside={<Link to={placeIn("patterns", place.value)}>All patterns</Link>}>
          <TopPatterns patterns={data.error_patterns} />
        </Panel>
      </div>
    </div>
  );
}

const MAX_RECENT_SHOWN = 40;
const MAX_PATTERNS_SHOWN = 6;

function inDistribution(patch: Partial<Place>): Place {
  return placeIn("distribution", place.value, patch);
}

function NothingYet(): JSX.Element {
  return (
    <Empty title="No errors in this time">
      Services send theirs by OTLP, or with <code>POST /api/report-error</code>; they appear here as they come.
    </Empty>
  );
}

function Summary({
  summary,
  countedSince,
}: {
  readonly summary: ErrorsSummary;
  readonly countedSince: string | null;
}): JSX.Element {
  return (
    <section class="panel summary wide" aria-label="Totals">
      <div class="hero">
        <p class="hero-label">Errors, {lastHours(summary.time_range_hours)}</p>
        <p class="hero-value">{count(summary.total_errors)}</p>
        <p class="hero-note">
          <Change summary={summary} />
        </p>
        {countedSince !== null && <p class="hero-note faint">Counted since {full(countedSince)}</p>}
      </div>
      <dl class="tiles">
        <Tile
          name="Critical"
          value={count(summary.critical_errors)}
          tone={summary.critical_errors > 0 ? "critical" : undefined}
          note={`${count(summary.warning_errors)} warnings`}
          to={inDistribution({ severity: "critical" })}
        />
        <Tile name="Error rate" value={rate(summary.errors_per_minute)} unit="/min" note="mean of 5 minutes" />
        <Tile
          name="Hardware"
          value={count(summary.hardware_errors)}
          note={`${count(summary.critical_hardware_errors)} critical`}
          to={placeIn("hardware", place.value)}
        />
        <Tile
          name="Resources"
          value={count(summary.resource_errors)}
          note="memory, disk, limits"
          to={inDistribution({ group: "resource_error" })}
        />
        <Tile
          name="Network"
          value={count(summary.network_errors)}
          note="connections, DNS, TLS"
          to={inDistribution({ group: "network_error" })}
        />
        <Tile
          name="Sessions"
          value={count(summary.affected_sessions)}
          note={`${count(summary.affected_users)} ${summary.affected_users === 1 ? "user" : "users"} affected`}
        />
        <Tile
          name="Workers"
          value={count(summary.affected_workers)}
          note="affected"
          to={placeIn("workers", place.value)}
        />
        <Tile
          name="Patterns"
          value={count(summary.unique_groups)}
          note={`${count(summary.new_groups)} new, ${count(summary.unique_types)} types`}
          to={placeIn("patterns", place.value)}
        />
      </dl>
    </section>
  );
}

interface TileProps {
  readonly name: string;
  readonly value: string;
  readonly unit?: string;
  readonly note: string;
  readonly tone?: "critical" | undefined;
  readonly to?: Place;
}

function Tile({ name, value, unit, note, tone, to }: TileProps): JSX.Element {
  return (
    <div class={`tile ${tone ?? ""}`}>
      <dt>{to === undefined ? name : <Link to={to}>{name}</Link>}</dt>
      <dd class="tile-value">
        {value}
        {unit !== undefined && <span class="unit">{unit}</span>}
      </dd>
      <dd class="tile-note">{note}</dd>
    </div>
  );
}

function Change({ summary }: { readonly summary: ErrorsSummary }): JSX.Element {
  const { total_errors: total, previous_total_errors: previous, time_range_hours: hours } = summary;
  const before =
    hours === 24
      ? "the day before"
      : hours === 168
        ? "the week before"
        : `the ${hours === 1 ? "hour" : `${hours} hours`} before`;
  if (previous === 0) return <span class="faint">none {before}</span>;
  const change = Math.round(((total - previous) / previous) * 100);
  const tone = change > 0 ? "worse" : change < 0 ? "better" : "";
  const text = change === 0 ? "as many as" : `${change > 0 ? "▲" : "▼"} ${count(Math.abs(change))} %`;
  return (
    <>
      <span class={`change ${tone}`}>{text}</span>{" "}
      <span class="faint">{change === 0 ? before : `to ${count(previous)} ${before}`}</span>
    </>
  );
}

function TopPatterns({ patterns }: { readonly patterns: ErrorsData["error_patterns"] }): JSX.Element {
  const top = Object.values(patterns)
    .sort((one, other) => other.occurrences - one.occurrences)
    .slice(0, MAX_PATTERNS_SHOWN);
  if (top.length === 0) return <Empty title="No patterns yet" />;
  return (
    <ol class="top-patterns">
      {top.map((pattern) => (
        <li key={pattern.fingerprint}>
          <Link to={{ ...place.value, pattern: pattern.fingerprint }} class="top-pattern">
            <span class={`dot ${pattern.severity}`} aria-hidden="true" />
            <span class="top-pattern-title">
              <Line text={pattern.title} max={120} />
            </span>
            <Sparkline values={pattern.sparkline} />
            <span class="top-pattern-count">{count(pattern.occurrences)}</span>
            <span class="top-pattern-note faint">
              <Line text={pattern.error_category} max={60} /> · <Ago time={pattern.last_seen} />
            </span>
          </Link>
        </li>
      ))}
    </ol>
  );
}
