/**
 * OpenTelemetry's context on Node's AsyncLocalStorage. Unlike the stock manager, which gives every listener of a bound
 * emitter a wrapper of its own, one `emit` serves all of an emitter's listeners: HTTP binds each request and response.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { EventEmitter } from "node:events";
import { type Context, type ContextManager, ROOT_CONTEXT } from "@opentelemetry/api";

export function createContextManager(): ContextManager {
  const storage = new AsyncLocalStorage<Context>();
  const manager: ContextManager = {
    active: () => storage.getStore() ?? ROOT_CONTEXT,
    with: (context, fn, thisArg, ...args) => storage.run(context, () => fn.apply(thisArg, args)),
    bind(context, target) {
      if (target instanceof EventEmitter) bindEmitter(context, target);
      // Checked one line above; a wrapper of a function can be called as that function can.
      return typeof target === "function" ? (bindFunction(context, target as Callable) as typeof target) : target;
    },
    enable: () => manager,
    disable() {
      storage.disable();
      return manager;
    },
  };

  /** Node emits `data`, `finish` and `close` outside of the request's context. The first context stays. */
  function bindEmitter(context: Context, emitter: EventEmitter): void {
    const original: Emit = emitter.emit;
    if (original[BOUND] === true) return;
    const emit: Emit = function emit(this: EventEmitter, ...args) {
      if (storage.getStore() === context) return original.apply(this, args);
      return storage.run(context, () => original.apply(this, args));
    };
    emit[BOUND] = true;
    emitter.emit = emit;
  }

  function bindFunction(context: Context, target: Callable): Callable {
    const bound: Callable = function (this: unknown, ...args) {
      return storage.run(context, () => target.apply(this, args));
    };
    // Express tells error handlers from others by it.
    return Object.defineProperty(bound, "length", { configurable: true, value: target.length });
  }

  return manager;
}

type Callable = (this: unknown, ...args: unknown[]) => unknown;
type Emit = EventEmitter["emit"] & { [BOUND]?: true };
const BOUND: unique symbol = Symbol("seismo.bound_emit");
