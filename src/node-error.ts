/** What Node throws, looked at. */

/** The error's `code`, such as `ENOENT`; undefined for whatever has none. */
export function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

export function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

/** Does what may fail, and gives the error instead of throwing it. */
export function attempt(action: () => void): Error | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    return toError(error);
  }
}
