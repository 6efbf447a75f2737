import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

/** A 256-bit key with the id that sealed texts name it by. */
export interface SealKey {
  /** 1 to 32 letters, digits, `_` or `-`. */
  id: string;
  /** 32 bytes. */
  key: Uint8Array;
}

/** Why a key or a sealed text can't be used. */
export type SecretBoxReason = 'bad_key' | 'malformed' | 'unknown_key' | 'not_authentic';

/** A key is not usable, or a sealed text can't be opened. Its message holds no secret. */
export class SecretBoxError extends Error {
  readonly code = 'DITS_SECRET_BOX';
  override readonly name = 'SecretBoxError';
  constructor(
    readonly reason: SecretBoxReason,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
// 96 bits: the nonce length GCM is made for (NIST SP 800-38D). Random ones are safe for 2^32 texts a key.
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const KEY_ID = /^[A-Za-z0-9_-]{1,32}$/;
const SEALED = /^v1\.([A-Za-z0-9_-]{1,32})\.([A-Za-z0-9_-]+)$/;

/**
 * Seals small secrets with AES-256-GCM: `v1.<key id>.<base64url of nonce, ciphertext and tag>`.
 *
 * The first key seals; all of them open, so a new key is put first and the old one stays until nothing names it. The
 * associated text (here the webhook's id) is authenticated, not stored: a sealed text can't be moved to another
 * webhook.
 */
export class SecretBox {
  private readonly byId: Map<string, Uint8Array>;
  private readonly first: SealKey;

  /** Throws {@link SecretBoxError} `bad_key` for no key, a key that is not 32 bytes, a bad id, or one id twice. */
  constructor(keys: readonly SealKey[]) {
    const [first] = keys;
    if (!first) throw new SecretBoxError('bad_key', 'at least one key is needed');
    for (const { id, key } of keys) {
      if (!KEY_ID.test(id)) {
        throw new SecretBoxError('bad_key', 'a key id must be 1 to 32 letters, digits, "_" or "-"');
      }
      if (key.length !== KEY_BYTES) {
        throw new SecretBoxError('bad_key', `key ${id} must be ${KEY_BYTES} bytes, not ${key.length}`);
      }
    }
    this.first = first;
    this.byId = new Map(keys.map(({ id, key }) => [id, key]));
    if (this.byId.size !== keys.length) throw new SecretBoxError('bad_key', 'a key id stands there twice');
  }

  /**
   * Reads `<key id>:<base64 of 32 bytes>[,older…]`. Throws {@link SecretBoxError} `bad_key`, without showing a key.
   */
  static parseKeys(text: string): SealKey[] {
    return text.split(',').map((part) => {
      const [id, encoded, ...more] = part.trim().split(':');
      if (!id || !encoded || more.length > 0) {
        throw new SecretBoxError(
          'bad_key',
          'must be <key id>:<base64 of 32 bytes>, several parted by commas',
        );
      }
      const key = Buffer.from(encoded, 'base64');
      if (!KEY_ID.test(id) || key.length !== KEY_BYTES || key.toString('base64') !== encoded) {
        throw new SecretBoxError(
          'bad_key',
          'must be <key id>:<base64 of 32 bytes>, several parted by commas',
        );
      }
      return { id, key };
    });
  }

  /** Id of the key that seals. */
  get keyId(): string {
    return this.first.id;
  }

  /**
   * The same text sealed with the key that seals now, or null when it is already. Throws as {@link open} does.
   */
  sealAnew(sealed: string, associated: string): string | null {
    if (sealKeyId(sealed) === this.first.id) return null;
    return this.seal(this.open(sealed, associated), associated);
  }

  /** Seals a text for one owner, whose name or id is `associated`. Two seals of the same text differ. */
  seal(plain: string, associated: string): string {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, this.first.key, nonce, { authTagLength: TAG_BYTES });
    cipher.setAAD(Buffer.from(associated, 'utf8'));
    const sealed = Buffer.concat([nonce, cipher.update(plain, 'utf8'), cipher.final(), cipher.getAuthTag()]);
    return `v1.${this.first.id}.${sealed.toString('base64url')}`;
  }

  /**
   * Opens what {@link seal} made, for the same owner.
   *
   * Throws {@link SecretBoxError}: `malformed`; `unknown_key` when the key it names is not here; `not_authentic` when
   * the key, the owner or a byte is another than at sealing.
   */
  open(sealed: string, associated: string): string {
    const [, keyId, encoded] = SEALED.exec(sealed) ?? [];
    const bytes = encoded === undefined ? undefined : Buffer.from(encoded, 'base64url');
    if (!keyId || !bytes || bytes.length < NONCE_BYTES + TAG_BYTES) {
      throw new SecretBoxError('malformed', 'not a sealed text');
    }
    const key = this.byId.get(keyId);
    if (!key) throw new SecretBoxError('unknown_key', `it was sealed with key ${keyId}, which is not here`);
    const decipher = createDecipheriv(CIPHER, key, bytes.subarray(0, NONCE_BYTES), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(Buffer.from(associated, 'utf8'));
    decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
    try {
      const plain = decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES));
      return Buffer.concat([plain, decipher.final()]).toString('utf8');
    } catch (cause) {
      throw new SecretBoxError(
        'not_authentic',
        `key ${keyId}, the owner or the text is another than at sealing`,
        { cause },
      );
    }
  }
}

/** Id of the key that a text was sealed with; undefined when it is no sealed text. */
export function sealKeyId(sealed: string): string | undefined {
  return SEALED.exec(sealed)?.[1];
}

/** Makes a key, as text for `DITS_SECRET_KEYS`: `<key id>:<base64 of 32 random bytes>`. Throws as the constructor does. */
export function generateSealKey(id: string): string {
  const key = randomBytes(KEY_BYTES);
  void new SecretBox([{ id, key }]);
  return `${id}:${key.toString('base64')}`;
}
