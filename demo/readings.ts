/** What the services and the collector count, read from their /metrics. */

export interface Readings {
  readonly services: readonly Sample[];
  readonly collector: readonly Sample[];
}

export interface Sample {
  readonly name: string;
  readonly labels: { readonly [label: string]: string };
  readonly value: number;
}

/** The samples of a text exposition (Prometheus 0.0.4); lines that are none are passed over. */
export function parseExposition(text: string): Sample[] {
  const samples: Sample[] = [];
  for (const line of text.split("\n")) {
    const [, name, labelText = "", value] = SAMPLE.exec(line) ?? [];
    if (name === undefined) continue;
    const labels: { [label: string]: string } = {};
    for (const [, label = "", quoted = ""] of labelText.matchAll(LABEL))
      labels[label] = quoted.replace(/\\(.)/g, unescaped);
    samples.push({ name, labels, value: Number(value) });
  }
  return samples;
}

/** All samples of all endpoints. Rejects when one does not answer. */
export async function readMetrics(urls: readonly string[]): Promise<Sample[]> {
  const texts = await Promise.all(urls.map(readOne));
  return texts.flatMap(parseExposition);
}

/** Sums by the given label. */
export function sumBy(samples: readonly Sample[], name: string, label: string, where: Where = {}): Map<string, number> {
  const sums = new Map<string, number>();
  for (const { labels, value } of samples.filter((sample) => sample.name === name && matches(sample, where))) {
    const key = labels[label] ?? "";
    sums.set(key, (sums.get(key) ?? 0) + value);
  }
  return sums;
}

export function sum(samples: readonly Sample[], name: string, where: Where = {}): number {
  return samples.reduce(
    (total, sample) => total + (sample.name === name && matches(sample, where) ? sample.value : 0),
    0,
  );
}

type Where = { readonly [label: string]: string };

const SAMPLE = /^([A-Za-z_:][\w:]*)(?:\{(.*)\})? (\S+)/;
const LABEL = /([A-Za-z_]\w*)="((?:[^"\\]|\\.)*)"/g;
const ANSWER_MILLIS = 10_000;

async function readOne(url: string): Promise<string> {
  const headers = { accept: "text/plain;version=0.0.4" };
  const answer = await fetch(url, { headers, signal: AbortSignal.timeout(ANSWER_MILLIS) }).catch((cause: unknown) => {
    throw new Error(`${url} does not answer`, { cause });
  });
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
  return answer.text();
}

function unescaped(_escaped: string, character: string): string {
  return character === "n" ? "\n" : character;
}

function matches({ labels }: Sample, where: Where): boolean {
  return Object.entries(where).every(([label, value]) => labels[label] === value);
}
