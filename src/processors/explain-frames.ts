/**
 * What is known of a stack's calls beyond its text: the author's places, source lines, local variables. Added when an
 * event is delivered, so after it was named: whatever is known, the same error has the same fingerprint.
 */
import type { CallVariables, ErrorEvent, StackFrame } from "../event";

export interface FrameExplainer {
  /** Begins to find out about these stacks. Undefined when there is nothing to wait for; never rejects, and settles soon. */
  prepare(stacks: readonly (readonly StackFrame[])[]): Promise<void> | undefined;
  /** For a process that is about to die: what can be found out within a small budget. */
  prepareNow(stacks: readonly (readonly StackFrame[])[]): void;
  /** The frames with what was found out, for one list always the same; as they are where nothing was. */
  explained(frames: readonly StackFrame[]): readonly StackFrame[];
}

/** The event changes in place: who made it keeps it, and copying its fields costs as much as parsing its stack. */
export function explainEvent(event: ErrorEvent, explainer: FrameExplainer): void {
  const plain = event.frames;
  const explained = explainer.explained(plain);
  const frames = event.variables === undefined ? explained : withVariables(explained, plain, event.variables);
  if (frames !== plain) Object.assign(event, { frames });
}

/** Calls and frames are in the same order, and some have no partner: Node keeps ten frames, a debugger sees no async ones. */
function withVariables(
  explained: readonly StackFrame[],
  plain: readonly StackFrame[],
  calls: readonly CallVariables[],
): readonly StackFrame[] {
  const frames = [...explained];
  let from = 0;
  for (const call of calls) {
    const at = plain.findIndex((frame, index) => index >= from && isCall(frame, call));
    const frame = frames[at];
    if (frame === undefined) continue;
    frames[at] = { ...frame, variables: call.values };
    from = at + 1;
  }
  return frames;
}

/** A debugger names a method without its class. Where Node has mapped the stack, its files are the author's. */
function isCall(frame: StackFrame, call: CallVariables): boolean {
  const name = frame.function.slice(frame.function.lastIndexOf(".") + 1).replace(/^new /, "");
  const isSameName = name === call.function || (call.function === "" && name.startsWith("<anonymous"));
  return isSameName && (call.file === "" || frame.file === call.file);
}
