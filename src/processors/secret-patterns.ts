/**
 * Finds secrets in text by what they look like. One pass: each pair of neighbouring characters is looked up in a
 * table, and only a pair that can begin a secret costs more. What is looked at behind such a pair is bounded, or
 * hidden and so not looked at again: time grows with the length of the text and no faster.
 *
 *   Bearer x · eyJ….….… · -----BEGIN … KEY----- · ghp_… AKIA… sk_live_… · ://user:pass@ · key=value · 4111 1111 …
 */
import { assignedSecret, endBefore, flaggedSecret, looksOpaque, REDACTED, type Span } from "./assigned-secrets";
import { cardNumberEnd, mayBeCard } from "./card-numbers";
import { decodePercent } from "./decoded-text";
import type { KeyRules } from "./sensitive-keys";

export interface PatternRules {
  readonly keys: KeyRules;
  readonly emails: boolean;
  readonly ips: boolean;
}

/**
 * The first `end` characters of `text` with `[REDACTED]` in place of every secret. What helps reading stays: `Bearer`,
 * the key, the host. A secret that crosses `end` is hidden whole, so let `text` go on behind it.
 * Hiding twice changes nothing.
 */
export function hideSecrets(text: string, rules: PatternRules, end: number = text.length): string {
  const first = nextAnchor(text, 0);
  if (first === text.length && !text.includes("%")) return text.slice(0, end);
  let safe = hideOnce(text, rules, end, first);
  // What is hidden can uncover more: a private key inside a password inside a URL. Each pass leaves less to hide.
  for (let pass = 1, before = text.slice(0, end); safe !== before && pass < MAX_PASSES; pass++) {
    before = safe;
    safe = hideOnce(safe, rules, safe.length);
  }
  return safe;
}

const MAX_PASSES = 5;
/** Levels of URL encoding. */
const MAX_DECODINGS = 3;

/** Searches the text as it stands, and decoded for as long as it is URL-encoded. */
function hideOnce(text: string, rules: PatternRules, end: number, first = 0): string {
  const secrets = findSecrets(text, rules, first);
  let decoded = decodePercent(text);
  for (let level = 1; decoded !== undefined && level <= MAX_DECODINGS; level++) {
    const { origins } = decoded;
    for (const { from, to } of findSecrets(decoded.text, rules)) {
      secrets.push({ from: origins[from] ?? from, to: origins[to] ?? to });
    }
    decoded = decodePercent(decoded.text, origins);
  }
  return secrets.length === 0 ? text.slice(0, end) : replace(text, secrets, end);
}

/** Secrets that overlap or touch become one. */
function replace(text: string, secrets: Span[], end: number): string {
  secrets.sort((a, b) => a.from - b.from);
  const pieces: string[] = [];
  let done = -1;
  for (const { from, to } of secrets) {
    if (from >= end) break;
    if (from > done) pieces.push(text.slice(Math.max(done, 0), from), REDACTED);
    done = Math.max(done, to);
  }
  if (done < end) pieces.push(text.slice(Math.max(done, 0), end));
  return pieces.join("");
}

interface Token {
  readonly prefix: string;
  /** What must follow. A repetition without bound has nothing behind it that could fail. */
  readonly body: RegExp;
  /** Counts only where a word begins: `task-…` is no `sk-…`. */
  readonly startsWord?: boolean;
  /** The prefix is no secret: the host of a webhook. */
  readonly keepsPrefix?: boolean;
}

