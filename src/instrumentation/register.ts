/**
 * `node --require seismo/register app.js` or `node --import seismo/register app.js`: instruments this process.
 * Whatever goes wrong in here, the application starts (SEISMO_STRICT=true alone refuses bad configuration).
 *
 *   runtime (config, metrics, journal) → tracing → libraries → uncaught errors, dead workers, exit
 */
import { existsSync, readFileSync } from "node:fs";
import { dirname, extname, join } from "node:path";
import { isMainThread, parentPort } from "node:worker_threads";
import { trace } from "@opentelemetry/api";
import { ConfigError } from "../config";
import type { ErrorEvent, RawError } from "../event";
import { eventOf } from "../processors/error-span-processor";
import { readError } from "../processors/read-error";
import { redactSpan } from "../processors/redact-span";
import { activeScope, type SpanScope } from "../processors/span-scope";
import { type DeadWorker, watchChildren } from "./children";
import { instrumentLibraries } from "./libraries";
import { noteError } from "./request-errors";
import { type Runtime, runtime, startedRuntime } from "./runtime";
import { withEvent } from "./span-with-event";
import { startTracing, type Tracing } from "./tracing";
import { type Uncaught, watchExit, watchUncaught } from "./uncaught";

if (!isLoaderThread() && startedRuntime() === undefined) register();

function register(): void {
  try {
    const current = runtime();
    if (current.config.startup.enabled) start(current);
  } catch (error) {
    if (error instanceof ConfigError) {
      process.stderr.write(`seismo: ${error.message.replaceAll("\n", "\nseismo: ")}\n`);
      process.exit(1);
    }
    process.stderr.write(`seismo: not started, the application goes on without it: ${String(error)}\n`);
  }
}

function start(current: Runtime): void {
  const { config, telemetry, metrics } = current;
  const tracing = config.otel.sdkDisabled
    ? undefined
    : startTracing({
        config,
        telemetry,
        processors: [current.requestIds, current.errorSpans, current.slowRequests, current.llmSpans],
        redact: (span) => withEvent(redactSpan(span, current.redaction), eventOf(span)),
        onExported: (exporter, millis) => metrics.recordExport(exporter, millis),
        lastRequests: current.lastRequests,
      });
  if (tracing !== undefined) {
    instrumentLibraries({
      config,
      telemetry,
      isEsm: wantsEsmHooks(config.instrumentation.esmHooks),
      isJoined: tracing.isJoined,
    });
  }
  watchUncaught((uncaught) => onUncaught(current, tracing, uncaught));
  watchChildren((worker) => onDeadWorker(current, worker));
  watchExit({
    async: async () => {
      // Both at once: there may be time for one only, and each may wait for an endpoint that hangs.
      await Promise.all([current.forceFlush(), tracing?.forceFlush()]);
    },
    now(why) {
      flushNow(current, why === "late" ? undefined : tracing, why === "signal" ? "all" : "failures");
      void current.endpoint.stop();
    },
  });
}

function onUncaught(current: Runtime, tracing: Tracing | undefined, { error, kind, fatal }: Uncaught): void {
  try {
    const scope = activeScope();
    if (fatal) current.endpoint.announceDeath();
    current.recordError(
      error,
      {
        ...readError(error),
        source: "uncaught",
        handled: false,
        fatal,
        ...(scope === undefined ? {} : placeOf(scope)),
        details: { uncaught: kind },
      },
      scope,
    );
    if (!fatal) return;
    if (scope !== undefined) {
      noteError(scope.span, error);
      scope.span.end(); // it would be lost with the process
    }
    flushNow(current, tracing);
  } catch (bug) {
    current.telemetry.internalError("uncaught", bug);
  }
}

function onDeadWorker(current: Runtime, worker: DeadWorker): void {
  try {
    const { pid, threadId, error } = worker;
    const scope = waitingScope();
    const isCounted = current.endpoint.announcedDeath(pid, threadId);
    const event = isCounted ? undefined : recordDeath(current, worker, scope);
    // Whoever waits for the worker is given this error next, and it is no failure of its own there.
    current.errorSpans.noteCounted(error, event);
    if (isCounted) markEcho(scope);
  } catch (bug) {
    current.telemetry.internalError("children", bug);
  }
}

/** Of the request or job that started the worker, if that is still under way. */
function waitingScope(): SpanScope | undefined {
  const scope = activeScope();
  return scope?.span.isRecording() ? scope : undefined;
}

/** For who sees the spans alone: what fails on them next has failed because of an error that is told elsewhere. */
function markEcho(scope: SpanScope | undefined): void {
  for (let at = scope; at !== undefined; at = at.parent) at.span.setAttribute("error.origin", "echo");
}

function recordDeath(current: Runtime, worker: DeadWorker, scope: SpanScope | undefined): ErrorEvent | undefined {
  const how = worker.signal === undefined ? `with code ${worker.exitCode ?? 1}` : `by ${worker.signal}`;
  const error = worker.error === undefined ? undefined : readError(worker.error);
  return current.recordError(
    worker.error,
    {
      ...(error ?? { type: "WorkerCrash", message: `${worker.kind} ended ${how}` }),
      ...placeOf(scope),
      source: "process",
      handled: false,
      fatal: true,
      details: {
        worker: worker.kind,
        ...(worker.command === "" ? {} : { command: worker.command }),
        ...(worker.signal === undefined ? {} : { signal: worker.signal }),
        ...(worker.exitCode === undefined ? {} : { exit_code: worker.exitCode }),
      },
    },
    scope,
  );
}

function flushNow(current: Runtime, tracing: Tracing | undefined, which: "failures" | "all" = "failures"): void {
  try {
    current.flushNow();
    if (tracing === undefined) return;
    tracing.flushNow(which);
    current.lastRequests.send();
  } catch (bug) {
    current.telemetry.internalError("flushNow", bug);
  }
}

function placeOf(scope: SpanScope | undefined): Partial<RawError> {
  const context = (scope?.span ?? trace.getActiveSpan())?.spanContext();
  return { traceId: context?.traceId, spanId: context?.spanId, requestId: scope?.requestId };
}

/**
 * Node runs preloads on the thread of its ES-module loader too. That thread belongs to Node, not to the application;
 * unlike the application's worker threads, it has no parent port.
 */
function isLoaderThread(): boolean {
  return !isMainThread && parentPort === null;
}

/** `auto`: only an ES-module entry needs hooks, and only they cost start-up time. */
function wantsEsmHooks(setting: "auto" | "on" | "off"): boolean {
  if (setting !== "auto") return setting === "on";
  const entry = process.argv[1];
  if (entry === undefined) return process.execArgv.some((argument) => argument.startsWith("--input-type=module"));
  const file = [entry, `${entry}.js`, join(entry, "index.js")].find((path) => extname(path) !== "" && existsSync(path));
  if (file === undefined || extname(file) === ".mjs") return file !== undefined;
  return extname(file) !== ".cjs" && packageType(dirname(file)) === "module";
}

function packageType(from: string): unknown {
  for (let folder = from; ; folder = dirname(folder)) {
    const path = join(folder, "package.json");
    if (existsSync(path)) return readType(path);
    if (dirname(folder) === folder) return undefined;
  }
}

function readType(path: string): unknown {
  try {
    const content: unknown = JSON.parse(readFileSync(path, "utf8"));
    return typeof content === "object" && content !== null && "type" in content ? content.type : undefined;
  } catch {
    return undefined; // not ours to report: Node will, if it matters
  }
}
