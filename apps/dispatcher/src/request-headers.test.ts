import { describe, expect, it } from '@jest/globals';
import { generateSigningKey, verifyHubSignature, verifyStandard } from '@dits/signing';
import { aDelivery } from '@dits/testkit';
import { requestHeaders } from './request-headers.js';

describe('requestHeaders', () => {
  const nowMs = Date.parse('2026-11-25T09:12:14.789Z');
  const delivery = aDelivery({ event: 'push.tag', attempt: 3 });
  const headers = requestHeaders({
    delivery,
    secrets: ['new', 'old'],
    nowMs,
    userAgent: 'Dits-Webhooks/1.2.3',
    own: {},
  });

  it('says what the delivery is', () => {
    expect(headers).toEqual({
      'Content-Type': 'application/json',
      'User-Agent': 'Dits-Webhooks/1.2.3',
      'X-Dits-Event': 'push.tag',
      'X-Dits-Delivery': delivery.delivery_id,
      'X-Dits-Attempt': '3',
      'X-Dits-Webhook-Id': delivery.webhook_id,
      'X-Hub-Signature-256': expect.stringMatching(/^sha256=[0-9a-f]{64}$/),
      'webhook-id': delivery.delivery_id,
      'webhook-timestamp': '1795597934',
      'webhook-signature': expect.stringMatching(/^v1,[^ ]+ v1,[^ ]+$/),
    });
  });

  it('puts those of the webhook’s owner first, and lets none of them take the place of ours', () => {
    const own = {
      Authorization: 'Bearer a',
      'content-type': 'text/plain',
      'X-HUB-SIGNATURE-256': 'sha256=0',
    };
    const withOwn = requestHeaders({
      delivery,
      secrets: ['new', 'old'],
      nowMs,
      userAgent: 'Dits-Webhooks/1.2.3',
      own,
    });
    expect(Object.entries(withOwn)).toEqual([['Authorization', 'Bearer a'], ...Object.entries(headers)]);
    expect(Object.keys(withOwn).slice(-4)).toEqual([
      'X-Hub-Signature-256',
      'webhook-id',
      'webhook-timestamp',
      'webhook-signature',
    ]);
  });

  it('verifies by both secrets while a rotated one still signs, and by the current one in the older scheme', () => {
    const { body } = delivery;
    const standard = {
      id: headers['webhook-id'],
      timestamp: headers['webhook-timestamp'],
      signature: headers['webhook-signature'],
    };
    for (const secret of ['new', 'old']) {
      expect(verifyStandard({ secret, body, headers: standard, nowMs })).toEqual({ ok: true });
    }
    const signature = headers['X-Hub-Signature-256'];
    expect(verifyHubSignature({ secret: 'new', body, signature })).toEqual({ ok: true });
  });

  it('signs with ed25519 besides, for a webhook that has such keys', () => {
    const keys = [generateSigningKey(), generateSigningKey()];
    const signed = requestHeaders({
      delivery,
      secrets: ['new', 'old', ...keys.map(({ privateKey }) => privateKey)],
      nowMs,
      userAgent: 'Dits-Webhooks/1.2.3',
      own: {},
    });
    const signature = signed['webhook-signature'];
    expect(signature).toMatch(/^v1,\S+ v1,\S+ v1a,\S+ v1a,\S+$/);
    expect(signed['X-Hub-Signature-256']).toBe(headers['X-Hub-Signature-256']);
    const standard = { id: signed['webhook-id'], timestamp: signed['webhook-timestamp'], signature };
    for (const secret of ['new', 'old', ...keys.map(({ publicKey }) => publicKey)]) {
      expect(verifyStandard({ secret, body: delivery.body, headers: standard, nowMs })).toEqual({ ok: true });
    }
  });
});
