import { PoisonRecordError, RegistryFault, type WebhookSnapshot } from '@dits/contracts';
import { WebhookTable } from '@dits/domain';
import type { DecodedRecord, IncomingRecord } from '@dits/kafka';
import { describe, expect, it } from '@jest/globals';
import { learnWebhook } from './learn-webhook.js';

const snapshot: WebhookSnapshot = {
  webhook_id: 'w1',
  version: 1,
  repository_id: 1,
  url: 'https://example.com',
  events: ['push'],
  active: true,
  secrets: [],
  retry_statuses: [],
  created_at_ms: 0,
  updated_at_ms: 0,
};

function aRecord(value: Buffer | null): IncomingRecord {
  return {
    topic: 'dits.webhooks',
    partition: 0,
    offset: 7n,
    key: Buffer.from('w1'),
    value,
    headers: {},
    timestampMs: 0,
    lookback: false,
  };
}

function setUp(decode: () => Promise<DecodedRecord>) {
  const table = new WebhookTable();
  const errors: string[] = [];
  const log = { error: (_: object, message: string) => void errors.push(message) };
  return { table, errors, deps: { table, decode, log } };
}

describe('learnWebhook', () => {
  it('takes in snapshots and tombstones', async () => {
    const { table, deps } = setUp(async () => ({ name: 'webhook', record: snapshot }));
    await learnWebhook(aRecord(Buffer.from('avro')), deps);
    expect(table.get('w1')).toEqual(snapshot);
    await learnWebhook(aRecord(null), deps);
    expect(table.size).toBe(0);
  });

  it.each([
    ['unreadable', () => Promise.reject(new PoisonRecordError('not_avro', 'no'))],
    ['of another type', async () => ({ name: 'cancelled', record: {} as never }) as const],
  ])('passes over a record that is %s and keeps the webhook as it was', async (_, decode) => {
    const { table, errors, deps } = setUp(decode);
    table.apply(snapshot);
    await learnWebhook(aRecord(Buffer.from('?')), deps);
    expect(table.get('w1')).toEqual(snapshot);
    expect(errors).toEqual(['webhook.unreadable']);
  });

  it('rejects while the registry is away, so that the record comes again', async () => {
    const fault = new RegistryFault('away');
    const { deps } = setUp(() => Promise.reject(fault));
    await expect(learnWebhook(aRecord(Buffer.from('avro')), deps)).rejects.toBe(fault);
  });
});
