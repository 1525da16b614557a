/** How full, or how hot: a bar of 100 with the number beside it; coloured from where it begins to matter. */
import type { JSX } from "preact";

export interface GaugeProps {
  readonly name: string;
  readonly value: number | null;
  readonly unit?: string;
  readonly limits: GaugeLimits;
}

/** Above them it matters. */
export interface GaugeLimits {
  readonly warning: number;
  readonly critical: number;
}

/** What is not known is as good as stable. */
export function levelOf(value: number | null, { warning, critical }: GaugeLimits): "critical" | "warning" | "stable" {
  if (value === null) return "stable";
  return value > critical ? "critical" : value > warning ? "warning" : "stable";
}

export function Gauge({ name, value, unit = "%", limits }: GaugeProps): JSX.Element {
  const level = levelOf(value, limits);
  return (
    <div class={`gauge ${level}`}>
      <span class="gauge-name">{name}</span>
      <span class="gauge-track" aria-hidden="true">
        <span class="gauge-fill" style={{ width: `${Math.max(0, Math.min(100, value ?? 0))}%` }} />
      </span>
      <span class="gauge-value">
        {value === null ? "–" : `${Math.round(value)} ${unit}`}
        {level !== "stable" && <span class="unseen">, {level}</span>}
      </span>
    </div>
  );
}
