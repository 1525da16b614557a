/**
 * OTLP over gRPC: the same door as OTLP over HTTP, for senders that speak nothing else. Bodies stay bytes: no message is
 * decoded here, so no schema is loaded.
 *
 *   metadata ──token, calls under way──► message ──size, gzip (in grpc-js)──► accept() ──► response, or status
 */
import {
  Metadata,
  Server,
  ServerCredentials,
  ServerInterceptingCall,
  type ServerInterceptor,
  type ServiceDefinition,
  type StatusObject,
  type UntypedHandleCall,
} from "@grpc/grpc-js";
import { createBearerCheck } from "../bearer-token";
import type { OtlpSignal } from "../event";
import {
  createRefusalCounter,
  encodeAccepted,
  encodeRefusal,
  INTERNAL_ERROR,
  OVERLOADED,
  presentable,
  REFUSALS,
  type Refusal,
  refusalOf,
  UNAUTHENTICATED,
} from "./otlp-response";
import { OTLP_LIMITS, type OtlpLimits, type OtlpServer, type OtlpServerOptions } from "./otlp-server";
import { createByteBudget } from "./request-body";

/**
 * Takes the same options as OTLP over HTTP, and has the same statistics. A call is under way from its first byte, since
 * memory is held for it from then on; without its message after `requestTimeoutMillis` it is ended. `aborted` counts calls
 * that ended before their message was read: those that grpc-js itself refused, too large or badly compressed, are among them.
 */
export function createOtlpGrpcServer(options: OtlpServerOptions): OtlpServer {
  const { accept, telemetry } = options;
  const limits: OtlpLimits = { ...OTLP_LIMITS, ...options.limits };
  const isAuthorized = createBearerCheck(options.token);
  const budget = createByteBudget(limits.bufferedBytes);
  const refusals = createRefusalCounter();
  let accepted = 0;
  let aborted = 0;
  let requestsInFlight = 0;

  function refuse(refusal: Refusal): Status {
    refusals.count(refusal.reason);
    const metadata = new Metadata();
    metadata.set(STATUS_DETAILS, encodeRefusal(refusal, "protobuf"));
    return { code: REFUSALS[refusal.reason].grpcCode, details: presentable(refusal.message), metadata };
  }

  /** Before a byte of the message is read. */
  const admit: ServerInterceptor = (_method, call) => {
    let isUnderWay = false;
    let isRead = false;
    let timer: NodeJS.Timeout | undefined;
    const refusalOfCall = (authorization: string | undefined): Refusal | undefined => {
      if (!isAuthorized(authorization)) return UNAUTHENTICATED;
      return requestsInFlight >= limits.requestsInFlight ? OVERLOADED : undefined;
    };
    return new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata(metadata, forward) {
            const refusal = refusalOfCall(metadata.get("authorization")[0]?.toString());
            if (refusal !== undefined) return call.sendStatus(refuse(refusal));
            isUnderWay = true;
            requestsInFlight += 1;
            timer = setTimeout(() => {
              isRead = true;
              call.sendStatus(refuse(TOO_SLOW));
            }, limits.requestTimeoutMillis);
            forward(metadata);
          },
          onReceiveMessage(message, forward) {
            clearTimeout(timer);
            isRead = true;
            forward(message);
          },
          /** Also the end of every call that was answered. */
          onCancel() {
            clearTimeout(timer);
            if (!isUnderWay) return;
            requestsInFlight -= 1;
            if (!isRead) aborted += 1;
          },
        }),
    });
  };

  async function take(signal: OtlpSignal, body: Buffer): Promise<Answer> {
    if (!budget.take(body.length)) return { status: refuse(OVERLOADED) };
    try {
      const answer = await accept({ signal, encoding: "protobuf", body });
      if (answer.status !== "accepted") return { status: refuse(refusalOf(answer)) };
      accepted += 1;
      return { response: encodeAccepted(signal, "protobuf", answer.rejected, answer.message) };
    } catch (error) {
      telemetry.internalError("OTLP/gRPC receiver", error);
      return { status: refuse(INTERNAL_ERROR) };
    } finally {
      budget.give(body.length);
    }
  }

  function exportOf(signal: OtlpSignal): { Export: UntypedHandleCall } {
    return {
      Export(call: { readonly request: Buffer }, callback: (error: Status | null, response?: Buffer) => void): void {
        void take(signal, call.request).then(({ status, response }) => callback(status ?? null, response));
      },
    };
  }

  /** Channelz stays on: without it, forceShutdown() of grpc-js finds no connection to close. */
  function createListener(): Server {
    const server = new Server({
      "grpc.max_receive_message_length": limits.bodyBytes,
      "grpc.max_concurrent_streams": limits.requestsInFlight,
      "grpc.max_connection_idle_ms": MAX_IDLE_MILLIS,
      "grpc.keepalive_time_ms": KEEPALIVE_MILLIS,
      interceptors: [admit],
    });
    server.addService(serviceDefinition("trace.v1.TraceService"), exportOf("traces"));
    server.addService(serviceDefinition("logs.v1.LogsService"), exportOf("logs"));
    return server;
  }

  let server: Server | undefined;
  return {
    start: () =>
      new Promise((resolve) => {
        const listener = createListener();
        const host = options.host.includes(":") ? `[${options.host}]` : options.host;
        listener.bindAsync(`${host}:${options.port}`, ServerCredentials.createInsecure(), (error, port) => {
          if (error !== null) return resolve({ status: "failed", error });
          server = listener;
          resolve({ status: "listening", port });
        });
      }),
    stop: (graceMillis) =>
      new Promise((resolve) => {
        const stopping = server;
        if (stopping === undefined) return resolve();
        const timer = setTimeout(() => stopping.forceShutdown(), graceMillis);
        stopping.tryShutdown(() => {
          clearTimeout(timer);
          resolve();
        });
      }),
    stats: () => ({
      accepted,
      refused: refusals.counts(),
      aborted,
      droppedConnections: 0, // grpc-js has no bound on connections; a bound on calls holds for all of them together
      requestsInFlight,
      bufferedBytes: budget.taken(),
    }),
  };
}

type Status = Pick<StatusObject, "code" | "details" | "metadata">;
type Answer =
  | { readonly status: Status; readonly response?: never }
  | { readonly status?: never; readonly response: Buffer };

/** Where gRPC carries `google.rpc.Status`. */
const STATUS_DETAILS = "grpc-status-details-bin";
const MAX_IDLE_MILLIS = 300_000;
const KEEPALIVE_MILLIS = 60_000;
const TOO_SLOW: Refusal = { reason: "timeout", message: "the request took too long" };

function serviceDefinition(name: string): ServiceDefinition {
  const asIs = (bytes: Buffer): Buffer => bytes;
  return {
    Export: {
      path: `/opentelemetry.proto.collector.${name}/Export`,
      requestStream: false,
      responseStream: false,
      requestSerialize: asIs,
      requestDeserialize: asIs,
      responseSerialize: asIs,
      responseDeserialize: asIs,
    },
  };
}
