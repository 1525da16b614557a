/** Every view of the page, over a collector that has seen a bad hour. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { freshFolder, startCollector } from "../collector/running-collector";
import { NO_PAGE, serve } from "../server/ask";
import { fitsTheScreen, isAccessible, openPage, screenshot, startBrowser } from "./browser";
import { CHECKOUT, tellAll, tellOfExplained } from "./errors-of-a-shop";
import { createSampleQueries } from "./sample-queries";
import { stored } from "./stored";

/** What shows that a view has its data. */
const VIEWS = [
  { name: "overview", path: "", shows: ["Errors, last 24 hours", "Recent errors", "database_error", "Timeline"] },
  { name: "distribution", path: "?view=distribution", shows: ["validation_input", "roots", "payments"] },
  { name: "patterns", path: "?view=patterns", shows: ["orders_number_key", "database_constraint"] },
  { name: "workers", path: "?view=workers", shows: ["gpu-node-1", "orders-2", "critical"] },
  { name: "hardware", path: "?view=hardware", shows: ["97 %", "94 °C", "overheating", "Rate by hardware"] },
  { name: "journey", path: `?view=journey&value=${CHECKOUT}`, shows: ["/checkout", "orders", "echo", "502", "7 s"] },
  { name: "requests", path: "?view=requests", shows: ["/products/:id", "p95", "/checkout", "slow"] },
] as const;
/** Of these, a store of samples has more than a test can tell a collector. */
const SAMPLED_VIEWS = [
  { name: "requests-of-a-day", path: "?view=requests", shows: ["/products/:id", "p95", "stuck", "slow"] },
  { name: "logs", path: "?view=logs", shows: ["priced in", "WARN", "journey"] },
] as const;

test("every view shows its data, in both themes and on a phone, for eyes, keyboard and ears", async (context) => {
  const browser = await startBrowser(context);
  if (browser === undefined) return;
  const collector = await startCollector(context, { folder: freshFolder(context) });
  const told = await tellAll(collector.apiUrl, collector.otlpUrl);
  await stored(collector.apiUrl, told.count);

  for (const view of VIEWS) await looksRight(browser, collector.apiUrl, view);

  await context.test("an error opens with all that is known of it", async () => {
    const { page, complaints } = await openPage(browser, collector.apiUrl, `?error=${told.full}`);
    const sheet = page.getByRole("dialog");
    for (const text of [
      "no connection to the database within 3000 ms",
      "What to do",
      "placeOrder",
      "/srv/orders/src/place-order.js:42:19",
      "4bf92f3577b34da6a3ce929d0e0e4736",
      "request-full",
      "ECONNREFUSED",
      "/checkout",
      "Why this severity",
    ]) {
      await sheet.getByText(text, { exact: false }).first().waitFor();
    }
    await isAccessible(page, "an error");
    await screenshot(page, "error-dark");
    await page.setViewportSize({ width: 360, height: 800 });
    await fitsTheScreen(page, "an error at 360 px");
    await screenshot(page, "error-phone");
    await sheet.getByRole("link", { name: "request-full" }).click();
    await page.getByRole("tab", { name: "Journey", selected: true }).waitFor();
    assert.equal(new URL(page.url()).search, "?view=journey&value=request-full");
    assert.deepEqual(complaints, []);
    await page.context().close();
  });

  await context.test(
    "what a service explained of an error stands with it: source, variables, causes, what came before",
    async () => {
      await tellOfExplained(collector.otlpUrl);
      const { page, complaints } = await openPage(browser, collector.apiUrl, "?view=distribution&q=of+a+basket");
      await page
        .getByRole("link", { name: /of a basket/ })
        .first()
        .click();
      const sheet = page.getByRole("dialog");
      for (const text of [
        "return first.price * basket.amount;",
        "<img src=x onerror=window.attacked=7>",
        "EmptyBasket",
        "SELECT * FROM baskets WHERE id = ?",
        "db.internal",
        "+9 ms",
        "no prices today",
        "going on without prices",
      ]) {
        await sheet.getByText(text, { exact: false }).filter({ visible: true }).first().waitFor();
      }
      assert.equal(await sheet.getByText("const total = priceOf(basket);").filter({ visible: true }).count(), 0);
      await sheet.getByText("/srv/shop/src/checkout.ts").click();
      await sheet.getByText("const total = priceOf(basket);").filter({ visible: true }).waitFor();
      assert.equal(await page.evaluate("window.attacked"), undefined);
      await isAccessible(page, "an explained error");
      await page.setViewportSize({ width: 1440, height: 1500 });
      await screenshot(page, "explained-dark");
      await page.setViewportSize({ width: 360, height: 800 });
      await fitsTheScreen(page, "an explained error at 360 px");
      await sheet.getByRole("heading", { name: "Before it" }).scrollIntoViewIfNeeded();
      await screenshot(page, "explained-phone");
      assert.deepEqual(complaints, []);
      await page.context().close();
    },
  );

  await context.test("a pattern opens with why it is one, and leads to its errors", async () => {
    const { page, complaints } = await openPage(browser, collector.apiUrl, "?view=patterns");
    await page.getByRole("link", { name: /orders_number_key/ }).click();
    const sheet = page.getByRole("dialog");
    for (const text of ["Why these are one", "What to do", "orders-1"]) await sheet.getByText(text).first().waitFor();
    await isAccessible(page, "a pattern");
    await screenshot(page, "pattern-dark");
    await sheet.getByRole("link", { name: "All its errors" }).click();
    await page.getByRole("button", { name: "Remove the filter fingerprint" }).waitFor();
    await page.getByText("7 roots").waitFor();
    assert.deepEqual(complaints, []);
    await page.context().close();
  });

  await context.test("filters, search and range narrow the list, and the URL brings back the same view", async () => {
    const { page, complaints } = await openPage(browser, collector.apiUrl, "?view=distribution");
    const errors = page.getByRole("list", { name: "Errors, the newest first" });
    await page.getByText("orders_number_key").first().waitFor();
    await page.getByRole("combobox", { name: "Severity" }).selectOption("critical");
    await page.getByText("orders_number_key").first().waitFor({ state: "detached" });
    await errors.getByText("SIGSEGV").first().waitFor();
    await page.getByRole("searchbox", { name: /Search message/ }).fill("shutdown temp");
    await errors.getByText("SIGSEGV").first().waitFor({ state: "detached" });
    await errors.getByText("shutdown temperature").first().waitFor();
    await page.getByRole("radio", { name: "last 6 hours" }).check();
    await page.getByRole("combobox", { name: "Service" }).selectOption("recommender");
    await errors.getByText("shutdown temperature").first().waitFor();
    const shared = await openPage(browser, collector.apiUrl, new URL(page.url()).search);
    await shared.page.getByText("shutdown temperature").first().waitFor();
    assert.equal(
      await shared.page.getByRole("list", { name: "Errors, the newest first" }).getByRole("listitem").count(),
      2,
    );
    await page.goBack();
    await page.getByRole("radio", { name: "last 6 hours", checked: true }).waitFor();
    assert.equal(await page.getByRole("combobox", { name: "Service" }).inputValue(), "");
    assert.deepEqual([...complaints, ...shared.complaints], []);
  });
});

