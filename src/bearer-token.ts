/** Whether an `Authorization` header carries the token that is asked for at every door. */
import { createHash, timingSafeEqual } from "node:crypto";

/**
 * Digests are compared, in constant time: neither content nor length of the token can be measured from outside. Without
 * a token everybody may enter; whether that is fit for the address is for the configuration to say.
 */
export function createBearerCheck(token: string | undefined): (authorization: string | undefined) => boolean {
  if (token === undefined) return () => true;
  const wanted = digest(token);
  return (authorization) => {
    const given = BEARER.exec(authorization ?? "")?.[1];
    return given !== undefined && timingSafeEqual(wanted, digest(given));
  };
}

const BEARER = /^Bearer +(\S+)$/i;

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
