/** A part of a view under its own heading. */
import type { ComponentChildren, JSX } from "preact";
import { useId } from "preact/hooks";

export interface PanelProps {
  readonly title: string;
  /** Beside the title: a count, a link, a filter. */
  readonly aside?: ComponentChildren;
  readonly class?: string;
  readonly children: ComponentChildren;
}

export function Panel({ title, aside, children, ...rest }: PanelProps): JSX.Element {
  const id = useId();
  return (
    <section class={`panel ${rest.class ?? ""}`} aria-labelledby={id}>
      <header class="panel-head">
        <h2 id={id}>{title}</h2>
        {aside !== undefined && <div class="panel-aside">{aside}</div>}
      </header>
      {children}
    </section>
  );
}
