/**
 * Which keys hold secrets. A key is read as words (`dbPassword2`, `DB_PASSWORD` and `db.password` are
 * "db password"), so that `monkey` is not a `key` and an `author` is not `auth`.
 */

/** What a key says about its value. */
export interface KeySense {
  /** Which values to hide: none, all but numbers (a number under `key` is a row, not a secret), or all. */
  readonly hides: "nothing" | "text" | "everything";
  /** The key alone proves it, even in prose. `token:` and `auth-service:` do not, `access_token:` and `password:` do. */
  readonly certain: boolean;
}

export interface KeyRules {
  sense(key: string): KeySense;
}

export interface KeyOptions {
  /** More keys to hide, matched as words within a key: `customerId` also hides `order.customer_id`. */
  readonly keys?: readonly string[] | undefined;
  /** Keys that stay, matched as a whole: `session.id` frees `sessionId` but not `old_session_id`. */
  readonly allowKeys?: readonly string[] | undefined;
}

export function compileKeys(options: KeyOptions): KeyRules {
  const phrases = (options.keys ?? []).map((key) => wordsOf(key).join(" ")).filter((phrase) => phrase !== "");
  const allowed = new Set((options.allowKeys ?? []).map((key) => wordsOf(key).join(" ")));
  const read = (key: string): KeySense => {
    if (phrases.length === 0 && !MAY_BE_SECRET.test(key)) return HARMLESS;
    const words = wordsOf(key);
    const text = words.join(" ");
    if (allowed.has(text)) return HARMLESS;
    if (phrases.some((phrase) => ` ${text} `.includes(` ${phrase} `))) return CERTAIN;
    return senseOf(words);
  };
  const known = new Map<string, KeySense>();
  return {
    sense(key) {
      if (key.length > MAX_KNOWN_LENGTH) return read(key);
      let sense = known.get(key);
      if (sense === undefined) {
        sense = read(key);
        if (known.size >= MAX_KNOWN) known.clear();
        known.set(key, sense);
      }
      return sense;
    },
  };
}

const MAX_KNOWN = 1_000;
/** A longer key that was cut out of a text would keep all of that text in memory. */
const MAX_KNOWN_LENGTH = 12;

/** The words of a key, in lower case: `xApiKey2` → x, api, key2. */
export function wordsOf(key: string): string[] {
  return (key.match(WORD) ?? []).map((word) => word.toLowerCase());
}

/** Capitals that stand together (`API` of `APIKey`), or one word, with the digits behind it. */
const WORD = /\p{Lu}+(?!\p{Ll})\d*|\p{Lu}?[\p{Ll}\p{Lo}]+\d*/gu;

const HARMLESS: KeySense = { hides: "nothing", certain: false };
const CERTAIN: KeySense = { hides: "everything", certain: true };

interface SecretWord {
  readonly numbers: boolean;
  /** Also an ordinary word of error messages: "unexpected token", "duplicate key". */
  readonly everyday: boolean;
}

const SECRET_WORDS = new Map<string, SecretWord>([
  ...entries("password passwd pwd passphrase passcode secret credential otp cvv cvc", true, false),
  ...entries("apikey authorization cookie dsn connectionstring sessid sessionid", false, false),
  ...entries("accesskey secretkey privatekey accountkey signingkey encryptionkey authkey", false, false),
  ...entries("token session sid csrf xsrf", true, true),
  ...entries("key auth oauth bearer jwt private pass saml sig signature sso", false, true),
]);

/** Words that also count at the end of a longer one: `dbpassword`, `accesstoken`, `phpsessid`. */
const ENDINGS = [
  ..."password passwd pwd passphrase secret credential token cookie signature authorization".split(" "),
  ...[...SECRET_WORDS.keys()].filter((word) => /.key$|^sess.*id$/.test(word)),
];

const MAY_BE_SECRET = new RegExp(`${[...SECRET_WORDS.keys()].join("|")}|connection.?string`, "i");

/** `primary_key`, `routingKey`, `aws.s3.key`: they name a row or a thing, and open nothing. */
const HARMLESS_BEFORE_KEY = words(
  "primary foreign partition sort range clustering routing cache row shard unique duplicate composite index message " +
    "flag feature object s3 public idempotency deduplication dedup group lookup translation",
);

/** A key that ends so tells about the secret and is not the secret: `token_type`, `password_length`, `TokenExpiredError`. */
const DESCRIPTIVE = words(
  "type kind method scheme mode status provider algorithm alg name url uri endpoint host port path file directory dir " +
    "policy version pattern format service server manager store issuer audience scope scopes ip address " +
    "count counter counts length len size limit total used usage remaining max min rate budget ttl age expiry expires " +
    "expired expiration timeout duration ms millis second seconds minutes bytes at in position index line column offset " +
    "error errors exception warning failure failures reason valid invalid enabled disabled required present",
);

/** A key may go on like this behind its secret word and still be the secret: `session_id`, `secret_value`. */
const SAME_THING = words("id value hash header data raw text plain encoded string current old new");

function senseOf(words: readonly string[]): KeySense {
  const last = words.at(-1);
  if (last === undefined || DESCRIPTIVE.has(last)) return HARMLESS;
  let hides: KeySense["hides"] = "nothing";
  let certain = false;
  for (const [index, word] of words.entries()) {
    const secret =
      word === "connection" && words[index + 1]?.startsWith("string") ? CONNECTION_STRING : secretWord(word);
    if (secret === undefined) continue;
    if (word.startsWith("key") && HARMLESS_BEFORE_KEY.has(words[index - 1] ?? "")) continue;
    if (secret.numbers || hides === "nothing") hides = secret.numbers ? "everything" : "text";
    const alone = words.length === 1 && secret.everyday;
    if (!alone && words.slice(index + 1).every((next) => SAME_THING.has(next))) certain = true;
  }
  return { hides, certain };
}

const CONNECTION_STRING: SecretWord = { numbers: false, everyday: false };

/** A plural is a number of things (`tokens: 512`) or a list of secrets, so its numbers stay. */
function secretWord(word: string): SecretWord | undefined {
  const bare = word.replace(/\d+$/, "");
  const exact = SECRET_WORDS.get(bare);
  if (exact !== undefined) return exact;
  const singular = bare.endsWith("s") ? bare.slice(0, -1) : bare;
  const ending = SECRET_WORDS.has(singular) ? singular : ENDINGS.find((end) => singular.endsWith(end));
  const found = ending === undefined ? undefined : SECRET_WORDS.get(ending);
  if (found === undefined) return bare.startsWith("password") ? SECRET_WORDS.get("password") : undefined;
  return singular === bare ? { numbers: found.numbers, everyday: false } : { numbers: false, everyday: found.everyday };
}

function words(text: string): ReadonlySet<string> {
  return new Set(text.split(" "));
}

function entries(text: string, numbers: boolean, everyday: boolean): [string, SecretWord][] {
  return text.split(" ").map((word) => [word, { numbers, everyday }]);
}
