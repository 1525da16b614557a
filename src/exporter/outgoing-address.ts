/**
 * Where Seismo may connect to. A URL of the configuration can still lead to places that it must not: by a name that
 * somebody else's DNS answers for, to the metadata service of a cloud, say, which hands out credentials.
 *
 *   URL ──outgoingUrlFault──► host name ──guardedLookup──► addresses ──addressFault, one by one──► socket
 */
import { lookup as dnsLookup, type LookupAddress } from "node:dns";
import { BlockList, isIP, isIPv4, type LookupFunction } from "node:net";

export interface AddressPolicy {
  /** Addresses of private networks may be connected to. */
  readonly allowPrivate: boolean;
  /** Nothing but loopback may be: for a URL without TLS that says `localhost`. */
  readonly loopbackOnly?: boolean;
}

export interface UrlPolicy {
  readonly allowPrivate: boolean;
  /** `http:` also to other hosts than this one. */
  readonly allowInsecure: boolean;
}

/** What is wrong with a URL, for the message of a configuration error; `undefined` when nothing is. Never quotes it: it may hold a password. */
export function outgoingUrlFault(url: string, { allowPrivate, allowInsecure }: UrlPolicy): string | undefined {
  if (!URL.canParse(url)) return "expected a URL";
  const { protocol, username, password, hostname } = new URL(url);
  if (protocol !== "http:" && protocol !== "https:") return "expected http:// or https://";
  if (username !== "" || password !== "") return "expected no user or password in the URL: use a header";
  if (protocol === "http:" && !allowInsecure && !isLoopbackHost(hostname)) {
    return "expected https:// (http:// only to this host, or when insecure connections are allowed)";
  }
  const address = withoutBrackets(hostname);
  return isIP(address) === 0 ? undefined : addressFault(address, { allowPrivate });
}

/** Whether a URL leads to this host by its text alone. */
export function isLoopbackHost(hostname: string): boolean {
  const host = withoutBrackets(hostname);
  if (isIP(host) !== 0) return isIn(LOOPBACK, host);
  return /^(?:.+\.)?localhost\.?$/i.test(host);
}

/** Why an IP address is not connected to; `undefined` when it may be. */
export function addressFault(address: string, { allowPrivate, loopbackOnly }: AddressPolicy): string | undefined {
  if (isIP(address) === 0) return "not an IP address";
  if (isIn(LOOPBACK, address)) return undefined;
  if (loopbackOnly === true) return "not an address of this host";
  if (isIn(FORBIDDEN, address)) return "a link-local, metadata or reserved address";
  if (!allowPrivate && isIn(PRIVATE, address)) return "an address of a private network";
  return undefined;
}

/** For `net.connect` and what is built on it: resolves a name to the addresses that may be connected to, or fails. */
export function guardedLookup(policy: AddressPolicy, lookup: typeof dnsLookup = dnsLookup): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
      if (error !== null) return callback(error, []);
      const allowed = addresses.filter(({ address }) => addressFault(address, policy) === undefined);
      const [first] = allowed;
      const fault = addresses[0] && addressFault(addresses[0].address, policy);
      if (first === undefined) return callback(new Error(`refused to connect: ${fault ?? "no address"}`), []);
      if (options.all === true) callback(null, allowed);
      else callback(null, first.address, first.family);
    });
  };
}

const LOOPBACK = blockList(["127.0.0.0/8"], ["::1/128"]);

const FORBIDDEN = blockList(
  [
    "0.0.0.0/8", // this network
    "169.254.0.0/16", // link-local; metadata of AWS, Google, Azure and others
    "100.100.100.200/32", // metadata of Alibaba
    "168.63.129.16/32", // Azure's host
    "192.0.0.0/24", // protocol assignments; metadata of Oracle
    "224.0.0.0/4", // multicast
    "240.0.0.0/4", // reserved, broadcast
  ],
  [
    "::/128",
    "fe80::/10", // link-local
    "fec0::/10", // site-local, long deprecated
    "ff00::/8", // multicast
    "fd00:ec2::/32", // metadata of AWS
    "fd20:ce::/32", // metadata of Google
  ],
);

const PRIVATE = blockList(
  ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "198.18.0.0/15"],
  ["fc00::/7"],
);

/** An IPv4 network is meant in its IPv6 disguises too: NAT64, 6to4, and mapped (which BlockList knows by itself). */
function blockList(ipv4: readonly string[], ipv6: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of ipv4) {
    const [address, bits] = parse(network);
    list.addSubnet(address, bits, "ipv4");
    const bytes = address.split(".").map((byte) => Number(byte).toString(16).padStart(2, "0"));
    const hex = `${bytes.slice(0, 2).join("")}:${bytes.slice(2).join("")}`;
    list.addSubnet(`64:ff9b::${hex}`, 96 + bits, "ipv6");
    list.addSubnet(`2002:${hex}::`, 16 + bits, "ipv6");
  }
  for (const network of ipv6) {
    const [address, bits] = parse(network);
    list.addSubnet(address, bits, "ipv6");
  }
  return list;
}

function parse(network: string): readonly [address: string, bits: number] {
  const [address = "", bits] = network.split("/");
  return [address, Number(bits)];
}

/** Without the zone (`fe80::1%eth0`), which BlockList does not know. */
function isIn(list: BlockList, address: string): boolean {
  const plain = address.replace(/%.*$/, "");
  return list.check(plain, isIPv4(plain) ? "ipv4" : "ipv6");
}

function withoutBrackets(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, "$1");
}
