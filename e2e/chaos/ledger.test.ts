import { describe, expect, it } from '@jest/globals';
import { Ledger } from './ledger.ts';
import { summarize } from './result.ts';

const arrival = { eventId: 'e1', webhookId: 'w1', deliveryId: 'd1', attempt: 1, status: 200 };

function anAccepted(webhookIds: string[]): { ledger: Ledger; of: () => ReturnType<typeof summarize> } {
  const ledger = new Ledger();
  const period = ledger.begin('kill:router');
  ledger.accepted({ eventId: 'e1', webhookIds, period });
  const of = () =>
    summarize({
      seed: 1,
      startedAtMs: Date.now(),
      ledger,
      broken: [{ period, injected: { repeatsAllowed: 1 }, recoveryMs: 0 }],
      problems: [],
      skipped: [],
    });
  return { ledger, of };
}

describe('the account of a chaos run', () => {
  it('calls lost what one of two webhooks never got, in the period of its event', () => {
    const { ledger, of } = anAccepted(['w1', 'w2']);
    ledger.begin('kill:api');
    ledger.arrived(arrival);
    expect(of()).toMatchObject({ lost: 1, problems: ['1 deliveries are lost'] });
    expect(of().faults[0]).toMatchObject({ fault: 'kill:router', lost: 1 });
  });

  it('does not take a failed attempt for a delivery', () => {
    const { ledger, of } = anAccepted(['w1']);
    ledger.arrived({ ...arrival, status: 503 });
    ledger.arrived({ ...arrival, status: null });
    expect(of().lost).toBe(1);
  });

  it('knows a delivery that came before its 202', () => {
    const ledger = new Ledger();
    const period = ledger.begin('none');
    ledger.arrived(arrival);
    ledger.accepted({ eventId: 'e1', webhookIds: ['w1'], period });
    expect(ledger.outstanding.size).toBe(0);
  });

  it('counts as repeated only what was delivered before, and says when that is more than was in flight', () => {
    const { ledger, of } = anAccepted(['w1']);
    ledger.arrived({ ...arrival, status: 503 });
    ledger.arrived({ ...arrival, attempt: 2 });
    expect(of()).toMatchObject({ repeated: 0, problems: [] });
    ledger.arrived({ ...arrival, attempt: 2 });
    expect(of()).toMatchObject({ repeated: 1, problems: [] });
    ledger.arrived({ ...arrival, attempt: 3 });
    expect(of()).toMatchObject({ repeated: 2, problems: ['kill:router: 2 repeated, 1 were in flight'] });
  });
});
