/** An error that says everything that could hurt a channel, and its notification. */
import { draftOf, type GroupNotification, notificationOf } from "../../../src/exporter/notification";
import { errorEvent, NOW } from "../error-event";

export const HOSTILE_TEXT: string =
  "<!channel> <@U123> @here *bold* `code` [x](http://evil.example) \"q\" 'q' {{ .Labels }} & <script>alert(1)</script>\r\n" +
  "Bcc: victim@evil.example\r\n\r\n.\r\n\u0000\u001b[31m\u2028\ud83d \\";

export function hostileNotification(): GroupNotification {
  const event = errorEvent({
    ...{ type: HOSTILE_TEXT, message: HOSTILE_TEXT + "x".repeat(10_000), stack: HOSTILE_TEXT.repeat(20) },
    resource: { service: HOSTILE_TEXT, worker: HOSTILE_TEXT },
    classification: { group: "application_error", category: HOSTILE_TEXT, reason: "" },
    request: { method: "GET", route: HOSTILE_TEXT },
    causes: [{ relation: "cause", type: HOSTILE_TEXT, message: HOSTILE_TEXT, stack: "", properties: {} }],
  });
  return notificationOf(draftOf(event), ["new"], { id: "n-1", nowMillis: NOW, pageUrl: "http://seismo.example" });
}

export function plainNotification(): GroupNotification {
  const event = errorEvent({
    ...{ message: "x is not a function", stack: "TypeError: x is not a function\n    at pay (/srv/pay.js:3:9)" },
    rating: { severity: "critical", reasons: ["it dies"] },
    resource: { service: "shop", worker: "shop-1" },
  });
  return notificationOf(draftOf(event), ["new", "critical"], {
    ...{ id: "00000000-0000-4000-8000-000000000001", nowMillis: NOW, pageUrl: "http://seismo.example" },
  });
}
