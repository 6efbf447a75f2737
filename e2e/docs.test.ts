import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { bundledSchemas } from '@dits/contracts';
import { configurationPage, PAGE } from './configuration-page.ts';

const root = join(import.meta.dirname, '..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const sources = globSync('{apps,packages,infra}/**/*.ts', {
  cwd: root,
  exclude: (path) => /(^|\/)(node_modules|dist|testing)$|\.test\.ts$/.test(String(path)),
}).map((path) => ({ path, text: read(path) }));

/** What `pattern`'s first group matches in `texts`, each once, sorted. */
function all(texts: string[], pattern: RegExp): string[] {
  const found = texts.flatMap((text) => [...text.matchAll(pattern)].map((match) => match[1]!));
  return [...new Set(found)].sort();
}
const inCode = (pattern: RegExp) =>
  all(
    sources.map(({ text }) => text),
    pattern,
  );
const inPage = (path: string, pattern: RegExp) => all([read(path)], pattern);

describe('docs/errors.md', () => {
  it('explains every error code, and no other', () => {
    expect(inPage('docs/errors.md', /^### `(DITS_\w+)`$/gm)).toEqual(inCode(/readonly code = '(DITS_\w+)'/g));
  });

  it('explains every reason of a poison record', () => {
    const [type] = inCode(/type PoisonReason = ([^;]+);/g);
    expect(inPage('docs/errors.md', /^\| `(\w+)` +\| [^\d]/gm)).toEqual(all([type!], /'(\w+)'/g));
  });

  it('explains every code of an API problem, and no other', () => {
    const thrown = sources.filter(({ path }) => /^(apps\/(gateway|api)|packages\/runtime)\//.test(path));
    const codes = all(
      thrown.map(({ text }) => text.replaceAll(/^ *context\.addIssue[^;]+;/gm, '')),
      /(?:\bcode: |\brefused\(\d+, )'([a-z_]+)'/g,
    ).filter((code) => code !== 'custom'); // Zod's, not ours.
    expect(inPage('docs/errors.md', /^\| `(\w+)` +\| \d{3} +\|/gm)).toEqual(codes);
  });
});

describe('docs/metrics.md', () => {
  it('has every metric, and no other', () => {
    expect(inPage('docs/metrics.md', /^\| `(dits_\w+)`/gm)).toEqual(inCode(/\bname: '(dits_\w+)'/g));
  });

  it('has the labels and the type of each', () => {
    const page = new Map(
      [...read('docs/metrics.md').matchAll(/^\| `(dits_\w+)` +\| (\w+) +\| ([^|]*?) +\|/gm)].map(
        ([, name, type, labels]) => [name!, { type: type!, labels: all([labels!], /`(\w+)`/g) }],
      ),
    );
    for (const { text } of sources) {
      for (const match of text.matchAll(/\b(counter|gauge|histogram)\(\{\s+name: '(dits_\w+)'([^}]*)/g)) {
        const [, type, name, rest] = match;
        const [labels = ''] = all([rest!], /labelNames: (\[[^\]]*\])/g);
        expect({ name, ...page.get(name!) }).toEqual({ name, type, labels: all([labels], /'(\w+)'/g) });
      }
    }
  });
});

describe('docs/security.md', () => {
  it('explains every rule of the destination guard, and no other', () => {
    const types = inCode(/type (?:Address|Destination)Rule =([^;]+);/g);
    expect(inPage('docs/security.md', /^\| `(\w+)` +\|/gm)).toEqual(all(types, /'(\w+)'/g));
  });

  it('names a test for every threat, and each is there', () => {
    const threats = read('docs/security.md')
      .split('\n')
      .filter((line) => /^\| [a-z]/.test(line) && !/^\| (rule|threat) /.test(line));
    for (const line of threats) {
      const tests = [...line.matchAll(/\]\(([^)]+\.test\.ts)\): ((?:“[^”]+”(?:, )?)+)/g)];
      expect([line, tests.length]).not.toEqual([line, 0]);
      for (const [, path, names] of tests)
        for (const [, name] of names!.matchAll(/“([^”]+)”/g))
          expect([name, read(join('docs', path!)).includes(name!)]).toEqual([name, true]);
    }
  });
});

describe('docs/configuration.md', () => {
  it('is what the apps have (write it anew with `node e2e/configuration-page.ts`)', async () => {
    // Prettier lines the tables up; what they say is compared.
    const cells = (text: string) => text.replaceAll(/ +/g, ' ').replaceAll(/-{3,}/g, '---').trim();
    expect(cells(readFileSync(PAGE, 'utf8'))).toBe(cells(await configurationPage()));
  });
});

describe('README.md', () => {
  it('lists the event types', () => {
    const events = bundledSchemas.events.map(({ event }) => event).sort();
    expect(inPage('README.md', /^\| `([a-z]+(?:\.[a-z]+)?)` +\| /gm)).toEqual(events);
  });
});

describe('links between pages', () => {
  const pages = globSync('**/*.md', {
    cwd: root,
    exclude: (path) => /(^|\/)(node_modules|dist|\.local|\.git)$/.test(String(path)),
  });

  it.each(pages)('of %s lead somewhere', (page) => {
    for (const [, target] of read(page).matchAll(/\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)/g)) {
      const path = relative(root, join(root, dirname(page), target!));
      expect([path, globSync(path, { cwd: root }).length]).toEqual([path, 1]);
    }
  });
});
