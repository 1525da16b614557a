/** What is said when the store gives no answer. */
import { type Queries, StoreUnavailableError } from "../store/store";
import type { Refusal } from "./answer";

/** Undefined for a fault of ours. */
export function refusalOf(error: unknown): Refusal | undefined {
  if (!(error instanceof StoreUnavailableError)) return undefined;
  const { message, reason } = error;
  const isBusy = reason === "busy";
  return { status: isBusy ? 429 : 503, message, headers: { "retry-after": isBusy ? "1" : "5" } };
}

/** For a collector without a store. */
export const NOTHING_KEPT: Queries = {
  errors: refuse,
  error: refuse,
  groups: refuse,
  group: refuse,
  requests: refuse,
  journey: refuse,
  logs: refuse,
  reset: refuse,
};

async function refuse(): Promise<never> {
  throw new StoreUnavailableError("there is no store: see store.enabled", "unavailable");
}
