/**
 * The labelled set of test/fixtures/grouping/: statements and traces with slots become messages and errors, the same
 * ones each time. Its two halves were written by different rules and draw on different names, hosts and numbers: what
 * fits the first only because it was tuned to it shows on the second. The format is told in the folder's README.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";

export interface LabelledError {
  readonly id: string;
  /** The statement or the problem that made it. */
  readonly label: string;
  readonly type: string;
  readonly message: string;
  readonly stack: string;
  readonly language: string;
}

export type SetName = "a" | "b" | "c" | "d" | "e" | "f" | "g";
export const MESSAGE_SETS: readonly SetName[] = ["a", "b", "c", "d", "e", "f", "g"];
export const TRACE_SETS: readonly SetName[] = ["a", "b", "c", "d", "f"];

const FOLDER = join("test", "fixtures", "grouping");
const SEEDS: { readonly [H in SetName]: number } = { a: 1, b: 2, c: 5, d: 7, e: 11, f: 13, g: 17 };
const INSTANCES = { message: 5, trace: 3 } as const;

/** Messages without a stack, in an order that has nothing to do with their statements. */
export function labelledMessages(set: SetName): readonly LabelledError[] {
  const random = randomFrom(SEEDS[set]);
  const errors: LabelledError[] = [];
  let statement = 0;
  for (const line of readFileSync(join(FOLDER, `messages-${set}.txt`), "utf8").split("\n")) {
    if (line === "" || line.startsWith("# ")) continue;
    const split = line.indexOf("::");
    const type = line.slice(0, split).trim();
    const text = unescaped(line.slice(split + 3));
    const isAnotherForm = type === "=";
    if (!isAnotherForm) statement++;
    const last = errors.at(-1);
    for (let instance = 0; instance < INSTANCES.message; instance++) {
      errors.push({
        id: `${set}-${errors.length}`,
        label: `message ${set}${statement}`,
        type: isAnotherForm ? (last?.type ?? "") : type,
        message: filled(text, set, random, new Map()),
        stack: "",
        language: "",
      });
    }
  }
  return shuffled(errors, random);
}

export function labelledTraces(set: SetName): readonly LabelledError[] {
  const random = randomFrom(SEEDS[set] + 2);
  const errors: LabelledError[] = [];
  const blocks = readFileSync(join(FOLDER, `traces-${set}.txt`), "utf8")
    .split(/^== /m)
    .slice(1);
  for (const [number, block] of blocks.entries()) {
    const newline = block.indexOf("\n");
    const [language = "", type = "", message = ""] = block.slice(0, newline).split(" | ");
    for (const form of block.slice(newline + 1).split(/^or\n/m)) {
      for (let instance = 0; instance < INSTANCES.trace; instance++) {
        const slots = new Map<string, string>();
        errors.push({
          id: `${set}-trace-${errors.length}`,
          label: `trace ${set}${number}`,
          type,
          message: filled(message, set, random, slots),
          stack: filled(form.replace(/\n$/, ""), set, random, slots),
          language,
        });
      }
    }
  }
  return shuffled(errors, random);
}

type Random = () => number;

