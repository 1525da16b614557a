/** One bar of three parts, the gravest first. */
import type { JSX } from "preact";
import type { Severity } from "../../src/event";
import { count } from "../text/numbers";

export interface SeverityBarProps {
  readonly counts: Readonly<Record<Severity, number>>;
  /** What the full width stands for. */
  readonly of: number;
}

export function SeverityBar({ counts, of }: SeverityBarProps): JSX.Element {
  const parts = (["critical", "warning", "info"] as const).filter((severity) => counts[severity] > 0);
  const words = parts.map((severity) => `${count(counts[severity])} ${severity}`).join(", ");
  return (
    <span class="severity-bar" role="img" aria-label={words} title={words}>
      {parts.map((severity) => (
        <span key={severity} class={severity} style={{ width: `${(counts[severity] / of) * 100}%` }} />
      ))}
    </span>
  );
}
