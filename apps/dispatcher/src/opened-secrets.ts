import type { WebhookSnapshot } from '@dits/contracts';
import type { SecretBox } from '@dits/signing';

interface Opened {
  secrets: { secret: string; expiresAtMs: number }[];
  headers: Readonly<Record<string, string>>;
}

/** The webhooks' secrets, signing keys and headers in clear, opened once per version of a webhook and kept as long as that version is. */
export class OpenedSecrets {
  private readonly opened = new WeakMap<WebhookSnapshot, Opened>();

  constructor(private readonly box: Pick<SecretBox, 'open'>) {}

  /**
   * The secrets that sign now, the current one first, and after them the ed25519 private keys (`whsk_…`) that do. Throws
   * `SecretBoxError` when one can't be opened: a key is missing in this process's configuration, and no delivery may
   * leave unsigned.
   */
  of(webhook: WebhookSnapshot, nowMs: number): string[] {
    const { secrets } = this.open(webhook);
    return secrets.filter(({ expiresAtMs }) => expiresAtMs > nowMs).map(({ secret }) => secret);
  }

  /** The headers that the webhook's owner has put on each request. Throws as {@link of} does. */
  headersOf(webhook: WebhookSnapshot): Readonly<Record<string, string>> {
    return this.open(webhook).headers;
  }

  private open(webhook: WebhookSnapshot): Opened {
    const known = this.opened.get(webhook);
    if (known) return known;
    const { webhook_id: id, secrets, signing_keys, headers } = webhook;
    const opened = {
      secrets: [...secrets, ...(signing_keys ?? [])].map(({ sealed, expires_at_ms }) => ({
        secret: this.box.open(sealed, id),
        expiresAtMs: expires_at_ms ?? Infinity,
      })),
      headers: Object.fromEntries(
        (headers ?? []).map(({ name, sealed }) => [name, this.box.open(sealed, id)]),
      ),
    };
    this.opened.set(webhook, opened);
    return opened;
  }
}
