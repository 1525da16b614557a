/** How full, or how hot: a bar of 100 with the number beside it; coloured from where it begins to matter. */
import type { JSX } from "preact";

export interface GaugeProps {
  readonly name: string;
  readonly value: number | null;
  readonly unit?: string;
  readonly warning: number;
  readonly critical: number;
}

export function Gauge({ name, value, unit = "%", warning, critical }: GaugeProps): JSX.Element {
  const tone = value === null ? "" : value > critical ? "critical" : value > warning ? "warning" : "";
  return (
    <div class={`gauge ${tone}`}>
      <span class="gauge-name">{name}</span>
      <span class="gauge-track" aria-hidden="true">
        <span class="gauge-fill" style={{ width: `${Math.max(0, Math.min(100, value ?? 0))}%` }} />
      </span>
      <span class="gauge-value">
        {value === null ? "–" : `${Math.round(value)} ${unit}`}
        {tone !== "" && <span class="unseen">, {tone}</span>}
      </span>
    </div>
  );
}
