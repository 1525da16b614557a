/** A row of small bars. What they say in words is the caller's to give, or stands beside them already. */
import type { JSX } from "preact";

export function Sparkline({
  values,
  label,
}: {
  readonly values: readonly number[];
  readonly label?: string;
}): JSX.Element {
  const highest = Math.max(1, ...values);
  return (
    // biome-ignore lint/a11y/noSvgWithoutTitle: it has a label, or is hidden
    <svg
      class="sparkline"
      viewBox={`0 0 ${values.length * STEP} ${HEIGHT}`}
      preserveAspectRatio="none"
      {...(label === undefined ? { "aria-hidden": true } : { role: "img", "aria-label": label })}
    >
      {values.map((value, index) => {
        const height = value === 0 ? 1 : Math.max(2, (value / highest) * HEIGHT);
        return (
          <rect
            key={index}
            class={value === 0 ? "none" : ""}
            x={index * STEP}
            y={HEIGHT - height}
            width={STEP - 1}
            height={height}
          />
        );
      })}
    </svg>
  );
}

const STEP = 5;
const HEIGHT = 24;
