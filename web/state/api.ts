/** Asks the collector by REST. Whatever becomes of a question is one of these; nothing is thrown. */
import { type ReadonlySignal, signal } from "@preact/signals";

export type Answer<T> =
  | { readonly status: "data"; readonly data: T }
  /** A token is asked for. */
  | { readonly status: "unauthorized" }
  | { readonly status: "not_found"; readonly message: string }
  /** The collector is there, its store is not: errors are counted and journaled all the same. */
  | { readonly status: "unavailable"; readonly message: string }
  | { readonly status: "refused"; readonly message: string }
  | { readonly status: "unreachable" };

export type Problem = Exclude<Answer<unknown>, { status: "data" }>;

/** Whether the collector has asked for a token, and none that it takes was given yet. */
const locked = signal(false);
export const isLocked: ReadonlySignal<boolean> = locked;
/** Counts the tokens that were taken: what failed for want of one is asked again. */
const unlocks = signal(0);
export const unlockCount: ReadonlySignal<number> = unlocks;

/** `data` of the answer. An aborted question is `unreachable`. */
export async function ask<T>(path: string, signal?: AbortSignal): Promise<Answer<T>> {
  return send<T>(path, { ...(signal && { signal }) });
}

export async function post<T>(path: string, body: object): Promise<Answer<T>> {
  return send<T>(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
}

/** Opens a session with the token of the collector; the browser keeps it where scripts cannot read it. */
export async function unlock(token: string): Promise<Answer<unknown>> {
  const answer = await post<unknown>("/api/session", { token });
  if (answer.status === "data") {
    locked.value = false;
    unlocks.value += 1;
  }
  return answer;
}

async function send<T>(path: string, init: RequestInit): Promise<Answer<T>> {
  let response: Response;
  let body: unknown;
  try {
    response = await fetch(path, { ...init, signal: withTimeout(init.signal), credentials: "same-origin" });
    body = await response.json();
  } catch {
    return { status: "unreachable" }; // nobody listens, it took too long, or what answers is not the collector
  }
  if (!isObject(body)) return { status: "unreachable" };
  // The shapes are those of src/store/answers.ts, from the collector that this page came from.
  if (response.ok) return { status: "data", data: body["data"] as T };
  const message = typeof body["message"] === "string" ? body["message"] : `HTTP ${response.status}`;
  if (response.status === 401) {
    if (path !== "/api/session") locked.value = true;
    return { status: "unauthorized" };
  }
  if (response.status === 404) return { status: "not_found", message };
  if (response.status === 429 || response.status >= 500) return { status: "unavailable", message };
  return { status: "refused", message };
}

const TIMEOUT_MILLIS = 20_000;

function withTimeout(signal: AbortSignal | null | undefined): AbortSignal {
  const timeout = AbortSignal.timeout(TIMEOUT_MILLIS);
  return signal ? AbortSignal.any([signal, timeout]) : timeout;
}

/** A path with the parameters that are given. */
export function withParams(path: string, params: Readonly<Record<string, string | number | undefined>>): string {
  const given = Object.entries(params).filter(([, value]) => value !== undefined && value !== "");
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return text === "" ? path : `${path}?${text}`;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
