/** Texts that come from outside. They are only ever text nodes; what is in them cannot be seen is made visible. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { characters } from "../text/numbers";
import { cutAt, oneLine, visibleText } from "../text/visible-text";

/** In one line of a list. The whole text is behind the row. */
export function Line({ text, max = 300 }: { readonly text: string; readonly max?: number }): JSX.Element {
  return <bdi>{oneLine(text, max)}</bdi>;
}

/** With its line breaks; what is very long is cut until somebody asks for all. */
export function Block({ text, max = 4_000 }: { readonly text: string; readonly max?: number }): JSX.Element {
  const [isWhole, setWhole] = useState(false);
  const shown = isWhole ? text : cutAt(text, max);
  return (
    <div class="block">
      <pre dir="auto">{visibleText(shown)}</pre>
      {shown.length < text.length && (
        <button type="button" class="quiet" onClick={() => setWhole(true)}>
          Show all {characters(text.length)}
        </button>
      )}
    </div>
  );
}
