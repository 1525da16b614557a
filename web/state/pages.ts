/** Lists that are longer than one answer: the pages that were asked for, one after the other. */
import { useEffect, useRef, useState } from "preact/hooks";
import { ask, type Problem } from "./api";
import { useQuery } from "./query";

interface Page {
  readonly next_cursor: string | null;
}

export interface Pages<T extends Page> {
  /** The first page, as it is now; older ones after it. */
  readonly pages: readonly T[];
  readonly problem: Problem | undefined;
  readonly isLoading: boolean;
  /** Undefined: there is no more, or enough. */
  readonly more: (() => void) | undefined;
}

/** No page holds what another holds: while more than the first is shown, it is not asked for again. */
export function usePages<T extends Page>(path: string | undefined, maxPages = 10): Pages<T> {
  const [older, setOlder] = useState<readonly T[]>([]);
  const [problem, setProblem] = useState<Problem | undefined>(undefined);
  const [isLoading, setLoading] = useState(false);
  const current = useRef(path);
  current.current = path;
  useEffect(() => {
    setOlder([]);
    setProblem(undefined);
    setLoading(false);
  }, [path]);

  const first = useQuery<T>(path, { follows: older.length === 0 });
  const pages = first.data === undefined ? [] : [first.data, ...older];
  const cursor = pages.at(-1)?.next_cursor ?? null;
  const load = async (): Promise<void> => {
    if (path === undefined || cursor === null || isLoading) return;
    setLoading(true);
    const answer = await ask<T>(`${path}&cursor=${encodeURIComponent(cursor)}`);
    // Other filters meanwhile.
    if (current.current !== path) return;
    setLoading(false);
    if (answer.status === "data") setOlder((before) => [...before, answer.data]);
    else setProblem(answer);
  };
  return {
    pages,
    problem: problem ?? first.problem,
    isLoading: isLoading || first.isLoading,
    more: cursor === null || pages.length >= maxPages ? undefined : () => void load(),
  };
}
