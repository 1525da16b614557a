/** The groups of errors: how often, how they go, since when, whom they hit. */
import type { JSX } from "preact";
import type { GroupRow, GroupsData } from "../../src/store/answers";
import { Ago } from "../parts/ago";
import { Choice } from "../parts/choice";
import { Link } from "../parts/link";
import { MoreButton } from "../parts/more-button";
import { moveByArrows } from "../parts/move-by-arrows";
import { Panel } from "../parts/panel";
import { SearchField } from "../parts/search-field";
import { SEVERITY_OPTIONS, SeverityMark } from "../parts/severity";
import { Line } from "../parts/shown-text";
import { Sparkline } from "../parts/sparkline";
import { Empty, Failed, Loading } from "../parts/state-notes";
import { withParams } from "../state/api";
import { narrow, place } from "../state/navigation";
import { usePages } from "../state/pages";
import { count } from "../text/numbers";
import { lastHours } from "../text/times";

export function PatternsView(): JSX.Element {
  const { range, service, severity, category, q, sort } = place.value;
  const path = withParams("/api/groups", { time_range: range, service, severity, category, q, sort, limit: PAGE_ROWS });
  const { pages, problem, isLoading, more } = usePages<GroupsData>(path);
  const groups = pages.flatMap((page) => page.groups);
  return (
    <Panel title="Patterns" aside={<span class="faint">{lastHours(range)}</span>}>
      <div class="filters">
        <SearchField label="Search patterns" value={q} onSearch={(text) => narrow({ q: text }, "replace")} />
        <Choice
          label="Severity"
          value={severity}
          options={SEVERITY_OPTIONS}
          onChoose={(chosen) => narrow({ severity: chosen })}
        />
        <Choice label="Order" value={sort} options={SORT_OPTIONS} onChoose={(chosen) => narrow({ sort: chosen })} />
      </div>
      {pages.length === 0 && problem !== undefined && <Failed problem={problem} />}
      {pages.length === 0 && problem === undefined && <Loading />}
      {pages.length > 0 && groups.length === 0 && <Empty title="No pattern matches" />}
      {groups.length > 0 && <PatternTable groups={groups} />}
      <MoreButton title="More patterns" isLoading={isLoading} more={more} />
    </Panel>
  );
}

const PAGE_ROWS = 50;
const SORT_OPTIONS = [
  ["occurrences", "Most frequent"],
  ["last_seen", "Last seen"],
  ["first_seen", "First seen"],
  ["users", "Most users"],
] as const;

function PatternTable({ groups }: { readonly groups: readonly GroupRow[] }): JSX.Element {
  return (
    <table class="data patterns" onKeyDown={moveByArrows}>
      <caption class="unseen">Patterns of errors</caption>
      <thead>
        <tr>
          <th scope="col">Pattern</th>
          <th scope="col">In the range</th>
          <th scope="col" class="number">
            Count
          </th>
          <th scope="col" class="number on-wide">
            1h
          </th>
          <th scope="col" class="number on-wide">
            6h
          </th>
          <th scope="col" class="number on-wide">
            24h
          </th>
          <th scope="col" class="number on-wide">
            7d
          </th>
          <th scope="col" class="on-middle">
            Trend
          </th>
          <th scope="col" class="number on-middle">
            Users
          </th>
          <th scope="col" class="on-wide">
            First seen
          </th>
          <th scope="col" class="on-small">
            Last seen
          </th>
        </tr>
      </thead>
      <tbody>
        {groups.map((group) => (
          <PatternRow key={group.fingerprint} group={group} />
        ))}
      </tbody>
    </table>
  );
}

function PatternRow({ group }: { readonly group: GroupRow }): JSX.Element {
  return (
    <tr>
      <th scope="row" class="pattern-name">
        <Link to={{ ...place.value, pattern: group.fingerprint }} data-row>
          <SeverityMark severity={group.severity} />
          <span class="pattern-title">
            <Line text={group.title} max={160} />
            <GroupMarks group={group} />
          </span>
          <span class="pattern-note faint">
            <Line text={group.error_category} max={60} /> ·{" "}
            <Line text={group.services.slice(0, 3).join(", ")} max={80} />
            {group.services.length > 3 && ` and ${group.services.length - 3} more`}
          </span>
          {group.usually_after !== null && (
            <span class="pattern-note faint">
              after <Line text={group.usually_after.title ?? group.usually_after.fingerprint} max={80} /> in the same{" "}
              {group.usually_after.within}
            </span>
          )}
        </Link>
      </th>
      <td class="spark-cell">
        <Sparkline values={group.sparkline} label={`${count(group.occurrences)} over the range`} />
      </td>
      <td class="number strong">{count(group.occurrences)}</td>
      <td class="number on-wide">{count(group.last_1h)}</td>
      <td class="number on-wide">{count(group.last_6h)}</td>
      <td class="number on-wide">{count(group.last_24h)}</td>
      <td class="number on-wide">{count(group.last_7d)}</td>
      <td class="on-middle">
        <Trend trend={group.trend} />
      </td>
      <td class="number on-middle">{count(group.users)}</td>
      <td class="on-wide">
        <Ago time={group.first_seen} />
      </td>
      <td class="on-small">
        <Ago time={group.last_seen} />
      </td>
    </tr>
  );
}

export function GroupMarks({ group }: { readonly group: GroupRow }): JSX.Element {
  return (
    <>
      {group.is_new && <span class="tag new">new</span>}
      {group.is_regressed && <span class="tag back">came back</span>}
      {group.is_quiet && <span class="tag">quiet</span>}
    </>
  );
}

const TREND_SIGNS = { rising: "↗", steady: "→", falling: "↘" } as const;

export function Trend({ trend }: { readonly trend: GroupRow["trend"] }): JSX.Element {
  if (trend === null) return <span class="faint">–</span>;
  return (
    <span class={`trend ${trend}`}>
      <span aria-hidden="true">{TREND_SIGNS[trend]}</span> {trend}
    </span>
  );
}
