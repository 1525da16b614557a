/**
 * The words that sentences of messages are made of: English as far as it is common, and the words of programs. A word that is
 * neither (`jenkins`, `Rotterdam`, `kwame`) is somebody's or something's name.
 *
 * Some 50,000 words are kept as a Bloom filter of 64 kB (Bloom, "Space/time trade-offs in hash coding with allowable errors", 1970),
 * with double hashing (Kirsch and Mitzenmacher, "Less hashing, same performance", 2006): seven of a thousand names are taken for words.
 * The words are those of SCOWL (Kevin Atkinson, wordlist.aspell.net) and of vocabulary/technical-words.txt.
 */
import { VOCABULARY_BITS } from "./vocabulary-data";

/** Shorter words are none that a name could be told from. */
export const MIN_WORD_LENGTH = 3;

/** In any case. False for whatever is not of the letters a to z alone. */
export function isVocabulary(word: string): boolean {
  return isVocabularyHash(hashWord(word));
}

export function hashWord(word: string): number {
  let hash = WORD_HASH;
  for (let at = 0; at < word.length; at++) hash = hashLetter(hash, word.charCodeAt(at));
  return hash;
}

/** The hash of a word is that of its letters, one after another from `WORD_HASH` on, so that who reads a text anyway can hash it. */
export const WORD_HASH: number = 0x811c9dc5 | 0;

/** FNV-1a, of a letter in either case. */
export function hashLetter(hash: number, code: number): number {
  return Math.imul(hash ^ (code | 32), 0x01000193);
}

export function isVocabularyHash(hash: number): boolean {
  let bit = mixed(hash);
  const step = mixed(bit) | 1;
  for (let index = 0; index < HASHES; index++) {
    if (((BITS[(bit >>> 3) & BYTE_MASK] ?? 0) & (1 << (bit & 7))) === 0) return false;
    bit = (bit + step) | 0;
  }
  return true;
}

/** What vocabulary/write.mjs makes the filter by. */
export function addWord(bits: Uint8Array, word: string): void {
  let bit = mixed(hashWord(word));
  const step = mixed(bit) | 1;
  for (let index = 0; index < HASHES; index++) {
    const byte = (bit >>> 3) & BYTE_MASK;
    bits[byte] = (bits[byte] ?? 0) | (1 << (bit & 7));
    bit = (bit + step) | 0;
  }
}

export const FILTER_BYTES = 65_536;
const BYTE_MASK = FILTER_BYTES - 1;
const HASHES = 5;
const BITS: Uint8Array = Buffer.from(VOCABULARY_BITS, "base64");

/** Spreads what differs over all bits: the finalizer of MurmurHash3 (Appleby). */
function mixed(hash: number): number {
  let mix = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  mix = Math.imul(mix ^ (mix >>> 13), 0xc2b2ae35);
  return mix ^ (mix >>> 16);
}
