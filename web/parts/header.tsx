/** The head of the page: its name, the views, and the controls that hold for all of them. */
import type { ComponentChildren, JSX } from "preact";
import { TIME_RANGES, type TimeRange } from "../../src/store/answers";
import { errors, knownServices, waitingErrors } from "../state/errors";
import { narrow, place } from "../state/navigation";
import { feed } from "../state/page";
import { HOME, placeIn } from "../state/place";
import { refreshNow } from "../state/refresh";
import { change, settings, theme } from "../state/settings";
import { count } from "../text/numbers";
import { clock, lastHours } from "../text/times";
import { oneLine } from "../text/visible-text";
import { Choice } from "./choice";
import { Controls } from "./controls";
import { Icon, Mark } from "./icon";
import { Link } from "./link";

export function Header({ children }: { readonly children: ComponentChildren }): JSX.Element {
  return (
    <header class="head">
      <Link class="brand" to={placeIn("overview", HOME)} aria-label="Seismo, overview">
        <Mark />
        <span>Seismo</span>
      </Link>
      {children}
      <div class="head-controls">
        <ServiceChoice />
        <RangeChoice />
        <Liveness />
        <MuteButton />
        <ThemeButton />
        <Controls />
      </div>
    </header>
  );
}

/** Where there is only one, there is nothing to choose. */
export function ServiceChoice(): JSX.Element | null {
  const { service } = place.value;
  const names =
    knownServices.value.includes(service) || service === "" ? knownServices.value : [service, ...knownServices.value];
  if (names.length < 2 && service === "") return null;
  return (
    <div class="service-choice">
      <Choice
        label="Service"
        value={service}
        options={[["", "All services"], ...names.map((name) => [name, oneLine(name, MAX_NAME_CHARS)] as const)]}
        onChoose={(chosen) => narrow({ service: chosen })}
      />
    </div>
  );
}

const MAX_NAME_CHARS = 40;

const RANGE_NAMES: Readonly<Record<TimeRange, string>> = { 1: "1h", 6: "6h", 24: "24h", 168: "7d" };

function RangeChoice(): JSX.Element {
  return (
    <fieldset class="segments">
      <legend class="unseen">Time range</legend>
      {TIME_RANGES.map((hours) => (
        <label key={hours} title={lastHours(hours)}>
          <input
            type="radio"
            name="range"
            value={hours}
            checked={place.value.range === hours}
            onChange={() => narrow({ range: hours })}
            aria-label={lastHours(hours)}
          />
          <span>{RANGE_NAMES[hours]}</span>
        </label>
      ))}
    </fieldset>
  );
}

/** Whether the page follows, since when, and the switch for it. */
function Liveness(): JSX.Element {
  const { autoRefresh } = settings.value;
  const { loadedAt } = errors.value;
  const connection = feed.connection.value;
  const state = autoRefresh ? connection : "paused";
  const names = { live: "Live", connecting: "Connecting", lost: "Offline", paused: "Paused" };
  const heard = Math.max(loadedAt ?? 0, state === "live" ? (feed.heardAt.value ?? 0) : 0);
  return (
    <div class={`liveness ${state}`}>
      <button
        type="button"
        class="icon-button"
        aria-pressed={autoRefresh}
        aria-label="Auto-refresh"
        title={autoRefresh ? "Pause auto-refresh" : "Resume auto-refresh"}
        onClick={() => {
          change({ autoRefresh: !autoRefresh });
          if (!autoRefresh) refreshNow();
        }}
      >
        <Icon name={autoRefresh ? "pause" : "play"} />
      </button>
      <span class="liveness-state">
        <span class="beacon" aria-hidden="true" />
        {names[state]}
      </span>
      {!autoRefresh && waitingErrors.value > 0 ? (
        <button type="button" class="quiet" onClick={refreshNow}>
          {count(waitingErrors.value)} new
        </button>
      ) : (
        <time class="faint updated" title="Last update">
          {heard === 0 ? "–" : clock(heard)}
        </time>
      )}
    </div>
  );
}

function MuteButton(): JSX.Element {
  const { muted } = settings.value;
  return (
    <button
      type="button"
      class="icon-button"
      aria-pressed={muted}
      aria-label="Mute sounds"
      title={muted ? "Sounds are muted" : "Mute sounds"}
      onClick={() => change({ muted: !muted })}
    >
      <Icon name={muted ? "muted" : "sound"} />
    </button>
  );
}

function ThemeButton(): JSX.Element {
  const other = theme.value === "dark" ? "light" : "dark";
  return (
    <button
      type="button"
      class="icon-button"
      aria-label={`Switch to the ${other} theme`}
      title={`Switch to the ${other} theme`}
      onClick={() => change({ theme: other })}
    >
      <Icon name={theme.value === "dark" ? "sun" : "moon"} />
    </button>
  );
}
