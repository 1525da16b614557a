/** Ruby 3.4, PHP 8.4 and frameworks, Python's places: what the programs of test/fixtures/traces do not print. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { calls, errors, stableCalls } from "./told-calls";

test("Ruby 3.4 names owners and quotes differently, and means the same", () => {
  const now =
    "app/models/cart.rb:7:in 'Hash#fetch': key not found: \"tea\" (KeyError)\n\tfrom app/models/cart.rb:7:in 'Shop::Cart#take'\n\tfrom app/models/cart.rb:17:in 'block (3 levels) in Shop::Cart.all'\n";
  const before =
    "app/models/cart.rb:7:in `fetch': key not found: \"tea\" (KeyError)\n\tfrom app/models/cart.rb:7:in `take'\n\tfrom app/models/cart.rb:17:in `block (2 levels) in all'\n";
  assert.deepEqual(stableCalls(now), ["fetch (<anonymous>)", "* take (models/cart)", "* block in all (models/cart)"]);
  assert.deepEqual(stableCalls(before), stableCalls(now));
  assert.deepEqual(errors(before), errors(now));
});

test("gems, the standard library and the runtime of Ruby are not the application", () => {
  const rows: readonly (readonly [path: string, call: string])[] = [
    ["/usr/local/bundle/gems/actionpack-7.1.2/lib/action_controller/metal.rb", "f (actionpack)"],
    [
      "/home/ann/.rbenv/versions/3.1.2/lib/ruby/gems/3.1.0/bundler/gems/rails-3f2a1bcd90ef/actionpack/lib/a.rb",
      "f (rails)",
    ],
    ["/usr/lib/x86_64-linux-gnu/ruby/3.1.0/json.rb", "f (json)"],
    ["/usr/local/lib/ruby/3.4.0/webrick/server.rb", "f (webrick/server)"],
    ["<internal:kernel>", "f (kernel)"],
    ["/srv/shop/bin/rails", "f (bin/rails)"],
    ["/var/www/shop/releases/20240131120000/app/models/cart.rb", "* f (models/cart)"],
    ["/srv/shop/app/models/cart.rb", "* f (models/cart)"],
  ];
  for (const [path, call] of rows) assert.deepEqual([path, stableCalls(`${path}:3:in 'f': x (E)`)], [path, [call]]);
  const view = "_app_views_carts_show_html_erb___1234567890123_4567";
  assert.deepEqual(stableCalls(`app/views/carts/show.html.erb:3:in '${view}': x (E)`), [
    "* _app_views_carts_show_html_erb (carts/show.html)",
  ]);
});

test("a bare backtrace of Ruby is a stack without an error", () => {
  const text = "/srv/shop/cart.rb:7:in `take'\n/srv/shop/cart.rb:9:in `all'";
  assert.deepEqual(calls(text), ["* take (cart) /srv/shop/cart.rb:7", "* all (cart) /srv/shop/cart.rb:9"]);
  assert.deepEqual(errors(text), []);
});

test("a call of PHP is where the line above says, and what PHP itself runs is no place", () => {
  const text = `[2024-01-31 12:00:00] production.ERROR: no tea {"exception":"[object] (Shop\\OutOfStock(code: 0): no tea at /srv/shop/app/Cart.php:9)
[stacktrace]
#0 /srv/shop/app/Http/CartController.php(14): Shop\\Cart->take('tea (green)')
#1 [internal function]: Shop\\Http\\CartController->Shop\\Http\\{closure}('tea')
#2 /srv/shop/vendor/laravel/framework/src/Illuminate/Routing/Controller.php(54): array_map(Object(Closure), Array)
#3 /srv/shop/public/index.php(51): Illuminate\\Routing\\Controller->callAction('all', Array)
#4 {main}
"}`;
  assert.deepEqual(calls(text), [
    "* take (Shop\\Cart) /srv/shop/app/Cart.php:9",
    "* <anonymous> (Shop\\Http\\CartController) /srv/shop/app/Http/CartController.php:14",
    "array_map (<anonymous>) <anonymous>:0",
    "callAction (Illuminate\\Routing\\Controller) laravel/framework/src/Illuminate/Routing/Controller.php:54",
    "* {main} (public/index) /srv/shop/public/index.php:51",
  ]);
});

test("closures and classes that PHP generates keep their names in every build", () => {
  const trace = (call: string): string =>
    `Exception: x in /srv/shop/a.php:1\nStack trace:\n#0 /srv/shop/b.php(2): ${call}\n#1 {main}`;
  const rows: readonly (readonly [call: string, name: string])[] = [
    ["{closure:Shop\\Cart::all():21}('tea')", "* <anonymous> (a)"],
    ["Shop\\{closure}('tea')", "* <anonymous> (Shop)"],
    ["Shop\\Cart@anonymous->run()", "* run (Shop\\Cart@anonymous)"],
    ["Proxies\\__CG__\\App\\Entity\\User->getName()", "* getName (App\\Entity\\User)"],
    ["__TwigTemplate_1f2e3d4c5b6a7988->doDisplay(Array)", "* doDisplay (__TwigTemplate_)"],
    ["ContainerXy12abC\\App_Kernel->load()", "* load (Container\\App_Kernel)"],
  ];
  for (const [call, name] of rows) assert.deepEqual([call, stableCalls(trace(call))[0]], [call, name]);
});

test("installed packages, the standard library and the runtime of Python are not the application", () => {
  const rows: readonly (readonly [path: string, call: string])[] = [
    ["/srv/shop/.venv/lib/python3.11/site-packages/django/core/handlers/base.py", "f (django)"],
    ["/usr/lib/python3/dist-packages/six.py", "f (six)"],
    ["/usr/lib/python3.11/asyncio/tasks.py", "f (asyncio.tasks)"],
    ["C:\\Users\\ann\\AppData\\Local\\Programs\\Python\\Python311\\Lib\\json\\__init__.py", "f (json)"],
    ["<frozen importlib._bootstrap>", "f (importlib._bootstrap)"],
    ["<frozen runpy>", "f (runpy)"],
    ["/srv/shop/.venv/bin/gunicorn", "f (bin/gunicorn)"],
    ["<string>", "* f (<string>)"],
    ["<ipython-input-3-1f2e3d4c5b6a>", "* f (<ipython-input>)"],
    ["/tmp/ipykernel_4711/1234567890.py", "* f (<notebook>)"],
    ["/srv/shop/orders/views.py", "* f (orders/views)"],
    ["/usr/src/app/orders/views.py", "* f (orders/views)"],
    ["C:\\shop\\orders\\views.py", "* f (orders/views)"],
  ];
  for (const [path, call] of rows) {
    const text = `Traceback (most recent call last):\n  File "${path}", line 3, in f\nValueError: x\n`;
    assert.deepEqual([path, stableCalls(text)], [path, [call]]);
  }
});

test("comprehensions, which are functions until Python 3.11, are no calls", () => {
  const text =
    'Traceback (most recent call last):\n  File "a.py", line 2, in all\n  File "a.py", line 2, in <listcomp>\nKeyError: 1\n';
  assert.deepEqual(stableCalls(text), ["* all (a)"]);
});

test("a line of the log before a traceback does not hide it", () => {
  const text =
    'ERROR:root:order failed\nTraceback (most recent call last):\n  File "a.py", line 2, in take\nKeyError: 1\n';
  assert.deepEqual(stableCalls(text), ["* take (a)"]);
  assert.deepEqual(errors(text), [["error", "KeyError", "1"]]);
});
