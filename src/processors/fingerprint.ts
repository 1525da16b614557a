/**
 * Names the fault behind an error: the same on every host, in every release, in process and by OTLP.
 *
 *   given parts ─► user's rules ─► what the latest version infers (fingerprint-v3.ts)
 *
 * The first that applies decides. JSON keeps the parts apart, so ("A","BC") and ("AB","C") never meet.
 */
import { hash } from "node:crypto";
import type { Classification, Fingerprint, RawCause, RedactedError, StackFrame } from "../event";
import { memoized } from "./memoized";
import { firstMatch, type Rules } from "./rules";

/** One way to name errors. A way changes whenever the same error would get another id: then it is another version. */
export interface FingerprintAlgorithm {
  readonly version: number;
  /** The message with its variable parts named. */
  readonly templateOf: (error: RedactedError | RawCause) => string;
  /** For `{{ type }}`. */
  readonly typeOf: (error: RedactedError) => string;
  readonly infer: (
    error: RedactedError,
    frames: readonly StackFrame[],
    classification: Classification,
    template: string,
  ) => Decision;
}

export interface Decision {
  readonly parts: readonly string[];
  readonly reason: string;
}

/** Deterministic; never throws. The stacks of causes are parsed here, and only when they can decide. */
export function fingerprint(
  error: RedactedError,
  frames: readonly StackFrame[],
  classification: Classification,
  rules: Rules,
): Fingerprint {
  const [latest, before] = rules.fingerprintVersions;
  const subject = { error, frames, classification };
  const given = givenParts(error);
  const rule = given === undefined ? firstMatch(rules.fingerprints, error, classification.category) : undefined;
  const parts = given ?? rule?.fingerprint;
  const name = nameBy(latest, subject, parts, given === undefined ? "fingerprint rule" : "given fingerprint");
  if (isWholeId(parts)) return withPrevious(name, [given === undefined ? undefined : error.given.previousFingerprint]);
  // While there is a version before, and where a rule has its part, the id without them is known from earlier.
  if (before === undefined && rule === undefined) return name;
  return withPrevious(name, [
    before && nameBy(before, subject, parts, "").id,
    rule && nameBy(latest, subject, undefined, "").id,
  ]);
}

interface Subject {
  readonly error: RedactedError;
  readonly frames: readonly StackFrame[];
  readonly classification: Classification;
}

function nameBy(
  algorithm: FingerprintAlgorithm,
  { error, frames, classification }: Subject,
  parts: readonly string[] | undefined,
  reason: string,
): Fingerprint {
  const template = algorithm.templateOf(error);
  const { version } = algorithm;
  if (parts === undefined || parts.length === 0) return inferred();
  const only = parts.length === 1 ? parts[0] : undefined;
  // An id that Seismo gave upstream stays what it is, and so does the default when nothing is added to it.
  if (only !== undefined && isWholeId(parts)) return { id: only, version, reason, template };
  if (only !== undefined && /^\{\{\s*default\s*\}\}$/.test(only)) return inferred();
  const fill = (name: string): string | undefined => {
    if (name === "default") return inferred().id;
    if (name === "type") return algorithm.typeOf(error);
    if (name === "message") return template;
    if (name === "function") return (frames.find((frame) => frame.inApp) ?? frames[0])?.function ?? "";
    return name === "category" ? classification.category : undefined;
  };
  const id = idOf(parts.map((part) => filled(part, fill)));
  return { id, version, reason: `${reason} ${JSON.stringify(parts)}`, template };

  function inferred(): Fingerprint {
    const decision = algorithm.infer(error, frames, classification, template);
    return { id: idOf(decision.parts), version, reason: decision.reason, template };
  }
}

/** The first that is another id. */
function withPrevious(name: Fingerprint, ids: readonly (string | undefined)[]): Fingerprint {
  const previous = ids.find((id) => id !== undefined && id !== name.id && isWholeId([id]));
  return previous === undefined ? name : { ...name, previous };
}

function isWholeId(parts: readonly string[] | undefined): boolean {
  return parts?.length === 1 && /^[0-9a-f]{16}$/.test(parts[0] ?? "");
}

const MAX_PARTS = 16;
const MAX_PART_LENGTH = 1_024;

function givenParts({ given, attributes }: RedactedError): readonly string[] | undefined {
  if (given.fingerprint !== undefined && given.fingerprint.length > 0) return given.fingerprint.slice(0, MAX_PARTS);
  const attribute = Object.hasOwn(attributes, "error.fingerprint") ? attributes["error.fingerprint"] : undefined;
  return typeof attribute === "string" && attribute !== "" ? [attribute] : undefined;
}

/** Puts values for `{{ name }}`; a name that is unknown stays as it is written. */
function filled(part: string, value: (name: string) => string | undefined): string {
  let out = "";
  let at = 0;
  for (;;) {
    const open = part.indexOf("{{", at);
    const close = open < 0 ? -1 : part.indexOf("}}", open);
    if (close < 0) return (out + part.slice(at)).slice(0, MAX_PART_LENGTH);
    out += part.slice(at, open) + (value(part.slice(open + 2, close).trim()) ?? part.slice(open, close + 2));
    at = close + 2;
  }
}

/** 64 bits of SHA-256: two of a million groups meet with a chance of 3 in 100 million. */
function idOf(parts: readonly string[]): string {
  return parts.some((part) => part.includes(NUL)) ? hashed(parts) : knownId(parts.join(NUL));
}

const NUL = "\0";
const knownId = memoized((key) => hashed(key.split(NUL)), { maxEntries: 1_024, maxLength: 1_024 });

function hashed(parts: readonly string[]): string {
  return hash("sha256", JSON.stringify(parts), "hex").slice(0, 16);
}
