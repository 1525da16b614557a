/** What the page does by itself: it follows, it sounds, it says when it cannot. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Page } from "playwright-core";
import { freshFolder, startCollector } from "../collector/running-collector";
import { freePort } from "../free-port";
import { eventually } from "../instrumentation/fixture-app";
import { openPage, startBrowser } from "./browser";
import { report } from "./errors-of-a-shop";
import { stored } from "./stored";

/** Notes the length of each buffer that is played. */
const SPY_ON_SOUND = `
  window.played = [];
  const start = AudioBufferSourceNode.prototype.start;
  AudioBufferSourceNode.prototype.start = function (...given) {
    window.played.push(this.buffer.duration);
    return start.apply(this, given);
  };
`;

test("an error that is reported appears at once, is counted, said and heard", async (context) => {
  const browser = await startBrowser(context);
  if (browser === undefined) return;
  const { apiUrl } = await startCollector(context);
  await stored(apiUrl, 0);
  const { page, complaints } = await openPage(browser, apiUrl, "", { before: SPY_ON_SOUND });
  await page.getByText("No errors in this time").waitFor();
  await page.getByText("Live", { exact: true }).waitFor();

  await report(apiUrl, { service: "shop", type: "First", message: "heard by nobody: the page was not used yet" });
  await page.getByText("heard by nobody").first().waitFor();
  assert.deepEqual(await page.evaluate("window.played"), []);

  await page.getByRole("heading", { name: "Timeline" }).click();
  const begun = performance.now();
  await report(apiUrl, {
    service: "shop",
    type: "Sudden",
    message: "the till does not open",
    error_category: "worker_crashed",
  });
  await page.getByText("the till does not open").first().waitFor();
  context.diagnostic(`shown after ${Math.round(performance.now() - begun)} ms`);
  assert.equal(await heroValue(page), "2");
  await page.getByRole("status").filter({ hasText: "the till does not open" }).first().waitFor({ state: "attached" });
  const played = await soon("a sound", async () => {
    const durations = await page.evaluate("window.played");
    return Array.isArray(durations) && durations.length > 0 ? durations : undefined;
  });
  assert.ok(Math.abs(Number(played[0]) - 0.84) < 0.01, "it is the critical one");

  await page.getByRole("button", { name: "Mute sounds" }).click();
  await report(apiUrl, { service: "shop", type: "Silent", message: "a silent one", error_category: "worker_crashed" });
  await page.getByText("a silent one").first().waitFor();
  assert.equal(await page.evaluate("window.played.length"), 1);

  await page.getByRole("button", { name: "Auto-refresh" }).click();
  await report(apiUrl, { service: "shop", type: "Later", message: "one that waits" });
  await page.getByRole("button", { name: "1 new" }).waitFor();
  assert.equal(await page.getByText("one that waits").filter({ visible: true }).count(), 0);
  await page.getByRole("button", { name: "1 new" }).click();
  await page.getByText("one that waits").first().waitFor();
  assert.deepEqual(complaints, []);
});

/** Stands in for the desktop, which a headless browser has none of: it says yes, and notes what it is told. */
const SPY_ON_DESKTOP = `
  window.told = [];
  window.Notification = class {
    static permission = "default";
    static async requestPermission() { return (this.permission = "granted"); }
    constructor(title, { body, tag }) { window.told.push({ title, body, tag }); window.lastTold = this; }
    close() {}
  };
  window.isLookedAt = true;
  document.hasFocus = () => window.isLookedAt;
`;

test("a critical error is told of on the desktop, by choice and while nobody looks at the page", async (context) => {
  const browser = await startBrowser(context);
  if (browser === undefined) return;
  const { apiUrl } = await startCollector(context);
  await stored(apiUrl, 0);
  const { page, complaints } = await openPage(browser, apiUrl, "", { before: SPY_ON_DESKTOP });
  await page.getByText("Live", { exact: true }).waitFor();
  const fail = async (message: string): Promise<void> => {
    await report(apiUrl, { service: "shop", type: "Sudden", message, error_category: "worker_crashed" });
    await page.getByText(message).filter({ visible: true }).first().waitFor();
  };

  await page.evaluate("window.isLookedAt = false");
  await fail("nobody chose to be told");
  await page.getByRole("button", { name: "Settings" }).click();
  await page.getByRole("checkbox", { name: /critical errors and new groups/i }).check();
  await page.keyboard.press("Escape");
  await page.evaluate("window.isLookedAt = true");
  await fail("everybody looks");
  assert.deepEqual(await page.evaluate("window.told"), []);

  await page.evaluate("window.isLookedAt = false");
  await fail("the till is on fire");
  const told = await soon("a notification", async () => (await page.evaluate("window.told[0]")) ?? undefined);
  assert.match(JSON.stringify(told), /the till is on fire/);
  await page.evaluate("window.lastTold.onclick()");
  await page.getByRole("dialog").getByText("the till is on fire").first().waitFor();
  assert.deepEqual(complaints, []);
});

