/** Three errors as services throw them; each call makes another one, whose stack nobody has read yet. */
import { readFileSync } from "node:fs";
import { DatabaseError } from "pg";

export interface SampleError {
  readonly name: string;
  make(index: number): Error;
}

export const SAMPLE_ERRORS: readonly SampleError[] = [
  { name: "system error (ENOENT)", make: (index) => caught(() => void readFileSync(`/srv/uploads/${index}.json`)) },
  { name: "TypeError, 10 frames", make: (index) => caught(() => void descend(10, index)) },
  { name: "database error (23505)", make: violateConstraint },
];

function descend(depth: number, index: number): number {
  if (depth > 0) return descend(depth - 1, index) + 1;
  const orders: { [id: number]: { readonly total: number } | undefined } = {};
  const order = orders[index] as { readonly total: number }; // the bug that this function is here for
  return order.total;
}

function violateConstraint(index: number): Error {
  const error = new DatabaseError('duplicate key value violates unique constraint "users_email_key"', 210, "error");
  return Object.assign(error, {
    severity: "ERROR",
    code: "23505",
    detail: `Key (email)=(user-${index}@example.com) already exists.`,
    schema: "public",
    table: "users",
    constraint: "users_email_key",
    file: "nbtinsert.c",
    line: "666",
    routine: "_bt_check_unique",
  });
}

function caught(act: () => void): Error {
  try {
    act();
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error("the sample did not fail");
}
