/**
 * Incoming webhooks of Slack, and of what understands them (Mattermost, Rocket.Chat…): attachments, which all of these
 * show with their button. https://docs.slack.dev/legacy/legacy-messaging/legacy-secondary-message-attachments
 *
 * What an error says is text and nothing else: `& < >` are escaped, formatting is off, and no `@` calls anybody.
 */
import type { Severity } from "../../event";
import { toJson } from "../journal-line";
import { factsOf, headlineOf, type Notification } from "../notification";
import type { NotificationChannel } from "../notification-channel";
import { cut } from "../one-line";
import { createJsonPoster, type HttpTarget } from "./json-post";

/** Throws an Error that does not quote the URL when it is not allowed. */
export function createSlackChannel(target: HttpTarget): NotificationChannel {
  const poster = createJsonPoster(target);
  return {
    name: "slack",
    target: poster.host,
    wantsRepeats: false,
    send: (notification, abort) => poster.post(toJson(slackMessage(notification)), {}, abort),
    close: poster.close,
  };
}

function slackMessage(notification: Notification): object {
  const title = inert(headlineOf(notification), MAX_TITLE_CHARS);
  const isGroup = notification.kind === "error_group";
  return {
    ...(isGroup ? {} : { text: title }),
    mrkdwn: false,
    attachments: [
      {
        fallback: title,
        color: COLORS[worstOf(notification)],
        ...(isGroup ? { title, title_link: notification.link } : {}),
        text: isGroup ? inert(notification.error.message, MAX_MESSAGE_CHARS) : "",
        fields: factsOf(notification).map(([name, value]) => ({
          title: name,
          value: inert(value, MAX_VALUE_CHARS),
          short: value.length <= SHORT_CHARS,
        })),
        actions: [{ type: "button", text: "Open in Seismo", url: notification.link }],
        mrkdwn_in: [],
        footer: "Seismo",
        ts: Math.floor(Date.parse(isGroup ? notification.error.timestamp : notification.created) / 1_000),
      },
    ],
  };
}

const COLORS: { readonly [severity in Severity]: string } = {
  critical: "#b3261e",
  warning: "#e8a33d",
  info: "#6b7a90",
};
const MAX_TITLE_CHARS = 300;
const MAX_MESSAGE_CHARS = 1_500;
const MAX_VALUE_CHARS = 300;
const SHORT_CHARS = 40;

function worstOf(notification: Notification): Severity {
  if (notification.kind === "error_group") return notification.error.severity;
  const { critical, warning } = notification.by_severity;
  return critical > 0 ? "critical" : warning > 0 ? "warning" : "info";
}

/** Cut before it is escaped, so that no escape is cut. A mark of no width parts the `@` from the name behind it. */
function inert(text: string, maxChars: number): string {
  return cut(text, maxChars)
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll("@", "@\u200b");
}
