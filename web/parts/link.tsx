/** A link to another place of the page: a real one, for new tabs and for copying, that a plain click follows in place. */
import type { ComponentChildren, JSX } from "preact";
import { go, hrefOf } from "../state/navigation";
import type { Place } from "../state/place";

export interface LinkProps {
  readonly to: Place;
  readonly class?: string;
  readonly "aria-current"?: "true" | undefined;
  readonly "aria-label"?: string;
  /** One of the rows that the arrow keys move between. */
  readonly "data-row"?: boolean;
  readonly "data-id"?: string;
  readonly children: ComponentChildren;
}

export function Link({ to, children, ...rest }: LinkProps): JSX.Element {
  return (
    <a {...rest} href={hrefOf(to)} onClick={(event) => followInPlace(event, to)}>
      {children}
    </a>
  );
}

export function followInPlace(event: MouseEvent, to: Place): void {
  if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  go(to);
}
