/** Where notifications go: one contract for chat, mail, webhook and Alertmanager. */
import type { Notification } from "./notification";

export interface NotificationChannel {
  readonly name: "slack" | "email" | "webhook" | "alertmanager";
  /** For people: the host, never a secret. */
  readonly target: string;
  /** It forgets what it is not told again, and wants to hear of a group for as long as that recurs. */
  readonly wantsRepeats: boolean;
  /** Never rejects; takes at most half a minute. */
  send(notification: Notification, abort: AbortSignal): Promise<SendResult>;
  close(): void;
}

/** No reason holds a URL, a password or an answer's text. */
export type SendResult =
  | { readonly status: "sent" }
  /** `retryAfterMillis` is what the receiver asked for. */
  | { readonly status: "retryable"; readonly reason: string; readonly retryAfterMillis: number | undefined }
  | { readonly status: "refused"; readonly reason: string }
  | { readonly status: "aborted" };
