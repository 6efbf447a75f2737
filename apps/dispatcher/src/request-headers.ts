import type { Delivery } from '@dits/contracts';
import { signBody, signStandard } from '@dits/signing';

/**
 * Headers of one attempt: those of the webhook's owner, what it is, and that it is ours, in both schemes. One of the
 * owner's that has a name of ours, in whatever case, is left out.
 *
 * `secrets` are those that sign now, the current one first, ed25519 private keys last. The Standard Webhooks header
 * carries a signature of each, so that a receiver may take its time over a rotation; `X-Hub-Signature-256` has room for
 * the current secret only.
 */
export function requestHeaders(o: {
  delivery: Delivery;
  secrets: readonly string[];
  nowMs: number;
  userAgent: string;
  /** By name, as the webhook's owner has set them. */
  own: Readonly<Record<string, string>>;
  /** Where the attempt is in its trace, when the webhook asks for it. */
  traceparent?: string | undefined;
}): Record<string, string> {
  const { delivery, secrets, nowMs, userAgent, own, traceparent } = o;
  const { delivery_id: id, body } = delivery;
  const timestampSeconds = Math.floor(nowMs / 1000);
  const ours = {
    'Content-Type': 'application/json',
    'User-Agent': userAgent,
    'X-Dits-Event': delivery.event,
    'X-Dits-Delivery': id,
    'X-Dits-Attempt': String(delivery.attempt),
    'X-Dits-Webhook-Id': delivery.webhook_id,
    ...(traceparent !== undefined && { traceparent }),
    'X-Hub-Signature-256': signBody({ secret: secrets[0]!, body }),
    'webhook-id': id,
    'webhook-timestamp': String(timestampSeconds),
    'webhook-signature': signStandard({ secrets, id, timestampSeconds, body }),
  };
  const ourNames = new Set(Object.keys(ours).map((name) => name.toLowerCase()));
  const theirs = Object.entries(own).filter(([name]) => !ourNames.has(name.toLowerCase()));
  // Ours last, the signatures at the end: nothing can follow that takes their place.
  return { ...Object.fromEntries(theirs), ...ours };
}
