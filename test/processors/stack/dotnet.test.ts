/** Traces as .NET writes them; those of Mono are in test/fixtures/traces. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { calls, errors, stableCalls } from "./told-calls";

const trace = (...lines: readonly string[]): string =>
  ["System.Exception: x", ...lines.map((line) => `   ${line}`)].join("\n");

const CHAINED = `Shop.OutOfStock: no tea left
until Monday
 ---> System.Net.Sockets.SocketException (111): Connection refused
   at System.Net.Sockets.Socket.Connect(EndPoint remote)
   at Shop.Bank.Call(String account) in /src/shop/Bank.cs:line 30
   --- End of inner exception stack trace ---
   at Shop.Cart.Run() in C:\\build (x86)\\shop\\Cart.cs:line 12
--- End of stack trace from previous location ---
   at Shop.Program.Main(String[] args) in C:\\build (x86)\\shop\\Program.cs:line 3`;

test("an error has its own calls, and its inner exceptions are causes", () => {
  assert.deepEqual(calls(CHAINED), [
    "* Run (Shop.Cart) C:/build (x86)/shop/Cart.cs:12",
    "* Main (Shop.Program) C:/build (x86)/shop/Program.cs:3",
  ]);
  assert.deepEqual(errors(CHAINED), [
    ["error", "Shop.OutOfStock", "no tea left\nuntil Monday"],
    ["cause", "System.Net.Sockets.SocketException", "Connection refused"],
  ]);
});

test("members of an aggregate come after its cause", () => {
  const text = `System.AggregateException: One or more errors occurred. (a) (b)
 ---> System.Exception: a
   at Shop.A.Run() in /src/A.cs:line 1
   --- End of inner exception stack trace ---
   at Shop.Main.All() in /src/Main.cs:line 3
 ---> (Inner Exception #1) Shop.Odd: b
   at Shop.B.Run() in /src/B.cs:line 2<---
`;
  assert.deepEqual(stableCalls(text), ["* All (Shop.Main)"]);
  assert.deepEqual(errors(text).slice(1), [
    ["cause", "System.Exception", "a"],
    ["member", "Shop.Odd", "b"],
  ]);
});

test("what the compiler made is named for the method that holds it", () => {
  const rows: readonly (readonly [line: string, call: string])[] = [
    ["at Shop.Cart.<Run>d__1.MoveNext()", "* Run (Shop.Cart)"],
    ["at Shop.Cart.Run(String name)", "* Run (Shop.Cart)"],
    ["at Shop.Bank.<>c__DisplayClass3_0.<<CallAsync>b__0>d.MoveNext()", "* CallAsync.<lambda> (Shop.Bank)"],
    ["at Shop.Cart.<>c.<Total>b__2_0(Item item)", "* Total.<lambda> (Shop.Cart)"],
    ["at Shop.Cart.<Total>g__Price|2_1(Item item)", "* Price (Shop.Cart)"],
    ["at Shop.Cart..ctor(String name)", "* .ctor (Shop.Cart)"],
    ["at Shop.Cart..cctor()", "* .cctor (Shop.Cart)"],
    ["at Shop.Repository`1.Find[TKey](TKey key, Func`2 filter)", "* Find (Shop.Repository`1)"],
    ["at Program.<Main>$(String[] args)", "* Main (Program)"],
    ["at lambda_method12(Closure , Object , Object[] )", "lambda_method (<anonymous>)"],
    ["at (wrapper managed-to-native) System.Object.__icall(intptr)", "__icall (System.Object)"],
    [
      "at System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw()",
      "Throw (System.Runtime.ExceptionServices.ExceptionDispatchInfo)",
    ],
    ["at Systems.Core.Run()", "* Run (Systems.Core)"],
  ];
  for (const [line, call] of rows) assert.deepEqual([line, stableCalls(trace(line))], [line, [call]]);
});

test("a frame is one in whatever language Windows speaks", () => {
  const lines = [
    "at Shop.Cart.Total() in C:\\shop\\Cart.cs:line 12",
    "bei Shop.Cart.Total() in C:\\shop\\Cart.cs:Zeile 12.",
    "à Shop.Cart.Total() dans C:\\shop\\Cart.cs:ligne 12",
    "en Shop.Cart.Total() en C:\\shop\\Cart.cs:línea 12",
    "in Shop.Cart.Total() in C:\\shop\\Cart.cs:riga 12",
    "em Shop.Cart.Total() na C:\\shop\\Cart.cs:linha 12",
    "w Shop.Cart.Total() w C:\\shop\\Cart.cs:wiersz 12",
    "в Shop.Cart.Total() в C:\\shop\\Cart.cs:строка 12",
    "在 Shop.Cart.Total() 在 C:\\shop\\Cart.cs:行号 12",
    "場所 Shop.Cart.Total() 場所 C:\\shop\\Cart.cs:行 12",
    "위치: Shop.Cart.Total() 파일 C:\\shop\\Cart.cs:줄 12",
  ];
  for (const line of lines) {
    assert.deepEqual([line, calls(trace(line))], [line, ["* Total (Shop.Cart) C:/shop/Cart.cs:12"]]);
  }
  const french =
    "System.Exception: a ---> Shop.Odd: b\n   à Shop.Disk.Read()\n   --- Fin de la trace de la pile d'exception interne ---\n   à Shop.Cart.Total()";
  assert.deepEqual(stableCalls(french), ["* Total (Shop.Cart)"]);
  assert.deepEqual(errors(french).at(1), ["cause", "Shop.Odd", "b"]);
});

test("a trace on one line is read", () => {
  const line =
    "System.Exception: no tea   at Shop.Cart.Total() in /src/Cart.cs:line 12   at Shop.Program.Main(String[] args)";
  assert.deepEqual(stableCalls(line), ["* Total (Shop.Cart)", "* Main (Shop.Program)"]);
  const mono =
    "System.Exception: no tea   at Shop.Cart.Total () [0x00001] in <abc>:0   at Shop.Program.Main (System.String[] args) [0x00000] in <abc>:0 ";
  assert.deepEqual(stableCalls(mono), ["* Total (Shop.Cart)", "* Main (Shop.Program)"]);
});

test("frames that the message quotes are none of the error's", () => {
  const quoting = "System.Exception: child failed:\n   at Fake.Cart.Total()\nend of report\n   at Shop.Cart.Total()";
  assert.deepEqual(stableCalls(quoting), ["* Total (Shop.Cart)"]);
});
