/** Go, Rust, Elixir and Erlang: what the programs of test/fixtures/traces do not print. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { calls, errors, stableCalls } from "./told-calls";

const goroutine = (call: string, path: string): string => `goroutine 7 [running]:\n${call}\n\t${path}:12 +0x1d\n`;

test("closures, versions and generated starters of Go are not counted", () => {
  const rows: readonly (readonly [call: string, path: string, name: string])[] = [
    ["main.total.func1.2(0xc000)", "/srv/shop/main.go", "* total.func (main)"],
    ["main.main.gowrap3()", "/srv/shop/main.go", "* main.gowrap (main)"],
    ["main.init.0()", "/srv/shop/main.go", "* init (main)"],
    ["main.(*List[...]).Push(0xc000, {0x1, 0x2})", "/srv/shop/list.go", "* (*List).Push (main)"],
    ["main.Cart.Total-fm()", "/srv/shop/cart.go", "* Cart.Total (main)"],
    ["example.com/shop/v2/cart.Total(...)", "/srv/shop/cart/cart.go", "* Total (example.com/shop/cart)"],
    ["shop/internal/cart.Total(...)", "/srv/shop/internal/cart/cart.go", "* Total (shop/internal/cart)"],
    [
      "gopkg.in/yaml%2ev3.Unmarshal(...)",
      "/root/go/pkg/mod/gopkg.in/yaml.v3@v3.0.1/yaml.go",
      "Unmarshal (gopkg.in/yaml)",
    ],
    [
      "github.com/gin-gonic/gin.(*Context).Next(...)",
      "/srv/shop/vendor/github.com/gin-gonic/gin/context.go",
      "(*Context).Next (github.com/gin-gonic/gin)",
    ],
    ["net/http.(*conn).serve(0xc000, {0x1, 0x2})", "/usr/local/go/src/net/http/server.go", "(*conn).serve (net/http)"],
    ["net/http.(*conn).serve(0xc000)", "C:/Program Files/Go/src/net/http/server.go", "(*conn).serve (net/http)"],
  ];
  for (const [call, path, name] of rows) assert.deepEqual([call, stableCalls(goroutine(call, path))], [call, [name]]);
});

test("what recovered from a panic in Go, recorded it or came from another goroutine is not where it began", () => {
  const text = `goroutine 34 [running]:
go.opentelemetry.io/otel/sdk/trace.recordStackTrace(0x1)
\t/root/go/pkg/mod/go.opentelemetry.io/otel/sdk@v1.24.0/trace/span.go:505 +0x8e
main.handler.func1()
\t/srv/shop/main.go:26 +0x1d
panic({0x4c1680?, 0xe3acbeaa000?})
\t/usr/local/go/src/runtime/panic.go:860 +0x13a
main.take(...)
\t/srv/shop/stock.go:10
created by main.run in goroutine 1
\t/srv/shop/main.go:44 +0x65

goroutine 35 [select, 2 minutes]:
main.other()
\t/srv/shop/main.go:90 +0x1
`;
  assert.deepEqual(calls(text), ["* take (main) /srv/shop/stock.go:10", "* run (main) /srv/shop/main.go:44"]);
});

test("hashes, addresses and type arguments of Rust are no part of a name", () => {
  const trace = (line: string): string => `stack backtrace:\n   0: ${line}\n             at ./src/cart.rs:12:5\n`;
  const same = [
    "shop::cart::Cart::total",
    "shop::cart::Cart::total::h1f2e3d4c5b6a7988",
    "    0x5576 - shop[c1f1a4ba060b9bfa]::cart::Cart::total",
    "<shop::cart::Cart>::total",
    "<shop::cart::Cart as shop::Total>::total",
    "shop::cart::Cart::total::<i32>",
  ];
  for (const line of same) assert.deepEqual([line, stableCalls(trace(line))], [line, ["* total (shop::cart::Cart)"]]);
  for (const closure of ["shop::cart::total::{{closure}}", "shop::cart::total::{closure#3}"]) {
    assert.deepEqual(stableCalls(trace(closure)), ["* total::{{closure}} (shop::cart)"]);
  }
});

test("a report of anyhow tells its causes, and a crate is named without its version", () => {
  const text = `Error: no order

Caused by:
    0: no tea left
    1: No such file or directory (os error 2)

Stack backtrace:
   0: anyhow::error::<impl core::convert::From<E> for anyhow::Error>::from
             at /root/.cargo/registry/src/index.crates.io-6f17d22bba15001f/anyhow-1.0.75/src/error.rs:565:25
   1: shop::stock::take
             at ./src/stock.rs:12:5
`;
  assert.deepEqual(
    calls(text).map((call) => call.replace(/^.*\) /, "")),
    ["anyhow/src/error.rs:565:25", "src/stock.rs:12:5"],
  );
  assert.deepEqual(errors(text), [
    ["error", "", "no order"],
    ["cause", "Error", "no tea left"],
    ["cause", "Error", "No such file or directory (os error 2)"],
  ]);
});

test("Rust before 1.73 told the message on the line of the panic", () => {
  const text =
    "thread 'main' panicked at 'no tea', src/stock.rs:14:27\nnote: run with `RUST_BACKTRACE=1` environment variable to display a backtrace";
  assert.deepEqual(calls(text), ["* <anonymous> (stock) src/stock.rs:14:27"]);
  assert.deepEqual(errors(text), [["error", "panic", "no tea"]]);
});

test("applications of Elixir are told from their dependencies, and arguments are counted, not kept", () => {
  const rows: readonly (readonly [line: string, call: string])[] = [
    ["(ecto 3.11.1) lib/ecto/repo/queryable.ex:161: Ecto.Repo.Queryable.one!/3", "one!/3 (Ecto.Repo.Queryable)"],
    ["(shop 0.1.0) lib/shop/carts.ex:104: Shop.Carts.get_cart!/1", "* get_cart!/1 (Shop.Carts)"],
    ['(shop 0.1.0) lib/shop/carts.ex:5: Shop.Carts.price(%{a: [1, 2], b: "x, y"}, :tea)', "* price/2 (Shop.Carts)"],
    ["(shop 0.1.0) lib/shop/carts.ex:9: anonymous fn/1 in Shop.Carts.all/1", "* fn in all/1 (Shop.Carts)"],
    ['(shop 0.1.0) lib/shop/carts.ex:12: Shop.Carts."-show/2-fun-0-"/3', "* fn in show/2 (Shop.Carts)"],
    ["deps/acme/lib/acme.ex:3: Acme.run/0", "run/0 (Acme)"],
    ["(stdlib 5.2) gen_server.erl:1123: :gen_server.try_handle_call/4", "try_handle_call/4 (:gen_server)"],
    [':erlang.binary_to_integer("tea")', "binary_to_integer/1 (:erlang)"],
  ];
  for (const [line, call] of rows) assert.deepEqual([line, stableCalls(`** (E) x\n    ${line}\n`)], [line, [call]]);
});
