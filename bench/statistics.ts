import type { Load } from './rig.ts';

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

/** CPU seconds per 1,000 deliveries. */
export function perThousand(seconds: number, deliveries: number): number {
  return Number(((seconds * 1000) / deliveries).toFixed(3));
}

/** A table of what each process used in all loads together. */
export function printProcesses(loads: Load[], deliveries: number): Record<string, object> {
  const last = loads.at(-1)!;
  const processes = Object.fromEntries(
    Object.keys(last.cpuSeconds).map((name) => {
      const seconds = loads.reduce((sum, { cpuSeconds }) => sum + (cpuSeconds[name] ?? 0), 0);
      return [
        name,
        {
          cpu_s_per_1000: perThousand(seconds, deliveries),
          peak_rss_mb: Math.round((last.usage[name]?.peakRssBytes ?? 0) / 1e6),
        },
      ];
    }),
  );
  console.table(processes);
  return processes;
}

/** CPU seconds of all our processes together. */
export function totalCpu({ cpuSeconds }: Load): number {
  return Object.values(cpuSeconds).reduce((sum, seconds) => sum + seconds, 0);
}

/** Events that were not accepted, that were accepted and did not arrive, and arrivals beyond the first of an event. */
export function lossesOf(loads: Load[]): { refused: number; lost: number; repeated: number } {
  const sum = { refused: 0, lost: 0, repeated: 0 };
  for (const { posts, arrivals } of loads) {
    for (const { eventId, status } of posts) {
      if (status !== 202) sum.refused += 1;
      else if (!arrivals.has(eventId)) sum.lost += 1;
    }
    for (const { times } of arrivals.values()) sum.repeated += times - 1;
  }
  return sum;
}
