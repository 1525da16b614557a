/**
 * Errors in Express 4 and 5: thrown, rejected or passed to next(). Every layer hands its error to the `next` that it
 * was called with, so that is where they are seen, before any error handler can hide them.
 */
import {
  InstrumentationBase,
  InstrumentationNodeModuleDefinition,
  InstrumentationNodeModuleFile,
} from "@opentelemetry/instrumentation";
import { VERSION } from "../version";
import { noteRequestError } from "./request-errors";

type Next = (error?: unknown) => void;
type RequestHandler = (this: unknown, request: object, response: object, next: Next) => unknown;
type ErrorHandler = (this: unknown, error: unknown, request: object, response: object, next: Next) => unknown;

/** The prototype of Express' layers: snake case in Express 4, camel case in the router of Express 5. */
interface LayerPrototype {
  handle_request?: RequestHandler;
  handle_error?: ErrorHandler;
  handleRequest?: RequestHandler;
  handleError?: ErrorHandler;
}
type LayerModule = { prototype: LayerPrototype };

/** What Express takes for "leave this route", not for an error. */
const SIGNALS: ReadonlySet<unknown> = new Set([undefined, null, "route", "router"]);

export class ExpressErrorsInstrumentation extends InstrumentationBase {
  constructor() {
    super("seismo/express-errors", VERSION, {});
  }

  protected init(): InstrumentationNodeModuleDefinition[] {
    return [
      new InstrumentationNodeModuleDefinition("express", [">=4.0.0 <5"], undefined, undefined, [
        new InstrumentationNodeModuleFile("express/lib/router/layer.js", [">=4.0.0 <5"], patchLayer, unpatchLayer),
      ]),
      new InstrumentationNodeModuleDefinition("router", [">=2.0.0 <3"], undefined, undefined, [
        new InstrumentationNodeModuleFile("router/lib/layer.js", [">=2.0.0 <3"], patchLayer, unpatchLayer),
      ]),
    ];
  }
}

const originals = new WeakMap<LayerPrototype, LayerPrototype>();

function patchLayer(layer: LayerModule): LayerModule {
  const { prototype } = layer;
  if (originals.has(prototype)) return layer;
  const { handle_request, handle_error, handleRequest, handleError } = prototype;
  originals.set(prototype, {
    ...(handle_request && { handle_request }),
    ...(handle_error && { handle_error }),
    ...(handleRequest && { handleRequest }),
    ...(handleError && { handleError }),
  });
  if (handle_request) prototype.handle_request = watchRequests(handle_request);
  if (handleRequest) prototype.handleRequest = watchRequests(handleRequest);
  if (handle_error) prototype.handle_error = watchErrors(handle_error);
  if (handleError) prototype.handleError = watchErrors(handleError);
  return layer;
}

function unpatchLayer(layer?: LayerModule): void {
  const original = layer && originals.get(layer.prototype);
  if (original === undefined || layer === undefined) return;
  Object.assign(layer.prototype, original);
  originals.delete(layer.prototype);
}

function watchRequests(original: RequestHandler): RequestHandler {
  return function watched(request, response, next) {
    return original.call(this, request, response, watchNext(request, next));
  };
}

function watchErrors(original: ErrorHandler): ErrorHandler {
  return function watched(error, request, response, next) {
    noteRequestError(error, request);
    return original.call(this, error, request, response, watchNext(request, next));
  };
}

function watchNext(request: object, next: Next): Next {
  return (error) => {
    if (!SIGNALS.has(error)) noteRequestError(error, request);
    // Express tells next() from next(undefined) nowhere, so one argument serves both.
    next(error);
  };
}
