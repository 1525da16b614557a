/**
 * Searches every byte of what was put out for secrets: as they stand, and decoded, level by level, from all that wraps
 * text on its way (gzip, base64, quoted-printable, percent, JSON strings, HTML).
 */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import type { Canary } from "./processors/canaries";

/** A place where something comes out. `parts`: files, bodies, mails. */
export interface Surface {
  readonly name: string;
  readonly parts: readonly (Buffer | string)[];
}

/** What was planted beside the secrets and is none: a search that does not find it would find no secret either. */
export const CONTROL = "harmless-note-4711-of-no-value";

/** For each surface and secret, one find with the text before it. Empty is good. */
export function leaksIn(surfaces: readonly Surface[], canaries: readonly Canary[]): readonly string[] {
  const found = new Map<string, string>();
  for (const { name: surface, parts } of surfaces) {
    for (const text of parts.flatMap(readingsOf)) {
      for (const { name, secret } of canaries) {
        for (const form of piecesOf(secret)) {
          const at = text.indexOf(form);
          if (at >= 0) found.set(`${surface}: ${name}`, text.slice(Math.max(0, at - 200), at + form.length + 20));
        }
      }
    }
  }
  return [...found].map(([what, where]) => `${what}: ${where}`);
}

/** The names of the surfaces where the text stands. */
export function surfacesWith(text: string, surfaces: readonly Surface[]): readonly string[] {
  return surfaces
    .filter(({ parts }) => parts.flatMap(readingsOf).some((reading) => reading.includes(text)))
    .map(({ name }) => name);
}

/** All files under a folder. */
export function filesUnder(folder: string): readonly { readonly path: string; readonly bytes: Buffer }[] {
  return readdirSync(folder, { recursive: true })
    .map((name) => String(name))
    .filter((path) => statSync(join(folder, path)).isFile())
    .map((path) => ({ path, bytes: readFileSync(join(folder, path)) }));
}

const MAX_LEVELS = 3;
const PIECE = 16;

/** A long secret must not leave by its head or tail either. */
function piecesOf(secret: string): readonly string[] {
  return secret.length < 2 * PIECE ? [secret] : [secret, secret.slice(0, PIECE), secret.slice(-PIECE)];
}

/** The text, and all that can be decoded from it. */
function readingsOf(part: Buffer | string): readonly string[] {
  const readings = new Set<string>();
  let level = [typeof part === "string" ? part : textOf(part)];
  for (let depth = 0; depth <= MAX_LEVELS && level.length > 0; depth++) {
    for (const text of level) readings.add(text);
    level = level.flatMap((text) => DECODERS.map((decode) => decode(text))).filter((text) => !readings.has(text));
  }
  return [...readings];
}

const DECODERS: readonly ((text: string) => string)[] = [
  (text) => text.replaceAll(/%([\da-f]{2})/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16))),
  (text) =>
    text.replaceAll(/\\(?:u([\da-f]{4})|(.))/gi, (_, code: string | undefined, char: string) =>
      code === undefined ? (ESCAPES.get(char) ?? char) : String.fromCharCode(Number.parseInt(code, 16)),
    ),
  (text) =>
    text
      .replaceAll(/=\r?\n/g, "")
      .replaceAll(/=([\dA-F]{2})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16))),
  // Ids and words are no base64, and make no text.
  (text) =>
    (text.match(/[\w+/-]{12,}(?:\r?\n[\w+/-]+)*/g) ?? [])
      .map(textOfBase64)
      .filter((decoded) => !decoded.includes("\ufffd"))
      .join("\n"),
  (text) => text.replaceAll(/&(amp|lt|gt|quot);/g, (_, name: string) => ENTITIES.get(name) ?? ""),
];
const ESCAPES = new Map(Object.entries({ n: "\n", r: "\r", t: "\t" }));
const ENTITIES = new Map(Object.entries({ amp: "&", lt: "<", gt: ">", quot: '"' }));

function textOf(bytes: Buffer): string {
  const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b;
  return (isGzip ? gunzipSync(bytes) : bytes).toString("utf8");
}

function textOfBase64(text: string): string {
  return textOf(Buffer.from(text.replaceAll(/\s/g, ""), "base64"));
}
