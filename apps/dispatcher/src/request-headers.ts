import type { Delivery } from '@dits/contracts';
import { signBody, signStandard } from '@dits/signing';

/**
 * Headers of one attempt: what it is, and that it is ours, in both schemes.
 *
 * `secrets` are those that sign now, the current one first. The Standard Webhooks header carries a signature of each,
 * so that a receiver may take its time over a rotation; `X-Hub-Signature-256` has room for the current one only.
 */
export function requestHeaders(o: {
  delivery: Delivery;
  secrets: readonly string[];
  nowMs: number;
  userAgent: string;
}): Record<string, string> {
  const { delivery, secrets, nowMs, userAgent } = o;
  const { delivery_id: id, body } = delivery;
  const timestampSeconds = Math.floor(nowMs / 1000);
  return {
    'Content-Type': 'application/json',
    'User-Agent': userAgent,
    'X-Dits-Event': delivery.event,
    'X-Dits-Delivery': id,
    'X-Dits-Attempt': String(delivery.attempt),
    'X-Dits-Webhook-Id': delivery.webhook_id,
    'X-Hub-Signature-256': signBody({ secret: secrets[0]!, body }),
    'webhook-id': id,
    'webhook-timestamp': String(timestampSeconds),
    'webhook-signature': signStandard({ secrets, id, timestampSeconds, body }),
  };
}
