/** Percent-decoding that remembers where each character stood: what is found in the decoded text can be cut out of the original. */
export interface DecodedText {
  readonly text: string;
  /** For each place in `text`, and its end, the place in the original. */
  readonly origins: Int32Array;
}

/**
 * One level of URL encoding taken off, byte by byte: characters outside ASCII come out wrong, which does no harm where
 * only ASCII is looked for. Undefined when nothing is encoded. `origins` are those of `text` itself, if it was decoded before.
 */
export function decodePercent(text: string, origins?: Int32Array): DecodedText | undefined {
  if (!text.includes("%") || !ENCODED.test(text)) return undefined;
  const places = new Int32Array(text.length + 1);
  const pieces: string[] = [];
  let length = 0;
  let at = 0;
  const copyUpTo = (end: number): void => {
    pieces.push(text.slice(at, end));
    while (at < end) places[length++] = at++;
  };
  for (const match of text.matchAll(ALL_ENCODED)) {
    copyUpTo(match.index);
    pieces.push(String.fromCharCode(Number.parseInt(match[1] ?? "", 16)));
    places[length++] = at;
    at += match[0].length;
  }
  copyUpTo(text.length);
  places[length] = at;
  return {
    text: pieces.join(""),
    origins: origins === undefined ? places : places.map((place) => origins[place] ?? place),
  };
}

const ENCODED = /%[\da-f]{2}/i;
const ALL_ENCODED = /%([\da-f]{2})/gi;