/** A linear congruential generator (Numerical Recipes): from 0 up to, not including, 1. */
function randomFrom(seed: number): Random {
  let state = seed * 7_919;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

function shuffled<T>(list: readonly T[], random: Random): readonly T[] {
  return list
    .map((item) => ({ item, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

function unescaped(text: string): string {
  return text.replace(/\\([nrt])/g, (_, letter: string) => (letter === "n" ? "\n" : letter === "r" ? "\r" : "\t"));
}

/** `{{one|of|these}}`; `{{kind}}`, or `{{kind:name}}` for the same value wherever the name stands within one error. */
function filled(text: string, set: SetName, random: Random, slots: Map<string, string>): string {
  return text
    .replace(/\{\{([^{}|]*\|[^{}]*)\}\}/g, (_, list: string) => pick(list.split("|"), random))
    .replace(/\{\{([\w.]+)(?::(\w+))?\}\}/g, (slot, kind: string, name: string | undefined) => {
      const known = name === undefined ? undefined : slots.get(name);
      if (known !== undefined) return known;
      const make = SLOTS[kind];
      if (make === undefined) throw new Error(`unknown slot ${slot}`);
      const value = make(POOLS[set], random);
      if (name !== undefined) slots.set(name, value);
      return value;
    });
}

interface Pool {
  readonly names: readonly string[];
  readonly hosts: readonly string[];
  readonly domains: readonly string[];
  readonly folders: readonly string[];
  readonly files: readonly string[];
  readonly programs: readonly string[];
  readonly roots: readonly string[];
  readonly years: readonly [from: number, to: number];
}

const words = (text: string): readonly string[] => text.split(" ");

const POOLS: { readonly [H in SetName]: Pool } = {
  a: {
    names: words("ann bob carla dmitri eve farid greta hugo ines jonas kwame lena milo nadia omar petra rolf"),
    hosts: words("web-1 web-12 db03 ip-10-2-7-19 worker-eu-4 node17 edge-7 mirror2"),
    domains: words("shop.example.com cdn.example.net mail.example.org depot.internal gw.example.de"),
    folders: words("/var/lib/shop /srv/uploads /home/ann/in /data/2024/11 /tmp/x9 /mnt/share"),
    files: words("report.csv scan-17.pdf photo.jpeg 2024-11.zip plan.docx label_7.png"),
    programs: words("java node postgres python3 chrome"),
    roots: words("/app /srv/shop /home/ann/shop /usr/src/app /opt/shop"),
    years: [2023, 2025],
  },
  b: {
    names: words("yusuf tomasz sakura oluwaseun wei mbali freja iker zeynep anaïs björn tariq luana keanu svetlana"),
    hosts: words("lon-fe-003 k3s-agent-9 rack4u12 vm_88 build07 sfo2-cache-31 r2d2"),
    domains: words("api.contoso.net smtp.fabrikam.org img7.tailspin.co.uk broker.lan eu1.northwind.cz"),
    folders: words("/opt/feeds/in /export/home/wei /Users/freja/Music /scratch/run-441 /nfs/vol3/a_b"),
    files: words("track01.mp3 backup.tar.gz invoice_2231.xml clip.mp4 settings.yaml db.sqlite"),
    programs: words("httpd ffmpeg redis-server php-fpm gitaly"),
    roots: words("/code /data/game /Users/freja/game /workspace/game /var/www/game"),
    years: [2019, 2031],
  },
  c: {
    names: words("hiroshi amara lucía piotr nguyen sione baraka mirela thabo kerstin ravi chidi noor eilidh"),
    hosts: words("ber-gpu-14 runner-spot-77 enb2041 dock3 psp-prod-b arm64-ci-02"),
    domains: words("pay.woodgrove.io cdn.fourthcoffee.tv hss.proseware.net git.litware.dev port.adatum.nl"),
    folders: words("/media/ingest/4k /var/spool/edi /scratch/ckpt /builds/team/app /mnt/renditions"),
    files: words("trailer_final.mov master-03.mxf manifest.mpd edifact.txt firmware.bin"),
    programs: words("ld.lld ffprobe netd canloggerd torchrun"),
    roots: words("/srv/till /opt/port /workspace/fw /home/ci/ran /app"),
    years: [2022, 2029],
  },
  d: {
    names: words("imogen takeshi olu bartek xiomara dev ngozi rasmus pilar yan cleo abdi fenja marco thuy"),
    hosts: words("hv-204 pay-node3 cass11 mx2 ix-prod-0b rpi4 nid00412 oak"),
    domains: words("relay.tidewater.io api.corvid.app files.lumen-lab.org ns1.halcyon.net core.svc.cluster.local"),
    folders: words("/var/log/stash /home/imogen/.cache /data1/blocks/cur /sys/class/hwmon /Volumes/Archive/2021"),
    files: words("core.4412 ledger.csv part-00017.parquet IMG_2041.HEIC cert.pem"),
    programs: words("crond wpa_supplicant gnome-shell nginx mysqld"),
    roots: words("/srv/atlas /home/runner/work/atlas /usr/local/atlas /opt/atlas/current /app"),
    years: [2018, 2027],
  },
  e: {
    names: words("salma victor jiho oksana benedict mwangi liv arturo priya gus ilse demba rhys chiara zoltan"),
    hosts: words("compute-07 lab3 zk1 storage-b2 px-eu-9 n0147 tulip devbox"),
    domains: words("mail.brightfen.com hub.kelp.dev static.orrery.net auth.internal git.sable.io"),
    folders: words("/mnt/ssd0/shard7 /Users/liv/Library /etc/kelp /var/tmp/x /proc/self"),
    files: words("snapshot.bin access.log users.json movie.mkv id_rsa.pub"),
    programs: words("dockerd sshd bash kworker beam.smp"),
    roots: words("/opt/kelp /code /home/liv/kelp /var/task /builds/kelp"),
    years: [2015, 2028],
  },
  f: {
    names: words("noemi kaspar ayumi tendai wojtek isla rafael mina jorge hana samir petra-lee goran adaeze finn"),
    hosts: words("db-eu-3 edge12 nodeB gpu7 mq-02 fra1-web-4 r740xd birch"),
    domains: words("sso.larkfield.com img.pebble.net repo.quill.internal bus.lan status.ferro.io"),
    folders: words("/var/lib/lark /home/isla/work /data/in/2026 /opt/quill/tmp /media/usb0"),
    files: words("orders.csv dump.sql.gz app.log cover.png token.json"),
    programs: words("rsyslogd python3 wpa_cli Xorg containerd"),
    roots: words("/srv/lark /usr/src/app /home/finn/lark /opt/build/lark /workspace/lark"),
    years: [2016, 2029],
  },
  g: {
    names: words("ottilie sven akira nandini casimir bola yusra emre pavel linh tomas greer anouk idris mei"),
    hosts: words("cache3 lx-0412 rt-paris-2 mgmt01 srv9b k8s-pool-a1 aspen fw2"),
    domains: words("login.opalworks.com eu.cdn.marlin.net build.taiga.internal ntp.lan api.fennec.dev"),
    folders: words("/var/spool/opal /home/anouk/src /data/raw/2025/06 /run/taiga /mnt/c/Temp"),
    files: words("index.bin payroll.xlsx kernel.log avatar.webp tokens.db"),
    programs: words("named pipewire ruby taiga-agent postmaster"),
    roots: words("/srv/opal /app /home/sven/opal /opt/taiga/rel /builds/opal"),
    years: [2014, 2030],
  },
};

type Slot = (pool: Pool, random: Random) => string;

const between = (random: Random, from: number, to: number): number => from + Math.floor(random() * (to - from + 1));
const pick = <T>(list: readonly T[], random: Random): T => {
  const item = list[Math.floor(random() * list.length)];
  if (item === undefined) throw new Error("nothing to pick from");
  return item;
};
const digits = (count: number, alphabet: string) => (_: Pool, random: Random) =>
  Array.from({ length: count }, () => pick([...alphabet], random)).join("");
const HEX = "0123456789abcdef";
const LETTERS = "abcdefghijklmnopqrstuvwxyz";
const two = (value: number): string => String(value).padStart(2, "0");
const MONTHS = words("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec");
const DAYS = words("Mon Tue Wed Thu Fri Sat Sun");

const int: Slot = (_, random) => String(between(random, 2, 10 ** between(random, 1, 5)));
const clock: Slot = (_, random) =>
  [between(random, 0, 23), between(random, 0, 59), between(random, 0, 59)].map(two).join(":");
const isodate: Slot = ({ years }, random) =>
  `${between(random, ...years)}-${two(between(random, 1, 12))}-${two(between(random, 1, 28))}`;
const millis: Slot = (_, random) => String(between(random, 0, 999)).padStart(3, "0");
const ip: Slot = (_, random) => Array.from({ length: 4 }, () => between(random, 1, 254)).join(".");
const port: Slot = (_, random) => String(between(random, 1_024, 65_535));
const uuid: Slot = (pool, random) => [8, 4, 4, 4, 12].map((count) => digits(count, HEX)(pool, random)).join("-");
const host: Slot = ({ hosts }, random) => pick(hosts, random);
const name: Slot = ({ names }, random) => pick(names, random);
const day: Slot = (_, random) => String(between(random, 1, 28)).padStart(2, " ");
const upper: Slot = ({ names }, random) => pick(names, random).slice(0, 3).toUpperCase();
const thread: Slot = (_, random) =>
  `${pick(words("main pool-2-thread nio-8080-exec http-worker"), random)}-${between(random, 1, 40)}`;

const SLOTS: { readonly [kind: string]: Slot } = {
  int,
  int1: (_, random) => String(between(random, 0, 9)),
  ints: (pool, random) => Array.from({ length: between(random, 1, 6) }, () => int(pool, random)).join(", "),
  float: (_, random) => (random() * 900).toFixed(between(random, 1, 4)),
  pct: (_, random) => `${(random() * 100).toFixed(1)}%`,
  big: (_, random) => `${random() < 0.5 ? "-" : ""}${Math.floor(random() * 9e15)}`,
  line: (_, random) => String(between(random, 1, 900)),
  dur: (_, random) => `${between(random, 2, 999)}${pick(words("ms s m"), random)}`,
  bool: (_, random) => pick(["true", "false"], random),
  char: (_, random) => pick(words("} , x < ]"), random),
  uuid,
  ip,
  port,
  hex2: (pool, random) => `${pick([..."123456789abcdef"], random)}${digits(1, HEX)(pool, random)}`,
  hex8: (pool, random) => `${between(random, 1, 9)}${digits(7, HEX)(pool, random)}`,
  hex9: (pool, random) => `${digits(8, HEX)(pool, random)}${between(random, 1, 9)}`,
  hex10: (pool, random) => `c000${digits(6, HEX)(pool, random)}`,
  hex16: (pool, random) => `${between(random, 1, 9)}${digits(15, HEX)(pool, random)}`,
  hex32: (pool, random) => `${digits(31, HEX)(pool, random)}${between(random, 1, 9)}`,
  hexupper: (pool, random) => `${digits(11, "0123456789ABCDEF")(pool, random)}${between(random, 1, 9)}`,
  pod: digits(5, "bcdfghjklmnpqrstvwxz2456789"),
  ulid: (pool, random) => `01H${digits(23, "0123456789ABCDEFGHJKMNPQRSTVWXYZ")(pool, random)}`,
  pay: (pool, random) =>
    `pay_${between(random, 1, 9)}${digits(13, `${LETTERS}${LETTERS.toUpperCase()}0123456789`)(pool, random)}`,
  code: (pool, random) => `${upper(pool, random)}${between(random, 10, 99)}-${between(random, 1, 9)}`,
  arn: (pool, random) =>
    `arn:aws:iam::${digits(12, "123456789")(pool, random)}:role/${pick(pool.names, random)}-${pick(words("read write"), random)}`,
  ver: (_, random) => [between(random, 0, 9), between(random, 0, 30), between(random, 0, 30)].join("."),
  mac: (pool, random) => Array.from({ length: 6 }, () => digits(2, HEX)(pool, random)).join(":"),
  name,
  upper3: upper,
  account: ({ names }, random) => (random() < 0.4 ? pick(words("root admin guest"), random) : pick(names, random)),
  maybe: ({ names }, random) => (random() < 0.5 ? "" : pick(names, random)),
  empty: () => "",
  closure: () => "{{closure}}",
  proc: ({ programs }, random) => pick(programs, random),
  email: ({ names, domains }, random) =>
    `${pick(names, random)
      .normalize("NFD")
      .replace(/[^a-z]/g, "")}@${pick(domains, random)}`,
  host,
  thread,
  fqdn: ({ domains }, random) => pick(domains, random),
  url: ({ domains }, random) =>
    `https://${pick(domains, random)}/v${between(random, 1, 3)}/items/${between(random, 1, 999)}?page=${between(random, 1, 9)}`,
  path: ({ folders, files }, random) => `${pick(folders, random)}/${pick(files, random)}`,
  file: ({ files }, random) => pick(files, random),
  root: ({ roots }, random) => pick(roots, random),
  isodate,
  isots: (pool, random) => `${isodate(pool, random)}T${clock(pool, random)}.${millis(pool, random)}Z`,
  clock,
  currency: (_, random) => pick(words("EUR USD JPY NGN CHF BRL"), random),
  lang: (_, random) => pick(words("de fr pt-BR ja sw"), random),
  city: (_, random) => pick(words("Rotterdam Mombasa Busan Santos Piraeus"), random),
  country: (_, random) => pick(words("Kenya Norway Chile Vietnam"), random),
  vessel: (_, random) => pick(words("Aurora Meridian Kestrel Northwind"), random),
  container: (pool, random) => `${pick(words("MSKU TCLU CMAU"), random)}${digits(7, "0123456789")(pool, random)}`,
  column: (_, random) => pick(words("age income label distance_km"), random),
  run: (pool, random) => `${pick(words("brave-otter calm-fern dry-comet"), random)}-${int(pool, random)}`,
  imsi: (pool, random) => `26202${digits(10, "0123456789")(pool, random)}`,
  operator: (_, random) => pick(words("Vodalux Telsur Nordcom"), random),
  board: (_, random) => pick(words("rev-c2 nano33 esp-gateway"), random),
  label: (_, random) => pick(words("linux-arm64 macos-14 gpu nightly"), random),
  branch: (pool, random) =>
    pick([`feature/${name(pool, random)}-login`, "release-4.2", `fix/${int(pool, random)}`], random),
  // What loggers write in front, each in its own way.
  "px.java": (pool, random) =>
    `${isodate(pool, random)} ${clock(pool, random)},${millis(pool, random)} ${pick(words("INFO WARN ERROR"), random)} [${thread(pool, random)}] store.blocks.Keeper: `,
  "px.syslog": (pool, random) =>
    `${pick(MONTHS, random)} ${day(pool, random)} ${clock(pool, random)} ${host(pool, random)} shelld[${int(pool, random)}]: `,
  "px.spring": (pool, random) =>
    `${isodate(pool, random)} ${clock(pool, random)}.${millis(pool, random)} ${pick(words("ERROR WARN"), random)} ${int(pool, random)} --- [${thread(pool, random)}] c.shop.booking.Desk   : `,
  "px.pg": (pool, random) =>
    `${isodate(pool, random)} ${clock(pool, random)}.${millis(pool, random)} UTC [${int(pool, random)}] ERROR:  `,
  "px.py": (pool, random) =>
    `[${isodate(pool, random)} ${clock(pool, random)},${millis(pool, random)}: ERROR/ForkPoolWorker-${between(random, 1, 9)}] `,
  "px.glog": (pool, random) =>
    `${pick(words("E W I"), random)}${two(between(random, 1, 12))}${two(between(random, 1, 28))} ${clock(pool, random)}.${millis(pool, random)}${millis(pool, random)} ${int(pool, random).padStart(7, " ")} lease.go:${between(random, 1, 99)}] `,
  "px.kern": (pool, random) =>
    `[${String(between(random, 1, 99_999)).padStart(5, " ")}.${millis(pool, random)}${millis(pool, random)}] `,
  "px.android": (pool, random) =>
    `${two(between(random, 1, 12))}-${two(between(random, 1, 28))} ${clock(pool, random)}.${millis(pool, random)}  ${between(random, 1_000, 9_999)}  ${between(random, 1_000, 9_999)} ${pick(words("D I W E"), random)} SoundDesk: `,
  "px.spark": (pool, random) =>
    `${two(between(random, 10, 31))}/${two(between(random, 1, 12))}/${two(between(random, 1, 28))} ${clock(pool, random)} ${pick(words("INFO WARN ERROR"), random)} grid.Scheduler: `,
  "px.apache": (pool, random) =>
    `[${pick(DAYS, random)} ${pick(MONTHS, random)} ${two(between(random, 1, 28))} ${clock(pool, random)} ${between(random, ...pool.years)}] [error] `,
  "px.nginx": (pool, random) =>
    `${isodate(pool, random).replaceAll("-", "/")} ${clock(pool, random)} [error] ${between(random, 10, 99)}#${between(random, 10, 99)}: *${int(pool, random)} `,
  "px.proxy": (pool, random) =>
    `[${two(between(random, 1, 12))}.${two(between(random, 1, 28))} ${clock(pool, random)}] `,
  "px.hpc": (pool, random) =>
    `${between(random, 1_100_000_000, 1_900_000_000)} ${isodate(pool, random).replaceAll("-", ".")} `,
};
