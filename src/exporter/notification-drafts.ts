/**
 * What a notification would say, kept from the moment an event is written until it is known whether its failure began
 * there: of the event itself only a summary waits so long. Bounded; what is not kept is told without its message.
 */

import type { ErrorEvent } from "../event";
import { type Draft, draftOf } from "./notification";

export interface Drafts {
  keep(event: ErrorEvent): void;
  take(eventId: string): Draft | undefined;
  /** Whether one of the group waits: then any event of it may turn out to be its first. */
  hasGroup(fingerprint: string): boolean;
}

/** The oldest give way. */
export function createDrafts(): Drafts {
  // As JSON: a part of a longer text would keep all of that text in memory.
  const drafts = new Map<string, { readonly fingerprint: string; readonly json: string }>();
  const groups = new Map<string, number>();

  function remove(id: string): string | undefined {
    const draft = drafts.get(id);
    if (draft === undefined) return undefined;
    drafts.delete(id);
    const left = (groups.get(draft.fingerprint) ?? 1) - 1;
    if (left === 0) groups.delete(draft.fingerprint);
    else groups.set(draft.fingerprint, left);
    return draft.json;
  }

  return {
    keep(event) {
      const fingerprint = event.fingerprint.id;
      const ofGroup = groups.get(fingerprint) ?? 0;
      if (ofGroup >= MAX_OF_A_GROUP) return;
      const [oldest] = drafts.size < MAX_DRAFTS ? [] : drafts.keys();
      if (oldest !== undefined) remove(oldest);
      drafts.set(event.id, { fingerprint, json: JSON.stringify(draftOf(event)) });
      groups.set(fingerprint, (groups.get(fingerprint) ?? 0) + 1);
    },
    take(eventId) {
      const json = remove(eventId);
      // A decoding edge: it was written above.
      return json === undefined ? undefined : (JSON.parse(json) as Draft);
    },
    hasGroup: (fingerprint) => groups.has(fingerprint),
  };
}

const MAX_DRAFTS = 1_000;
const MAX_OF_A_GROUP = 4;
