/** Errors in Koa: whatever rejects the middleware chain, seen before Koa turns it into an answer. */
import { InstrumentationBase, InstrumentationNodeModuleDefinition } from "@opentelemetry/instrumentation";
import { VERSION } from "../version";
import { noteRequestError } from "./request-errors";

type KoaContext = { readonly req: object };
type Middleware = (context: KoaContext) => Promise<unknown>;
type HandleRequest = (this: unknown, context: KoaContext, middleware: Middleware) => unknown;
type KoaModule = { prototype: { handleRequest: HandleRequest } };

export class KoaErrorsInstrumentation extends InstrumentationBase {
  constructor() {
    super("seismo/koa-errors", VERSION, {});
  }

  protected init(): InstrumentationNodeModuleDefinition {
    return new InstrumentationNodeModuleDefinition(
      "koa",
      [">=2.0.0 <4"],
      (module: KoaModule & { readonly default?: KoaModule }) => {
        this._wrap((module.default ?? module).prototype, "handleRequest", watch);
        return module;
      },
      (module?: KoaModule & { readonly default?: KoaModule }) => {
        if (module !== undefined) this._unwrap((module.default ?? module).prototype, "handleRequest");
      },
    );
  }
}

function watch(original: HandleRequest): HandleRequest {
  return function handleRequest(context, middleware) {
    return original.call(this, context, (inner) =>
      middleware(inner).catch((error: unknown) => {
        noteRequestError(error, context.req);
        throw error;
      }),
    );
  };
}
