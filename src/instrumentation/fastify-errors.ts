/**
 * Routes and errors of Fastify, by its own hooks: it announces each instance on the diagnostics channel
 * `fastify.initialization`. OpenTelemetry's package for Fastify is deprecated and makes a span for every hook.
 */
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { context } from "@opentelemetry/api";
import { getRPCMetadata } from "@opentelemetry/core";
import { noteRequestError } from "./request-errors";

const CHANNEL = "fastify.initialization";

interface FastifyRequest {
  readonly raw: object;
  readonly routeOptions?: { readonly url?: string };
}
type Done = () => void;
interface FastifyInstance {
  addHook(name: "onRequest", hook: (request: FastifyRequest, reply: object, done: Done) => void): void;
  addHook(name: "onError", hook: (request: FastifyRequest, reply: object, error: unknown, done: Done) => void): void;
}

/** Returns how to stop. */
export function watchFastify(): () => void {
  subscribe(CHANNEL, onInstance);
  return () => unsubscribe(CHANNEL, onInstance);
}

function onInstance(message: unknown): void {
  const { fastify } = message as { readonly fastify: FastifyInstance }; // the channel's documented message
  fastify.addHook("onRequest", (request, _reply, done) => {
    const metadata = getRPCMetadata(context.active());
    const route = request.routeOptions?.url;
    if (metadata !== undefined && route !== undefined) metadata.route = route;
    done();
  });
  fastify.addHook("onError", (request, _reply, error, done) => {
    noteRequestError(error, request.raw);
    done();
  });
}
