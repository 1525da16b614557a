/** The frames of a stack with what is known of each: source lines and variables. The application's own stand open. */
import type { JSX } from "preact";
import type { JsonObject } from "../../src/event";
import { isTrueAt, numberAt, objectAt, textAt, textsAt } from "../state/json-fields";
import { Fields } from "./fields";
import { Line } from "./shown-text";

export function Stack({ frames }: { readonly frames: readonly JsonObject[] }): JSX.Element {
  // Where nothing is marked as the application's own, the innermost is as good as it gets.
  const firstOpen = Math.max(
    0,
    frames.findIndex((frame) => isTrueAt(frame, "in_app")),
  );
  return (
    <ol class="stack">
      {frames.map((frame, index) => (
        <li key={index}>
          <Frame frame={frame} isOpen={index === firstOpen} />
        </li>
      ))}
    </ol>
  );
}

function Frame({ frame, isOpen }: { readonly frame: JsonObject; readonly isOpen: boolean }): JSX.Element {
  const context = objectAt(frame, "context");
  const variables = objectAt(frame, "variables");
  const head = <FrameHead frame={frame} />;
  if (context === undefined && variables === undefined) return <div class={frameClass(frame)}>{head}</div>;
  return (
    <details class={frameClass(frame)} open={isOpen}>
      <summary>{head}</summary>
      {context !== undefined && <Source context={context} line={numberAt(frame, "line") ?? 0} />}
      {variables !== undefined && (
        <div class="variables">
          <h4>Variables</h4>
          <Fields object={variables} />
        </div>
      )}
    </details>
  );
}

function frameClass(frame: JsonObject): string {
  return isTrueAt(frame, "in_app") ? "frame in-app" : "frame";
}

function FrameHead({ frame }: { readonly frame: JsonObject }): JSX.Element {
  const file = textAt(frame, "file") ?? textAt(frame, "module") ?? "";
  const line = numberAt(frame, "line");
  const column = numberAt(frame, "column");
  const place = [file, line, column].filter((part) => part !== undefined && part !== "" && part !== 0).join(":");
  return (
    <>
      <span class="frame-function">
        <Line text={textAt(frame, "function") ?? "(anonymous)"} max={200} />
      </span>{" "}
      <span class="frame-place">
        <Line text={place} max={300} />
      </span>
    </>
  );
}

function Source({ context, line }: { readonly context: JsonObject; readonly line: number }): JSX.Element {
  const before = textsAt(context, "pre");
  const lines = [...before, textAt(context, "line") ?? "", ...textsAt(context, "post")];
  return (
    <ol class="source">
      {lines.map((text, index) => {
        const number = line - before.length + index;
        return (
          <li key={number} class={number === line ? "here" : ""} aria-current={number === line ? "true" : undefined}>
            <span class="source-number">{number}</span>
            <code>{indented(text)}</code>
          </li>
        );
      })}
    </ol>
  );
}

/** A line of code keeps its indentation. */
function indented(text: string): JSX.Element {
  const spaces = /^[ \t]*/.exec(text)?.[0] ?? "";
  return (
    <>
      {spaces.replaceAll("\t", "  ")}
      <Line text={text.slice(spaces.length)} max={400} />
    </>
  );
}
