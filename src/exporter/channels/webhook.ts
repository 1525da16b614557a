/**
 * A webhook of the user's own: the notification as JSON (docs/notifications.md), with what lets the receiver know the
 * sender and drop what came twice.
 */
import { createHmac } from "node:crypto";
import { validateHeaderValue } from "node:http";
import { toJson } from "../journal-line";
import type { NotificationChannel } from "../notification-channel";
import { createJsonPoster, type HttpTarget } from "./json-post";

export interface WebhookTarget extends HttpTarget {
  /** Sent as `Authorization: Bearer …`. */
  readonly token?: string | undefined;
  /** Signs the body: `X-Seismo-Signature: sha256=<HMAC, hex>`. */
  readonly secret?: string | undefined;
}

/** Throws an Error that quotes neither URL nor secret when one is not allowed. */
export function createWebhookChannel(target: WebhookTarget): NotificationChannel {
  const { token, secret } = target;
  const poster = createJsonPoster(target);
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  for (const [name, value] of Object.entries(authorization)) validateHeaderValue(name, value);
  return {
    name: "webhook",
    target: poster.host,
    wantsRepeats: false,
    send(notification, abort) {
      const body = toJson(notification);
      const signature =
        secret === undefined
          ? {}
          : { "x-seismo-signature": `sha256=${createHmac("sha256", secret).update(body).digest("hex")}` };
      return poster.post(body, { ...authorization, ...signature, "x-seismo-delivery": notification.id }, abort);
    },
    close: poster.close,
  };
}
