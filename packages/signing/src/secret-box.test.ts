import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { generateSealKey, SecretBox, SecretBoxError, sealKeyId } from './secret-box.js';
import type { SecretBoxReason } from './secret-box.js';

const WEBHOOK = '018f5a3c-2e1b-7c44-9d3a-0b1c2d3e4f50';
const older = { id: 'k1', key: randomBytes(32) };
const newer = { id: 'k2', key: randomBytes(32) };

function reasonOf(act: () => unknown): SecretBoxReason | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    if (error instanceof SecretBoxError) return error.reason;
    throw error;
  }
}

describe('SecretBox', () => {
  it('opens what it sealed, for the same webhook', () => {
    const box = new SecretBox([newer]);
    for (const plain of ['', 'whsec_abc', 'clé-秘密', 'x'.repeat(10_000)]) {
      expect(box.open(box.seal(plain, WEBHOOK), WEBHOOK)).toBe(plain);
    }
  });

  it('seals the same text differently each time, names its key, and shows nothing of the text', () => {
    const box = new SecretBox([newer]);
    const [one, two] = [box.seal('whsec_abc', WEBHOOK), box.seal('whsec_abc', WEBHOOK)];
    expect(one).not.toBe(two);
    expect(one).toMatch(/^v1\.k2\.[A-Za-z0-9_-]+$/);
  });

  it('seals with the first key and still opens with an older one', () => {
    const sealedBefore = new SecretBox([older]).seal('s', WEBHOOK);
    const box = new SecretBox([newer, older]);
    expect(box.open(sealedBefore, WEBHOOK)).toBe('s');
    expect(box.seal('s', WEBHOOK)).toMatch(/^v1\.k2\./);
  });

  it('seals anew what an older key has sealed, and only that', () => {
    const sealedBefore = new SecretBox([older]).seal('s', WEBHOOK);
    const box = new SecretBox([newer, older]);
    const anew = box.sealAnew(sealedBefore, WEBHOOK)!;
    expect([sealKeyId(sealedBefore), sealKeyId(anew), box.keyId]).toEqual(['k1', 'k2', 'k2']);
    expect(new SecretBox([newer]).open(anew, WEBHOOK)).toBe('s');
    expect(box.sealAnew(anew, WEBHOOK)).toBeNull();
    expect(reasonOf(() => box.sealAnew(sealedBefore, 'another'))).toBe('not_authentic');
    expect(reasonOf(() => new SecretBox([newer]).sealAnew(sealedBefore, WEBHOOK))).toBe('unknown_key');
  });

  it('makes keys that it takes', () => {
    const [one, two] = [generateSealKey('k1'), generateSealKey('k2')];
    expect(SecretBox.parseKeys(`${two},${one}`).map(({ id }) => id)).toEqual(['k2', 'k1']);
    expect(reasonOf(() => generateSealKey('k 1'))).toBe('bad_key');
  });

  it('refuses a sealed text that was moved to another webhook', () => {
    const box = new SecretBox([newer]);
    expect(reasonOf(() => box.open(box.seal('s', WEBHOOK), 'another'))).toBe('not_authentic');
  });

  it('refuses a key it does not have, and another key under the same id', () => {
    const sealed = new SecretBox([older]).seal('s', WEBHOOK);
    expect(reasonOf(() => new SecretBox([newer]).open(sealed, WEBHOOK))).toBe('unknown_key');
    const impostor = new SecretBox([{ id: older.id, key: newer.key }]);
    expect(reasonOf(() => impostor.open(sealed, WEBHOOK))).toBe('not_authentic');
  });

  it('refuses a text in which any one bit was changed', () => {
    const box = new SecretBox([newer]);
    const [version, id, encoded] = box.seal('secret', WEBHOOK).split('.');
    const bytes = Buffer.from(encoded!, 'base64url');
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      const sealed = [version, id, changed.toString('base64url')].join('.');
      expect(reasonOf(() => box.open(sealed, WEBHOOK))).toBe('not_authentic');
    }
  });

  it.each(['', 'whsec_abc', 'v1.k2.', 'v1.k2.AAAA', 'v2.k2.AAAA', 'v1..AAAA'])(
    'calls %j malformed',
    (text) => {
      expect(reasonOf(() => new SecretBox([newer]).open(text, WEBHOOK))).toBe('malformed');
    },
  );

  it('reads keys as the environment has them', () => {
    const text = `k2:${newer.key.toString('base64')}, k1:${older.key.toString('base64')}`;
    expect(SecretBox.parseKeys(text)).toEqual([newer, older]);
  });

  it.each([
    ['nothing', ''],
    ['no id', newer.key.toString('base64')],
    ['a short key', `k1:${randomBytes(16).toString('base64')}`],
    ['a bad id', `k 1:${newer.key.toString('base64')}`],
    ['no base64', `k1:${'!'.repeat(44)}`],
    ['a trailing comma', `k1:${newer.key.toString('base64')},`],
  ])('refuses %s for keys and does not show it', (_, text) => {
    expect(reasonOf(() => SecretBox.parseKeys(text))).toBe('bad_key');
    try {
      SecretBox.parseKeys(text);
    } catch (error) {
      if (text) expect((error as Error).message).not.toContain(text);
    }
  });

  it('refuses no key, a short key, and one id twice', () => {
    expect(reasonOf(() => new SecretBox([]))).toBe('bad_key');
    expect(reasonOf(() => new SecretBox([{ id: 'k1', key: randomBytes(31) }]))).toBe('bad_key');
    expect(reasonOf(() => new SecretBox([older, { ...newer, id: older.id }]))).toBe('bad_key');
  });
});
