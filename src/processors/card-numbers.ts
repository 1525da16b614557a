/**
 * Payment card numbers: 13 to 19 digits, in one run or in groups, that a card network could have issued and whose
 * check digit is right. All three, since ids, timestamps and order numbers are as long.
 */

/**
 * The end of the card number that begins at `start`, or -1. `start` must be the first digit of a run.
 * Groups have 3 digits or more with one space, dash or plus between them.
 */
export function cardNumberEnd(text: string, start: number): number {
  let digits = "";
  let at = start;
  while (digits.length <= MAX_DIGITS) {
    const groupStart = at;
    while (isDigit(text.charCodeAt(at)) && at - groupStart <= MAX_DIGITS) at++;
    if (at - groupStart < 3) return -1;
    digits += text.slice(groupStart, at);
    if (isCardNumber(digits) && !goesOn(text, at)) return isInUuid(text, start, at) ? -1 : at;
    const gap = gapLength(text, at);
    if (gap === 0) return -1;
    at += gap;
  }
  return -1;
}

/** A cheap no for most runs of digits: ports, lines, years. */
export function mayBeCard(text: string, start: number, end: number): boolean {
  return end - start >= MIN_DIGITS || (end - start >= 3 && gapLength(text, end) > 0);
}

const MIN_DIGITS = 13;
const MAX_DIGITS = 19;

/** Number ranges and lengths of the networks that issue cards today (ISO/IEC 7812). */
const ISSUED = new RegExp(
  [
    "^4(?:\\d{12}|\\d{15}|\\d{18})$", // Visa
    "^(?:5[1-5]\\d\\d|222[1-9]|22[3-9]\\d|2[3-6]\\d\\d|27[01]\\d|2720)\\d{12}$", // Mastercard
    "^3[47]\\d{13}$", // American Express
    "^(?:6011|64[4-9]\\d|65\\d\\d|62\\d\\d|35[2-8]\\d)\\d{12,15}$", // Discover, UnionPay, JCB
    "^3(?:0[0-5]|[689]\\d)\\d{11,16}$", // Diners Club
    "^(?:50[0-9]{2}|5[678]\\d\\d|6[37]\\d\\d)\\d{9,15}$", // Maestro
  ].join("|"),
);

function isCardNumber(digits: string): boolean {
  return digits.length >= MIN_DIGITS && digits.length <= MAX_DIGITS && ISSUED.test(digits) && luhn(digits);
}

/** The check of ISO/IEC 7812-1, annex B: every second digit from the right counts double, digit by digit. */
function luhn(digits: string): boolean {
  let sum = 0;
  for (let index = 0; index < digits.length; index++) {
    const digit = digits.charCodeAt(digits.length - 1 - index) - 48;
    const doubled = digit * 2;
    sum += index % 2 === 0 ? digit : doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}

/** A letter behind it makes an id of the digits, a point and a digit makes a decimal. */
function goesOn(text: string, at: number): boolean {
  return /[a-z\d]|\.\d/iy.test(text.slice(at, at + 2));
}

/** Groups of a UUID can look like the groups of a card. */
function isInUuid(text: string, start: number, end: number): boolean {
  const from = Math.max(0, start - 36);
  for (const uuid of text.slice(from, end + 36).matchAll(UUID)) {
    if (from + uuid.index < end && from + uuid.index + 36 > start) return true;
  }
  return false;
}

const UUID = /[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}/gi;

function gapLength(text: string, at: number): number {
  return at < text.length && " -+\u00a0".includes(text.charAt(at)) ? 1 : 0;
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}
