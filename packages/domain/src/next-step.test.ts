import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { nextStep, type AttemptFacts, type Step } from './next-step.js';
import { DEFAULT_RETRY_TIERS, parseTiers } from './schedule.js';
import type { SendResult } from './send-result.js';

const tiers = parseTiers(DEFAULT_RETRY_TIERS);
const SPAN_MS = 23 * 3_600_000;
const nowMs = 1_700_000_000_000;
const measures = { durationMs: 12, phasesMs: {}, remoteAddress: null };

function response(status: number, headers: Record<string, string> = {}): SendResult {
  return { kind: 'response', status, headers, body: Buffer.alloc(0), truncated: false, ...measures };
}

const timeout: SendResult = { kind: 'timeout', phase: 'headers', message: 'late', ...measures };

function facts(over: Partial<AttemptFacts> = {}): AttemptFacts {
  return {
    outcome: 'retryable',
    reason: 'http_500',
    result: response(500),
    scheduleAttempt: 1,
    firstAttemptAtMs: nowMs,
    tiers,
    ...over,
  };
}

const step = (over: Partial<AttemptFacts> = {}, random = 0) => nextStep(facts(over), nowMs, () => random);
const waitOf = (next: Step) => (next.kind === 'retry' ? next.notBeforeMs - nowMs : NaN);

describe('nextStep', () => {
  it('ends when delivered', () => {
    expect(step({ outcome: 'delivered', result: response(200) })).toEqual({ kind: 'done' });
  });

  it('fails with the reason of a rejected attempt', () => {
    expect(step({ outcome: 'rejected', reason: 'http_404', result: response(404) })).toEqual({
      kind: 'failed',
      reason: 'http_404',
    });
  });

  it('makes an attempt on a stale connection again at once on a fresh one, at whatever place, which stays', () => {
    const stale: SendResult = {
      kind: 'reset',
      phase: 'headers',
      message: 'closed',
      ...measures,
      staleConnection: true,
    };
    for (const scheduleAttempt of [1, 2, 9]) {
      expect(step({ result: stale, scheduleAttempt, circuitOpen: true })).toEqual({
        kind: 'immediate_retry',
        scheduleAttempt,
        onFreshConnection: true,
      });
    }
  });

  it('retries at once after a first 5xx answer, and only then', () => {
    expect(step()).toEqual({ kind: 'immediate_retry', scheduleAttempt: 2, onFreshConnection: false });
    expect(step({ result: timeout })).toMatchObject({ kind: 'retry', tier: tiers[0], scheduleAttempt: 3 });
    expect(step({ result: response(429) })).toMatchObject({ kind: 'retry', tier: tiers[0] });
    expect(step({ circuitOpen: true })).toMatchObject({ kind: 'retry', tier: tiers[0] });
    expect(step({ scheduleAttempt: 2 })).toMatchObject({ kind: 'retry', tier: tiers[0], scheduleAttempt: 3 });
  });

  it.each([
    [2, '15s', 15_000, 16_500],
    [3, '1m', 60_000, 66_000],
    [4, '4m', 240_000, 264_000],
    [5, '15m', 900_000, 990_000],
    [6, '1h', 3_600_000, 3_720_000],
    [7, '4h', 14_400_000, 14_520_000],
    [8, '17h', 61_200_000, 61_320_000],
  ])('waits the tier after place %i: %s, %i to %i ms', (scheduleAttempt, name, fromMs, toMs) => {
    expect(step({ scheduleAttempt }, 0)).toMatchObject({
      tier: { name },
      scheduleAttempt: scheduleAttempt + 1,
    });
    expect(waitOf(step({ scheduleAttempt }, 0))).toBe(fromMs);
    expect(waitOf(step({ scheduleAttempt }, 1))).toBe(toMs);
  });

  it('fails when the schedule has ended', () => {
    expect(step({ scheduleAttempt: 9 })).toEqual({ kind: 'failed', reason: 'schedule_ended' });
  });

  it.each([
    ['30', 30_000, '1m'],
    ['3600', 60_000, '1m'],
    ['5', 15_000, '15s'],
    ['soon', 15_000, '15s'],
  ])('lengthens a step of 15 s by Retry-After %s to %i ms, on %s', (retryAfter, waitMs, name) => {
    const next = step({ scheduleAttempt: 2, result: response(503, { 'retry-after': retryAfter }) });
    expect(next).toMatchObject({ tier: { name }, scheduleAttempt: 3 });
    expect(waitOf(next)).toBe(waitMs);
  });

  it('lengthens a step by an HTTP date', () => {
    const date = new Date(nowMs + 40_000).toUTCString();
    expect(waitOf(step({ scheduleAttempt: 2, result: response(503, { 'retry-after': date }) }))).toBe(40_000);
  });

  it('lengthens a step only as far as all later tiers still fit into 23 hours', () => {
    const next = step({ scheduleAttempt: 5, result: response(503, { 'retry-after': '3600' }) });
    expect(next).toMatchObject({ tier: { name: '15m' } });
    expect(waitOf(next)).toBeGreaterThan(900_000);
    expect(waitOf(next)).toBeLessThan(3_600_000);
  });

  it('does not lengthen the last tier', () => {
    const next = step({ scheduleAttempt: 8, result: response(503, { 'retry-after': '66000' }) });
    expect(waitOf(next)).toBe(61_200_000);
  });

  it('takes the longest tier that still fits when we are late', () => {
    const late = { scheduleAttempt: 8, firstAttemptAtMs: nowMs - 10 * 3_600_000 };
    expect(step(late)).toMatchObject({ kind: 'retry', tier: { name: '4h' }, scheduleAttempt: 9 });
    expect(step({ ...late, firstAttemptAtMs: nowMs - SPAN_MS + 20_000 })).toMatchObject({
      tier: { name: '15s' },
    });
    expect(step({ ...late, firstAttemptAtMs: nowMs - SPAN_MS + 10_000 })).toEqual({
      kind: 'failed',
      reason: 'schedule_ended',
    });
  });
});