const TOKENS: readonly Token[] = [
  ...tokens("ghp_ gho_ ghu_ ghs_ ghr_", /[A-Za-z0-9]{10,}/y), // GitHub
  ...tokens("github_pat_", /\w{10,}/y),
  ...tokens("glpat- gldt- glrt- glptt- glcbt-", /[\w-]{10,}/y), // GitLab
  ...tokens("xoxa- xoxb- xoxe- xoxo- xoxp- xoxr- xoxs- xapp-", /[\w-]{8,}/y), // Slack
  ...tokens("sk_live_ sk_test_ rk_live_ rk_test_ whsec_", /[A-Za-z0-9+/=]{8,}/y), // Stripe
  ...tokens("sk-proj- sk-ant- sk-or- sk-svcacct- sk-admin-", /[\w-]{8,}/y), // OpenAI, Anthropic, OpenRouter
  ...tokens("AKIA ASIA", /[A-Z0-9]{16}/y), // AWS
  ...tokens("AIza", /[\w-]{30,}/y), // Google
  ...tokens("GOCSPX-", /[\w-]{16,}/y),
  ...tokens("ya29.", /[\w.-]{16,}/y),
  ...tokens("npm_ hf_", /[A-Za-z0-9]{20,}/y), // npm, Hugging Face
  ...tokens("pypi-Ag", /[\w-]{14,}/y),
  ...tokens("SG.", /[\w-]{16,64}\.[\w-]{16,}/y), // SendGrid
  ...tokens("dop_v1_ doo_v1_ dor_v1_", /[a-f0-9]{16,}/y), // DigitalOcean
  ...tokens("shpat_ shpss_ shpca_ shppa_", /[a-fA-F0-9]{16,}/y), // Shopify
  ...tokens("dckr_pat_", /[\w-]{16,}/y), // Docker
  ...tokens("hvs. hvb.", /[\w-]{20,}/y), // HashiCorp Vault
  ...tokens("sntrys_ sntryu_", /[\w+/=-]{16,}/y), // Sentry
  ...tokens("AGE-SECRET-KEY-1", /[A-Z0-9]{16,}/y),
  ...tokens("sk-", /[\w-]{16,}/y).map((token) => ({ ...token, startsWord: true })),
  ...tokens("SK", /[a-f0-9]{32}(?![A-Za-z0-9])/y).map((token) => ({ ...token, startsWord: true })), // Twilio
  // All columns of a row, without their names: PostgreSQL.
  { prefix: "Failing row contains ", body: /\([\s\S]*?(?=\)\.(?:[\s\\"']|$)|$)/y, keepsPrefix: true },
  ...tokens("slack.com/services/ slack.com/workflows/ slack.com/triggers/", /[\w/-]{8,}/y).map(keepPrefix),
  ...tokens("discord.com/api/webhooks/ discordapp.com/api/webhooks/", /[\w/-]{8,}/y).map(keepPrefix),
];

const AUTH_SCHEME = /(?:bearer|basic)(?:[ \t]{1,4}|\+|: ?|=)([\w.~+/=%-]{4,})/iy;
const JSON_WEB_TOKEN = /eyJ[\w-]{4,}\.\.?[\w-](?:[\w.-]*[\w-])?/y;
const JSON_WEB_TOKEN_WORD = /[^\w-]/g;
const PEM_BEGIN = /-----BEGIN ?([A-Z0-9 +]{0,60})-----/y;
const PEM_END = /-----END ?[A-Z0-9 +]{0,60}(?:-----)?/y;
const PEM_BREAK = /(?:\s|\\{1,8}[nrt])*/y;
/** A long run of base64, a short one that fills its line, or a `Name: value` header. */
const PEM_LINE =
  /[A-Za-z0-9+/=]{16,}|[A-Za-z0-9+/=]+(?=$|[\r\n\\"'`])|(?:Proc-Type|DEK-Info|Version|Comment):[^\r\n\\]*/y;
const PEM_MAX = 20_000;

const USERINFO_SLASHED = /[^\s"'`<>\\@:/?#]*:(?!\d{0,5}(?:[/?#,]|$))[^\s"'`<>\\@:]{1,200}(?=@)/y;
/** At the end of a text that was cut: `postgres://app:hunt`, but not `http://localhost:3000` or `http://[::1`. */
const CUT_USERINFO = /^[^:[\]]*:(?!\d{0,5}$|port$)/i;
const AUTHORITY_END = /[\s"'`<>\\/?#]/g;

const EMAIL_DOMAIN = /[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,8}\.[A-Za-z]{2,24}/y;
const IPV4 = /(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?!\w|\.\d)/y;
const IPV6 = /[\da-f]{0,4}:(?:[\da-f]{0,4}:){1,6}[\da-f]{0,4}(?![\w:])/iy;

/** What a pair of neighbours may begin; numbers from FIRST_TOKEN on are places in TOKEN_GROUPS. */
const NOTHING = 0;
const SEPARATOR = 1;
const DIGITS = 2;
const AT_SIGN = 3;
const AUTH_WORD = 4;
const DASHES = 5;
const JWT = 6;
const FIRST_TOKEN = 7;

/** Tokens that share their first two characters. */
const TOKEN_GROUPS: (readonly Token[])[] = [];
const ANCHORS: Uint8Array = buildAnchors();

/** One search of one text. */
interface Search {
  readonly text: string;
  readonly rules: PatternRules;
  readonly secrets: Span[];
  /** No dot stands behind the word that ends here, so no JSON web token begins within it. */
  wordEnd: number;
  /** The next `-----END`, once it was looked for. */
  pemEnd: number;
}

/** Nothing can begin before `first`. */
function findSecrets(text: string, rules: PatternRules, first = 0): Span[] {
  const search: Search = { text, rules, secrets: [], wordEnd: 0, pemEnd: -1 };
  for (let at = nextAnchor(text, first); at < text.length; at = nextAnchor(text, at))
    at = look(search, anchorAt(text, at), at);
  return search.secrets;
}

/** Where the next pair stands that can begin a secret, or the end of the text. */
function nextAnchor(text: string, from: number): number {
  let code = codeAt(text, from);
  for (let at = from; at < text.length; at++) {
    const next = codeAt(text, at + 1);
    if (code < 128 && ANCHORS[(code << 7) | (next < 128 ? next : 0)] !== NOTHING) return at;
    code = next;
  }
  return text.length;
}

function anchorAt(text: string, at: number): number {
  const next = codeAt(text, at + 1);
  return ANCHORS[(codeAt(text, at) << 7) | (next < 128 ? next : 0)] ?? NOTHING;
}

/** 0 behind the end: NaN would make the loop above several times slower. */
function codeAt(text: string, at: number): number {
  return at < text.length ? text.charCodeAt(at) : 0;
}

/** Notes what begins at `at`, if it is a secret, and tells where to go on. */
function look(search: Search, anchor: number, at: number): number {
  const { text, rules } = search;
  switch (anchor) {
    case SEPARATOR: {
      const secret = userinfo(text, at) ?? assignedSecret(text, at, rules.keys) ?? ipv6(search, at);
      const next = note(search, at, secret);
      // The value of `key` ends with its line, a private key does not.
      return secret !== undefined && text.startsWith("-----BEGIN", secret.from) ? Math.max(secret.from, at + 1) : next;
    }
    case DIGITS:
      return lookAtDigits(search, at);
    case AT_SIGN:
      return note(search, at, email(search, at));
    case AUTH_WORD:
      return note(search, at, authScheme(text, at));
    case DASHES:
      return note(search, at, privateKey(search, at) ?? flag(text, at, rules.keys));
    case JWT:
      return note(search, at, jsonWebToken(search, at));
    default:
      return note(search, at, token(text, at, TOKEN_GROUPS[anchor - FIRST_TOKEN] ?? []));
  }
}

function note({ secrets }: Search, at: number, secret: Span | undefined): number {
  if (secret === undefined) return at + 1;
  secrets.push(secret);
  return Math.max(secret.to, at + 1);
}

function token(text: string, at: number, group: readonly Token[]): Span | undefined {
  for (const { prefix, body, startsWord, keepsPrefix } of group) {
    if (!text.startsWith(prefix, at) || (startsWord && isInsideWord(text, at))) continue;
    const to = endOf(body, text, at + prefix.length);
    if (to >= 0) return { from: keepsPrefix ? at + prefix.length : at, to };
  }
  return undefined;
}

function jsonWebToken(search: Search, at: number): Span | undefined {
  if (at < search.wordEnd) return undefined;
  const to = endOf(JSON_WEB_TOKEN, search.text, at);
  if (to >= 0) return { from: at, to };
  if (search.text.startsWith("eyJ", at)) search.wordEnd = endBefore(search.text, at, JSON_WEB_TOKEN_WORD);
  return undefined;
}

/** `Bearer x` where x is no word ("bearer token required"), `Basic x` where x is no word either. */
function authScheme(text: string, at: number): Span | undefined {
  AUTH_SCHEME.lastIndex = at;
  const value = AUTH_SCHEME.exec(text)?.[1];
  if (value === undefined) return undefined;
  const isSecret =
    value.length >= 24 ||
    (/\d|[a-z][A-Z]|=/.test(value) && (value.length >= 8 || /^bearer/iy.test(text.slice(at, at + 6))));
  return isSecret ? { from: AUTH_SCHEME.lastIndex - value.length, to: AUTH_SCHEME.lastIndex } : undefined;
}

/** A PEM block. One without an end runs on for as long as its lines are lines of a block. Public ones stay. */
function privateKey(search: Search, at: number): Span | undefined {
  const { text } = search;
  PEM_BEGIN.lastIndex = at;
  const label = PEM_BEGIN.exec(text)?.[1];
  if (label === undefined || /PUBLIC|CERTIFICATE/.test(label)) return undefined;
  const from = PEM_BEGIN.lastIndex;
  if (search.pemEnd < from) {
    const found = text.indexOf("-----END", from);
    search.pemEnd = found < 0 ? Number.POSITIVE_INFINITY : found;
  }
  if (search.pemEnd - from < PEM_MAX && !text.slice(from, search.pemEnd).includes("-----BEGIN")) {
    return { from: at, to: Math.max(endOf(PEM_END, text, search.pemEnd), search.pemEnd) };
  }
  let to = from;
  for (let line = from; line >= 0; line = endOf(PEM_LINE, text, Math.max(endOf(PEM_BREAK, text, line), line)))
    to = line;
  return { from: at, to };
}

function flag(text: string, at: number, keys: KeyRules): Span | undefined {
  return text[at - 1] === "-" ? undefined : flaggedSecret(text, at, keys);
}

/** Who logs in, in `scheme://user:password@host`. The host stays. */
function userinfo(text: string, at: number): Span | undefined {
  if (!text.startsWith("://", at)) return undefined;
  const from = at + 3;
  const end = endBefore(text, from, AUTHORITY_END);
  const authority = text.slice(from, end);
  const before = authority.slice(0, Math.max(authority.lastIndexOf("@"), 0));
  if (before !== "") {
    const isSecret = before !== REDACTED && (before.includes(":") || (before.length >= 16 && looksOpaque(before)));
    return isSecret ? { from, to: from + before.length } : undefined;
  }
  const slashed = endOf(USERINFO_SLASHED, text, from);
  if (slashed >= 0) return { from, to: slashed };
  return end === text.length && CUT_USERINFO.test(authority) ? { from, to: end } : undefined;
}

function email({ text, rules }: Search, at: number): Span | undefined {
  if (!rules.emails) return undefined;
  let from = at;
  while (at - from < 64 && /[^\s"'`<>()[\]{}\\,;:/@?&=#|]/.test(text.charAt(from - 1))) from--;
  const to = endOf(EMAIL_DOMAIN, text, at + 1);
  return from === at || to < 0 ? undefined : { from, to };
}

/** Eight groups, or fewer around `::`. Times (`12:30:45`) have too few, names (`Face::Bad`) no digit. */
function ipv6({ text, rules }: Search, at: number): Span | undefined {
  if (!rules.ips || text[at] !== ":") return undefined;
  let from = at;
  while (at - from < 4 && /[\da-f]/i.test(text.charAt(from - 1))) from--;
  const to = /[\w:.]/.test(text.charAt(from - 1)) ? -1 : endOf(IPV6, text, from);
  if (to < 0) return undefined;
  const address = text.slice(from, to);
  const isAddress = address.includes("::") ? /\d/.test(address) : address.split(":").length === 8;
  return isAddress ? { from, to } : undefined;
}

/** Digits within an id or a decimal are neither a card nor an address. */
function lookAtDigits(search: Search, at: number): number {
  const { text, rules } = search;
  let end = at + 1;
  while (isDigit(text.charCodeAt(end))) end++;
  if (!(rules.ips || mayBeCard(text, at, end)) || isInsideWord(text, at)) return end;
  if (text[at - 1] === "." && isDigit(text.charCodeAt(at - 2))) return end;
  const to = Math.max(cardNumberEnd(text, at), rules.ips ? endOf(IPV4, text, at) : -1);
  return to < 0 ? end : note(search, at, { from: at, to });
}

/** A letter or digit stands before `at`, other than that of an escaped line break. */
function isInsideWord(text: string, at: number): boolean {
  const code = text.charCodeAt(at - 1);
  const isWord = isDigit(code) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122);
  return isWord && !/\\[nrt]/.test(text.slice(Math.max(0, at - 2), at));
}

/** Where a sticky pattern that matches at `at` ends, or -1. */
function endOf(sticky: RegExp, text: string, at: number): number {
  sticky.lastIndex = at;
  return sticky.test(text) ? sticky.lastIndex : -1;
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

function tokens(prefixes: string, body: RegExp): Token[] {
  return prefixes.split(" ").map((prefix) => ({ prefix, body }));
}

function keepPrefix(token: Token): Token {
  return { ...token, keepsPrefix: true };
}

function buildAnchors(): Uint8Array {
  const table = new Uint8Array(128 * 128);
  const mark = (first: string, seconds: string, anchor: number): void => {
    for (const one of first) for (const two of seconds) table[(one.charCodeAt(0) << 7) | two.charCodeAt(0)] = anchor;
  };
  const any = String.fromCharCode(...Array.from({ length: 128 }, (_, code) => code));
  mark(":=>", any, SEPARATOR);
  mark("@", any, AT_SIGN);
  mark("0123456789", "0123456789.", DIGITS);
  mark("Bb", "EeAa", AUTH_WORD);
  mark("-", "-", DASHES);
  mark("e", "y", JWT);
  for (const token of TOKENS) {
    const index = (token.prefix.charCodeAt(0) << 7) | token.prefix.charCodeAt(1);
    const group = table[index] || FIRST_TOKEN + TOKEN_GROUPS.length;
    table[index] = group;
    TOKEN_GROUPS[group - FIRST_TOKEN] = [...(TOKEN_GROUPS[group - FIRST_TOKEN] ?? []), token];
  }
  return table;
}
