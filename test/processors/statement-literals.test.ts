import assert from "node:assert/strict";
import { test } from "node:test";
import { hideLiterals } from "../../src/processors/statement-literals";
import { assertLinear } from "./linear-time";

const EXAMPLES: readonly (readonly [statement: string, safe: string])[] = [
  ["INSERT INTO users (name, password) VALUES ('ann', 'hunter22')", "INSERT INTO users (name, password) VALUES (?, ?)"],
  ["INSERT INTO \"users\" (\"name\") VALUES ('it''s')", 'INSERT INTO "users" ("name") VALUES (?)'],
  ['INSERT INTO users VALUES ("ann", "hunter22")', "INSERT INTO users VALUES (?, ?)"],
  ['SELECT * FROM users WHERE note = "hunter22"', "SELECT * FROM users WHERE note = ?"],
  [
    'SELECT "a"."id" FROM "a" JOIN "b" ON "a"."id" = "b"."id"',
    'SELECT "a"."id" FROM "a" JOIN "b" ON "a"."id" = "b"."id"',
  ],
  ['SELECT 1 WHERE "a"."b" = "hunter22" AND c LIKE "x%"', 'SELECT ? WHERE "a"."b" = ? AND c LIKE ?'],
  ["SELECT x1 FROM t2 WHERE pin = 1234 LIMIT 1.5e3", "SELECT x1 FROM t2 WHERE pin = ? LIMIT ?"],
  [
    "SELECT * FROM t WHERE a = $1 AND b = :name AND c = @p1 AND d = ?",
    "SELECT * FROM t WHERE a = $1 AND b = :name AND c = @p1 AND d = ?",
  ],
  [
    "SELECT '' FROM `it's` -- it's\nWHERE a = 'x' /* it's */ AND b = 'y'",
    "SELECT ? FROM `it's` -- it's\nWHERE a = ? /* it's */ AND b = ?",
  ],
  ["VALUES ('C:\\', 'hunter22')", "VALUES (?"],
  ["VALUES ('O'Brien', 'hunter22')", "VALUES (?"],
  ["VALUES ('C:\\\\', 'hunter22')", "VALUES (?, ?)"],
  ["DO $body$ SELECT 'hunter22' $body$", "DO ?"],
  ["SET full [1 other arguments]", "SET full [1 other arguments]"],
  ["SELECT 'hunter", "SELECT ?"],
  ["SELECT 'hunter\\", "SELECT ?"],
  ['{"find":"users","filter":{"name":"?"}}', '{"find":"users","filter":{"name":"?"}}'],
  ["GET users:7", "GET users:7"],
];

for (const [statement, safe] of EXAMPLES) {
  test(`${statement} becomes ${safe}`, () => {
    assert.equal(hideLiterals(statement), safe);
    assert.equal(hideLiterals(safe), safe, "again");
  });
}

test("hostile statements take time in proportion to their length", () => {
  for (const unit of [
    "'",
    "''",
    "\\'",
    "'\\",
    '"',
    '="',
    "`",
    "$a$",
    "$",
    "--",
    "/*",
    "/* */",
    "1",
    "a",
    "=",
    "VALUES ",
  ]) {
    assertLinear((text) => hideLiterals(text), unit, 200_000);
    assertLinear((text) => hideLiterals(`SELECT '${text}`), unit, 200_000);
  }
});
