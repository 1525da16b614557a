/** Counts by name as bars, the greatest first; each leads to what it counts. */
import type { JSX } from "preact";
import type { Counts } from "../../src/store/answers";
import type { Place } from "../state/place";
import { count, percent } from "../text/numbers";
import { Link } from "./link";
import { Line } from "./shown-text";

export interface BarListProps {
  readonly counts: Counts;
  /** Of the rest, only the sum is shown. */
  readonly most?: number;
  /** Undefined: the bar leads nowhere. */
  to?(name: string): Place | undefined;
  isChosen?(name: string): boolean;
  format?(value: number): string;
}

export function BarList({ counts, most = 8, to, isChosen, format = count }: BarListProps): JSX.Element {
  const sorted = Object.entries(counts)
    .filter(([, value]) => value > 0)
    .sort(([one, a], [other, b]) => b - a || (one < other ? -1 : 1));
  const total = sorted.reduce((sum, [, value]) => sum + value, 0);
  // A line for the sum of one would take the room of that one.
  const shown = sorted.length === most + 1 ? sorted : sorted.slice(0, most);
  const rest = sorted.slice(shown.length);
  const highest = shown[0]?.[1] ?? 1;
  return (
    <ul class="bars">
      {shown.map(([name, value]) => {
        const place = to?.(name);
        const inside = (
          <>
            <span class="bar-name">
              <Line text={name} max={80} />
            </span>
            <span class="bar-value">
              {format(value)} <span class="faint">{percent((value / total) * 100)}</span>
            </span>
            <span class="bar-track" aria-hidden="true">
              <span class="bar-fill" style={{ width: `${(value / highest) * 100}%` }} />
            </span>
          </>
        );
        return (
          <li key={name}>
            {place === undefined ? (
              <span class="bar">{inside}</span>
            ) : (
              <Link class="bar" to={place} aria-current={isChosen?.(name) === true ? "true" : undefined}>
                {inside}
              </Link>
            )}
          </li>
        );
      })}
      {rest.length > 0 && (
        <li class="bar faint">
          <span class="bar-name">{rest.length} more</span>
          <span class="bar-value">{format(rest.reduce((sum, [, value]) => sum + value, 0))}</span>
        </li>
      )}
    </ul>
  );
}
