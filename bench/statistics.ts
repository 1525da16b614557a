/** The value below which the fraction `q` of the ascending `sorted` lies; NaN of nothing. */
export function quantile(sorted: ArrayLike<number>, q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? quantile(sorted, 0.5)
    : (quantile(sorted, 0.5) + (sorted[middle - 1] ?? Number.NaN)) / 2;
}
