/** Forms of the virtual machine's traces that the programs of test/fixtures/traces do not print. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { calls, errors, stableCalls } from "./told-calls";

const trace = (...lines: readonly string[]): string =>
  ["com.shop.Odd: x", ...lines.map((line) => `\tat ${line}`)].join("\n");

test("class loaders, modules, versions and jars do not take part", () => {
  const same = [
    "com.shop.Cart.total(Cart.java:12)",
    "app//com.shop.Cart.total(Cart.java:12)",
    "app/shop@1.2/com.shop.Cart.total(Cart.java:12)",
    "com.shop.Cart.total(Cart.java:12) ~[shop-1.2.jar!/:1.2]",
    "com.shop.Cart.total(Cart.java:12) [classes/:?]",
  ];
  for (const line of same) assert.deepEqual(calls(trace(line)), ["* total (com.shop.Cart) Cart.java:12"], line);
  assert.deepEqual(calls(trace("java.base@17.0.1/java.lang.Thread.run(Thread.java:833)")), [
    "run (java.lang.Thread) Thread.java:833",
  ]);
});

test("what a run or a compiler counts is no part of a name", () => {
  const rows: readonly (readonly [line: string, call: string])[] = [
    ["com.shop.Cart.lambda$total$3(Cart.java:1)", "* lambda$total (com.shop.Cart)"],
    ["com.shop.Cart$$Lambda$14/0x0000000800c03000.apply(Unknown Source)", "apply (com.shop.Cart)"],
    ["com.shop.Cart$$Lambda/0x00007f2824000c68.apply(Unknown Source)", "apply (com.shop.Cart)"],
    ["com.shop.Cart$1.run(Cart.java:1)", "* run (com.shop.Cart)"],
    ["com.shop.Cart$Item.price(Cart.java:1)", "* price (com.shop.Cart$Item)"],
    ["com.shop.Cart$total$2.invokeSuspend(Cart.kt:1)", "* invokeSuspend (com.shop.Cart$total)"],
    ["com.shop.CartKt.total$lambda-0(Cart.kt:1)", "* total$lambda (com.shop.CartKt)"],
    ["com.shop.Cart$.$anonfun$total$1(Cart.scala:1)", "* $anonfun$total (com.shop.Cart)"],
    ["com.shop.Cart$$anon$1.apply(Cart.scala:1)", "* apply (com.shop.Cart)"],
    ["com.shop.Cart$total$$inlined$map$1.invoke(Cart.kt:1)", "* invoke (com.shop.Cart$total)"],
    ["com.shop.Cart_$$_jvst12a_0.total(Cart_$$_jvst12a_0.java)", "total (com.shop.Cart)"],
    ["com.shop.Cart$_total_closure1.doCall(Cart.groovy:1)", "* doCall (com.shop.Cart$_total_closure)"],
    ["com.shop.CartTest.adds two items(CartTest.kt:8)", "* adds two items (com.shop.CartTest)"],
    ["com.sun.proxy.$Proxy12.total(Unknown Source)", "total (com.sun.proxy.$Proxy)"],
    ["jdk.proxy2/jdk.proxy2.$Proxy34.total(Unknown Source)", "total (jdk.proxy2.$Proxy)"],
    [
      "jdk.internal.reflect.GeneratedMethodAccessor7.invoke(Unknown Source)",
      "invoke (jdk.internal.reflect.GeneratedMethodAccessor)",
    ],
    ["com.shop.Cart$$EnhancerBySpringCGLIB$$ab12cd.total(<generated>)", "total (com.shop.Cart)"],
    ["com.shop.Cart$$SpringCGLIB$$0.total(<generated>)", "total (com.shop.Cart)"],
    ["com.shop.Cart$MockitoMock$1234.total(Unknown Source)", "total (com.shop.Cart)"],
    ["com.shop.Cart.total(Native Method)", "* total (com.shop.Cart)"],
    ["com.shop.Cart.total(SourceFile:3)", "* total (com.shop.Cart)"],
    ["com.shop.Cart.<init>(Cart.java:3)", "* <init> (com.shop.Cart)"],
  ];
  for (const [line, call] of rows) assert.deepEqual([line, stableCalls(trace(line))], [line, [call]]);
});

test("libraries are not the application, though their names begin alike", () => {
  assert.deepEqual(
    stableCalls(
      trace(
        "org.springframework.web.A.b(A.java:1)",
        "kotlin.A.b(A.kt:1)",
        "orgs.A.b(A.java:1)",
        "javax2.A.b(A.java:1)",
      ),
    ),
    ["b (org.springframework.web.A)", "b (kotlin.A)", "* b (orgs.A)", "* b (javax2.A)"],
  );
});

test("a root that is printed first is the last cause", () => {
  const text =
    "java.io.IOException: disk\n\tat com.shop.Disk.read(Disk.java:1)\nWrapped by: com.shop.Odd: x\n\tat com.shop.Cart.total(Cart.java:2)\n\t... 3 common frames omitted";
  assert.deepEqual(stableCalls(text), ["* total (com.shop.Cart)"]);
  assert.deepEqual(errors(text), [
    ["error", "com.shop.Odd", "x"],
    ["cause", "java.io.IOException", "disk"],
  ]);
});

test("the name of the thread that died stands before the error", () => {
  const text = 'Exception in thread "main" java.lang.Error: x\n\tat com.shop.Main.main(Main.java:3)';
  assert.deepEqual(errors(text), [["error", "java.lang.Error", "x"]]);
});

test("PHP's telemetry writes in the same manner", () => {
  const text =
    "Shop.OutOfStock: no tea\n\tat Shop.Cart.take(Cart.php:11)\n\tat create(functions.php:16)\n\tat Symfony.Component.HttpKernel.HttpKernel.handle(HttpKernel.php:80)\n\tat {main}(index.php:25)\nCaused by: Exception: inner\n\t... 1 more";
  assert.deepEqual(stableCalls(text), [
    "* take (Shop.Cart)",
    "* create (functions)",
    "handle (Symfony.Component.HttpKernel.HttpKernel)",
    "* {main} (index)",
  ]);
});

test("a trace that a shipper put on one line is read like the original", () => {
  const text = "a.B: x\n\tat a.b.C.d(C.java:1)\n\tat a.b.C.e(C.java:2)\nCaused by: a.E: y\n\tat a.F.g(F.java:3)";
  assert.deepEqual(calls(JSON.stringify(text).slice(1, -1)), calls(text));
  assert.deepEqual(errors(JSON.stringify(text).slice(1, -1)), errors(text));
});
