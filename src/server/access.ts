/**
 * Who may ask. Reads headers only, so that whoever is refused is refused before a body is read.
 *
 *   Host           a page elsewhere may point a name of its own at this address: only names that are ours are answered
 *   Authorization  the bearer token, where one is configured; or, of a page, the cookie of a session
 *   Origin         whose page sends: what changes anything is taken from our own pages and from programs
 */
import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";
import { createBearerCheck } from "../bearer-token";
import { isLoopback } from "../exporter/scrape-server";
import type { Refusal } from "./answer";
import { createSessionCheck } from "./sessions";

export interface AccessOptions {
  /** The address that the server is bound to. */
  readonly host: string;
  readonly token?: string | undefined;
  /** Names besides the loopback ones and the bound address; any port of theirs. */
  readonly allowedHosts?: readonly string[] | undefined;
  /** `https://seismo.example`: pages that may send besides our own, behind a proxy that changes `Host` for example. */
  readonly allowedOrigins?: readonly string[] | undefined;
  nowMillis(): number;
}

/** Each answers undefined when there is nothing to refuse. */
export interface Access {
  refuseHost(request: IncomingMessage): Refusal | undefined;
  refuseToken(request: IncomingMessage): Refusal | undefined;
  /** As refuseToken(), but a session will do, too. */
  refuseVisitor(request: Pick<IncomingMessage, "headers">): Refusal | undefined;
  refuseOrigin(request: IncomingMessage): Refusal | undefined;
}

export function createAccess(options: AccessOptions): Access {
  const { host } = options;
  const names = new Set([...LOOPBACK_NAMES, nameOf(host), ...(options.allowedHosts ?? [])].map(lowerCase));
  const origins = new Set((options.allowedOrigins ?? []).map(lowerCase));
  const takesAddresses = !isLoopback(host);
  const isAuthorized = createBearerCheck(options.token);
  const isSession = createSessionCheck(options.token, options.nowMillis);

  return {
    refuseHost({ headers, rawHeaders }) {
      const count = rawHeaders.filter((text, index) => index % 2 === 0 && lowerCase(text) === "host").length;
      // Node takes the first and says nothing of the others; a proxy before it may have read the last.
      if (count > 1) return { status: 400, message: "more than one Host header" };
      // Only HTTP/1.0 may have none, which no browser speaks.
      if (headers.host === undefined) return undefined;
      const name = HOST.exec(headers.host)?.[1]?.toLowerCase();
      const isOurs = name !== undefined && (names.has(name) || (takesAddresses && isAddress(name)));
      return isOurs ? undefined : { status: 403, message: "unknown host" };
    },
    refuseToken: ({ headers }) => (isAuthorized(headers.authorization) ? undefined : UNAUTHORIZED),
    refuseVisitor: ({ headers }) =>
      isAuthorized(headers.authorization) || isSession(headers) ? undefined : UNAUTHORIZED,
    refuseOrigin({ headers }) {
      const origin = headers.origin?.toLowerCase();
      if (origin !== undefined && origins.has(origin)) return undefined;
      if (headers["sec-fetch-site"] === "cross-site") return { status: 403, message: "cross-site request" };
      if (origin === undefined || origin.replace(/^https?:\/\//, "") === headers.host?.toLowerCase()) return undefined;
      return { status: 403, message: "unknown origin" };
    },
  };
}

const UNAUTHORIZED: Refusal = { status: 401, message: "unauthorized", headers: { "www-authenticate": "Bearer" } };
const LOOPBACK_NAMES = ["localhost", "127.0.0.1", "[::1]"];
const HOST = /^(\[[0-9a-f:.]+\]|[^\s:@/[\]]+)(?::\d{1,5})?$/i;

/** As it stands in a Host header. */
function nameOf(host: string): string {
  return isIP(host) === 6 ? `[${host}]` : host;
}

/** No name, so nobody can have pointed it anywhere: how probes and scrapers reach a container. */
function isAddress(name: string): boolean {
  return isIP(name.replace(/^\[(.*)\]$/, "$1")) !== 0;
}

function lowerCase(text: string): string {
  return text.toLowerCase();
}
