import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { DEFAULT_RETRY_TIERS } from '@dits/domain';
import { repositoryRoot } from '@dits/local';
import { sampleReceivers } from './conformance-receivers.ts';

const read = (path: string) => readFileSync(join(repositoryRoot, path), 'utf8');
const page = read('docs/receivers.md');

/** The blocks of code with the file that the comment before each names. */
const quotes = [...page.matchAll(/<!-- (\S+) -->\n\n```\w+\n([^]*?)```/g)].map(([, path, code]) => ({
  path: path!,
  code: code!,
}));

describe('docs/receivers.md', () => {
  it('says of each sample receiver how it verifies, and has no other code', () => {
    expect(quotes.map(({ path }) => path).toSorted()).toEqual(
      sampleReceivers.map(({ name, program }) => `examples/receivers/${name}/${program}`).toSorted(),
    );
    expect(page.match(/^```\w+$/gm)).toHaveLength(quotes.length);
  });

  it.each(quotes)('quotes $path word for word', ({ path, code }) => {
    const program = read(path);
    let from = 0;
    for (const part of code.trim().split(/\n\n+/)) {
      const at = `\n${program.slice(from)}`.indexOf(`\n${part}\n`);
      expect({ part, isThere: at >= 0 }).toEqual({ part, isThere: true });
      from += at + part.length;
    }
  });

  it('has the schedule that is the default', () => {
    const [, section] = page.split('### The schedule');
    const steps = [...section!.matchAll(/^\| \d +\| (\d+) (s|m|h) +\|$/gm)];
    expect(steps.map(([, number, unit]) => `${number}${unit}`).join(',')).toBe(DEFAULT_RETRY_TIERS);
  });
});
