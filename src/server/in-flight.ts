/** What is worked on at once, and what is said to whoever comes while it is too much. */
import type { Refusal } from "./answer";
import { BUSY } from "./json-body";

/** Does the work, or says why not. */
export type InFlight = (work: () => Promise<void>) => Promise<Refusal | undefined>;

export function createInFlight(limit: number, busy: Refusal = BUSY): InFlight {
  let running = 0;
  return async (work) => {
    if (running >= limit) return busy;
    running += 1;
    try {
      await work();
    } finally {
      running -= 1;
    }
    return undefined;
  };
}
