/**
 * The user's rules, compiled once: what configuration says, in the form that the steps read.
 * Patterns are globs (`*` is any run of characters, case ignored), so that no pattern can be slow.
 */
import type { AdviceRule, Attributes, CategoryRule, FingerprintRule, RuleMatch, SeverityRule } from "../event";
import { FINGERPRINT_VERSIONS, type FingerprintVersions } from "./fingerprint-versions";
import { compileRedaction, type RedactionOptions, type RedactionRules } from "./redact";

export interface RuleOptions {
  readonly categories?: readonly CategoryRule[] | undefined;
  readonly severities?: readonly SeverityRule[] | undefined;
  readonly fingerprints?: readonly FingerprintRule[] | undefined;
  readonly fingerprintVersions?: FingerprintVersions | undefined;
  readonly advice?: readonly AdviceRule[] | undefined;
  /** Errors that match any of these are dropped, and counted as ignored. */
  readonly ignore?: readonly RuleMatch[] | undefined;
  readonly redaction?: RedactionOptions | undefined;
  /** This many times within the last hour makes an `info` a `warning`. Default 5. */
  readonly recurringAfter?: number | undefined;
}

export interface Rules {
  readonly categories: readonly Compiled<CategoryRule>[];
  readonly severities: readonly Compiled<SeverityRule>[];
  readonly fingerprints: readonly Compiled<FingerprintRule>[];
  readonly fingerprintVersions: FingerprintVersions;
  readonly advice: readonly Compiled<AdviceRule>[];
  readonly ignores: (subject: RuleSubject, category: string) => boolean;
  readonly redaction: RedactionRules;
  readonly recurringAfter: number;
}

/** What a rule is held against. */
export interface RuleSubject {
  readonly type: string;
  readonly message: string;
  readonly resource: { readonly service: string };
  readonly attributes: Attributes;
}

export type Compiled<R> = { readonly rule: R; readonly matches: (subject: RuleSubject, category: string) => boolean };

export const DEFAULT_RECURRING_AFTER = 5;

export function compileRules(options: RuleOptions = {}): Rules {
  const ignored = (options.ignore ?? []).map((match) => compile({ match }));
  return {
    ignores: (subject, category) => ignored.some(({ matches }) => matches(subject, category)),
    categories: (options.categories ?? []).map(compile),
    severities: (options.severities ?? []).map(compile),
    fingerprints: (options.fingerprints ?? []).map(compile),
    fingerprintVersions: options.fingerprintVersions ?? FINGERPRINT_VERSIONS,
    advice: (options.advice ?? []).map(compile),
    redaction: compileRedaction(options.redaction ?? {}),
    recurringAfter: options.recurringAfter ?? DEFAULT_RECURRING_AFTER,
  };
}

/** The first rule that matches, in the order of configuration. */
export function firstMatch<R>(rules: readonly Compiled<R>[], subject: RuleSubject, category: string): R | undefined {
  for (const { rule, matches } of rules) if (matches(subject, category)) return rule;
  return undefined;
}

/** Greedy wildcard walk with one point of return: at worst pattern × text steps, both of which are capped. */
export function globMatches(pattern: string, text: string): boolean {
  const glob = pattern.toLowerCase();
  const subject = text.toLowerCase();
  let g = 0;
  let s = 0;
  let star = -1;
  let mark = 0;
  while (s < subject.length) {
    if (g < glob.length && glob[g] === "*") {
      star = g++;
      mark = s;
    } else if (g < glob.length && glob[g] === subject[s]) {
      g++;
      s++;
    } else if (star >= 0) {
      g = star + 1;
      s = ++mark;
    } else return false;
  }
  while (g < glob.length && glob[g] === "*") g++;
  return g === glob.length;
}

function compile<R extends { readonly match: RuleMatch }>(rule: R): Compiled<R> {
  const { type, message, service, category, attributes } = rule.match;
  const wanted = Object.entries(attributes ?? {});
  return {
    rule,
    matches: (subject, subjectCategory) =>
      (type === undefined || globMatches(type, subject.type)) &&
      (message === undefined || globMatches(message, subject.message)) &&
      (service === undefined || globMatches(service, subject.resource.service)) &&
      (category === undefined || globMatches(category, subjectCategory)) &&
      wanted.every(([key, pattern]) => {
        const value = Object.hasOwn(subject.attributes, key) ? subject.attributes[key] : undefined;
        return value !== undefined && globMatches(pattern, String(value));
      }),
  };
}
