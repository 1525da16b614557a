/** Makes the notifier that the configuration asks for: its channels, each with an outbox of its own. */
import { randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import type { Config } from "../config";
import { createAlertmanagerChannel } from "../exporter/channels/alertmanager";
import { createEmailChannel } from "../exporter/channels/email";
import { createSlackChannel } from "../exporter/channels/slack";
import { createWebhookChannel } from "../exporter/channels/webhook";
import { lockFolder } from "../exporter/folder-lock";
import type { NotificationChannel } from "../exporter/notification-channel";
import { createDelivery } from "../exporter/notification-delivery";
import { openOutbox } from "../exporter/notification-outbox";
import { createNotifier, type Notifier } from "../exporter/notifier";
import { toError } from "../node-error";
import type { Telemetry } from "../telemetry";

export interface Notifications {
  readonly notifier: Notifier;
  /** For people: channels and hosts. */
  readonly targets: readonly string[];
  stop(graceMillis: number): Promise<void>;
}

/** Undefined when no channel is configured. Throws what is wrong with an address or the folder; no secret is in it. */
export function openNotifications(config: Config, telemetry: Telemetry): Notifications | undefined {
  const { notifications } = config;
  const channels = openChannels(notifications);
  if (channels.length === 0) return undefined;
  const { outboxPath: folder, perMinute, perHour, minSeverity } = notifications;
  const windowMillis = notifications.windowMinutes * MINUTE_MILLIS;
  const pageUrl = notifications.pageUrl.replace(/\/+$/, "");
  const shared = { windowMillis, pageUrl, telemetry, newId: randomUUID, nowMillis: Date.now };
  const lock = namingFault("notifications.outbox_path", () => {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return lockFolder(folder);
  });
  try {
    const deliveries = channels.map((channel) =>
      createDelivery({
        ...shared,
        channel,
        outbox: namingFault("notifications.outbox_path", () => openOutbox(folder, channel.name, telemetry, Date.now)),
        budget: { perMinute, perHour },
        random: Math.random,
      }),
    );
    const notifier = createNotifier({ ...shared, deliveries, minSeverity });
    return {
      notifier,
      targets: channels.map(({ name, target }) => `${name} ${target}`),
      async stop(graceMillis) {
        await notifier.stop(graceMillis);
        lock.release();
      },
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}

const MINUTE_MILLIS = 60_000;

function openChannels(options: Config["notifications"]): readonly NotificationChannel[] {
  const { slackWebhookUrl, emailServer, emailFrom, emailTo, emailUser, webhookUrl, alertmanagerUrl } = options;
  const { allowPrivate, allowInsecure } = options;
  const policy = { allowPrivate, allowInsecure, nowMillis: Date.now };
  const channels: NotificationChannel[] = [];
  const open = (key: string, create: () => NotificationChannel): void => {
    channels.push(namingFault(key, create));
  };
  if (slackWebhookUrl !== undefined) {
    open("notifications.slack.webhook_url", () => createSlackChannel({ ...policy, url: slackWebhookUrl.reveal() }));
  }
  if (emailServer !== undefined && emailFrom !== undefined) {
    const mail = { server: emailServer, from: emailFrom, to: emailTo, user: emailUser };
    const password = options.emailPassword?.reveal();
    open("notifications.email.server", () => createEmailChannel({ ...policy, ...mail, password }));
  }
  if (webhookUrl !== undefined) {
    const secrets = { token: options.webhookToken?.reveal(), secret: options.webhookSecret?.reveal() };
    open("notifications.webhook.url", () => createWebhookChannel({ ...policy, ...secrets, url: webhookUrl.reveal() }));
  }
  if (alertmanagerUrl !== undefined) {
    const windowMillis = options.windowMinutes * MINUTE_MILLIS;
    open("notifications.alertmanager.url", () =>
      createAlertmanagerChannel({ ...policy, windowMillis, url: alertmanagerUrl }),
    );
  }
  return channels;
}

function namingFault<T>(key: string, create: () => T): T {
  try {
    return create();
  } catch (error) {
    const hint = key.endsWith("_path") ? "" : "; see notifications.allow_insecure and notifications.allow_private";
    throw new Error(`${key}: ${toError(error).message}${hint}`, { cause: error });
  }
}
