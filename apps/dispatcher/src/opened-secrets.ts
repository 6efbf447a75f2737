import type { WebhookSnapshot } from '@dits/contracts';
import type { SecretBox } from '@dits/signing';

/** The webhooks' secrets in clear, opened once per version of a webhook and kept as long as that version is. */
export class OpenedSecrets {
  private readonly opened = new WeakMap<WebhookSnapshot, { secret: string; expiresAtMs: number }[]>();

  constructor(private readonly box: Pick<SecretBox, 'open'>) {}

  /**
   * The secrets that sign now, the current one first. Throws `SecretBoxError` when one can't be opened: a key is
   * missing in this process's configuration, and no delivery may leave unsigned.
   */
  of(webhook: WebhookSnapshot, nowMs: number): string[] {
    let all = this.opened.get(webhook);
    if (!all) {
      all = webhook.secrets.map(({ sealed, expires_at_ms }) => ({
        secret: this.box.open(sealed, webhook.webhook_id),
        expiresAtMs: expires_at_ms ?? Infinity,
      }));
      this.opened.set(webhook, all);
    }
    return all.filter(({ expiresAtMs }) => expiresAtMs > nowMs).map(({ secret }) => secret);
  }
}
