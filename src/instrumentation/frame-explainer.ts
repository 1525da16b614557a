/**
 * Finds out about the code of frames beside the application's thread: another thread reads files and maps, is begun when
 * the first error asks for it, and ends when none has for a while.
 *
 *   prepare() ──question──► frame-source-thread ──answer──► explained()
 *                └── half a second at most, then the event goes without
 */
import type { Worker } from "node:worker_threads";
import type { StackFrame } from "../event";
import type { FrameExplainer } from "../processors/explain-frames";
import type { Telemetry } from "../telemetry";
import type { ExplainedStack, FrameSource, FrameSourceOptions, SourceProblem } from "./frame-source";
import { startOwnThread } from "./own-thread";

export interface Question {
  readonly id: number;
  readonly frames: readonly StackFrame[];
  readonly scripts: readonly string[];
}
export type Answer = ExplainedStack & { readonly id: number };

/**
 * `beside`: a thread of its own reads, and events wait for it. `here`: in the application's worker threads, which end with the
 * process and without notice, so that their events must not wait. `never`: where the heap is so small that reading files and
 * maps could fill it.
 */
export type Reading = "beside" | "here" | "never";

export interface FrameExplainerOptions extends FrameSourceOptions {
  readonly telemetry: Telemetry;
  /** Files that the application has loaded: asked for only where Node maps stacks itself. */
  readonly scripts: () => readonly string[];
  readonly nowMillis: () => number;
  readonly reading: Reading;
}

export interface SourceExplainer extends FrameExplainer {
  /** Stacks whose code could not be shown in full, by reason. */
  problems(): ReadonlyMap<SourceProblem, number>;
  close(): void;
}

/** The longest that an event waits for its source lines. */
export const MAX_WAIT_MILLIS = 500;
/** Stacks that are asked for at once; more go without. */
export const MAX_ASKED = 256;
/** Reading for a process that dies begins no new stack after this. */
const NOW_BUDGET_MILLIS = 250;
const IDLE_MILLIS = 30_000;

interface Asked {
  readonly frames: readonly StackFrame[];
  readonly settle: () => void;
}

export function createFrameExplainer(options: FrameExplainerOptions): SourceExplainer {
  const { telemetry, scripts, nowMillis, lines, redaction, isMapped, startedUnixMillis, reading } = options;
  const sourceOptions: FrameSourceOptions = { lines, redaction, isMapped, startedUnixMillis };
  // By the list itself: a stack that comes again has the same one (stack.ts).
  const known = new WeakMap<readonly StackFrame[], readonly StackFrame[]>();
  const problems = new Map<SourceProblem, number>();
  const asked = new Map<number, Asked>();
  let thread: Worker | undefined;
  let idle: NodeJS.Timeout | undefined;
  let isImpossible = false;
  let own: FrameSource | undefined;
  let lastId = 0;

  function count(problem: SourceProblem): void {
    problems.set(problem, (problems.get(problem) ?? 0) + 1);
  }

  function keep(frames: readonly StackFrame[], result: ExplainedStack): void {
    known.set(frames, result.frames);
    for (const problem of result.problems) count(problem);
  }

  function isUnknown(frames: readonly StackFrame[]): boolean {
    return !known.has(frames) && frames.some((frame) => frame.inApp && frame.line > 0);
  }

  function onAnswer({ id, frames, problems: found }: Answer): void {
    const question = asked.get(id);
    if (question === undefined) return;
    asked.delete(id);
    keep(question.frames, { frames, problems: found });
    question.settle();
    if (asked.size === 0) idle = setTimeout(close, IDLE_MILLIS).unref();
  }

  /** What is open goes without, and the next question begins a new thread: one map too large must not end it all. */
  function onEnd(): void {
    thread = undefined;
    for (const { frames, settle } of asked.values()) {
      keep(frames, { frames, problems: ["unreadable"] });
      settle();
    }
    asked.clear();
  }

  function close(): void {
    clearTimeout(idle);
    const ending = thread;
    onEnd();
    ending?.removeAllListeners();
    void ending?.terminate();
  }

  function running(): Worker | undefined {
    if (thread !== undefined || isImpossible) return thread;
    try {
      thread = startOwnThread("frame-source-thread", sourceOptions);
      thread.on("message", onAnswer);
      thread.on("error", (error) => {
        telemetry.logLimited("warning", "frame-source", `the reader of source code failed: ${error.message}`);
        onEnd();
      });
      thread.unref(); // a listener holds the process again
    } catch (error) {
      isImpossible = true;
      telemetry.logOnce("warning", "frame-source", `frames go without source code: ${String(error)}`);
    }
    return thread;
  }

  function ask(to: Worker, frames: readonly StackFrame[]): Promise<void> {
    return new Promise((settle) => {
      const id = ++lastId;
      asked.set(id, { frames, settle });
      clearTimeout(idle);
      to.postMessage({ id, frames, scripts: isMapped ? scripts() : [] } satisfies Question);
    });
  }

  function prepareNow(stacks: readonly (readonly StackFrame[])[]): void {
    if (reading === "never") return;
    const deadline = nowMillis() + NOW_BUDGET_MILLIS;
    for (const frames of new Set(stacks)) {
      if (!isUnknown(frames)) continue;
      if (nowMillis() > deadline) {
        count("late");
        return;
      }
      try {
        own ??= loadFrameSource().createFrameSource(sourceOptions);
        keep(frames, own.explain(frames, isMapped ? scripts() : []));
      } catch (error) {
        telemetry.internalError("frame-source", error);
        return;
      }
    }
  }

  return {
    prepare(stacks) {
      if (reading !== "beside") {
        prepareNow(stacks);
        return undefined;
      }
      const unknown = [...new Set(stacks.filter(isUnknown))];
      const to = unknown.length === 0 ? undefined : running();
      if (to === undefined) return undefined;
      const room = Math.max(0, MAX_ASKED - asked.size);
      for (const _ of unknown.slice(room)) count("late");
      const answers = Promise.all(unknown.slice(0, room).map((frames) => ask(to, frames)));
      return new Promise((done) => {
        const timer = setTimeout(() => {
          count("late");
          done();
        }, MAX_WAIT_MILLIS).unref();
        void answers.then(() => {
          clearTimeout(timer);
          done();
        });
      });
    },
    prepareNow,
    explained: (frames) => known.get(frames) ?? frames,
    problems: () => problems,
    close,
  };
}

/** Not with the application's start: the thread has its own, and here only a process that dies needs it. */
function loadFrameSource(): typeof import("./frame-source") {
  return require("./frame-source") as typeof import("./frame-source");
}
