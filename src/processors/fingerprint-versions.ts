/**
 * The versions of the fingerprint, the latest first. One that is not the latest stays for a time, beside it: events then carry
 * the id that it gives as well, by which the group is known from before. With one version alone that costs nothing.
 */
import type { FingerprintAlgorithm } from "./fingerprint";
import { FINGERPRINT_V3 } from "./fingerprint-v3";

export type FingerprintVersions = readonly [latest: FingerprintAlgorithm, before?: FingerprintAlgorithm];

export const FINGERPRINT_VERSIONS: FingerprintVersions = [FINGERPRINT_V3];
