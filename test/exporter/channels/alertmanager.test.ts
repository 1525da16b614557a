import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createAlertmanagerChannel } from "../../../src/exporter/channels/alertmanager";
import { digestOf } from "../../../src/exporter/notification";
import { cannotRunHere } from "../../cannot-run-here";
import { freePort } from "../../free-port";
import { freshFolder } from "../../fresh-folder";
import { eventually } from "../../instrumentation/fixture-app";
import { startSink } from "../scripted-sink";
import { hostileNotification, plainNotification } from "./hostile";

const ALWAYS = new AbortController().signal;
const POLICY = { allowInsecure: false, allowPrivate: false, windowMillis: 300_000 };

test("a group is an alert with its labels, its text, and an end that lies a window ahead", async (context) => {
  const sink = await startSink(context);
  const now = Date.UTC(2026, 10, 25, 12);
  const channel = createAlertmanagerChannel({ ...POLICY, url: `${sink.url}/am/`, nowMillis: () => now });
  context.after(() => channel.close());
  const notification = plainNotification();
  assert.deepEqual(await channel.send(notification, ALWAYS), { status: "sent" });
  assert.equal(sink.requests[0]?.path, "/am/api/v2/alerts");
  assert.deepEqual(JSON.parse(sink.requests[0]?.body ?? ""), [
    {
      labels: {
        ...{ alertname: "SeismoErrorGroup", severity: "critical", service: "shop", category: "application_error" },
        ...{ worker: "shop-1", fingerprint: "00112233445566aa", type: "TypeError", reason: "new" },
      },
      annotations: {
        ...{
          summary: "shop: new error group, TypeError: x is not a function",
          advice: "Look at the first frame.",
          message: "x is not a function",
        },
        ...{ stack: notification.error.stack, time: notification.error.timestamp, link: notification.link },
      },
      startsAt: notification.error.timestamp,
      endsAt: new Date(now + 300_000).toISOString(),
      generatorURL: notification.link,
    },
  ]);
});

test("a real Alertmanager takes alerts, hostile text and digests too, and knows a repeat again", async (context) => {
  const url = await startAlertmanager(context);
  if (url === undefined) return;
  let ahead = 0;
  const channel = createAlertmanagerChannel({ ...POLICY, url, nowMillis: () => Date.now() + ahead });
  context.after(() => channel.close());
  const digest = digestOf(
    {
      ...{ sinceMillis: Date.now() - 60_000, count: 12, groups: 3, bySeverity: { critical: 0, warning: 12, info: 0 } },
      services: [["shop", 12]],
    },
    { id: "d-1", nowMillis: Date.now(), pageUrl: "http://seismo.example" },
  );
  const future = plainNotification();
  const fromTheFuture = { ...future, error: { ...future.error, timestamp: "2999-01-01T00:00:00.000Z", type: "Late" } };
  for (const notification of [plainNotification(), hostileNotification(), digest, fromTheFuture]) {
    assert.deepEqual(await channel.send(notification, ALWAYS), { status: "sent" });
  }
  const first = await alertsOf(url);
  assert.deepEqual(first.map(({ labels }) => labels["alertname"]).sort(), [
    "SeismoErrorGroup",
    "SeismoErrorGroup",
    "SeismoErrorGroup",
    "SeismoNotificationsHeldBack",
  ]);
  ahead = 60_000;
  assert.deepEqual(await channel.send(plainNotification(), ALWAYS), { status: "sent" });
  const ends = (alerts: typeof first): number =>
    Date.parse(
      alerts.find(({ labels }) => labels["type"] === "TypeError" && labels["service"] === "shop")?.endsAt ?? "",
    );
  const second = await eventually("the later end", async () => {
    const alerts = await alertsOf(url);
    return ends(alerts) > ends(first) ? alerts : undefined;
  });
  assert.equal(second.length, first.length, "no other alert");
});

interface Alert {
  readonly labels: { readonly [name: string]: string };
  readonly endsAt: string;
}

async function alertsOf(url: string): Promise<readonly Alert[]> {
  return (await (await fetch(`${url}/api/v2/alerts`)).json()) as readonly Alert[];
}

/** Undefined when the machine has none. */
async function startAlertmanager(context: TestContext): Promise<string | undefined> {
  const command = ["prometheus-alertmanager", "alertmanager"].find(
    (name) => spawnSync(name, ["--version"]).error === undefined,
  );
  if (command === undefined) {
    cannotRunHere(context, "needs Alertmanager");
    return undefined;
  }
  const folder = freshFolder();
  writeFileSync(join(folder, "config.yml"), "route: { receiver: none }\nreceivers: [{ name: none }]\n");
  const port = await freePort();
  const child: ChildProcess = spawn(
    command,
    [
      ...[`--config.file=${join(folder, "config.yml")}`, `--storage.path=${join(folder, "data")}`],
      ...[`--web.listen-address=127.0.0.1:${port}`, "--cluster.listen-address="],
    ],
    { stdio: "ignore" },
  );
  context.after(async () => {
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  });
  const url = `http://127.0.0.1:${port}`;
  await eventually("Alertmanager", () =>
    fetch(`${url}/-/ready`).then(
      ({ ok }) => ok || undefined,
      () => undefined,
    ),
  );
  return url;
}
