/** A question to the API that a view depends on: asked when its path changes, and again when the page refreshes. */
import { useSignalEffect } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import { ask, type Problem, unlockCount } from "./api";
import { refreshes } from "./refresh";

export interface Query<T> {
  /** The latest that was answered; of the path before while the present one is loading. */
  readonly data: T | undefined;
  /** Why there is nothing newer. */
  readonly problem: Problem | undefined;
  readonly isLoading: boolean;
  reload(): void;
}

export interface QueryOptions {
  /** Asked again at every refresh of the page. Default: true. */
  readonly follows?: boolean;
}

/** Undefined asks nothing. */
export function useQuery<T>(path: string | undefined, { follows = true }: QueryOptions = {}): Query<T> {
  const [state, setState] = useState<Omit<Query<T>, "reload">>({
    data: undefined,
    problem: undefined,
    isLoading: true,
  });
  const [round, setRound] = useState(0);
  const reload = (): void => setRound((before) => before + 1);
  const isBusy = useRef(false);

  const seen = useRef<{ readonly refreshes: number; readonly unlocks: number }>(undefined);

  useSignalEffect(() => {
    const before = seen.current;
    seen.current = { refreshes: refreshes.value, unlocks: unlockCount.value };
    if (before === undefined) return;
    const isRefreshed = follows && before.refreshes !== seen.current.refreshes && !isBusy.current;
    if (isRefreshed || before.unlocks !== seen.current.unlocks) reload();
  });

  useEffect(() => {
    if (path === undefined) {
      setState({ data: undefined, problem: undefined, isLoading: false });
      return;
    }
    const aborter = new AbortController();
    isBusy.current = true;
    setState((before) => ({ ...before, isLoading: true }));
    void ask<T>(path, aborter.signal).then((answer) => {
      if (aborter.signal.aborted) return;
      isBusy.current = false;
      setState((before) =>
        answer.status === "data"
          ? { data: answer.data, problem: undefined, isLoading: false }
          : { data: answer.status === "not_found" ? undefined : before.data, problem: answer, isLoading: false },
      );
    });
    return () => {
      isBusy.current = false;
      aborter.abort();
    };
  }, [path, round]);

  return { ...state, reload };
}
