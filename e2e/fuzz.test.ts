import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { fuzz, fuzzEnvironment, somethingKnown } from './fuzz.ts';
import { startPlatform, type Platform } from './platform.ts';

jest.setTimeout(300_000);

let platform: Platform;
beforeAll(async () => {
  platform = await startPlatform({ env: fuzzEnvironment });
});
afterAll(() => platform?.stop());

type Known = Record<string, string | number> | undefined;
const made = async (): Promise<Known> => undefined;
const existing = (): Promise<Known> => somethingKnown(platform);

describe.each([
  ['the gateway', 'gateway', 10, made],
  ['the api', 'api', 3, made],
  ['the api, at a webhook that exists,', 'api', 3, existing],
] as const)('%s', (_, app, examples, knownOf) => {
  it('is answered as its document says, whatever is sent', async () => {
    const known = await knownOf();
    const options = { examples, seed: 1, hasEdges: false, ...(known && { known }) };
    const { ok, cases, report } = await fuzz(platform, app, options);
    expect([ok, ok ? '' : report]).toEqual([true, '']);
    expect(cases).toBeGreaterThan(10);
  });
});
