/**
 * Errors in Koa: what a middleware throws, seen before an outer one turns it into an answer, and what Koa or the
 * application emits as `error` (a body stream that broke, say).
 */
import { type EventEmitter, errorMonitor } from "node:events";
import { InstrumentationBase, InstrumentationNodeModuleDefinition } from "@opentelemetry/instrumentation";
import { VERSION } from "../version";
import { noteRequestError } from "./request-errors";

type KoaContext = { readonly req: object };
type Middleware = (context: KoaContext, next: () => Promise<unknown>) => unknown;
type Use = (this: EventEmitter, middleware: Middleware) => unknown;
type KoaPrototype = { use: Use };
type KoaModule = { prototype: KoaPrototype };

export class KoaErrorsInstrumentation extends InstrumentationBase {
  constructor() {
    super("seismo/koa-errors", VERSION, {});
  }

  protected init(): InstrumentationNodeModuleDefinition {
    return new InstrumentationNodeModuleDefinition(
      "koa",
      [">=2.0.0 <4"],
      (module: KoaModule & { readonly default?: KoaModule }) => {
        patchUse((module.default ?? module).prototype);
        return module;
      },
      (module?: KoaModule & { readonly default?: KoaModule }) => {
        if (module !== undefined) unpatchUse((module.default ?? module).prototype);
      },
    );
  }
}

const originals = new WeakMap<KoaPrototype, Use>();

// Not by the base class: its wrapping takes off what others have put on, and OpenTelemetry wraps `use` too.
function patchUse(prototype: KoaPrototype): void {
  if (originals.has(prototype)) return;
  originals.set(prototype, prototype.use);
  prototype.use = watchUse(prototype.use);
}

function unpatchUse(prototype: KoaPrototype): void {
  prototype.use = originals.get(prototype) ?? prototype.use;
  originals.delete(prototype);
}

const watchedApplications = new WeakSet<EventEmitter>();

function watchUse(original: Use): Use {
  return function use(middleware) {
    if (!watchedApplications.has(this)) {
      watchedApplications.add(this);
      this.on(errorMonitor, onEmitted); // is no listener for errors: Koa goes on printing them itself
    }
    return original.call(this, isPlainFunction(middleware) ? watch(middleware) : middleware);
  };
}

/** Koa refuses what is no function, and converts generators (Koa 2): both are its own business. */
function isPlainFunction(middleware: unknown): boolean {
  return typeof middleware === "function" && middleware.constructor.name !== "GeneratorFunction";
}

function watch(middleware: Middleware): Middleware {
  const watched: Middleware = async (context, next) => {
    try {
      return await middleware(context, next);
    } catch (error) {
      noteRequestError(error, context.req);
      throw error;
    }
  };
  // Routers are known by a property of their function, other middleware by its name.
  Object.defineProperty(watched, "name", { value: middleware.name, configurable: true });
  return Object.assign(watched, middleware);
}

function onEmitted(error: unknown, context?: Partial<KoaContext>): void {
  // Koa's own wrapping of a thrown value that is no error, which was noted where it was thrown.
  if (error instanceof Error && error.message.startsWith("non-error thrown: ")) return;
  noteRequestError(error, context?.req);
}
