import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { deferralStep, type DeferralFacts } from './deferral-step.js';
import { DEFAULT_RETRY_TIERS, parseTiers, SCHEDULE_SPAN_MS } from './schedule.js';

const tiers = parseTiers(DEFAULT_RETRY_TIERS);
const aDeferral = (facts: Partial<DeferralFacts> = {}): DeferralFacts => ({
  reason: 'busy',
  expectedWaitMs: 3_000,
  deferrals: 0,
  sinceMs: 0,
  tiers,
  ...facts,
});

describe('deferralStep', () => {
  it.each([
    [0, '15s'],
    [1, '15s'],
    [2, '1m'],
    [4, '4m'],
    [6, '15m'],
    [50, '15m'],
  ])('after %i deferrals at a busy webhook or an open circuit: %s', (deferrals, name) => {
    for (const reason of ['busy', 'circuit_open'] as const) {
      expect(deferralStep(aDeferral({ reason, deferrals }), 0, () => 0)).toMatchObject({
        kind: 'put_off',
        tier: { name },
      });
    }
  });

  it.each([
    [2_500, '15s'],
    [59_999, '15s'],
    [60_000, '1m'],
    [300_000, '4m'],
    [86_400_000, '15m'],
  ])('at a rate limit that would let it go after %i ms: %s', (expectedWaitMs, name) => {
    const facts = aDeferral({ reason: 'rate_limited', expectedWaitMs, deferrals: 9 });
    expect(deferralStep(facts, 0, () => 0)).toMatchObject({ tier: { name } });
  });

  it.each([
    [0, 3_000, '15s'],
    [0, 70_000, '1m'],
    [0, 12_500_000, '15m'],
    [4, 3_000, '4m'],
    [4, 70_000, '4m'],
  ])(
    'after %i deferrals at a busy webhook, behind %i ms of others: %s',
    (deferrals, expectedWaitMs, name) => {
      expect(deferralStep(aDeferral({ deferrals, expectedWaitMs }), 0, () => 0)).toMatchObject({
        tier: { name },
      });
    },
  );

  it('never comes back before the tier, nor later than a tenth of it', () => {
    fc.assert(
      fc.property(fc.nat(20), fc.double({ min: 0, max: 1, noNaN: true }), (deferrals, chance) => {
        const step = deferralStep(aDeferral({ deferrals, sinceMs: 1_000 }), 1_000, () => chance);
        if (step.kind !== 'put_off') throw new Error('it fails');
        const waitMs = step.notBeforeMs - 1_000;
        expect(waitMs).toBeGreaterThanOrEqual(step.tier.delayMs);
        expect(waitMs).toBeLessThanOrEqual(step.tier.delayMs * 1.1);
      }),
    );
  });

  it('ends: what would come back later than 23 hours after its schedule began fails', () => {
    const facts = aDeferral({ sinceMs: 0, deferrals: 100 });
    expect(deferralStep(facts, SCHEDULE_SPAN_MS - 900_001, () => 0)).toMatchObject({ kind: 'put_off' });
    expect(deferralStep(facts, SCHEDULE_SPAN_MS - 899_999, () => 0)).toEqual({
      kind: 'failed',
      reason: 'put_off_too_long',
    });
  });

  it('uses the first tier when all are longer than 15 minutes', () => {
    const facts = aDeferral({ tiers: parseTiers('20m,2h'), deferrals: 9 });
    expect(deferralStep(facts, 0, () => 0)).toMatchObject({ tier: { name: '20m' } });
  });
});
