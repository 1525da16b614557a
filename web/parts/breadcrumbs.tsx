/** What happened before an error, in the order in which it ended: when, what, how long, and which call it was in a line or two. */
import type { JSX } from "preact";
import type { JsonObject, JsonValue } from "../../src/event";
import { numberAt, objectAt, textAt } from "../state/json-fields";
import { duration } from "../text/numbers";
import { clock } from "../text/times";
import { Fields } from "./fields";
import { Line } from "./shown-text";

export function Breadcrumbs({ crumbs }: { readonly crumbs: readonly JsonObject[] }): JSX.Element {
  return (
    <ol class="crumbs">
      {crumbs.map((crumb, index) => (
        <li key={index} class={textAt(crumb, "level") ?? ""}>
          <Breadcrumb crumb={crumb} />
        </li>
      ))}
    </ol>
  );
}

function Breadcrumb({ crumb }: { readonly crumb: JsonObject }): JSX.Element {
  const took = numberAt(crumb, "duration_ms");
  const data = objectAt(crumb, "data");
  const level = textAt(crumb, "level");
  return (
    <>
      <span class="crumb-time">{whenOf(crumb)}</span>
      <span class="crumb-kind">
        <Line text={textAt(crumb, "category") ?? textAt(crumb, "type") ?? ""} max={40} />
      </span>
      <span class="crumb-text">
        <Line text={textAt(crumb, "message") ?? ""} max={300} />
        {(level === "warning" || level === "error") && <span class={`tag ${level}`}>{level}</span>}
        {data !== undefined && <Call data={data} />}
      </span>
      <span class="crumb-took">{took === undefined ? "" : duration(took)}</span>
    </>
  );
}

/** Since its request began, which says more than the time of day; that where nothing began. */
function whenOf(crumb: JsonObject): string {
  const offset = numberAt(crumb, "offset_ms");
  if (offset !== undefined) return `+${duration(Math.max(0, offset)).replace("<1 ms", "0 ms")}`;
  const time = Date.parse(textAt(crumb, "timestamp") ?? "");
  return Number.isNaN(time) ? "" : clock(time);
}

/** What tells one call from another stands by itself. */
const SPEAKING = ["error", "db.query.text", "url.full"];

function Call({ data }: { readonly data: JsonObject }): JSX.Element {
  const entries = Object.entries(data).filter(([, value]) => value !== null && value !== "");
  const speaking = SPEAKING.map((name) => textAt(data, name)).filter((text) => text !== undefined);
  const plain = entries.filter(([name, value]) => isPlain(value) && !SPEAKING.includes(name));
  const nested = entries.filter(([, value]) => !isPlain(value));
  return (
    <>
      {speaking.map((text) => (
        <code key={text} class="crumb-call">
          <Line text={text} max={300} />
        </code>
      ))}
      {plain.length > 0 && (
        <span class="crumb-data">
          {plain.slice(0, MAX_FIELDS).map(([name, value]) => (
            <span key={name}>
              <Line text={name} max={60} />{" "}
              <span class="crumb-value">
                <Line text={String(value)} max={120} />
              </span>
            </span>
          ))}
          {plain.length > MAX_FIELDS && <span>{plain.length - MAX_FIELDS} more</span>}
        </span>
      )}
      {nested.length > 0 && <Fields object={Object.fromEntries(nested)} />}
    </>
  );
}

const MAX_FIELDS = 16;

function isPlain(value: JsonValue): boolean {
  return typeof value !== "object" && !(typeof value === "string" && value.includes("\n"));
}
