/**
 * What the words of a message say of the part behind them: `column 'email'` names a column, `user 'ann'` one of many
 * users. Every word of a message is asked for, so a table tells first whether a word with its first letter, last letter
 * and length plays any role at all.
 */
export const NAMING = 1;
export const NAMING_BY_SIGN = 2;
export const TEXT = 4;
export const VALUE = 8;
export const GIVEN = 16;
export const NAMED = 32;
export const PROCESS = 64;
export const MACHINE = 128;
export const LINK = 256;
export const PLACE = 512;
export const ANSWER = 1_024;

/** The roles of the word from `start` to `stop`, in any case. 0 for most words. */
export function rolesOf(text: string, start: number, stop: number): number {
  if (stop - start > MAX_LENGTH || KNOWN_SHAPES[shapeOf(text, start, stop)] === 0) return 0;
  return ROLES.get(text.slice(start, stop).toLowerCase()) ?? 0;
}

const MAX_LENGTH = 15;

function shapeOf(text: string, start: number, stop: number): number {
  return ((text.charCodeAt(start) & 31) << 9) | ((text.charCodeAt(stop - 1) & 31) << 4) | (stop - start);
}

const ROLES = new Map<string, number>();
for (const [role, words] of [
  // Before a quoted name that makes it part of the statement.
  [
    NAMING,
    "action argument attribute cause class code collection column command constraint constructor directive enum err errno error " +
      "event exception export expected extension field function header import index key kind level method module msg op operation " +
      "operator option package param parameter plugin policy property properties reading reason relation schema setting state " +
      "status symbol syscall table topic trigger type variable view",
  ],
  // Before `=`, or before `:` in a list, where the value tells one fault from another.
  [
    NAMING_BY_SIGN,
    "action cause code constraint err errno error event exception field method msg op operation param parameter reason signal " +
      "status type",
  ],
  // Before a quoted sentence that is the statement, in logs that are made of keys and values.
  [TEXT, "cause description detail details err error exception message msg reason text"],
  // Before a quoted value, which varies however much it looks like a name.
  [
    VALUE,
    "account customer email entry file filename host hostname id identifier input invitee login organization owner path peer pod " +
      "project recipient sender server session string tenant text token url user username uuid value word",
  ],
  // The same, but only right before it: `found 'x'`, not `handler found for 'x'`.
  [GIVEN, "found given got near received was"],
  // Before a name that is not quoted.
  [
    NAMED,
    "account author customer employee host hostname login logname member owner patient player principal student subscriber " +
      "tenant user username visitor",
  ],
  [PROCESS, "pid process task thread"],
  [
    MACHINE,
    "agent broker by client consumer executor follower from gateway host hostname instance leader machine member node peer " +
      "producer replica router server switch worker",
  ],
  // Before a machine, or anything else that has a number: what is called by a common word is no machine.
  [PLACE, "at on to via"],
  // Before the status of an HTTP answer.
  [ANSWER, "answered failed replied responded returned returns"],
  // Between a noun and its name: `account for 'ann'`, `status is 'x'`.
  [LINK, "a an as called for is named the was with"],
] as const) {
  for (const word of words.split(" ")) ROLES.set(word, (ROLES.get(word) ?? 0) | role);
}

const KNOWN_SHAPES = new Uint8Array(1 << 14);
for (const word of ROLES.keys()) KNOWN_SHAPES[shapeOf(word, 0, word.length)] = 1;