describe('a whole schedule', () => {
  const answer = fc.oneof(
    fc.constant(timeout),
    fc.constant(response(500)),
    fc.nat(100_000).map((seconds) => response(503, { 'retry-after': String(seconds) })),
    fc.nat(100_000).map((s) => response(429, { 'retry-after': new Date(nowMs + s * 1000).toUTCString() })),
  );
  const attempt = fc.record({
    result: answer,
    random: fc.double({ min: 0, max: 1, noNaN: true }),
    circuitOpen: fc.boolean(),
    tookMs: fc.nat(10_000),
  });

  /** Runs failing attempts until the schedule ends; each begins `latenessMs` after it is due. */
  function runSchedule(
    attempts: { result: SendResult; random: number; circuitOpen: boolean; tookMs: number }[],
    latenessMs: number,
  ) {
    let atMs = nowMs;
    let scheduleAttempt = 1;
    const made: { atMs: number; step: Step; endedAtMs: number }[] = [];
    for (const { result, random, circuitOpen, tookMs } of attempts) {
      const endedAtMs = atMs + tookMs;
      const next = nextStep(
        facts({ result, scheduleAttempt, circuitOpen, firstAttemptAtMs: nowMs }),
        endedAtMs,
        () => random,
      );
      made.push({ atMs, step: next, endedAtMs });
      if (next.kind !== 'retry' && next.kind !== 'immediate_retry') return made;
      atMs = next.kind === 'retry' ? next.notBeforeMs + latenessMs : endedAtMs;
      scheduleAttempt = next.scheduleAttempt;
    }
    throw new Error('the schedule does not end');
  }

  it('has nine attempts at most, eight at least, the last within 23 hours of the first', () => {
    fc.assert(
      fc.property(fc.array(attempt, { minLength: 12, maxLength: 12 }), (attempts) => {
        const made = runSchedule(attempts, 0);
        expect(made.length).toBeLessThanOrEqual(9);
        expect(made.length).toBeGreaterThanOrEqual(8);
        expect(made.at(-1)!.atMs - nowMs).toBeLessThanOrEqual(SPAN_MS);
        expect(made.at(-1)!.step).toEqual({ kind: 'failed', reason: 'schedule_ended' });
      }),
      { numRuns: 1000 },
    );
  });

  it('never steps earlier than its tier, nor later than the next one', () => {
    fc.assert(
      fc.property(fc.array(attempt, { minLength: 12, maxLength: 12 }), (attempts) => {
        for (const { step: next, endedAtMs } of runSchedule(attempts, 0)) {
          if (next.kind !== 'retry') continue;
          const index = next.scheduleAttempt - 3;
          const waitMs = next.notBeforeMs - endedAtMs;
          expect(waitMs).toBeGreaterThanOrEqual(tiers[index]!.delayMs);
          expect(waitMs).toBeLessThanOrEqual(tiers[index + 1]?.delayMs ?? tiers[index]!.delayMs + 120_000);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('schedules nothing after the 23 hours however late we are', () => {
    fc.assert(
      fc.property(
        fc.array(attempt, { minLength: 12, maxLength: 12 }),
        fc.nat(6 * 3_600_000),
        (attempts, latenessMs) => {
          for (const { step: next, endedAtMs } of runSchedule(attempts, latenessMs)) {
            if (next.kind !== 'retry') continue;
            expect(next.notBeforeMs - nowMs).toBeLessThanOrEqual(SPAN_MS);
            expect(next.notBeforeMs - endedAtMs).toBeGreaterThanOrEqual(tiers[0]!.delayMs);
          }
        },
      ),
      { numRuns: 1000 },
    );
  });
});
