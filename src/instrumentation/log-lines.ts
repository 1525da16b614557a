/**
 * The lines that an application logs within a request become breadcrumbs of its errors: level and message, nothing else
 * of them. Lines of no request, and those that the logger's level leaves out, are not looked at.
 */
import {
  InstrumentationBase,
  InstrumentationNodeModuleDefinition,
  InstrumentationNodeModuleFile,
} from "@opentelemetry/instrumentation";
import type { BreadcrumbLevel } from "../event";
import { isErrorLike, readProperty } from "../processors/read-error";
import { activeScope } from "../processors/span-scope";
import { VERSION } from "../version";
import { startedRuntime } from "./runtime";

const PINO_VERSIONS = [">=7 <11"];
const WINSTON_VERSIONS = [">=3 <4"];

type PinoWrite = (this: unknown, merged: unknown, message: unknown, level: unknown) => void;
/** Makes the object that all loggers inherit from. */
type PinoPrototype = () => { [key: symbol]: unknown };

/** Every line of pino that its level lets through goes through one method, which has a symbol for a name. */
export class PinoLinesInstrumentation extends InstrumentationBase {
  constructor() {
    super("seismo/pino-lines", VERSION, {});
  }

  protected init(): InstrumentationNodeModuleDefinition {
    return new InstrumentationNodeModuleDefinition("pino", PINO_VERSIONS, undefined, undefined, [
      new InstrumentationNodeModuleFile(
        "pino/lib/proto.js",
        PINO_VERSIONS,
        (original: PinoPrototype): PinoPrototype =>
          () => {
            const prototype = original();
            const name = symbolOf(prototype, "pino.write");
            const write = name && prototype[name];
            if (name !== undefined && typeof write === "function") prototype[name] = watched(write as PinoWrite);
            return prototype;
          },
        () => {},
      ),
    ]);
  }
}

/** The object itself has it, or the one that it was made from. */
function symbolOf(object: object, description: string): symbol | undefined {
  for (let at: object | null = object; at !== null; at = Object.getPrototypeOf(at)) {
    const found = Object.getOwnPropertySymbols(at).find((symbol) => symbol.description === description);
    if (found !== undefined) return found;
  }
  return undefined;
}

function watched(original: PinoWrite): PinoWrite {
  return function write(merged, message, level) {
    noteLine("pino", pinoLevel(level), () => message ?? readProperty(merged, "msg") ?? readProperty(merged, "message"));
    return original.call(this, merged, message, level);
  };
}

/** pino's numbers: 50 is error, 40 warn, 30 info. */
function pinoLevel(level: unknown): BreadcrumbLevel {
  if (typeof level !== "number") return "info";
  return level >= 50 ? "error" : level >= 40 ? "warning" : level >= 30 ? "info" : "debug";
}

interface WinstonLogger {
  isLevelEnabled?(level: unknown): boolean;
}
type WinstonWrite = (this: WinstonLogger, line: unknown, ...rest: unknown[]) => boolean;
type WinstonModule = { readonly prototype: WinstonLogger & { write: WinstonWrite } };

export class WinstonLinesInstrumentation extends InstrumentationBase {
  constructor() {
    super("seismo/winston-lines", VERSION, {});
  }

  protected init(): InstrumentationNodeModuleDefinition {
    return new InstrumentationNodeModuleDefinition("winston", WINSTON_VERSIONS, undefined, undefined, [
      new InstrumentationNodeModuleFile(
        "winston/lib/winston/logger.js",
        WINSTON_VERSIONS,
        (module: WinstonModule) => {
          const { prototype } = module;
          const original = prototype.write;
          // Not wrapped in OpenTelemetry's way: its own instrumentation of winston takes off what was wrapped before it.
          prototype.write = function write(line, ...rest) {
            const level = readProperty(line, "level");
            noteLine("winston", winstonLevel(level), () =>
              this.isLevelEnabled?.(level) === false ? undefined : readProperty(line, "message"),
            );
            return original.call(this, line, ...rest);
          };
          return module;
        },
        () => {},
      ),
    ]);
  }
}

/** By name: the numbers of npm's levels and syslog's differ. */
function winstonLevel(level: unknown): BreadcrumbLevel {
  switch (level) {
    case "emerg":
    case "alert":
    case "crit":
    case "error":
      return "error";
    case "warn":
    case "warning":
      return "warning";
    case "debug":
    case "verbose":
    case "silly":
      return "debug";
    default:
      return "info";
  }
}

/** Never throws; the message is asked for only where there is a request to keep it for. */
function noteLine(category: string, level: BreadcrumbLevel, messageOf: () => unknown): void {
  const scope = activeScope();
  const current = scope && startedRuntime();
  if (current === undefined) return;
  try {
    const said = messageOf();
    const message = isErrorLike(said) ? readProperty(said, "message") : said;
    if (typeof message !== "string" || message === "") return;
    current.errorSpans.leaveBreadcrumb(
      { timeUnixMillis: Date.now(), type: "log", category, message, level, data: {} },
      scope,
    );
  } catch (error) {
    current.telemetry.internalError("noteLine", error);
  }
}
