/**
 * Which libraries are instrumented, and when: each one's instrumentation is loaded when the application first asks
 * for the library, so that what it does not use costs nothing. HTTP and undici are watched from the start, since
 * Node itself brings them.
 */
import { existsSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import Module, { createRequire, syncBuiltinESMExports } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { context, type Span } from "@opentelemetry/api";
import { getRPCMetadata } from "@opentelemetry/core";
import type { Instrumentation } from "@opentelemetry/instrumentation";
import type { Config } from "../config";
import { isScrapeRequest } from "../exporter/scrape-server";
import { scopeOf } from "../processors/span-scope";
import type { Telemetry } from "../telemetry";
import { noteIfAborted } from "./client-abort";
import { watchFastify } from "./fastify-errors";
import { bindRequest, echoRequestId } from "./request-errors";
import { REQUEST_ID_HEADER } from "./request-id-propagator";

export interface Libraries {
  /** Undoes every patch. */
  disable(): void;
}

interface Library {
  /** Module names whose loading starts the instrumentation. */
  readonly modules: readonly string[];
  /** What sees that which no span of the library tells of: errors, lines of a log. */
  readonly errors?: () => Instrumentation;
  readonly spans: (config: Config) => Instrumentation;
}

// Each package is required inside its factory: that is what makes unused ones free.
const ON_DEMAND: { readonly [name: string]: Library } = {
  express: {
    modules: ["express", "router"],
    errors: () => {
      const { ExpressErrorsInstrumentation } = require("./express-errors") as typeof import("./express-errors");
      return new ExpressErrorsInstrumentation();
    },
    spans: (config) => {
      const { ExpressInstrumentation, ExpressLayerType } =
        require("@opentelemetry/instrumentation-express") as typeof import("@opentelemetry/instrumentation-express");
      const { MIDDLEWARE, ROUTER, REQUEST_HANDLER } = ExpressLayerType;
      const ignoreLayersType = config.instrumentation.middlewareSpans ? [] : [MIDDLEWARE, ROUTER, REQUEST_HANDLER];
      return new ExpressInstrumentation({ ignoreLayersType });
    },
  },
  koa: {
    modules: ["koa", "koa-router", "@koa/router"],
    errors: () => {
      const { KoaErrorsInstrumentation } = require("./koa-errors") as typeof import("./koa-errors");
      return new KoaErrorsInstrumentation();
    },
    spans: (config) => {
      const { KoaInstrumentation, KoaLayerType } =
        require("@opentelemetry/instrumentation-koa") as typeof import("@opentelemetry/instrumentation-koa");
      // The router layer stays: it is the only one that knows the matched route.
      const ignoreLayersType = config.instrumentation.middlewareSpans ? [] : [KoaLayerType.MIDDLEWARE];
      return new KoaInstrumentation({ ignoreLayersType });
    },
  },
  pg: {
    modules: ["pg", "pg-pool"],
    errors: () => {
      const { PgPoolsInstrumentation } = require("./pg-pools") as typeof import("./pg-pools");
      return new PgPoolsInstrumentation();
    },
    spans: () => {
      const { PgInstrumentation } =
        require("@opentelemetry/instrumentation-pg") as typeof import("@opentelemetry/instrumentation-pg");
      return new PgInstrumentation();
    },
  },
  mysql2: {
    modules: ["mysql2", "mysql2/promise"],
    errors: () => {
      const { MySQL2ConnectionsInstrumentation } =
        require("./mysql2-connections") as typeof import("./mysql2-connections");
      return new MySQL2ConnectionsInstrumentation();
    },
    spans: () => {
      const { MySQL2Instrumentation } =
        require("@opentelemetry/instrumentation-mysql2") as typeof import("@opentelemetry/instrumentation-mysql2");
      return new MySQL2Instrumentation();
    },
  },
  mongodb: {
    modules: ["mongodb"],
    errors: () => {
      const { MongoDBConnectionsInstrumentation } =
        require("./mongodb-connections") as typeof import("./mongodb-connections");
      return new MongoDBConnectionsInstrumentation();
    },
    spans: () => {
      const { MongoDBInstrumentation } =
        require("@opentelemetry/instrumentation-mongodb") as typeof import("@opentelemetry/instrumentation-mongodb");
      return new MongoDBInstrumentation();
    },
  },
  redis: {
    modules: ["redis", "@redis/client"],
    spans: () => {
      const { RedisInstrumentation } =
        require("@opentelemetry/instrumentation-redis") as typeof import("@opentelemetry/instrumentation-redis");
      return new RedisInstrumentation();
    },
  },
  ioredis: {
    modules: ["ioredis"],
    spans: () => {
      const { IORedisInstrumentation } =
        require("@opentelemetry/instrumentation-ioredis") as typeof import("@opentelemetry/instrumentation-ioredis");
      return new IORedisInstrumentation();
    },
  },
  pino: {
    modules: ["pino"],
    errors: () => {
      const { PinoLinesInstrumentation } = require("./log-lines") as typeof import("./log-lines");
      return new PinoLinesInstrumentation();
    },
    spans: () => {
      const { PinoInstrumentation } =
        require("@opentelemetry/instrumentation-pino") as typeof import("@opentelemetry/instrumentation-pino");
      return new PinoInstrumentation();
    },
  },
  winston: {
    modules: ["winston"],
    errors: () => {
      const { WinstonLinesInstrumentation } = require("./log-lines") as typeof import("./log-lines");
      return new WinstonLinesInstrumentation();
    },
    spans: () => {
      const { WinstonInstrumentation } =
        require("@opentelemetry/instrumentation-winston") as typeof import("@opentelemetry/instrumentation-winston");
      return new WinstonInstrumentation();
    },
  },
};

export interface LibraryOptions {
  readonly config: Config;
  readonly telemetry: Telemetry;
  /** The application's entry is an ES module, or might be. */
  readonly isEsm: boolean;
  /** An SDK of the application's own is in use: which libraries make spans is its business, errors are still watched. */
  readonly isJoined: () => boolean;
}

export function instrumentLibraries({ config, telemetry, isEsm, isJoined }: LibraryOptions): Libraries {
  const enabled = new Set<string>(config.instrumentation.names);
  const active: Instrumentation[] = [];
  const undo: (() => void)[] = [];
  const start = (name: string, create: () => readonly Instrumentation[]): void => {
    if (!enabled.delete(name)) return;
    try {
      active.push(...create());
    } catch (error) {
      telemetry.logOnce("warning", `instrumentation:${name}`, `${name} is not instrumented: ${String(error)}`);
    }
  };

  const instrument = ({ errors, spans }: Library): Instrumentation[] => {
    const made = errors === undefined ? [] : [errors()];
    return isJoined() ? made : [...made, spans(config)];
  };

  if (!isJoined()) {
    start("http", () => [httpInstrumentation(config)]);
    start("undici", () => [undiciInstrumentation(config)]);
  }
  if (enabled.delete("fastify")) undo.push(watchFastify());
  // ES modules do not pass through require(): hooks must stand before the first import, and cost start-up time.
  if (isEsm) undo.push(hookEsModules());
  if (isEsm) {
    const from = dirname(process.argv[1] ?? join(process.cwd(), "app"));
    for (const [name, library] of Object.entries(ON_DEMAND)) {
      if (library.modules.some((module) => isInstalled(module, from))) start(name, () => instrument(library));
    }
  }
  undo.push(
    onFirstRequire((name) => {
      const library = ON_DEMAND[name];
      if (library !== undefined) start(name, () => instrument(library));
    }),
  );
  // Patch HTTP now: an ES module imports it without require().
  require("node:http");
  require("node:https");
  syncBuiltinESMExports();

  return {
    disable() {
      for (const instrumentation of active) instrumentation.disable();
      for (const stop of undo) stop();
    },
  };
}

/** Calls `start` just before a library of the table is required for the first time. */
function onFirstRequire(start: (library: string) => void): () => void {
  const waiting = new Map<string, string>();
  for (const [name, { modules }] of Object.entries(ON_DEMAND)) for (const module of modules) waiting.set(module, name);
  const original = Module.prototype.require;
  Module.prototype.require = function require(this: NodeJS.Module, id: string) {
    const library = waiting.get(id);
    if (library !== undefined) {
      waiting.delete(id);
      start(library);
      // The instrumentation has put its own hook in front of the one that runs now.
      return Module.prototype.require === hooked ? original.call(this, id) : Module.prototype.require.call(this, id);
    }
    return original.call(this, id);
  } as NodeJS.Require; // a require() of a module has no resolve, cache and main of its own
  const hooked = Module.prototype.require;
  return () => {
    if (Module.prototype.require === hooked) Module.prototype.require = original;
  };
}

function hookEsModules(): () => void {
  Module.register("@opentelemetry/instrumentation/hook.mjs", pathToFileURL(__filename));
  return () => {};
}

function isInstalled(name: string, from: string): boolean {
  const paths = createRequire(join(from, "noop.js")).resolve.paths(name) ?? [];
  return paths.some((path) => existsSync(join(path, name)));
}

/**
 * OpenTelemetry's HTTP instrumentation takes a thrown null, undefined or "" for nothing thrown, and swallows it. Beneath
 * it, the value is seen first, and goes the way that Node has for it.
 */
function keepFalsyThrows(server: { emit(...args: unknown[]): boolean }): void {
  const { emit } = server;
  function watched(this: unknown, ...args: unknown[]): boolean {
    try {
      return emit.apply(this, args);
    } catch (thrown) {
      if (thrown) throw thrown;
      process.nextTick(() => {
        throw thrown;
      });
      return true;
    }
  }
  Object.assign(server, { emit: watched });
}

function httpInstrumentation(config: Config): Instrumentation {
  const http = require("node:http") as typeof import("node:http");
  const https = require("node:https") as typeof import("node:https");
  for (const { Server } of [http, https]) keepFalsyThrows(Server.prototype);
  const { HttpInstrumentation } =
    require("@opentelemetry/instrumentation-http") as typeof import("@opentelemetry/instrumentation-http");
  const { requestHeaders, responseHeaders } = config.instrumentation;
  return new HttpInstrumentation({
    headersToSpanAttributes: {
      server: { requestHeaders: [...requestHeaders], responseHeaders: [...responseHeaders] },
      client: { requestHeaders: [...requestHeaders], responseHeaders: [...responseHeaders] },
    },
    ignoreIncomingRequestHook: isScrapeRequest,
    requestHook: (span, request) => {
      if (!("headers" in request)) return; // an outgoing request
      bindRequest(request, span);
      const scope = scopeOf(span);
      if (scope !== undefined) scope.rpc = getRPCMetadata(context.active());
    },
    responseHook: (span, response) => {
      if ("setHeader" in response) echoRequestId(span, response); // else it is an incoming one
    },
    applyCustomAttributesOnSpan: (span, request, response) => {
      if (!("writableFinished" in response) || !("headers" in request)) return; // an outgoing request
      noteIfAborted(span, request, response);
      nameRootRoute(span, request);
    },
  });
}

/** OpenTelemetry's Express package knows the route `/` only by a URL without a query. */
function nameRootRoute(span: Span, request: IncomingMessage & ExpressRequest): void {
  if (request.route?.path !== "/" || request.baseUrl !== "" || scopeOf(span)?.rpc?.route !== undefined) return;
  span.setAttribute("http.route", "/").updateName(`${request.method ?? "GET"} /`);
}
/** What Express adds to a request that it has matched. */
interface ExpressRequest {
  readonly route?: { readonly path: unknown };
  readonly baseUrl?: string;
}

function undiciInstrumentation(config: Config): Instrumentation {
  const { UndiciInstrumentation } =
    require("@opentelemetry/instrumentation-undici") as typeof import("@opentelemetry/instrumentation-undici");
  const { requestHeaders, responseHeaders } = config.instrumentation;
  return new UndiciInstrumentation({
    headersToSpanAttributes: { requestHeaders: [...requestHeaders], responseHeaders: [...responseHeaders] },
    requestHook: (span, { headers }) => {
      const scope = scopeOf(span);
      if (scope !== undefined) scope.namesRequestId = namesRequestId(headers);
    },
  });
}

/** `name: value` lines in undici 5, names and values by turns in later ones. */
function namesRequestId(headers: string | readonly (string | readonly string[])[]): boolean {
  const names = typeof headers === "string" ? headers.split("\r\n") : headers.filter((_, index) => index % 2 === 0);
  return names.some((name) => String(name).split(":", 1)[0]?.toLowerCase() === REQUEST_ID_HEADER);
}