test("requests and logs show theirs, and log lines come as they are written", async (context) => {
  const browser = await startBrowser(context);
  if (browser === undefined) return;
  const { port, live } = await serve(context, {
    queries: createSampleQueries({ nowMillis: Date.now }),
    page: { ...NO_PAGE, folder: "dist/web" },
  });
  const apiUrl = `http://127.0.0.1:${port}`;
  for (const view of SAMPLED_VIEWS) await looksRight(browser, apiUrl, view);

  const { page, complaints } = await openPage(browser, apiUrl, "?view=logs&level=WARN");
  await page.getByText("rate limit of the geocoder").first().waitFor();
  const row = { service: "shop", worker_id: "web-1", logger: null, request_id: null, trace_id: null } as const;
  live.log({ ...row, timestamp: new Date().toISOString(), level: "INFO", message: "too mild to be shown" });
  live.log({ ...row, timestamp: new Date().toISOString(), level: "ERROR", message: "the cart was lost" });
  await page.getByText("the cart was lost").waitFor();
  assert.equal(await page.getByText("too mild to be shown").count(), 0);
  const download = await page.getByRole("link", { name: "Download" }).getAttribute("href");
  assert.equal(download, "/api/logs/download?time_range=24&level=WARN");
  assert.deepEqual(complaints, []);
});

interface ViewCase {
  readonly name: string;
  readonly path: string;
  readonly shows: readonly string[];
}

async function looksRight(browser: Browser, apiUrl: string, { name, path, shows }: ViewCase): Promise<void> {
  const { page, complaints } = await openPage(browser, apiUrl, path);
  for (const text of shows) await showsText(page, text, name);
  await isAccessible(page, `${name}, dark`);
  await screenshot(page, `${name}-dark`);
  await page.getByRole("button", { name: "Switch to the light theme" }).click();
  await isAccessible(page, `${name}, light`);
  await screenshot(page, `${name}-light`);
  await page.setViewportSize({ width: 390, height: 844 });
  await screenshot(page, `${name}-phone`);
  for (const width of [390, 360, 320, 768, 1024]) {
    await page.setViewportSize({ width, height: 800 });
    await fitsTheScreen(page, `${name} at ${width} px`);
  }
  assert.deepEqual(complaints, [], name);
  await page.context().close();
}

async function showsText(page: Page, text: string, view: string): Promise<void> {
  try {
    await page.locator("#view").getByText(text).filter({ visible: true }).first().waitFor();
  } catch (error) {
    assert.fail(`${view} does not show "${text}": ${await page.locator("#page").innerText()}\n${String(error)}`);
  }
}
