/** What stands where there is nothing to show yet, or nothing to show. */
import type { ComponentChildren, JSX } from "preact";
import type { Problem } from "../state/api";

export function Empty({
  title,
  children,
}: {
  readonly title: string;
  readonly children?: ComponentChildren;
}): JSX.Element {
  return (
    <div class="empty">
      <p>{title}</p>
      {children !== undefined && <p class="faint">{children}</p>}
    </div>
  );
}

/** Keeps the place of rows that are on their way. */
export function Loading({ rows = 6 }: { readonly rows?: number }): JSX.Element {
  return (
    <div class="loading" role="status">
      <span class="unseen">Loading</span>
      {Array.from({ length: rows }, (_, index) => (
        <div key={index} class="skeleton" />
      ))}
    </div>
  );
}

/** For a part that has no older answer to show meanwhile. */
export function Failed({ problem }: { readonly problem: Problem }): JSX.Element {
  return <Empty title={PROBLEM_TITLES[problem.status]}>{"message" in problem ? problem.message : undefined}</Empty>;
}

export const PROBLEM_TITLES: Readonly<Record<Problem["status"], string>> = {
  unauthorized: "The collector asks for its token",
  not_found: "Not kept, or not yet",
  unavailable: "The store does not answer at the moment",
  refused: "The collector refused this question",
  unreachable: "The collector cannot be reached",
};
