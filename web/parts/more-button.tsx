/** Asks for the next page of a list; nothing where there is none. */
import type { JSX } from "preact";

export interface MoreButtonProps {
  readonly title: string;
  readonly isLoading: boolean;
  readonly more: (() => void) | undefined;
}

export function MoreButton({ title, isLoading, more }: MoreButtonProps): JSX.Element | null {
  if (more === undefined) return null;
  return (
    <button type="button" class="button more" disabled={isLoading} onClick={more}>
      {isLoading ? "Loading…" : title}
    </button>
  );
}
