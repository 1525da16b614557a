/** The page without a mouse. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Page } from "playwright-core";
import { NO_PAGE, serve } from "../server/ask";
import { isAccessible, openPage, startBrowser } from "./browser";
import { createSampleQueries } from "./sample-queries";

test("views, lists, dialogs and settings are reached, used and left by keyboard", async (context) => {
  const browser = await startBrowser(context);
  if (browser === undefined) return;
  const { port } = await serve(context, {
    queries: createSampleQueries({ nowMillis: Date.now }),
    page: { ...NO_PAGE, folder: "dist/web" },
  });
  const { page, complaints } = await openPage(browser, `http://127.0.0.1:${port}`);
  await page.getByText("Recent errors").waitFor();

  await page.keyboard.press("Tab");
  assert.equal(await focused(page), "Skip to the view");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate("document.activeElement.id"), "view");

  await page.getByRole("tab", { name: "Overview" }).focus();
  await page.keyboard.press("ArrowRight");
  await page.getByRole("tab", { name: "Distribution", selected: true }).waitFor();
  assert.equal(await focused(page), "Distribution");
  await page.keyboard.press("End");
  assert.equal(await focused(page), "Logs");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowRight");
  assert.equal(await focused(page), "Distribution");
  assert.equal(await page.getByRole("tab").and(page.locator("[tabindex='0']")).count(), 1, "one tab stop");

  const rows = page.getByRole("list", { name: "Errors, the newest first" }).getByRole("link");
  await rows.first().focus();
  await page.keyboard.press("ArrowDown");
  assert.equal(await page.evaluate("document.activeElement.dataset.id"), "error-1");
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog");
  await dialog.getByText("What to do").waitFor();
  assert.match(new URL(page.url()).search, /error=error-1/);
  // All the way round: nothing outside gets the focus, whatever the browser's own bars do.
  for (let step = 0; step < 40; step++) {
    await page.keyboard.press("Tab");
    const inside =
      "document.activeElement === document.body || document.querySelector('dialog').contains(document.activeElement)";
    assert.equal(await page.evaluate(inside), true, "the focus stays inside");
  }
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  assert.equal(await page.evaluate("document.activeElement.dataset.id"), "error-1", "where it was before");

  await page.getByRole("button", { name: "Settings" }).focus();
  await page.keyboard.press("Enter");
  await page.getByRole("slider", { name: "Volume" }).focus();
  await page.keyboard.press("ArrowLeft");
  await page.getByText("49 %").waitFor();
  await isAccessible(page, "the settings");
  await page.keyboard.press("Escape");
  await page.getByRole("slider", { name: "Volume" }).waitFor({ state: "hidden" });
  assert.equal(await page.evaluate("document.activeElement.ariaLabel"), "Settings");

  await page.getByRole("button", { name: "Settings" }).click();
  await page.getByRole("button", { name: "Reset counts…" }).click();
  await isAccessible(page, "the question before a reset");
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  assert.deepEqual(complaints, []);
});

async function focused(page: Page): Promise<string> {
  return String(await page.evaluate("document.activeElement.innerText")).trim();
}
