/** The value below which a share `q` (0 to 1) of the numbers lies, by the nearest rank. NaN for none. */
export function quantile(numbers: number[], q: number): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(q * sorted.length) - 1))] ?? NaN;
}

/** Median and the lowest and highest of repeated runs, rounded to `digits`. */
export function spread(numbers: number[], digits = 1): { median: number; min: number; max: number } {
  const round = (n: number): number => Number(n.toFixed(digits));
  return {
    median: round(quantile(numbers, 0.5)),
    min: round(Math.min(...numbers)),
    max: round(Math.max(...numbers)),
  };
}
