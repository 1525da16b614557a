import assert from "node:assert/strict";
import { test } from "node:test";
import { createBearerCheck } from "../src/bearer-token";

test("only the token itself, as a bearer, opens the door", () => {
  const isAuthorized = createBearerCheck("s3cret-token");
  for (const good of ["Bearer s3cret-token", "bearer s3cret-token", "BEARER  s3cret-token"]) {
    assert.equal(isAuthorized(good), true, good);
  }
  const bad = ["", "s3cret-token", "Bearer", "Bearer ", "Bearer s3cret", "Bearer s3cret-tokenX", "Bearer S3CRET-TOKEN"];
  for (const header of [
    undefined,
    ...bad,
    "Basic s3cret-token",
    "Bearer s3cret-token, Bearer x",
    "Bearer x s3cret-token",
  ]) {
    assert.equal(isAuthorized(header), false, header ?? "no header");
  }
});

test("an empty token lets nobody in, no token everybody", () => {
  for (const header of [undefined, "", "Bearer ", "Bearer x"]) {
    assert.equal(createBearerCheck("")(header), false);
    assert.equal(createBearerCheck(undefined)(header), true);
  }
});
