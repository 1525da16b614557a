/** The version of this package, for spans, metrics and messages. A test holds it against package.json. */
export const VERSION = "0.1.0";
