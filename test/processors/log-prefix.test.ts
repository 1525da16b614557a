import assert from "node:assert/strict";
import { test } from "node:test";
import { logPrefixEnd } from "../../src/processors/log-prefix";
import { assertLinear } from "./linear-time";

/** As loggers of many kinds write them. */
const PREFIXES = [
  "2024-11-22 10:11:12,123 ERROR [main] com.shop.Stock: ",
  "2024-11-22 10:11:12,123 ERROR com.shop.Stock - ",
  "2024-11-22T10:11:12.123Z ",
  "2024-11-22 10:11:12.123  WARN 12345 --- [nio-8080-exec-1] c.s.Stock   : ",
  "2024-11-22 10:11:12.123 UTC [4711] ERROR:  ",
  "[2024-11-22 10:11:12,123: ERROR/PoolWorker-3] ",
  "24/11/22 10:11:12 INFO shop.Stock: ",
  "10:11:12.123 [main] ERROR c.s.Stock - ",
  "Nov 22 10:11:12 web-1 stockd[4711]: ",
  "Nov  2 10:11:12 web-1 kernel: ",
  "<6>[12345.678901] ",
  "[Fri Nov 22 10:11:12 2024] [core:error] [pid 17] ",
  "2024/11/22 10:11:12 [error] 17#17: *1 ",
  "E1122 10:11:12.123456    4711 stock.go:42] ",
  "11-22 10:11:12.123  1702  2395 D StockDesk: ",
  "ts=2024-11-22T10:11:12Z level=error caller=stock.go:42 ",
  "1731234567 2024.11.22 ",
  "ERROR: ",
  "[WARN] ",
  "[error] ",
  "WARNING:shop.stock:",
];

test("what a logger wrote in front of a message is known", () => {
  const message = "no stock left in depot 17";
  for (const prefix of PREFIXES) assert.equal(logPrefixEnd(prefix + message), prefix.length, prefix);
});

test("what only looks like a prefix belongs to the message", () => {
  const messages = [
    "Error: no stock left",
    "error: no stock left",
    "ENOENT: no such file",
    "ERROR 1045 (28000): Access denied",
    "TypeError: x is not a function",
    "com.shop.Stock: no stock left",
    "500 Internal Server Error",
    "3 items left",
    "[object Object] is bad",
    "[1, 2] are unknown",
    "May I ask",
    "10.0.0.7 is down",
    "JSON parse failed",
    "",
  ];
  for (const message of messages) assert.equal(logPrefixEnd(message), 0, message);
});

test("the type of an error is no logger", () => {
  const time = "2024-11-22 10:11:12 ERROR ";
  for (const message of [
    "connection lost: retrying",
    "TypeError: x",
    "java.io.IOException: x",
    "ENOENT: no such file",
    "Timeout: no answer",
  ]) {
    assert.equal(logPrefixEnd(time + message), time.length, message);
  }
});

test("a prefix with nothing behind it is the message", () => {
  for (const text of ["2024-11-22", "ERROR", "Nov 22 10:11:12 web-1 stockd[4711]: ", "level=error "]) {
    assert.equal(logPrefixEnd(text), 0, text);
  }
});

test("hostile prefixes take time in proportion to their length", () => {
  const units = [
    "[",
    "[a] ",
    "1 ",
    "ERROR ",
    "ERROR:",
    "Nov ",
    "2024-11-22 ",
    "10:11:12 ",
    "ts=1 ",
    "a.b",
    "[10:11:12 ",
    "<1>",
    "- ",
    "D a ",
  ];
  for (const unit of units) assertLinear(logPrefixEnd, unit, 8_000);
});
