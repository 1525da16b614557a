/** What is set rarely: sounds, notifications, theme, service, and the reset of the counts. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { announce } from "../state/announcements";
import { post } from "../state/api";
import { chooseNotifications, notificationPermission } from "../state/desktop-notification";
import { errors } from "../state/errors";
import { refreshNow } from "../state/refresh";
import { change, chosenTheme, settings } from "../state/settings";
import { play, type SoundName } from "../state/sound";
import type { Theme } from "../state/stored-settings";
import { full } from "../text/times";
import { Dialog } from "./dialog";
import { Icon } from "./icon";

export function Controls(): JSX.Element {
  const isOpen = useSignal(false);
  const asksForReset = useSignal(false);
  const box = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const id = useId();

  useEffect(() => {
    const onPointer = ({ target }: PointerEvent): void => {
      if (target instanceof Node && box.current?.contains(target) === false) isOpen.value = false;
    };
    const onKey = ({ key }: KeyboardEvent): void => {
      if (key !== "Escape" || !isOpen.peek()) return;
      isOpen.value = false;
      button.current?.focus();
    };
    document.addEventListener("pointerdown", onPointer);
    document.addEventListener("keydown", onKey);
    return () => {
      document.removeEventListener("pointerdown", onPointer);
      document.removeEventListener("keydown", onKey);
    };
  }, []);

  return (
    <div ref={box} class="controls">
      <button
        ref={button}
        type="button"
        class="icon-button"
        aria-label="Settings"
        title="Settings"
        aria-expanded={isOpen.value}
        aria-controls={id}
        onClick={() => {
          isOpen.value = !isOpen.value;
        }}
      >
        <Icon name="settings" />
      </button>
      <div id={id} class="controls-panel" hidden={!isOpen.value}>
        <SoundControls />
        <NotificationControl />
        <ThemeControl />
        <div class="control-group">
          <button
            type="button"
            class="button"
            onClick={() => {
              isOpen.value = false;
              asksForReset.value = true;
            }}
          >
            Reset counts…
          </button>
          {errors.value.data?.counted_since != null && (
            <p class="faint">Counting since {full(errors.value.data.counted_since)}</p>
          )}
        </div>
      </div>
      {asksForReset.value && (
        <ResetDialog
          onClose={() => {
            asksForReset.value = false;
          }}
        />
      )}
    </div>
  );
}

const SOUND_NAMES: readonly (readonly [SoundName, string])[] = [
  ["error-critical", "Critical"],
  ["error-warning", "Warning"],
  ["error-info", "Info"],
  ["error-notification", "New group"],
];

function SoundControls(): JSX.Element {
  const { volume, muted } = settings.value;
  return (
    <fieldset class="control-group">
      <legend>Sounds</legend>
      <label class="volume">
        <span class="unseen">Volume</span>
        <input
          type="range"
          min="0"
          max="100"
          value={Math.round(volume * 100)}
          onInput={({ currentTarget }) => change({ volume: Number(currentTarget.value) / 100 })}
        />
        <output>{Math.round(volume * 100)} %</output>
      </label>
      <label>
        <input type="checkbox" checked={muted} onChange={() => change({ muted: !muted })} /> Mute
      </label>
      <div class="try-sounds">
        {SOUND_NAMES.map(([name, title]) => (
          <button
            key={name}
            type="button"
            class="quiet"
            title={`Play the sound “${title}”`}
            onClick={() => void play(name)}
          >
            {title}
          </button>
        ))}
      </div>
    </fieldset>
  );
}

function NotificationControl(): JSX.Element {
  const permission = notificationPermission();
  const isRefused = permission === "denied" || permission === "missing";
  return (
    <fieldset class="control-group">
      <legend>Desktop notifications</legend>
      <label>
        <input
          type="checkbox"
          checked={settings.value.notifications && permission === "granted"}
          disabled={isRefused}
          onChange={({ currentTarget }) => void chooseNotifications(currentTarget.checked)}
        />{" "}
        Critical errors and new groups
      </label>
      {isRefused && <p class="faint">This browser does not allow them here.</p>}
    </fieldset>
  );
}

const THEMES: readonly (readonly [Theme, string])[] = [
  ["system", "System"],
  ["dark", "Dark"],
  ["light", "Light"],
];

function ThemeControl(): JSX.Element {
  return (
    <fieldset class="control-group">
      <legend>Theme</legend>
      <div class="choices">
        {THEMES.map(([theme, title]) => (
          <label key={theme}>
            <input type="radio" name="theme" checked={chosenTheme.value === theme} onChange={() => change({ theme })} />{" "}
            {title}
          </label>
        ))}
      </div>
    </fieldset>
  );
}

function ResetDialog({ onClose }: { onClose(): void }): JSX.Element {
  const problem = useSignal("");
  const isSent = useSignal(false);
  const reset = async (): Promise<void> => {
    isSent.value = true;
    const answer = await post("/api/errors/reset", {});
    isSent.value = false;
    if (answer.status !== "data") {
      problem.value = "message" in answer ? answer.message : "The collector cannot be reached.";
      return;
    }
    refreshNow();
    announce("The counts begin anew");
    onClose();
  };
  return (
    <Dialog title="Reset the counts?" class="ask" onClose={onClose}>
      <p>
        Counts and timelines begin anew from now, for everyone who looks at this collector. Nothing is deleted: errors
        stay in the lists, the journal and the metrics.
      </p>
      {problem.value !== "" && <p role="alert">{problem.value}</p>}
      <div class="ask-buttons">
        <button type="button" class="button" onClick={onClose}>
          Cancel
        </button>
        <button type="button" class="button primary" disabled={isSent.value} onClick={() => void reset()}>
          Reset counts
        </button>
      </div>
    </Dialog>
  );
}
