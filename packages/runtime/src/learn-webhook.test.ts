import { PoisonRecordError, RegistryFault } from '@dits/contracts';
import { WebhookTable } from '@dits/domain';
import type { DecodedRecord, IncomingRecord } from '@dits/kafka';
import { aWebhook } from '@dits/testkit';
import { describe, expect, it } from '@jest/globals';
import { learnWebhook } from './learn-webhook.js';

const webhook = aWebhook();

function aRecord(value: Buffer | null): IncomingRecord {
  return {
    topic: 'dits.webhooks',
    partition: 0,
    offset: 7n,
    key: Buffer.from(webhook.webhook_id),
    value,
    headers: {},
    timestampMs: 0,
    lookback: false,
  };
}

function aTable(decode: () => Promise<DecodedRecord>) {
  const table = new WebhookTable();
  const errors: string[] = [];
  const log = { error: (_: object, message: string) => void errors.push(message) };
  return { table, errors, deps: { table, decode, log } };
}

describe('learnWebhook', () => {
  it('takes in snapshots and tombstones', async () => {
    const { table, deps } = aTable(async () => ({ name: 'webhook', record: webhook }));
    await learnWebhook(aRecord(Buffer.from('avro')), deps);
    expect(table.get(webhook.webhook_id)).toEqual(webhook);
    await learnWebhook(aRecord(null), deps);
    expect(table.size).toBe(0);
  });

  it.each([
    ['unreadable', () => Promise.reject(new PoisonRecordError('not_avro', 'no'))],
    ['of another type', async () => ({ name: 'cancelled', record: {} as never }) as const],
  ])('passes over a record that is %s and keeps the webhook as it was', async (_, decode) => {
    const { table, errors, deps } = aTable(decode);
    table.apply(webhook);
    await learnWebhook(aRecord(Buffer.from('?')), deps);
    expect(table.get(webhook.webhook_id)).toEqual(webhook);
    expect(errors).toEqual(['webhook.unreadable']);
  });

  it('rejects while the registry is away, so that the record comes again', async () => {
    const fault = new RegistryFault('away');
    const { deps } = aTable(() => Promise.reject(fault));
    await expect(learnWebhook(aRecord(Buffer.from('avro')), deps)).rejects.toBe(fault);
  });
});
