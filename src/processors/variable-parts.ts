/**
 * What a token of a message stands for: `10.0.0.7` for any address, `order-1042` for any order. What names something
 * (`utf8`, `lodash`, `com.shop.Stock`) stands for itself. Letters and digits are told by where they stand in the token,
 * so that all tokens which one program makes by one format become the same, whatever digits one of them happens to have:
 *
 *   order-1042                      order-<number>
 *   web-7d4b9c8f5-xkzlp             web-<id>           so does web-6f9d88c7b-2m9qk
 *   web-12, db03                    <host>
 *   cus_9s6XKzkNR                   cus_<id>
 *   attempt_17_0009_m_000001_0      attempt_<id>       numbers and single letters in turn are one id
 *   disk3                           disk<number>
 */

import { isVocabulary } from "./vocabulary";

/** What a token becomes; itself when it names something. */
export function variablePart(token: string, hasDigit: boolean, isUrl: boolean): string {
  if (isUrl) return "<url>";
  if (hasDigit) {
    if (NUMBER.test(token)) return isHexPadded(token) ? "<hex>" : "<number>";
    if (mayHaveShape(token.charCodeAt(0))) for (const [shape, name] of SHAPES) if (shape.test(token)) return name;
  }
  const address = token.includes("@") ? emailOrObject(token) : undefined;
  if (address !== undefined) return address;
  if (/[/\\]/.test(token) && isPath(token)) return SOURCE.test(token) ? token.replace(LINE, ":<number>") : "<path>";
  if (token.includes(".")) {
    if (FILE_NAME.test(token)) return "<path>";
    if (isHost(token)) return HAS_PORT.test(token) ? "<host>:<number>" : "<host>";
  }
  if (token.startsWith("arn:")) return "<id>";
  if (!hasDigit || ERROR_CODE.test(token)) return token;
  return isMachineName(token) ? "<host>" : namedParts(token);
}

/** Codes that compilers, databases and servers number their messages by. */
const ERROR_CODE =
  /^(?:AADSTS|AH|AMQ|CA|CS|CVE-\d{4}|DPI|DPY|E|HHH|IJ|JBAS|MSB|NETSDK|NU|ORA|PLS|RMAN|SP2|SQL|TNS|TS|WFLY)-?\d{3,6}$/;

/**
 * `web-12`, `db03`, `eu-node-9`: words that only say what a machine is for, or where. Behind words of any other kind a
 * number tells of what it is (`order-17`, `step2`).
 */
function isMachineName(token: string): boolean {
  if (!MACHINE_NAME.test(token) || NAMES.has(token) || !token.split(/[.-]/).every((part) => MACHINE_PART.test(part))) {
    return false;
  }
  const words = token.split(NO_LETTERS);
  return words.every((word) => word.length < 3 || MACHINES.has(word)) && words.some((word) => MACHINES.has(word));
}

const MACHINE_NAME = /^[a-z][a-z\d.-]{1,40}\d$/;
/** `node`, `db03`, `17`, `k3s`, `rack4u12`; not the hash of a pod. */
const MACHINE_PART = /^(?:[a-z]*\d{0,5}|[a-z]{1,4}\d[a-z]\d{0,2})$/;
const NO_LETTERS = /[^a-z]+/;
const MACHINES: ReadonlySet<string> = new Set(
  (
    "agent api app backend broker cache central cluster database db dev dn east edge fe frontend gateway gpu gw host ip leader " +
    "machine master mirror node north primary prod proxy rack replica server slave south srv stg vm web west worker www"
  ).split(" "),
);

/** `report.pdf`, but not `stock.js`: source files are where an error is, others what it is about. */
export const FILE_NAME: RegExp =
  /^[^/\\]*[^/\\.]\.(?:7z|aab|apk|avi|avro|bak|bin|bmp|bz2|cab|cer|cfg|ckpt|cnf|conf|crc|crt|csv|dat|db|deb|dll|dmg|docx?|dylib|eml|epub|exe|flac|gif|gz|h5|heic|html?|ico|img|ini|ipa|iso|jar|jpe?g|json|kext|key|lock|log|lzo|m3u8|m4[av]|md|mkv|mov|mp[34]|mpd|msi|mxf|npy|odt|ogg|onnx|orc|out|parquet|part|pdf|pem|pid|pkl|plist|png|pptx?|properties|psd|rar|rpm|service|so|sock|sql|sqlite|svg|swp|tar|tfrecord|tgz|tiff?|tmp|toml|torrent|tsv|ttf|txt|vmdk|war|wav|webm|webp|wmv|woff2?|xlsx?|xml|xz|ya?ml|zip|zst)(?:[.:]\d{1,8})?$/i;

/** `mm/slab.c:2345`: relative, so it is the same everywhere. */
const SOURCE =
  /^\w[\w-]*(?:\/[\w.-]+)+\.(?:cc?|cpp|cs|erl|exs?|go|hh?|hpp|java|jsx?|kt|mm?|php|py|rb|rs|scala|swift|tsx?)(?::\d{1,7}){0,2}$/;
