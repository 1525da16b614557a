/** All errors, by what they are; filtered, searched, and opened one by one. */
import type { JSX } from "preact";
import type { Counts, ErrorRow, ErrorsData } from "../../src/store/answers";
import { BarList } from "../parts/bar-list";
import { Choice } from "../parts/choice";
import { ErrorList } from "../parts/error-list";
import { Icon } from "../parts/icon";
import { MoreButton } from "../parts/more-button";
import { Panel } from "../parts/panel";
import { SearchField } from "../parts/search-field";
import { SEVERITY_OPTIONS } from "../parts/severity";
import { Line } from "../parts/shown-text";
import { Empty, Failed, Loading } from "../parts/state-notes";
import { withParams } from "../state/api";
import { newestFirst } from "../state/apply-errors";
import { errors } from "../state/errors";
import { narrow, place } from "../state/navigation";
import { usePages } from "../state/pages";
import type { Place } from "../state/place";
import { count } from "../text/numbers";

export function DistributionView(): JSX.Element {
  const filter = place.value;
  const path = withParams("/api/errors", {
    time_range: filter.range,
    service: filter.service,
    category: filter.category,
    group: filter.group,
    severity: filter.severity,
    worker: filter.worker,
    origin: filter.origin,
    fingerprint: filter.fingerprint,
    q: filter.q,
    limit: PAGE_ROWS,
  });
  const { pages, problem, isLoading, more } = usePages<ErrorsData>(path);
  const first = pages[0];
  const rows = withLive(
    pages.flatMap((page) => page.recent_errors),
    filter,
  );
  return (
    <div class="distribution">
      <aside class="facets" aria-label="Filters by count">
        <Facet title="Groups" name="group" counts={first?.error_distribution.by_group} />
        <Facet title="Categories" name="category" counts={first?.error_distribution.by_category} />
        <Facet title="Services" name="service" counts={first?.error_distribution.by_service} />
        <Panel title="Types">
          {first !== undefined && (
            <BarList counts={first.error_distribution.by_type} most={6} to={(q) => toggled("q", q)} />
          )}
        </Panel>
      </aside>
      <Panel
        title="Errors"
        class="distribution-list"
        aside={
          first !== undefined && (
            <span class="faint">
              {count(first.summary.total_errors)} roots, {count(first.summary.echo_errors)} echoes
            </span>
          )
        }
      >
        <div class="filters">
          <SearchField
            label="Search message, type, route or id"
            value={filter.q}
            onSearch={(q) => narrow({ q }, "replace")}
          />
          <Choice
            label="Severity"
            value={filter.severity}
            options={SEVERITY_OPTIONS}
            onChoose={(severity) => narrow({ severity })}
          />
          <Choice
            label="Origin"
            value={filter.origin}
            options={ORIGIN_OPTIONS}
            onChoose={(origin) => narrow({ origin })}
          />
          <ChosenFilters />
        </div>
        {first === undefined && problem !== undefined && <Failed problem={problem} />}
        {first === undefined && problem === undefined && <Loading />}
        {first !== undefined && rows.length === 0 && (
          <Empty title="No error matches">Another range or fewer filters show more.</Empty>
        )}
        {rows.length > 0 && <ErrorList rows={rows} label="Errors, the newest first" />}
        <MoreButton title="Older errors" isLoading={isLoading} more={more} />
      </Panel>
    </div>
  );
}

const PAGE_ROWS = 50;
const ORIGIN_OPTIONS = [
  ["", "Roots and echoes"],
  ["root", "Roots"],
  ["echo", "Echoes"],
] as const;

type Filter = "group" | "category" | "service" | "worker" | "fingerprint" | "q";

function Facet({ title, name, counts }: { title: string; name: Filter; counts: Counts | undefined }): JSX.Element {
  return (
    <Panel title={title}>
      {counts === undefined ? (
        <Loading rows={3} />
      ) : (
        <BarList
          counts={counts}
          most={name === "category" ? 12 : 8}
          to={(value) => (value === "other" ? undefined : toggled(name, value))}
          isChosen={(value) => place.value[name] === value}
        />
      )}
    </Panel>
  );
}

function toggled(name: Filter, value: string): Place {
  return { ...place.value, [name]: place.value[name] === value ? "" : value };
}

function ChosenFilters(): JSX.Element {
  const chosen = (["group", "category", "service", "worker", "fingerprint"] as const).filter(
    (name) => place.value[name] !== "",
  );
  return (
    <>
      {chosen.map((name) => (
        <button
          key={name}
          type="button"
          class="filter-chip"
          aria-label={`Remove the filter ${name}`}
          onClick={() => narrow({ [name]: "" })}
        >
          <span class="faint">{name}</span> <Line text={place.value[name]} max={40} />
          <Icon name="close" />
        </button>
      ))}
    </>
  );
}

/** What came in since the answer is on top, where the filters can be held against it here. */
function withLive(rows: readonly ErrorRow[], filter: Place): readonly ErrorRow[] {
  const { data } = errors.value;
  const newest = rows[0];
  if (data === undefined || filter.q !== "") return rows;
  const known = new Set(rows.map(({ id }) => id));
  const live = data.recent_errors.filter(
    (row) =>
      !known.has(row.id) &&
      (newest === undefined || row.timestamp >= newest.timestamp) &&
      (filter.category === "" || row.error_category === filter.category) &&
      (filter.group === "" || row.group === filter.group) &&
      (filter.severity === "" || row.severity === filter.severity) &&
      (filter.worker === "" || row.worker_id === filter.worker) &&
      (filter.origin === "" || row.origin === filter.origin) &&
      (filter.fingerprint === "" || row.fingerprint === filter.fingerprint),
  );
  return live.length === 0 ? rows : newestFirst([...live, ...rows]);
}
