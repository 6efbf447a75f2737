import { describe, expect, it } from '@jest/globals';
import { classify } from './classify.js';
import type { SendFailureKind, SendResult } from './send-result.js';

const measures = { durationMs: 12, phasesMs: {}, remoteAddress: null };

function response(status: number): SendResult {
  return { kind: 'response', status, headers: {}, body: Buffer.alloc(0), truncated: false, ...measures };
}

function failure(kind: SendFailureKind): SendResult {
  return { kind, phase: 'connect', message: 'no', ...measures };
}

describe('classify', () => {
  it.each([
    [200, 'delivered', 'http_200'],
    [204, 'delivered', 'http_204'],
    [299, 'delivered', 'http_299'],
    [301, 'rejected', 'redirect'],
    [304, 'rejected', 'redirect'],
    [308, 'rejected', 'redirect'],
    [400, 'rejected', 'http_400'],
    [404, 'rejected', 'http_404'],
    [408, 'rejected', 'http_408'],
    [410, 'rejected', 'gone'],
    [425, 'rejected', 'http_425'],
    [429, 'rejected', 'http_429'],
    [499, 'rejected', 'http_499'],
    [500, 'retryable', 'http_500'],
    [503, 'retryable', 'http_503'],
    [599, 'retryable', 'http_599'],
    [101, 'rejected', 'http_101'],
    [600, 'rejected', 'http_600'],
  ])('takes an answer of %i as %s (%s)', (status, outcome, reason) => {
    expect(classify(response(status), { retryStatuses: [] })).toEqual({ outcome, reason });
  });

  it.each([
    ['timeout', 'retryable'],
    ['dns', 'retryable'],
    ['refused', 'retryable'],
    ['unreachable', 'retryable'],
    ['reset', 'retryable'],
    ['tls', 'retryable'],
    ['protocol', 'retryable'],
  ] as const)('takes %s as %s', (kind, outcome) => {
    expect(classify(failure(kind), { retryStatuses: [] })).toEqual({ outcome, reason: kind });
  });

  it('rejects a destination that the guard refused, and names the rule', () => {
    const refused: SendResult = {
      kind: 'forbidden_destination',
      rule: 'link_local',
      phase: 'dns',
      message: 'no',
      ...measures,
    };
    expect(classify(refused, { retryStatuses: [] })).toEqual({
      outcome: 'rejected',
      reason: 'forbidden_destination_link_local',
    });
  });

  it.each([408, 410, 425, 429])('takes %i as retryable when the webhook opts in', (status) => {
    expect(classify(response(status), { retryStatuses: [408, 410, 425, 429] })).toEqual({
      outcome: 'retryable',
      reason: `http_${status}`,
    });
  });

  it('opts nothing but 4xx into retryable', () => {
    const retryStatuses = [200, 302];
    expect(classify(response(200), { retryStatuses }).outcome).toBe('delivered');
    expect(classify(response(302), { retryStatuses }).outcome).toBe('rejected');
  });
});
