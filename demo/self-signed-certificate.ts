/** A certificate that no client trusts: made anew at each start, so that no private key lies in a repository. */
import { generateKeyPairSync, sign } from "node:crypto";

export interface Certificate {
  /** Both as PEM. */
  readonly key: string;
  readonly cert: string;
}

/** For `localhost`, valid for a day; X.509 version 1 with an ECDSA signature, written as DER by hand (RFC 5280). */
export function selfSignedCertificate(nowMillis: number): Certificate {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const name = der(SEQUENCE, der(SET, der(SEQUENCE, COMMON_NAME, der(UTF8_STRING, Buffer.from("localhost")))));
  const validity = der(SEQUENCE, time(nowMillis - DAY_MILLIS), time(nowMillis + DAY_MILLIS));
  const serial = der(INTEGER, Buffer.from([1]));
  const publicInfo = publicKey.export({ type: "spki", format: "der" });
  const body = der(SEQUENCE, serial, ECDSA_WITH_SHA256, name, validity, name, publicInfo);
  const signature = der(BIT_STRING, Buffer.from([0]), sign("sha256", body, privateKey));
  const certificate = der(SEQUENCE, body, ECDSA_WITH_SHA256, signature).toString("base64");
  return {
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    cert: `-----BEGIN CERTIFICATE-----\n${certificate}\n-----END CERTIFICATE-----\n`,
  };
}

const DAY_MILLIS = 86_400_000;
const [INTEGER, BIT_STRING, OBJECT_ID, UTF8_STRING, UTC_TIME, SEQUENCE, SET] = [2, 3, 6, 12, 23, 0x30, 0x31] as const;
const COMMON_NAME = der(OBJECT_ID, Buffer.from("550403", "hex"));
const ECDSA_WITH_SHA256 = der(SEQUENCE, der(OBJECT_ID, Buffer.from("2a8648ce3d040302", "hex")));

/** Tag, length, contents. */
function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const contents = Buffer.concat(parts);
  const { length } = contents;
  const head = length < 128 ? [tag, length] : [tag, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(head), contents]);
}

/** YYMMDDhhmmssZ */
function time(millis: number): Buffer {
  return der(UTC_TIME, Buffer.from(`${new Date(millis).toISOString().replace(/\D/g, "").slice(2, 14)}Z`));
}
