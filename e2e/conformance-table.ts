import type { Check, Conformance } from './conformance.ts';

/** The matrices that `npm run conformance` prints: a column for each receiver; what is not as it must be in capitals. */
export function conformanceTable(result: Conformance): string {
  const sections = [
    { title: 'Delivered to', checks: result.deliveries },
    { title: 'Sent to', checks: result.requests },
    { title: 'After a rotation, with', checks: result.rotation },
  ];
  const all = sections.flatMap(({ checks }) => checks);
  const wrong = all.filter(({ ok }) => !ok);
  const tables = sections.map(({ title, checks }) => table(title, result.receivers, checks));
  const list = wrong.map(({ receiver, what, detail }) => `${receiver}, ${what}: ${detail}`);
  const close =
    wrong.length === 0
      ? `All ${all.length} as they must be.`
      : `${wrong.length} of ${all.length} not as they must be:\n${list.join('\n')}`;
  return [...tables, close].join('\n\n');
}

function table(title: string, receivers: string[], checks: Check[]): string {
  const rows = [...new Set(checks.map(({ what }) => what))];
  const cell = (what: string, receiver: string) => {
    const check = checks.find((candidate) => candidate.what === what && candidate.receiver === receiver);
    if (!check) return '-';
    return check.ok ? check.detail : check.detail.toUpperCase();
  };
  const lines = [
    [title, ...receivers],
    ...rows.map((what) => [what, ...receivers.map((receiver) => cell(what, receiver))]),
  ];
  const widths = [title, ...receivers].map((_, i) => Math.max(...lines.map((line) => line[i]!.length)));
  return lines
    .map((line) =>
      line
        .map((text, i) => text.padEnd(widths[i]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
