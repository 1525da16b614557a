// Bundles the page: web/ ─► dist/web/index.html, assets/<name>-<hash>.{js,css} and sounds/<name>.wav. Fails when the
// script has grown above what opens at once on a slow line.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { writeSounds } from "./sounds.mjs";

const FOLDER = "dist/web";
const MAX_SCRIPT_BYTES = 120_000;
/** Where the collector serves the folder. */
const BASE = "/error-visualization";

rmSync(FOLDER, { recursive: true, force: true });
mkdirSync(FOLDER, { recursive: true });

const common = { bundle: true, minify: true, target: "es2022", outdir: `${FOLDER}/assets`, metafile: true };
const results = await Promise.all([
  build({
    ...common,
    entryPoints: ["web/main.tsx"],
    entryNames: "[name]-[hash]",
    format: "esm",
    jsx: "automatic",
    jsxImportSource: "preact",
  }),
  // On its own and not a module: it runs before anything is painted.
  build({ ...common, entryPoints: ["web/first-paint.ts"], entryNames: "[name]-[hash]", format: "iife" }),
]);

const files = results.flatMap(({ metafile }) => Object.keys(metafile.outputs));
let page = readFileSync("web/index.html", "utf8");
let scriptBytes = 0;
for (const file of files) {
  const name = basename(file);
  page = page.replace(`{{${name.replace(/-[A-Z0-9]{8}\./, ".")}}}`, `${BASE}/assets/${name}`);
  if (file.endsWith(".js")) scriptBytes += gzipSync(readFileSync(file), { level: 9 }).length;
}
if (page.includes("{{")) throw new Error(`${FOLDER}/index.html names a file that was not built:\n${page}`);
writeFileSync(`${FOLDER}/index.html`, page);
writeSounds(`${FOLDER}/sounds`);

console.log(`page: ${(scriptBytes / 1000).toFixed(1)} kB of scripts, gzipped (at most ${MAX_SCRIPT_BYTES / 1000})`);
if (scriptBytes > MAX_SCRIPT_BYTES) {
  console.error(`the scripts of the page have more than ${MAX_SCRIPT_BYTES} bytes`);
  process.exitCode = 1;
}
