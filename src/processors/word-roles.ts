/**
 * What the words of a message say of the part behind them: `column 'email'` names a column, `user 'ann'` one of many
 * users. Every word of a message is asked for, by the hash that was made while it was read.
 */
import { hashWord } from "./vocabulary";

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
export const KIND = 2_048;

/** The roles of a word, in any case. 0 for most words. */
export function rolesOf(word: string): number {
  return word.length > MAX_LENGTH ? 0 : (ROLES.get(word.toLowerCase()) ?? 0);
}

/** The same by the hash of a word of letters alone, as vocabulary.ts makes it. */
export function rolesOfHash(hash: number): number {
  for (let slot = hash & SLOT_MASK; ; slot = (slot + 1) & SLOT_MASK) {
    const known = HASHES[slot];
    if (known === hash) return SLOT_ROLES[slot] ?? 0;
    if (known === 0) return 0;
  }
}

const MAX_LENGTH = 15;

const ROLES = new Map<string, number>();
for (const [role, words] of [
  // Before a quoted name that makes it part of the statement.
  [
    NAMING,
    "action argument attribute cause class code collection column command constraint constructor directive enum err errno error " +
      "event exception export expected extension field function header import index key kind level method module msg op operation " +
      "operator option package param parameter plugin policy property properties reading reason relation schema setting state " +
      "status symbol syscall table topic trigger type variable view zone",
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
  // In lines of logs, before one of many of a kind that has names.
  [
    KIND,
    "agent backend bucket buffer cache channel cluster consumer container database dataset deployment device disk endpoint group image interface job layer " +
      "merchant model namespace network node partition pipeline pod pool producer profile project queue region replica repository route runner " +
      "server service shard stage standby store stream task unit upstream volume worker",
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

/** The same words by their hashes, each in the first free slot from where its hash says. */
const SLOT_MASK = 1_023;
const HASHES = new Int32Array(SLOT_MASK + 1);
const SLOT_ROLES = new Int32Array(SLOT_MASK + 1);
for (const [word, roles] of ROLES) {
  const hash = hashWord(word);
  let slot = hash & SLOT_MASK;
  while (HASHES[slot] !== 0) slot = (slot + 1) & SLOT_MASK;
  HASHES[slot] = hash;
  SLOT_ROLES[slot] = roles;
}
