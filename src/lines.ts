/** Lines without their ends, of text that comes in pieces; undefined for one that is longer than `maxChars`, which is not kept. */
export async function* linesOf(input: AsyncIterable<string>, maxChars: number): AsyncGenerator<string | undefined> {
  let rest = "";
  let isTooLong = false;
  for await (const chunk of input) {
    let start = 0;
    for (let newline = chunk.indexOf("\n"); newline >= 0; newline = chunk.indexOf("\n", start)) {
      const line = rest + chunk.slice(start, newline);
      yield isTooLong || line.length > maxChars ? undefined : line;
      rest = "";
      isTooLong = false;
      start = newline + 1;
    }
    if (!isTooLong) rest += chunk.slice(start);
    if (rest.length > maxChars) {
      rest = "";
      isTooLong = true;
    }
  }
  if (isTooLong || rest !== "") yield isTooLong ? undefined : rest;
}
