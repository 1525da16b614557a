/** One line over the view when what it shows may not be all: the gravest reason only. */
import type { JSX } from "preact";
import { isLocked } from "../state/api";
import { errors } from "../state/errors";
import { hadGap } from "../state/gap";
import { feed } from "../state/page";
import { refreshNow } from "../state/refresh";
import { clock } from "../text/times";
import { PROBLEM_TITLES } from "./state-notes";

export function Banner(): JSX.Element | null {
  const note = isLocked.value ? undefined : noteOf();
  return (
    <div role="status" class="banner-place">
      {note !== undefined && (
        <div class={`banner ${note.kind}`}>
          <p>{note.text}</p>
          {note.canRetry && (
            <button
              type="button"
              class="quiet"
              onClick={() => {
                feed.connect();
                refreshNow();
              }}
            >
              Try now
            </button>
          )}
        </div>
      )}
    </div>
  );
}

interface Note {
  readonly kind: "warning" | "info";
  readonly text: string;
  readonly canRetry: boolean;
}

function noteOf(): Note | undefined {
  const { problem, loadedAt } = errors.value;
  const connection = feed.connection.value;
  const since = loadedAt === undefined ? "" : ` What is shown is of ${clock(loadedAt)}.`;
  if (problem?.status === "unavailable") {
    const text = `The store is unavailable: ${problem.message}. Errors are counted and journaled all the same.${since}`;
    return { kind: "warning", canRetry: true, text };
  }
  if (
    problem !== undefined &&
    problem.status !== "unauthorized" &&
    (problem.status !== "unreachable" || connection !== "live")
  ) {
    const detail = "message" in problem ? `: ${problem.message}` : "";
    return { kind: "warning", canRetry: true, text: `${PROBLEM_TITLES[problem.status]}${detail}.${since}` };
  }
  if (connection === "lost") {
    return { kind: "warning", canRetry: true, text: `The live connection is lost; it is being tried again.${since}` };
  }
  if (hadGap.value) {
    return { kind: "info", canRetry: false, text: "Some errors went by unseen; the page was brought up to date." };
  }
  return undefined;
}