test("an error that is opened before the store has it is shown when it has", async (context) => {
  const browser = await startBrowser(context);
  if (browser === undefined) return;
  const { apiUrl } = await startCollector(context);
  const id = await report(apiUrl, { service: "shop", type: "Early", message: "opened before it was kept" });
  await stored(apiUrl, 1);
  const { page } = await openPage(browser, apiUrl);
  await page.getByText("opened before it was kept").first().waitFor();
  let asked = 0;
  await page.route(`**/api/errors/${id}`, async (route) => {
    asked += 1;
    if (asked > 1) return route.continue();
    await route.fulfill({ status: 404, json: { status: "error", message: "not found" } });
  });
  await page.getByText("opened before it was kept").first().click();
  await page.getByText("This error is not kept, or not yet").waitFor();
  await page.getByRole("dialog").getByText("opened before it was kept").first().waitFor();
  assert.equal(asked, 2);
});

test("a lost connection is said, and made good when the collector is back", async (context) => {
  const browser = await startBrowser(context);
  if (browser === undefined) return;
  const folder = freshFolder(context);
  const port = await freePort();
  const env = { SEISMO_PORT: String(port) };
  const first = await startCollector(context, { folder, env });
  await report(first.apiUrl, { service: "shop", type: "Before", message: "before the fall" });
  const { page } = await openPage(browser, first.apiUrl);
  await page.getByText("before the fall").first().waitFor();
  await first.stop();
  await page.getByText("Offline").waitFor();
  await page.getByText(/live connection is lost|cannot be reached/).waitFor();
  await page.getByText("before the fall").first().waitFor();

  const second = await startCollector(context, { folder, env });
  await report(second.apiUrl, { service: "shop", type: "After", message: "while nobody watched" });
  await page.getByText("Live", { exact: true }).waitFor();
  await page.getByText("while nobody watched").first().waitFor();
  await page.getByText(/live connection is lost|cannot be reached/).waitFor({ state: "detached" });
  await report(second.apiUrl, { service: "shop", type: "Live", message: "live again" });
  await page.getByText("live again").first().waitFor();
});

test("a store that is away is said, with why, and errors come in all the same", async (context) => {
  const browser = await startBrowser(context);
  if (browser === undefined) return;
  const folder = freshFolder(context);
  // A folder where the file should be.
  const { apiUrl } = await startCollector(context, { folder, args: ["--db-path", folder] });
  const { page } = await openPage(browser, apiUrl);
  await page.getByText(/The store is unavailable/).waitFor();
  await report(apiUrl, { service: "shop", type: "Unstored", message: "counted all the same" });
});

test("a collector with a token asks for it once", async (context) => {
  const browser = await startBrowser(context);
  if (browser === undefined) return;
  const token = "a-token-of-more-than-thirty-two-characters";
  const { apiUrl } = await startCollector(context, { env: { SEISMO_TOKEN: token } });
  await report(
    apiUrl,
    { service: "shop", type: "Hidden", message: "behind the token" },
    { authorization: `Bearer ${token}` },
  );
  const { page } = await openPage(browser, apiUrl);
  await page.getByLabel("Token").fill("not-the-token-but-as-long-as-it-is-really");
  await page.getByRole("button", { name: "Open" }).click();
  await page.getByText("does not take this token").waitFor();
  assert.equal(await page.getByText("behind the token").count(), 0);
  await page.getByLabel("Token").fill(token);
  await page.getByRole("button", { name: "Open" }).click();
  await page.getByText("behind the token").first().waitFor();
  await page.getByText("Live", { exact: true }).waitFor();
  assert.equal(
    await page
      .evaluate("document.cookie + JSON.stringify(localStorage)")
      .then(String)
      .then((kept) => kept.includes(token)),
    false,
  );
  await page.reload();
  await page.getByText("behind the token").first().waitFor();
});

test("counts are reset only after a question, and the theme that was chosen stays", async (context) => {
  const browser = await startBrowser(context);
  if (browser === undefined) return;
  const { apiUrl } = await startCollector(context, { args: ["--theme", "light"] });
  await report(apiUrl, { service: "shop", type: "Old", message: "an old one" });
  await stored(apiUrl, 1);
  const { page, complaints } = await openPage(browser, apiUrl);
  assert.equal(await page.evaluate("document.documentElement.dataset.theme"), "light");
  await page.getByText("an old one").first().waitFor();
  await soon("the count", async () => ((await heroValue(page)) === "1" ? true : undefined));
  await page.getByRole("button", { name: "Settings" }).click();
  await page.getByRole("button", { name: "Reset counts…" }).click();
  await page.getByRole("button", { name: "Cancel" }).click();
  assert.equal(await heroValue(page), "1");
  await page.getByRole("button", { name: "Settings" }).click();
  await page.getByRole("button", { name: "Reset counts…" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Reset counts" }).click();
  await soon("the new zero", async () => ((await heroValue(page)) === "0" ? true : undefined));
  await page.getByText(/^Counted since/).waitFor();
  await page.getByRole("button", { name: "Switch to the dark theme" }).click();
  await page.reload();
  assert.equal(await page.evaluate("document.documentElement.dataset.theme"), "dark");
  assert.deepEqual(complaints, []);
});

function soon<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
  return eventually(what, ask, () => "", 20_000);
}

function heroValue(page: Page): Promise<string> {
  return page.locator(".hero-value").innerText();
}
