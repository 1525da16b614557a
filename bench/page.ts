/**
 * The page under load, in Chromium: a timeline of 10,000 points and 500 errors a minute. Prints how soon the page can be
 * used, and for each view the frames and the tasks of its main thread that took longer than 50 ms. Ends with 1 when one did.
 *
 * `npm run bench:page [seconds a view]`
 */
import type { Page } from "playwright-core";
import { createApiServer } from "../src/server/api-server";
import { createLiveFeed } from "../src/server/live-feed";
import { createTelemetry } from "../src/telemetry";
import { errorEvent } from "../test/exporter/error-event";
import { STATS } from "../test/server/ask";
import { launchBrowser, openPage } from "../test/web/browser";
import { createSampleQueries, FAULTS } from "../test/web/sample-queries";
import { markdownTable } from "./markdown-table";

const POINTS = 10_000;
const ERRORS_A_MINUTE = 500;
const MAX_FRAME_MILLIS = 50;
const VIEWS = ["overview", "distribution", "patterns", "workers", "hardware", "requests", "logs"];
const SECONDS_A_VIEW = Number(process.argv[2] ?? 10);

/** Runs in the page, before its own scripts. */
const WATCH = `
  window.frames_ = []; window.tasks_ = [];
  let before = performance.now();
  const frame = (now) => { window.frames_.push(now - before); before = now; requestAnimationFrame(frame); };
  requestAnimationFrame(frame);
  new PerformanceObserver((list) => { for (const { duration } of list.getEntries()) window.tasks_.push(duration); }).observe({ type: "longtask" });
`;

async function main(): Promise<void> {
  const live = createLiveFeed(() => performance.now());
  const server = createApiServer({
    host: "127.0.0.1",
    port: 0,
    async *render() {
      yield "";
    },
    readiness: () => [],
    stats: () => STATS,
    queries: createSampleQueries({ points: POINTS, nowMillis: Date.now }),
    live,
    page: { folder: "dist/web", theme: "system", soundsFolder: undefined },
    onReport: async () => ({ status: "unavailable", reason: "a benchmark takes no reports" }),
    newId: () => "",
    nowMillis: Date.now,
    telemetry: createTelemetry(),
  });
  const status = await server.start();
  if (status.status === "failed") throw status.error;
  const url = `http://127.0.0.1:${status.port}`;
  const browser = await launchBrowser();
  try {
    console.log(`usable after ${Math.round(await usableAfter(browser, url))} ms (target: 1,000)\n`);
    const rows: string[][] = [];
    let isSmooth = true;
    for (const view of VIEWS) {
      const { page } = await openPage(browser, url, `?view=${view}`, { before: WATCH });
      await page.locator("#view .panel").first().waitFor();
      await page.waitForTimeout(1_000);
      await page.evaluate("window.frames_.length = 0; window.tasks_.length = 0");
      const stop = report(live);
      await page.waitForTimeout(SECONDS_A_VIEW * 1_000);
      stop();
      const { frames, tasks } = await measured(page);
      const late = frames.filter((millis) => millis > MAX_FRAME_MILLIS);
      isSmooth &&= late.length === 0;
      rows.push([
        view,
        String(frames.length),
        Math.max(0, ...frames).toFixed(1),
        String(late.length),
        tasks.length === 0 ? "none" : `${tasks.length}, ${Math.max(...tasks).toFixed(0)} ms`,
      ]);
      await page.context().close();
    }
    console.log(markdownTable(["view", "frames", "longest, ms", "over 50 ms", "tasks over 50 ms"], rows));
    process.exitCode = isSmooth ? 0 : 1;
  } finally {
    await browser.close();
    await server.stop(0);
  }
}

async function usableAfter(browser: Awaited<ReturnType<typeof launchBrowser>>, url: string): Promise<number> {
  const begun = performance.now();
  const { page } = await openPage(browser, url);
  await page.locator(".error-row").first().waitFor();
  const millis = performance.now() - begun;
  await page.context().close();
  return millis;
}

function report(live: ReturnType<typeof createLiveFeed>): () => void {
  let number = 0;
  const timer = setInterval(() => {
    number += 1;
    const { type, message, service, severity } = FAULTS[number % FAULTS.length] ?? {};
    live.prepare([
      errorEvent({
        id: `live-${Date.now()}-${number}`,
        timeUnixMillis: Date.now(),
        ...(type !== undefined && { type }),
        ...(message !== undefined && { message }),
        resource: { service: service ?? "shop", worker: `web-${number % 4}` },
        rating: { severity: severity ?? "info", reasons: [] },
      }),
    ])();
  }, 60_000 / ERRORS_A_MINUTE);
  return () => clearInterval(timer);
}

async function measured(page: Page): Promise<{ readonly frames: number[]; readonly tasks: number[] }> {
  const found = await page.evaluate("({ frames: window.frames_, tasks: window.tasks_ })");
  return found as { frames: number[]; tasks: number[] }; // of WATCH
}

void main();
