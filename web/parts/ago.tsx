/** How long ago; the whole time on hover. */
import type { JSX } from "preact";
import { now } from "../state/clock";
import { ago, full } from "../text/times";

export function Ago({ time, ...rest }: { readonly time: string; readonly class?: string }): JSX.Element {
  return (
    <time {...rest} dateTime={time} title={full(time)}>
      {ago(time, now.value)}
    </time>
  );
}
