/** The shapes of the user's rules and of the thresholds of routes, in zod, which is loaded only when a file has some. */
import type { ZodType } from "zod";
import {
  type AdviceRule,
  CATEGORIES,
  type CategoryRule,
  type FingerprintRule,
  type Group,
  type RuleMatch,
  type SeverityRule,
  type SlowRoute,
} from "../event";
import type { Zod } from "./option-kinds";

const DAY_MILLIS = 86_400_000;
/** Characters: what every channel shows without cutting it. */
const MAX_ADVICE = 300;

export function slowRouteSchema(z: Zod): ZodType<SlowRoute> {
  return z
    .strictObject({
      route: z.string().min(1).max(1_024),
      method: z
        .string()
        .regex(/^[A-Za-z]{1,20}$/)
        .toUpperCase()
        .optional(),
      ms: z.int().min(1).max(DAY_MILLIS),
    })
    .transform(({ ms, ...route }) => ({ ...route, slowMillis: ms }));
}

export function matchSchema(z: Zod): ZodType<RuleMatch> {
  const glob = z.string().min(1).max(256);
  return z
    .strictObject({
      type: glob.optional(),
      message: glob.optional(),
      service: glob.optional(),
      category: glob.optional(),
      attributes: z.record(z.string().max(256), glob).optional(),
    })
    .refine((match) => Object.keys(match).length > 0, "expected at least one field to match");
}

export function categoryRuleSchema(z: Zod): ZodType<CategoryRule> {
  // A decoding edge: these are the keys.
  const groups = Object.keys(CATEGORIES) as Group[];
  const category = z.string().regex(/^[a-z][a-z0-9_]{0,63}$/, "expected lower snake case, at most 64");
  return z.strictObject({ match: matchSchema(z), category, group: z.enum(groups).optional() });
}

export function severityRuleSchema(z: Zod): ZodType<SeverityRule> {
  return z.strictObject({ match: matchSchema(z), severity: z.enum(["critical", "warning", "info"]) });
}

export function adviceRuleSchema(z: Zod): ZodType<AdviceRule> {
  const advice = z
    .string()
    .min(1)
    .max(MAX_ADVICE)
    .regex(/^\P{Cc}+$/u, "expected text of one line");
  return z.strictObject({ match: matchSchema(z), advice });
}

export function fingerprintRuleSchema(z: Zod): ZodType<FingerprintRule> {
  return z.strictObject({ match: matchSchema(z), fingerprint: z.array(z.string().min(1).max(256)).min(1).max(10) });
}
