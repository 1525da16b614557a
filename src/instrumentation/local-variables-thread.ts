/** The thread that stops the application's at a throw, has it copy its variables, and lets it go on. See local-variables.ts. */
import { type Debugger, type Runtime, Session } from "node:inspector";
import { parentPort, workerData } from "node:worker_threads";
import { scriptFile } from "../processors/stack/script-file";
import {
  COUNTERS,
  type LocalVariablesSetup,
  type Message,
  STATES,
  type StoppedCall,
  type WhyOff,
} from "./local-variables";

const { mode, lookMillis, counters, hook } = workerData as LocalVariablesSetup; // as local-variables.ts gives it
const session: Session & { connectToMainThread?(): void } = new Session(); // newer than the types' Node

/** The application may stand still for so long in all within a window; a percent of the time. */
const BUDGET_MILLIS = 100;
const WINDOW_MILLIS = 10_000;
const OFF_MILLIS = 60_000;
/** What a stop takes that this thread cannot see: until it hears of it, and until the other one goes on. Measured. */
const UNSEEN_MILLIS = 0.35;
/** Calls that are looked at: the innermost of the application's own. */
const MAX_CALLS = 5;
const MAX_SCOPES = 4;
/** The variables of the module, the script and the global object are not those of the call. */
const OWN_SCOPES: ReadonlySet<string> = new Set(["local", "block", "catch"]);

const MAX_SCRIPTS = 20_000;

/** The application's own, by the number that V8 gives them. */
const scripts = new Map<string, string>();
let windowEnd = 0;
let spentMillis = 0;

/** What stops, unless the budget is spent. A process that begins knows no group: all are new. */
let wanted: "none" | "uncaught" | "all" = mode === "novel" ? "all" : mode;
let isSpent = false;
let looking: NodeJS.Timeout | undefined;

// This listener also keeps the thread alive. The process ends: Node would wait for a debugger to disconnect, and say so.
parentPort?.on("message", (message: Message) => {
  if (message === "look") return look();
  session.disconnect();
  Atomics.store(counters, COUNTERS.state, STATES.off);
});
session.connectToMainThread?.();
session.on("Debugger.scriptParsed", ({ params: { scriptId, url } }) => {
  // Evaluated code without a name is no file of the application's, and there is no end to it.
  if (url !== "" && scripts.size < MAX_SCRIPTS && scriptFile(url).inApp) scripts.set(scriptId, url);
});
session.on("Debugger.paused", ({ params }) => onPaused(params));
session.post("Debugger.enable", { maxScriptsCacheSize: 0 });
// What the runtime and packages throw and catch among themselves must not stop.
session.post("Debugger.setBlackboxPatterns", { patterns: ["^node:", "/node_modules/"] });
// The statement `debugger` does nothing without a debugger, and this is none.
session.post("Debugger.setBreakpointsActive", { active: false });
listen(wanted, (error) => {
  if (error !== null) switchOff("failed");
  else Atomics.store(counters, COUNTERS.state, STATES.on);
});
if (mode === "novel") look();

/** For a while: what is new now comes again soon, or is no trouble. */
function look(): void {
  want("all");
  clearTimeout(looking);
  looking = setTimeout(() => want("none"), lookMillis);
}

function want(state: typeof wanted): void {
  if (state === wanted) return;
  wanted = state;
  if (!isSpent) listen(wanted);
}

function listen(state: typeof wanted, done: (error: Error | null) => void = () => {}): void {
  session.post("Debugger.setPauseOnExceptions", { state }, done);
}

function onPaused({ reason, data, callFrames }: Debugger.PausedEventDataType): void {
  const began = performance.now();
  const thrown = (data as { readonly objectId?: string } | undefined)?.objectId; // of an exception: a RemoteObject
  const isThrow = reason === "exception" || reason === "promiseRejection";
  const calls: StoppedCall[] = [];
  const scopes: { readonly objectId: string }[] = [];
  for (const frame of isThrow ? callFrames : []) {
    if (calls.length >= MAX_CALLS) break;
    const url = scripts.get(frame.location.scriptId);
    if (url === undefined) continue;
    const own = frame.scopeChain
      .filter(({ type }) => OWN_SCOPES.has(type))
      .flatMap(({ object }) => (object.objectId === undefined ? [] : [{ objectId: object.objectId }]))
      .slice(0, MAX_SCOPES);
    scopes.push(...own);
    calls.push({ function: frame.functionName, url, scopes: own.length });
  }
  if (thrown === undefined || calls.length === 0) goOn(began);
  else copy(thrown, calls, scopes, began);
}

function copy(
  thrown: string,
  calls: readonly StoppedCall[],
  scopes: readonly { readonly objectId: string }[],
  began: number,
): void {
  session.post(
    "Runtime.callFunctionOn",
    {
      objectId: thrown,
      functionDeclaration: `function (calls, ...scopes) { return globalThis[Symbol.for("${hook}")](this, calls, scopes) }`,
      arguments: [{ value: calls }, ...scopes],
      silent: true,
      returnByValue: true,
    },
    (_error, answer?: Runtime.CallFunctionOnReturnType) => {
      goOn(began);
      // No answer, or an exception: no stack was left to run on, say.
      if (answer?.exceptionDetails === undefined && answer?.result.value === false) switchOff("debugger");
    },
  );
}

function goOn(began: number): void {
  session.post("Debugger.resume", () => {
    const millis = performance.now() - began + UNSEEN_MILLIS;
    Atomics.add(counters, COUNTERS.stops, 1);
    const micros = Atomics.add(counters, COUNTERS.stoppedMicros, Math.round(millis * 1_000)) + millis * 1_000;
    if (micros >= 1_000_000) {
      Atomics.sub(counters, COUNTERS.stoppedMicros, 1_000_000);
      Atomics.add(counters, COUNTERS.stoppedSeconds, 1);
    }
    spend(millis);
  });
}

function spend(millis: number): void {
  const now = performance.now();
  if (now >= windowEnd) {
    windowEnd = now + WINDOW_MILLIS;
    spentMillis = 0;
  }
  const before = spentMillis;
  spentMillis += millis;
  if (before >= BUDGET_MILLIS || spentMillis < BUDGET_MILLIS) return;
  isSpent = true;
  listen("none");
  Atomics.add(counters, COUNTERS.budget, 1);
  parentPort?.postMessage("budget" satisfies WhyOff);
  setTimeout(() => {
    isSpent = false;
    listen(wanted);
  }, OFF_MILLIS);
}

function switchOff(why: WhyOff): void {
  Atomics.add(counters, COUNTERS[why], 1);
  Atomics.store(counters, COUNTERS.state, STATES.off);
  parentPort?.postMessage(why);
  session.disconnect();
}
