import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { bundledSchemas } from '@dits/contracts';
import { sampleReceivers } from './conformance-receivers.ts';
import { madeRequests } from './conformance-requests.ts';
import { conformanceTable } from './conformance-table.ts';
import { checkConformance, type Conformance } from './conformance.ts';
import { startPlatform, type Platform } from './platform.ts';

jest.setTimeout(240_000);

const events = bundledSchemas.events.map(({ event }) => event);
const timestamped = sampleReceivers.filter(({ scheme }) => scheme === 'standard');

describe('the sample receivers', () => {
  let platform: Platform;
  let result: Conformance;
  beforeAll(async () => {
    platform = await startPlatform();
    result = await checkConformance(platform);
  });
  afterAll(async () => {
    await platform?.stop();
  });

  it.each(sampleReceivers)('get every event type delivered and verify it: $name', ({ name }) => {
    const checks = result.deliveries.filter(({ receiver }) => receiver === name);
    expect(checks).toEqual(events.map((what) => ({ what, receiver: name, ok: true, detail: 'verified' })));
  });

  it.each(madeRequests)('answer $wanted to a delivery with $name', ({ name, wanted, needsTimestamp }) => {
    const detail = wanted === 200 ? 'verified (200)' : 'refused (401)';
    expect(result.requests.filter(({ what }) => what === name)).toEqual(
      (needsTimestamp ? timestamped : sampleReceivers).map((receiver) => ({
        what: name,
        receiver: receiver.name,
        ok: true,
        detail,
      })),
    );
  });

  it.each(['the old secret', 'the new secret'])('verify with %s while a rotation overlaps', (what) => {
    expect(result.rotation.filter((check) => check.what === what)).toEqual(
      timestamped.map(({ name }) => ({ what, receiver: name, ok: true, detail: 'verified' })),
    );
  });

  it('are all as they must be', () => {
    expect(conformanceTable(result)).toMatch(/\n\nAll \d+ as they must be\.$/);
    expect(result.ok).toBe(true);
  });
});

describe('the matrix', () => {
  it('has a column for each receiver, and says what is not as it must be', () => {
    const text = conformanceTable({
      ok: false,
      receivers: ['one', 'other'],
      deliveries: [
        { what: 'push', receiver: 'one', ok: true, detail: 'verified' },
        { what: 'push', receiver: 'other', ok: false, detail: 'Failed' },
      ],
      requests: [{ what: 'a changed byte', receiver: 'one', ok: false, detail: 'verified (200)' }],
      rotation: [],
    });
    expect(text).toBe(`\
Delivered to  one       other
push          verified  FAILED

Sent to         one             other
a changed byte  VERIFIED (200)  -

After a rotation, with  one  other

2 of 3 not as they must be:
other, push: Failed
one, a changed byte: verified (200)`);
  });
});
