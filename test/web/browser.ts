/** The page as people open it: in Debian's Chromium, with a fresh profile. Whatever it says on its console is a fault. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { TestContext } from "node:test";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { cannotRunHere } from "../cannot-run-here";

const CHROMIUM = "/usr/bin/chromium";
/** No sandbox: tests run as root in containers. The rest keeps it from calling home. */
const ARGUMENTS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const SCREENSHOTS = "test-output/screenshots";
const PATIENCE_MILLIS = 20_000;

/** Undefined: the test is skipped, there is no browser. Ended by the test. */
export async function startBrowser(context: TestContext): Promise<Browser | undefined> {
  if (!existsSync(CHROMIUM)) {
    cannotRunHere(context, `${CHROMIUM} is missing: apt-get install chromium`);
    return undefined;
  }
  const browser = await launchBrowser();
  context.after(() => browser.close());
  return browser;
}

/** Whoever starts it ends it. */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: ARGUMENTS });
}

export interface OpenPage {
  readonly page: Page;
  /** What it said that it should not have, so far. */
  readonly complaints: readonly string[];
}

export interface OpenOptions extends BrowserContextOptions {
  /** A script that runs before the page's own. */
  readonly before?: string;
}

/** In a profile of its own. `path` is what follows `/error-visualization`. */
export async function openPage(
  browser: Browser,
  apiUrl: string,
  path = "",
  { before, ...options }: OpenOptions = {},
): Promise<OpenPage> {
  const profile = await browser.newContext({ viewport: { width: 1440, height: 900 }, colorScheme: "dark", ...options });
  profile.setDefaultTimeout(PATIENCE_MILLIS);
  const page = await profile.newPage();
  const complaints: string[] = [];
  page.on("console", (message) => complaints.push(`${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => complaints.push(`page error: ${error.stack ?? error.message}`));
  if (before !== undefined) await page.addInitScript(before);
  await page.goto(`${apiUrl}/error-visualization${path}`);
  return { page, complaints };
}

export async function screenshot(page: Page, name: string): Promise<void> {
  mkdirSync(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: `${SCREENSHOTS}/${name}.png` });
}

const axe = readFileSync(createRequire(__filename).resolve("axe-core/axe.min.js"), "utf8");

/** By the rules of WCAG 2.2, levels A and AA, and axe's best practices. */
export async function isAccessible(page: Page, what: string): Promise<void> {
  await page.evaluate(axe);
  const found = (await page.evaluate(`
    axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) =>
      violations.map(({ id, help, nodes }) => id + ": " + help + "\\n" + nodes.map((node) => "  " + node.target + " " + node.failureSummary).join("\\n")))
  `)) as string[]; // the expression above gives texts
  assert.deepEqual(found, [], what);
}

/** Nothing is wider than the screen. */
export async function fitsTheScreen(page: Page, what: string): Promise<void> {
  const wider = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth");
  assert.equal(wider, 0, `${what} is wider than the screen`);
}
