import type { NextStep, Trigger } from '@dits/contracts';
import type { DeliveryRow, DeliveryStatus, OverdueDelivery } from '@dits/persistence';
import { describe, expect, it } from '@jest/globals';
import { waitingAttempt } from './put-back-deliveries.js';

const STARTED_MS = Date.UTC(2026, 10, 25, 9);

type Made = [scheduleAttempt: number, nextStep: NextStep, trigger?: Trigger];

/** A delivery with the attempts made, one a second. */
function overdue(status: DeliveryStatus, trigger: Trigger, made: Made[]): OverdueDelivery {
  const delivery = { status, trigger, attemptCount: made.length } as DeliveryRow;
  const attempts = made.map(([scheduleAttempt, nextStep, ofAttempt = 'event'], i) => ({
    attempt: i + 1,
    scheduleAttempt,
    nextStep,
    trigger: ofAttempt,
    startedAt: new Date(STARTED_MS + i * 1000),
  }));
  return { delivery, attempts, body: Buffer.from('{}') };
}

describe('waitingAttempt', () => {
  it.each<[string, OverdueDelivery, number, number, number | null]>([
    ['the first, when none was made', overdue('pending', 'event', []), 1, 1, null],
    ['the immediate retry', overdue('retrying', 'event', [[1, 'immediate_retry']]), 2, 2, 0],
    [
      'the one after the immediate retry',
      overdue('retrying', 'event', [
        [1, 'immediate_retry'],
        [2, 'retry'],
      ]),
      3,
      3,
      0,
    ],
    ['the first tier, without an immediate retry', overdue('retrying', 'event', [[1, 'retry']]), 2, 3, 0],
    [
      'a later tier',
      overdue('retrying', 'event', [
        [1, 'retry'],
        [3, 'retry'],
        [4, 'retry'],
      ]),
      4,
      5,
      0,
    ],
    [
      'the first of a redelivery',
      overdue('pending', 'redelivery', [
        [1, 'retry'],
        [3, 'failed'],
      ]),
      3,
      1,
      null,
    ],
    [
      'a retry of a redelivery, whose schedule began with it',
      overdue('retrying', 'redelivery', [
        [1, 'failed'],
        [1, 'retry', 'redelivery'],
      ]),
      3,
      3,
      1000,
    ],
    [
      'the first of a redelivery that was put off',
      overdue('retrying', 'redelivery', [[1, 'retry']]),
      2,
      1,
      null,
    ],
  ])('is %s', (_, delivery, attempt, schedule_attempt, firstMs) => {
    expect(waitingAttempt(delivery)).toEqual({
      attempt,
      schedule_attempt,
      first_attempt_at_ms: firstMs === null ? null : STARTED_MS + firstMs,
    });
  });
});