const LINE = /(?::\d{1,7}){1,2}$/;

const NUMBER = /^[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?$/;
/** Shapes of a whole token that holds a digit. Each is anchored and has one way to match, so all are linear. */
const SHAPES: readonly (readonly [shape: RegExp, name: string])[] = [
  [/^[-+]?\d+(?:\.\d+)?%$/, "<number>%"],
  [/^\/?\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?:\/\d{1,2})?$/, "<ip>"],
  [/^\/?\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}:\d{1,5}$/, "<ip>:<number>"],
  [/^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i, "<uuid>"],
  [
    /^(?:\d{4}[-/.]\d{2}[-/.]\d{2}|\d{1,2}[/.]\d{1,2}[/.]\d{4})(?:[T_-][\d:.]{4,18}(?:Z|[-+]\d{2}:?\d{2})?)?$/,
    "<date>",
  ],
  [/^\d{1,2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[-+]\d{2}:?\d{2})?$/, "<date>"],
  [/^\d{1,2}[/-](?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[/-]\d{2,4}(?::\d{2}){0,3}$/i, "<date>"],
  [/^\d{8}T\d{4,6}Z?$/, "<date>"],
  [/^(?:\d+(?:\.\d+)?(?:ns|us|ms|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?)(?![a-z]))+$/, "<duration>"],
  [/^\d+(?:\.\d+)?(?:[kKMGT](?:i?B)?|B|bytes)(?:\/s)?$/, "<size>"],
  [/^0x[\da-f]+$/i, "<hex>"],
  [/^[\dA-F]{1,8}\/[\dA-F]{1,8}$/, "<hex>"],
  [/^(?:[\da-f]{2}[:-]){5}[\da-f]{2}$/i, "<hex>"],
  [/^(?=.*:.*:)[\da-f:]{2,39}(?:\d\.\d{1,3}\.\d{1,3}\.\d{1,3})?(?:%\w{1,16})?$/i, "<ip>"],
  [/^[\da-f]{2}-[\da-f]{32}-[\da-f]{16}-[\da-f]{2}$/i, "<id>"],
  [/^v?\d+(?:\.\d+){1,4}(?:[-+][\w.+-]{1,40})?$/, "<version>"],
];

/** Of letters, each begins with a digit in base 16, or with the `v` of versions. */
function mayHaveShape(firstCode: number): boolean {
  const lower = firstCode | 32;
  return lower <= LOWER_F || lower > LOWER_Z || lower === LOWER_V;
}

const LOWER_F = 102;
const LOWER_V = 118;
const LOWER_Z = 122;

/** Registers and addresses are padded; a program that prints one of only decimal digits prints others with letters. */
function isHexPadded(token: string): boolean {
  return token.length >= 8 && token.startsWith("0");
}

