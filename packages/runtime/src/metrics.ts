import { collectDefaultMetrics, Counter, Gauge, Histogram, register } from 'prom-client';

/** The one registry of this process; `/metrics` prints it. */
export const metricsRegistry = register;

/** How a metric is called and labelled. */
export interface MetricOptions<L extends string> {
  /** `dits_…`, base unit, `_total` for counters. */
  name: string;
  help: string;
  /** Only labels with few values; never an id or a url. */
  labelNames?: readonly L[];
}

/** Seconds, from a registry hit to the dispatcher's time limit. */
const DURATION_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/**
 * A counter on the shared registry; the same one when it was made before. Throws when the name breaks the naming rules.
 *
 * `zeros`: labels that are there with 0 from the start. Without them `increase()` does not see the first one that is
 * counted, and an alert on it stays silent.
 */
export function counter<L extends string = never>(
  o: MetricOptions<L> & { zeros?: readonly Partial<Record<L, string>>[] },
): Counter<L> {
  check(o, /_total$/, 'end in _total');
  const { zeros = [], ...options } = o;
  const made =
    (register.getSingleMetric(o.name) as Counter<L>) ??
    new Counter({ ...options, labelNames: o.labelNames ?? [] });
  for (const labels of zeros) made.inc(labels, 0);
  return made;
}

/** A histogram of seconds (or bytes, with its own buckets) on the shared registry. */
export function histogram<L extends string = never>(
  o: MetricOptions<L> & { buckets?: number[] },
): Histogram<L> {
  check(o, /_(seconds|bytes|records)$/, 'end in _seconds, _bytes or _records');
  return (
    (register.getSingleMetric(o.name) as Histogram<L>) ??
    new Histogram({ ...o, labelNames: o.labelNames ?? [], buckets: o.buckets ?? DURATION_BUCKETS })
  );
}

/** A gauge on the shared registry; `collect` sets it whenever `/metrics` is read. */
export function gauge<L extends string = never>(
  o: MetricOptions<L> & { collect?: (gauge: Gauge<L>) => void | Promise<void> },
): Gauge<L> {
  check(o, /^(?!.*_total$)/, 'not end in _total');
  const { collect, ...options } = o;
  register.removeSingleMetric(o.name);
  const made: Gauge<L> = new Gauge<L>({
    ...options,
    labelNames: o.labelNames ?? [],
    ...(collect && { collect: () => collect(made) }),
  });
  return made;
}

/** Adds Node's and the process's own metrics (`process_…`, `nodejs_…`: the names every dashboard knows). */
export function collectProcessMetrics(): void {
  if (!register.getSingleMetric('process_cpu_seconds_total')) collectDefaultMetrics({ register });
}

function check(o: MetricOptions<string>, ending: RegExp, rule: string): void {
  if (!/^dits_[a-z0-9_]+$/.test(o.name)) throw new Error(`metric ${o.name}: must begin with dits_`);
  if (!ending.test(o.name)) throw new Error(`metric ${o.name}: must ${rule}`);
  const unbounded = o.labelNames?.find((label) => /(^|_)(id|url|login|path)$/.test(label));
  if (unbounded) throw new Error(`metric ${o.name}: the label ${unbounded} has no bound`);
}
