import assert from "node:assert/strict";
import type { lookup as dnsLookup, LookupAddress } from "node:dns";
import { test } from "node:test";
import { addressFault, guardedLookup, isLoopbackHost, outgoingUrlFault } from "../../src/exporter/outgoing-address";

const STRICT = { allowPrivate: false, allowInsecure: false };

test("https goes anywhere public, http to this host alone unless that is allowed", () => {
  for (const url of [
    "https://otlp.example.com/v1/traces?x=1",
    "http://localhost:4318",
    "http://127.8.9.1",
    "http://[::1]:1/",
  ]) {
    assert.equal(outgoingUrlFault(url, STRICT), undefined, url);
  }
  for (const url of ["http://example.com", "http://localhost.example.com", "http://notlocalhost"]) {
    assert.match(outgoingUrlFault(url, STRICT) ?? "", /expected https/, url);
    assert.equal(outgoingUrlFault(url, { ...STRICT, allowInsecure: true }), undefined, url);
  }
});

test("other schemes, passwords in the URL and what is no URL are refused, and never quoted", () => {
  for (const url of [
    "ftp://example.com/s3cret",
    "file:///s3cret",
    "https://me:s3cret@example.com",
    "s3cret",
    "",
    "javascript:s3cret",
  ]) {
    const fault = outgoingUrlFault(url, { allowPrivate: true, allowInsecure: true });
    assert.ok(fault, url);
    assert.ok(!fault.includes("s3cret"));
  }
});

test("addresses in a URL are read in every spelling that a URL allows", () => {
  const allowed = { allowPrivate: true, allowInsecure: true };
  for (const host of [
    "169.254.169.254",
    "0xa9fea9fe",
    "2852039166",
    "0251.0376.0251.0376",
    "[::ffff:169.254.169.254]",
    "[fe80::1]",
  ]) {
    assert.match(outgoingUrlFault(`http://${host}/`, allowed) ?? "", /link-local, metadata/, host);
  }
  assert.match(outgoingUrlFault("https://10.0.0.1", STRICT) ?? "", /private/);
  assert.equal(outgoingUrlFault("https://10.0.0.1", { ...STRICT, allowPrivate: true }), undefined);
});

test("link-local, metadata and reserved addresses are refused even where private ones are allowed", () => {
  for (const address of [
    ...["169.254.0.1", "169.254.169.254", "100.100.100.200", "168.63.129.16", "192.0.0.192", "0.0.0.0", "224.0.0.1"],
    ...["255.255.255.255", "240.0.0.1", "::", "fe80::1", "fe80::1%eth0", "febf::1", "fec0::1", "ff02::1"],
    ...["fd00:ec2::254", "fd20:ce::254", "::ffff:169.254.169.254", "::ffff:a9fe:a9fe", "64:ff9b::a9fe:a9fe"],
    ...["64:ff9b::169.254.169.254", "2002:a9fe:a9fe::1", "example.com", ""],
  ]) {
    assert.ok(addressFault(address, { allowPrivate: true }), address);
  }
});

test("private addresses are refused unless they are allowed; public and loopback ones never", () => {
  for (const address of [
    ...["10.255.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "198.18.0.1", "fc00::1", "fd12::1"],
    ...["::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:c0a8:101::"],
  ]) {
    assert.match(addressFault(address, { allowPrivate: false }) ?? "", /private/, address);
    assert.equal(addressFault(address, { allowPrivate: true }), undefined, address);
  }
  for (const address of [
    "8.8.8.8",
    "172.15.0.1",
    "172.32.0.1",
    "192.167.0.1",
    "2606:4700::1111",
    "127.0.0.1",
    "::1",
    "::ffff:127.0.0.1",
  ]) {
    assert.equal(addressFault(address, { allowPrivate: false }), undefined, address);
  }
  assert.match(addressFault("8.8.8.8", { allowPrivate: true, loopbackOnly: true }) ?? "", /this host/);
});

test("the names of this host are known by their text", () => {
  for (const host of ["localhost", "LOCALHOST", "a.localhost", "localhost.", "127.0.0.1", "[::1]"])
    assert.ok(isLoopbackHost(host), host);
  for (const host of ["localhosts", "localhost.com", "8.8.8.8", "[::2]", ""]) assert.ok(!isLoopbackHost(host), host);
});

test("a name is resolved to those of its addresses that may be connected to, or not at all", () => {
  const addresses: LookupAddress[] = [
    { address: "169.254.169.254", family: 4 },
    { address: "8.8.8.8", family: 4 },
    { address: "2606:4700::1111", family: 6 },
  ];
  assert.deepEqual(resolve(addresses, true), [null, addresses.slice(1)]);
  assert.deepEqual(resolve(addresses, false), [null, "8.8.8.8", 4]);
  assert.match(String(resolve(addresses.slice(0, 1), false)[0]), /refused to connect: a link-local/);
  assert.match(String(resolve([], true)[0]), /no address/);
  assert.match(String(resolve(Object.assign(new Error("ENOTFOUND")), true)[0]), /ENOTFOUND/);
});

/** The answer of a lookup whose resolver knows these addresses. */
function resolve(answer: LookupAddress[] | Error, all: boolean): unknown[] {
  const resolver = ((
    _name: string,
    _options: object,
    callback: (error: Error | null, list: LookupAddress[]) => void,
  ) => (answer instanceof Error ? callback(answer, []) : callback(null, answer))) as unknown as typeof dnsLookup;
  let result: unknown[] = [];
  guardedLookup({ allowPrivate: false }, resolver)("name", { all }, (...given: unknown[]) => {
    result = given;
  });
  return result;
}
