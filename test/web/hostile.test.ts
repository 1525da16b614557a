/** Texts that attack whoever looks at them are only ever looked at. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { startCollector } from "../collector/running-collector";
import { fitsTheScreen, openPage, startBrowser } from "./browser";
import { report } from "./errors-of-a-shop";
import { stored } from "./stored";

const ATTACKS = [
  "<script>window.attacked = 1</script>",
  "\"><img src=x onerror='window.attacked = 2'>",
  "<svg onload=window.attacked=3>",
  "javascript:window.attacked=4//'\"`",
  "{{constructor.constructor('window.attacked=5')()}}",
  "</style></title><iframe srcdoc='<script>parent.attacked=6</script>'>",
];
const ESCAPES = "\u001b[31mred\u001b[0m \u001b]52;c;ZXZpbA==\u0007 \u0000 \u009b2J";
const TURNED = "invoice\u202egnp.exe \u2066hidden\u2069 \u200bzero";
const LONG = `begin ${"x".repeat(200_000)} end`;

test("hostile texts are shown as texts on every view", async (context) => {
  const browser = await startBrowser(context);
  if (browser === undefined) return;
  const { apiUrl } = await startCollector(context);
  let last = "";
  const texts = [...ATTACKS, ESCAPES, TURNED, LONG, "rn\r\nlines\r\nof text", "lone \ud800 half"];
  for (const text of texts) {
    last = await report(apiUrl, {
      service: text.slice(0, 200),
      worker_id: text.slice(0, 200),
      type: text.slice(0, 2_000),
      error_category: "hardware_other",
      message: text,
      traceback: text,
      request_id: text.slice(0, 200),
      session_id: text.slice(0, 100),
      user_id: text.slice(0, 100),
      endpoint: text.slice(0, 500),
      method: "GET",
      page: text.slice(0, 500),
      error_details: { [text.slice(0, 100)]: text.slice(0, 3_000), __proto__x: { nested: text.slice(0, 500) } },
      hardware_context: { hardware_type: text.slice(0, 100), hardware_status: { overheating: true } },
      system_context: { hostname: text.slice(0, 100), platform: text.slice(0, 100), metrics: { cpu: { percent: 5 } } },
    });
  }
  const { recent_errors } = await stored(apiUrl, texts.length);
  assert.equal(recent_errors.length, texts.length);

  const { page, complaints } = await openPage(browser, apiUrl, "", { viewport: { width: 360, height: 800 } });
  const everywhere = [
    "",
    "?view=distribution",
    "?view=patterns",
    "?view=workers",
    "?view=hardware",
    "?view=journey&value=x%3Cscript%3E",
  ];
  const opened = recent_errors.map(({ id }) => `?error=${id}`);
  const patterns = recent_errors.slice(0, 4).map(({ fingerprint }) => `?pattern=${fingerprint}`);
  for (const path of [...everywhere, ...opened, ...patterns, `?error=${last}&view=hardware`]) {
    await page.goto(`${apiUrl}/error-visualization${path}`);
    await page.locator("#view").waitFor();
    if (path.includes("error=")) await page.getByRole("dialog").getByText("As it is kept").waitFor();
    else if (path.includes("pattern=")) await page.getByRole("dialog").getByText("Why these are one").waitFor();
    else if (!path.includes("journey")) await page.locator("#view h2").first().waitFor();
    assert.equal(await page.evaluate("window.attacked"), undefined, path);
    assert.equal(await page.locator("#page :is(script, img, iframe, object, embed, svg[onload])").count(), 0, path);
    const unseen = await page.evaluate(
      String.raw`[...document.body.innerText].filter((c) => /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b\u202a-\u202e\u2066-\u2069]/.test(c)).length`,
    );
    assert.equal(unseen, 0, `${path} holds what cannot be seen`);
    await fitsTheScreen(page, path);
  }

  await page.goto(`${apiUrl}/error-visualization?view=distribution`);
  await page.getByText("⟨U+202E⟩").filter({ visible: true }).first().waitFor();
  await page.getByText("<svg onload=window.attacked=3>").filter({ visible: true }).first().waitFor();
  // A journey of what is not kept is answered by 404, which the browser notes by itself.
  assert.deepEqual(
    complaints.filter((text) => !/404 \(Not Found\)/.test(text)),
    [],
  );
});
