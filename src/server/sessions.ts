/**
 * How a page gets in where a token is asked for: no browser sends `Authorization` when it opens a page or a WebSocket. The
 * token goes to `POST /api/session` once; what comes back is a cookie that scripts cannot read and other sites cannot
 * send. It holds its own end and a signature made with the token, so nothing is remembered here, a restart logs nobody
 * out, and another token ends them all.
 *
 *   token ──POST /api/session──► Set-Cookie: seismo_session_8080=<ends at>.<signature>; HttpOnly; SameSite=Strict
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import type { Express } from "express";
import { z } from "zod";
import { createBearerCheck } from "../bearer-token";
import { answerJson, onlyMethods, refuse } from "./answer";
import { createJsonBodyReader } from "./json-body";

export const SESSION_PATH = "/api/session";
export const SESSION_SECONDS: number = 7 * 86_400;

/** Whether a request comes within a session; without a token there are none. */
export function createSessionCheck(
  token: string | undefined,
  nowMillis: () => number,
): (headers: IncomingHttpHeaders) => boolean {
  if (token === undefined) return () => false;
  const sign = createSigner(token);
  return (headers) => {
    const [end = "", signature = ""] = cookieOf(headers).split(".");
    if (!/^\d{1,12}$/.test(end) || signature === "") return false;
    const given = Buffer.from(signature, "base64url");
    const wanted = sign(end);
    return given.length === wanted.length && timingSafeEqual(given, wanted) && Number(end) * 1_000 > nowMillis();
  };
}

export function addSessions(app: Express, token: string | undefined, nowMillis: () => number): void {
  const readBody = createJsonBodyReader({ maxBytes: MAX_BYTES, maxTotalBytes: MAX_TOTAL_BYTES });
  const isToken = createBearerCheck(token);
  const sign = createSigner(token ?? "");
  app
    .route(SESSION_PATH)
    .post(async (request, response) => {
      const body = await readBody(request, response);
      if (body.status === "gone") return;
      if (body.status === "refused") return refuse(request, response, body.refusal);
      const given = SESSION_BODY.safeParse(body.value);
      if (!given.success) {
        const errors = given.error.issues.map(({ path, message }) => ({ path: path.join("."), message }));
        return refuse(request, response, { status: 400, message: 'expected {"token": "…"}', errors });
      }
      if (!isToken(`Bearer ${given.data.token}`)) {
        return refuse(request, response, { status: 401, message: "that is not the token", headers: CHALLENGE });
      }
      const end = String(Math.floor(nowMillis() / 1_000) + SESSION_SECONDS);
      const headers = { "set-cookie": cookie(request, `${end}.${sign(end).toString("base64url")}`, SESSION_SECONDS) };
      answerJson(request, response, 200, { status: "success", message: "Session opened" }, headers);
    })
    .delete((request, response) => {
      const headers = { "set-cookie": cookie(request, "", 0) };
      answerJson(request, response, 200, { status: "success", message: "Session closed" }, headers);
    })
    .all(onlyMethods("POST, DELETE"));
}

const MAX_BYTES = 4_096;
const MAX_TOTAL_BYTES: number = 64 * MAX_BYTES;
const CHALLENGE = { "www-authenticate": "Bearer" };
export const SESSION_BODY: z.ZodType<{ readonly token: string }> = z.strictObject({
  token: z.string("expected text").max(512, "expected at most 512 characters"),
});

function createSigner(token: string): (text: string) => Buffer {
  const key = createHmac("sha256", token).update("seismo session").digest();
  return (text) => createHmac("sha256", key).update(text).digest();
}

/** `Secure` where the browser came by https, which only a proxy before us can have spoken. */
function cookie(request: IncomingMessage, value: string, maxAgeSeconds: number): string {
  const secure = request.headers["x-forwarded-proto"] === "https" ? "; Secure" : "";
  return `${nameOf(request.headers)}=${value}; Max-Age=${maxAgeSeconds}; Path=/; HttpOnly; SameSite=Strict${secure}`;
}

/** Browsers keep one jar for all ports of a host: two collectors on one machine must not overwrite each other's. */
function nameOf({ host = "" }: IncomingHttpHeaders): string {
  return `seismo_session_${/:(\d{1,5})$/.exec(host)?.[1] ?? "default"}`;
}

function cookieOf(headers: IncomingHttpHeaders): string {
  const name = `${nameOf(headers)}=`;
  for (const part of (headers.cookie ?? "").split(";")) {
    const pair = part.trim();
    if (pair.startsWith(name)) return pair.slice(name.length);
  }
  return "";
}
