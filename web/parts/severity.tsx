/** How grave: a colour, and always the word beside it or for who cannot see the colour. */
import type { JSX } from "preact";
import type { Severity } from "../../src/event";

/** To choose one, or all. */
export const SEVERITY_OPTIONS = [
  ["", "Any severity"],
  ["critical", "Critical"],
  ["warning", "Warning"],
  ["info", "Info"],
] as const;

export function SeverityMark({ severity }: { readonly severity: Severity }): JSX.Element {
  return (
    <span class={`dot ${severity}`} title={severity}>
      <span class="unseen">{severity}</span>
    </span>
  );
}

export function SeverityChip({ severity }: { readonly severity: Severity }): JSX.Element {
  return <span class={`chip ${severity}`}>{severity}</span>;
}

export function StatusChip({ status }: { readonly status: "critical" | "warning" | "stable" }): JSX.Element {
  return <span class={`chip ${status}`}>{status}</span>;
}
