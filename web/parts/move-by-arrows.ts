/** Arrow keys, Home and End move the focus between the rows (`data-row`) of a list. */
export function moveByArrows(event: KeyboardEvent & { readonly currentTarget: EventTarget | null }): void {
  const { currentTarget, key } = event;
  if (!(currentTarget instanceof HTMLElement)) return;
  const rows = [...currentTarget.querySelectorAll<HTMLElement>("[data-row]")];
  const active = document.activeElement;
  const at = active instanceof HTMLElement ? rows.indexOf(active) : -1;
  const target = at === -1 ? undefined : rows[nextIndex(key, at, rows.length)];
  if (target === undefined) return;
  event.preventDefault();
  target.focus();
}

function nextIndex(key: string, at: number, length: number): number {
  switch (key) {
    case "ArrowDown":
      return Math.min(length - 1, at + 1);
    case "ArrowUp":
      return Math.max(0, at - 1);
    case "Home":
      return 0;
    case "End":
      return length - 1;
    default:
      return -1;
  }
}