const TAGS = "(?:latest|next|beta|alpha|canary|head|main|master|stable)$";
/** `ann@example.com`, `ann@web`, `host/web@REALM`; not `@scope/name`, `express@5.1.0` or `react@next`. */
const EMAIL = new RegExp(`^[\\w.+%/-]{1,64}@(?!\\d|${TAGS})[A-Za-z][\\w-]*(?:\\.[\\w-]+)*$`);
const OBJECT = /^[\w.$[;-]{1,128}@(?=[a-f]*\d)[\da-f]{1,16}$/;

/** An address, or an object as Java prints it: `com.shop.Stock@1b28cdfa`. */
function emailOrObject(token: string): string | undefined {
  if (OBJECT.test(token)) return `${namedParts(token.slice(0, token.lastIndexOf("@")))}@<hex>`;
  return EMAIL.test(token) ? "<email>" : undefined;
}

/**
 * `web.example.com`, `db.internal`. Of the endings that are also names of members (`user.id`, `log.info`) or of source
 * files (`main.rs`) none is here; what begins as packages of code do is none.
 */
const HOST =
  /^(?:[a-z\d](?:[\w-]*[a-z\d])?\.)+(?:com|net|org|edu|gov|mil|local|localdomain|internal|intranet|lan|corp|home|arpa|cloud|svc|ar|au|be|br|ca|ch|cl|cn|cz|de|dk|es|eu|fi|fr|gr|hk|hu|ie|il|ir|jp|kr|mx|nl|nz|pl|pt|ro|ru|se|sg|sk|th|tr|tw|ua|uk|vn|za)(?::\d{1,5})?$/;
/** Endings that are names of members, too: only with a part that is no word. */
const NAMED_HOST = /^(?:[a-z\d](?:[\w-]*[a-z\d])?\.)+(?:ai|app|biz|co|dev|info|io|me|test|tv|us|xyz)(?::\d{1,5})?$/;
const PACKAGE = /^(?:android|com|io|java|javax|jdk|kotlin|net|org|scala|sun)\./;
const HAS_PORT = /:\d{1,5}$/;

function isHost(token: string): boolean {
  if (PACKAGE.test(token)) return false;
  if (HOST.test(token)) return true;
  if (!NAMED_HOST.test(token)) return false;
  const parts = token.split(/[.:-]/);
  return parts.slice(0, -1).some((part) => /^[a-z]{3,}$/.test(part) && !isVocabulary(part));
}

function isPath(token: string): boolean {
  if (token.length > 1 && /^(?:\.{0,2}|~|[A-Za-z]:)[/\\]/.test(token)) return true;
  if (/^(?:application|audio|font|image|multipart|text|video)\//.test(token) || /^[A-Z]+\/[\d.]+$/.test(token))
    return false;
  if (token.startsWith("@") || /^(?:[A-Z]\w*\\)+[A-Z]\w*$/.test(token)) return false;
  const slash = token.search(/[/\\]/);
  return token.includes(".", slash) || token.indexOf(token[slash] ?? "/", slash + 1) > 0;
}

/** `order-1042`, and so on, as drawn above: names stay, and values that stand together are one. */
export function namedParts(token: string): string {
  let out = "";
  /** The value that was read last, and the marks behind it, as long as nothing else came. */
  let value = "";
  let marks = "";
  let wasValue = false;
  for (let at = 0; at < token.length; ) {
    let end = at;
    let digits = 0;
    while (end < token.length && isAlphanumeric(token.charCodeAt(end))) if (isDigit(token.charCodeAt(end++))) digits++;
    if (end === at) {
      marks += token[at++];
      continue;
    }
    let name: string;
    if (end - at === 8 && UUID_HERE.test(token.slice(at, at + 37))) {
      name = "<uuid>";
      end = at + 36;
    } else name = part(token.slice(at, end), digits, wasValue);
    at = end;

    const isValue = name.startsWith("<");
    // `blk_-17`: a sign, as there is another mark before it.
    if (name === "<number>" && marks.length > 1 && marks.endsWith("-")) marks = marks.slice(0, -1);
    if (isValue && value !== "" && marks.length <= MAX_MARKS_WITHIN) value = name === value ? name : "<id>";
    else {
      out += value + marks;
      value = isValue ? name : "";
      if (!isValue) out += name;
    }
    wasValue ||= isValue;
    marks = "";
  }
  return out + value + marks;
}

const MAX_MARKS_WITHIN = 2;
const UUID_HERE = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}(?![\da-z])/i;

function part(text: string, digits: number, isBehindValue: boolean): string {
  if (digits === text.length) return "<number>";
  if (digits === 0) return isBehindValue && !isWord(text) ? "<id>" : text;
  if (NAMES.has(text.toLowerCase())) return text;
  if (/^(?:0x)?[\da-f]{6,}$/i.test(text) || /^0x[\da-f]+$/i.test(text)) return "<hex>";
  const [, word] = /^([A-Za-z]{3,})\d+$/.exec(text) ?? [];
  return word !== undefined && LIKE_A_WORD.test(word) && VOWEL.test(word) ? `${word}<number>` : "<id>";
}

/** `user_42_profile` goes on with a word, `7d4b9-xkzlp`, `7d4b9-cafe` and `9f_Qx` with more of the id. */
function isWord(text: string): boolean {
  return text.length >= 3 && LIKE_A_WORD.test(text) && VOWEL.test(text) && !/^[a-f]+$/i.test(text);
}

/** `disk`, `DISK`, `Disk`, `DiskDrive`, `diskDrive`. */
const LIKE_A_WORD = /^(?:[A-Z]+|[A-Z]?[a-z]+(?:[A-Z][a-z]+)*)$/;
const VOWEL = /[aeiouy]/i;

/** Names of protocols, formats and products, in which digits are no number. */
const NAMES: ReadonlySet<string> = new Set(
  (
    "p50 p90 p95 p99 utf8 utf8mb3 utf8mb4 utf16 utf32 latin1 base32 base64 sha1 sha224 sha256 sha384 sha512 md4 md5 crc32 aes128 aes256 rsa2048 x509 x86 x64 " +
    "arm64 amd64 int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 ipv4 ipv6 ip4 ip6 tcp4 tcp6 udp4 udp6 " +
    "http1 http2 http3 h2 h3 h264 h265 mp3 mp4 tls1 tlsv1 sslv3 ssl3 ssh1 ssh2 oauth1 oauth2 pop3 imap4 smb2 nfs3 nfs4 socks4 " +
    "socks5 s3 ec2 k8s i18n l10n p2p b2b e2e win32 win64 log4j log4net neo4j db2 sqlite3 python2 python3 gpt3 gpt4 ext3 ext4 " +
    "es5 es6 es2015 vue2 vue3 d3 web3 bz2 lz4 gb2312 iso8859"
  ).split(" "),
);

function isAlphanumeric(code: number): boolean {
  return isDigit(code) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122) || code >= 0xc0;
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}
