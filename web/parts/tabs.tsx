/** The views. One of them is in the order of the Tab key, the arrow keys reach the others. */
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { go, hrefOf, place } from "../state/navigation";
import { placeIn, VIEWS } from "../state/place";
import { VIEW_TITLES } from "../text/view-titles";
import { followInPlace } from "./link";

export function Tabs(): JSX.Element {
  const { view } = place.value;
  const list = useRef<HTMLElement>(null);
  const onKeyDown = (event: KeyboardEvent): void => {
    const target = nextView(event.key, VIEWS.indexOf(view));
    if (target === undefined) return;
    event.preventDefault();
    go(placeIn(target, place.peek()));
    document.getElementById(`tab-${target}`)?.focus();
  };
  useEffect(() => {
    // On a narrow screen, or one that was turned, the row of tabs is wider than the screen.
    const showChosen = (): void => {
      const tab = document.getElementById(`tab-${view}`);
      if (tab !== null) list.current?.scrollTo({ left: tab.offsetLeft - 24 });
    };
    showChosen();
    addEventListener("resize", showChosen);
    return () => removeEventListener("resize", showChosen);
  }, [view]);
  return (
    <nav ref={list} class="tabs" aria-label="Views">
      <div role="tablist" aria-label="Views" tabIndex={-1} onKeyDown={onKeyDown}>
        {VIEWS.map((each) => {
          const to = placeIn(each, place.value);
          return (
            <a
              key={each}
              id={`tab-${each}`}
              role="tab"
              href={hrefOf(to)}
              aria-selected={each === view}
              aria-controls="view"
              tabIndex={each === view ? 0 : -1}
              onClick={(event) => followInPlace(event, to)}
            >
              {VIEW_TITLES[each]}
            </a>
          );
        })}
      </div>
    </nav>
  );
}

function nextView(key: string, at: number): (typeof VIEWS)[number] | undefined {
  switch (key) {
    case "ArrowRight":
    case "ArrowDown":
      return VIEWS[(at + 1) % VIEWS.length];
    case "ArrowLeft":
    case "ArrowUp":
      return VIEWS[(at + VIEWS.length - 1) % VIEWS.length];
    case "Home":
      return VIEWS[0];
    case "End":
      return VIEWS.at(-1);
    default:
      return undefined;
  }
}
