import { describe, expect, it } from '@jest/globals';
import { aWebhook } from '@dits/testkit';
import { OpenedSecrets } from './opened-secrets.js';

/** A box whose seal is a prefix; it counts what it opens. */
function aBox() {
  const opened: string[] = [];
  return {
    opened,
    open: (sealed: string, associated: string) => {
      opened.push(`${sealed} of ${associated}`);
      return sealed.replace('sealed:', '');
    },
  };
}

describe('OpenedSecrets', () => {
  const rotated = aWebhook({
    webhook_id: 'w1',
    secrets: [
      { sealed: 'sealed:new', expires_at_ms: null },
      { sealed: 'sealed:old', expires_at_ms: 2_000 },
    ],
  });

  it('gives the current secret, and the rotated one until it expires', () => {
    const secrets = new OpenedSecrets(aBox());
    expect(secrets.of(rotated, 1_999)).toEqual(['new', 'old']);
    expect(secrets.of(rotated, 2_000)).toEqual(['new']);
  });

  it('gives the ed25519 keys that sign now after the secrets', () => {
    const secrets = new OpenedSecrets(aBox());
    const webhook = {
      ...rotated,
      signing_keys: [
        { sealed: 'sealed:whsk_new', expires_at_ms: null },
        { sealed: 'sealed:whsk_old', expires_at_ms: 1_000 },
      ],
    };
    expect(secrets.of(webhook, 999)).toEqual(['new', 'old', 'whsk_new', 'whsk_old']);
    expect(secrets.of(webhook, 1_000)).toEqual(['new', 'old', 'whsk_new']);
  });

  it('gives the headers by name, opened for that webhook, once', () => {
    const box = aBox();
    const secrets = new OpenedSecrets(box);
    const webhook = aWebhook({
      webhook_id: 'w1',
      headers: [
        { name: 'Authorization', sealed: 'sealed:Bearer a' },
        { name: 'X-Env', sealed: 'sealed:test' },
      ],
    });
    for (let i = 0; i < 2; i++) {
      expect(secrets.headersOf(webhook)).toEqual({ Authorization: 'Bearer a', 'X-Env': 'test' });
    }
    expect(box.opened).toEqual(['sealed:Bearer a of w1', 'sealed:test of w1']);
    expect(secrets.headersOf(aWebhook())).toEqual({});
  });

  it('opens each secret once per version of the webhook, for that webhook', () => {
    const box = aBox();
    const secrets = new OpenedSecrets(box);
    for (let i = 0; i < 3; i++) secrets.of(rotated, 0);
    expect(box.opened).toEqual(['sealed:new of w1', 'sealed:old of w1']);
    const changed = { ...rotated, version: 2, secrets: [{ sealed: 'sealed:newer', expires_at_ms: null }] };
    expect(secrets.of(changed, 0)).toEqual(['newer']);
  });
});
