import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { announce } from "../state/announcements";
import { Icon } from "./icon";

/** Copies a text; says so. Without the right to it, nothing happens. */
export function CopyButton({ text, label }: { readonly text: string; readonly label: string }): JSX.Element {
  const isDone = useSignal(false);
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      announce("This browser does not let the page copy");
      return;
    }
    isDone.value = true;
    announce("Copied");
    setTimeout(() => {
      isDone.value = false;
    }, SHOWN_MILLIS);
  };
  return (
    <button
      type="button"
      class="copy"
      aria-label={label}
      title={isDone.value ? "Copied" : label}
      onClick={() => void copy()}
    >
      <Icon name="copy" />
      {isDone.value && <span>Copied</span>}
    </button>
  );
}

const SHOWN_MILLIS = 1_500;
