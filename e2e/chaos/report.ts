import type { ChaosResult } from './result.ts';

const SHOWN_PROBLEMS = 20;

/** The result for people. */
export function report(result: ChaosResult): string {
  const rows = result.faults.map((one) => [
    `${one.atSeconds} s`,
    one.detail ? `${one.fault} (${one.detail})` : one.fault,
    one.events,
    one.refused,
    one.lost,
    one.repeated,
    seconds(one.longestGapMs),
    one.recoveryMs === null ? 'never' : seconds(one.recoveryMs),
  ]);
  const head = ['at', 'fault', 'events', 'refused', 'lost', 'repeated', 'longest gap', 'time to recover'];
  const [fixed, fresh] = [result.webhooks.slice(0, 16), result.webhooks.slice(16)];
  const webhooks = fixed.map((one) => [one.webhook, one.expected, one.delivered, one.repeated]);
  const sum = (of: 'expected' | 'delivered' | 'repeated') => fresh.reduce((total, one) => total + one[of], 0);
  if (fresh.length > 0)
    webhooks.push([`${fresh.length} made meanwhile`, sum('expected'), sum('delivered'), sum('repeated')]);
  const { problems } = result;
  return [
    table([head, ...rows]),
    table([['webhook', 'expected', 'delivered', 'repeated'], ...webhooks]),
    `${result.events} events accepted and ${result.refused} refused in ${result.seconds} s; ${result.deliveries} deliveries, ` +
      `${result.lost} lost, ${result.repeated} repeated`,
    ...result.skipped.map((line) => `not done: ${line}`),
    ...problems.slice(0, SHOWN_PROBLEMS).map((line) => `WRONG: ${line}`),
    ...(problems.length > SHOWN_PROBLEMS ? [`WRONG: and ${problems.length - SHOWN_PROBLEMS} more`] : []),
    `once more: npm run chaos -- --seed ${result.seed}`,
  ].join('\n\n');
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

/** As Markdown, to be put on a page as it is. */
function table(rows: (string | number)[][]): string {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => String(row[i]).length)));
  const isNumber = (i: number) => rows.slice(1).every((row) => /^(\d|never)/.test(String(row[i])));
  const line = (row: (string | number)[]) =>
    `| ${row.map((cell, i) => (isNumber(i) ? String(cell).padStart(widths[i]!) : String(cell).padEnd(widths[i]!))).join(' | ')} |`;
  const rule = `| ${widths.map((width, i) => (isNumber(i) ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width))).join(' | ')} |`;
  return [line(rows[0]!), rule, ...rows.slice(1).map(line)].join('\n');
}
