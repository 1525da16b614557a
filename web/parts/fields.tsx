/** An object of any shape as names and values; what is nested, one step further in. */
import type { JSX } from "preact";
import type { JsonObject, JsonValue } from "../../src/event";
import { Block, Line } from "./shown-text";

export function Fields({ object, depth = 0 }: { readonly object: JsonObject; readonly depth?: number }): JSX.Element {
  const entries = Object.entries(object).filter(([, value]) => value !== null && value !== "");
  return (
    <dl class="fields">
      {entries.slice(0, MAX_FIELDS).map(([name, value]) => (
        <div key={name} class={isNested(value) ? "nested" : ""}>
          <dt>
            <Line text={name} max={120} />
          </dt>
          <dd>
            <Value value={value} depth={depth} />
          </dd>
        </div>
      ))}
      {entries.length > MAX_FIELDS && (
        <div>
          <dt class="faint">{entries.length - MAX_FIELDS} more</dt>
          <dd />
        </div>
      )}
    </dl>
  );
}

const MAX_FIELDS = 100;
const MAX_DEPTH = 5;
const MAX_CHARS = 2_000;

function Value({ value, depth }: { readonly value: JsonValue; readonly depth: number }): JSX.Element {
  if (isNested(value) && depth < MAX_DEPTH) {
    // Of a list, the names are its positions.
    const object = Object.fromEntries(Object.entries(value)) as JsonObject; // JSON in, JSON out
    return <Fields object={object} depth={depth + 1} />;
  }
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > LINE_CHARS || text.includes("\n") ? (
    <Block text={text} max={MAX_CHARS} />
  ) : (
    <Line text={text} max={LINE_CHARS} />
  );
}

const LINE_CHARS = 200;

/** Lists of plain values stand in one line. */
function isNested(value: JsonValue): value is JsonObject | readonly JsonValue[] {
  if (typeof value !== "object" || value === null) return false;
  if (Array.isArray(value)) return value.some((item) => typeof item === "object" && item !== null);
  return Object.keys(value).length > 0;
}
