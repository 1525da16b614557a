/** What the stacks of other languages say of their errors, as the runtimes print them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { toldErrors } from "../../../src/processors/stack";

const told = (stack: string): readonly (readonly [string, string])[] =>
  toldErrors(stack).map(({ type, message }) => [type, message]);

const TRACEBACK = `Traceback (most recent call last):
  File "/srv/shop/pay.py", line 54, in pay
    raise ConnectionRefusedError(111, "Connection refused")
ConnectionRefusedError: [Errno 111] Connection refused
`;
const DIRECT = "\nThe above exception was the direct cause of the following exception:\n\n";
const HANDLING = "\nDuring handling of the above exception, another exception occurred:\n\n";
const OUTER = `Traceback (most recent call last):
  File "/srv/shop/pay.py", line 56, in pay
    raise shop.PaymentError("no payment") from error
    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  [Previous line repeated 2 more times]
shop.PaymentError: no payment
`;

test("Python's traceback ends with its error, and names what it was raised from", () => {
  assert.deepEqual(told(TRACEBACK), [["ConnectionRefusedError", "[Errno 111] Connection refused"]]);
  assert.deepEqual(told(TRACEBACK + DIRECT + OUTER), [
    ["shop.PaymentError", "no payment"],
    ["ConnectionRefusedError", "[Errno 111] Connection refused"],
  ]);
  assert.equal(toldErrors(TRACEBACK + DIRECT + OUTER)[1]?.stack, TRACEBACK.trimEnd());
});

test("what was merely being handled in Python is no cause: its handler may have a bug of its own", () => {
  assert.deepEqual(told(TRACEBACK + HANDLING + OUTER), [["shop.PaymentError", "no payment"]]);
  assert.deepEqual(
    told(TRACEBACK + HANDLING + OUTER + DIRECT + OUTER).map(([type]) => type),
    ["shop.PaymentError", "shop.PaymentError"],
  );
});

test("messages of no line and of many lines are read whole", () => {
  const python = (last: string): string =>
    `Traceback (most recent call last):\n  File "a.py", line 1, in <module>\n${last}`;
  assert.deepEqual(told(python("ValueError\n")), [["ValueError", ""]]);
  assert.deepEqual(told(python("a.make.<locals>.Odd: one\n\ntwo: three\n")), [
    ["a.make.<locals>.Odd", "one\n\ntwo: three"],
  ]);
  assert.deepEqual(told("a.B\n\tat a.C.d(C.java:1)\n"), [["a.B", ""]]);
  assert.deepEqual(told("a.B: one\ntwo\n\tat a.C.d(C.java:1)\n"), [["a.B", "one\ntwo"]]);
});

test("Java's trace begins with its error, and names its causes; what is suppressed is none", () => {
  const trace = `com.shop.Pay$Refused: no payment
\tat com.shop.Pay.pay(Pay.java:12)
\tSuppressed: java.io.IOException: not closed
\t\tat com.shop.Pay.close(Pay.java:30)
\tCaused by: java.io.IOException: disk
\t\tat com.shop.Pay.close(Pay.java:31)
Caused by: java.util.concurrent.ExecutionException: java.net.ConnectException: Connection refused
\tat com.shop.Bank.call(Bank.java:7)
\t... 1 more
Caused by: java.net.ConnectException: Connection refused
\t... 8 more
`;
  assert.deepEqual(told(trace), [
    ["com.shop.Pay.Refused", "no payment"],
    ["java.util.concurrent.ExecutionException", "java.net.ConnectException: Connection refused"],
    ["java.net.ConnectException", "Connection refused"],
  ]);
  assert.deepEqual(told(trace.replaceAll("\n", "\r\n")), told(trace));
});

test("a JavaScript error that quotes the trace of a child process says nothing of other languages", () => {
  const frames = "\n    at ChildProcess.exithandler (node:child_process:422:12)";
  assert.deepEqual(told(`Error: Command failed: python pay.py\n${TRACEBACK}${frames}`), []);
  assert.deepEqual(told(`Error: Command failed: java Pay\na.B: x\n\tat a.C.d(C.java:1)\nCaused by: a.E${frames}`), []);
  assert.deepEqual(told("TypeError: x\n    at f (/srv/a.js:1:1)"), []);
});

test("any text gives at most ten errors", () => {
  const part = fc.constantFrom(
    TRACEBACK,
    OUTER,
    DIRECT,
    HANDLING,
    "\n\tat a.B(C.java:1)",
    "\nCaused by: ",
    "a.B: c",
    " ",
    "\n",
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(part, fc.string()), { maxLength: 60 }), (parts) => {
      assert.ok(toldErrors(parts.join("")).length <= 10);
    }),
    { numRuns: 300 },
  );
  assert.equal(toldErrors(`${TRACEBACK}${(DIRECT + TRACEBACK).repeat(2_000)}`).length, 10);
  assert.equal(toldErrors(`a.B: c\n\tat a.B(C.java:1)${"\nCaused by: a.D: e".repeat(2_000)}`).length, 10);
});
