import { IdentityFault } from '@dits/contracts';
import {
  createLocalJWKSet,
  errors,
  type CryptoKey,
  type FlattenedJWSInput,
  type JSONWebKeySet,
  type JWTHeaderParameters,
} from 'jose';
import type { Logger } from '../../logger.js';
import { counter } from '../../metrics.js';

/** Options of {@link ProviderKeys}. */
export interface ProviderKeysOptions {
  url: URL;
  log: Pick<Logger, 'info' | 'warn'>;
  now: () => number;
}

// Callers wait for it when a key is unknown.
const FETCH_TIMEOUT_MS = 3_000;
// A key that the provider has taken back stops working this long after.
const REFRESH_MS = 10 * 60_000;
// While the provider is away, its known keys go on. Longer, and a key taken back meanwhile would never stop.
const STALE_MS = 24 * 3_600_000;
// Somebody with made-up key ids must not have us ask the provider for each.
const COOLDOWN_MS = 30_000;
const RETRY_MS = 5_000;

const fetches = counter({
  name: 'dits_jwks_fetches_total',
  help: 'Times that the keys of the identity provider were asked for, by result.',
  labelNames: ['result'],
  zeros: [{ result: 'ok' }, { result: 'failed' }],
});

/**
 * The public keys of an identity provider (a JWK set), kept in memory.
 *
 * Fetched at the first use; anew every 10 minutes, beside the requests; and for an unknown key, at most every 30 s. While the provider
 * can't be reached, known keys go on for a day and an unknown key is an `IdentityFault`; it is asked again every 5 s.
 */
export class ProviderKeys {
  private keys: ReturnType<typeof createLocalJWKSet> | undefined;
  private fetchedAtMs = -Infinity;
  private failedAtMs = -Infinity;
  private fetching: Promise<void> | undefined;

  constructor(private readonly o: ProviderKeysOptions) {}

  /** The key of a token. Throws jose's `JWKSNoMatchingKey` when there is none, `IdentityFault` when that can't be known. */
  async keyFor(header: JWTHeaderParameters, token: FlattenedJWSInput): Promise<CryptoKey> {
    const ageMs = this.o.now() - this.fetchedAtMs;
    if (ageMs > STALE_MS) await this.fetch();
    else if (ageMs > REFRESH_MS) this.fetch().catch(() => undefined);
    try {
      return await this.keys!(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      if (this.o.now() - this.fetchedAtMs < COOLDOWN_MS) throw error;
    }
    await this.fetch();
    return this.keys!(header, token);
  }

  /** Fetches the keys now; one request in flight. Throws `IdentityFault`, for 5 s after a failure without asking again. */
  fetch(): Promise<void> {
    if (this.fetching) return this.fetching;
    if (this.o.now() - this.failedAtMs < RETRY_MS) {
      return Promise.reject(
        new IdentityFault('the keys of the identity provider were not to be had a moment ago'),
      );
    }
    this.fetching = this.fetchNow().finally(() => (this.fetching = undefined));
    return this.fetching;
  }

  private async fetchNow(): Promise<void> {
    const { url, log, now } = this.o;
    try {
      const response = await fetch(url, {
        headers: { accept: 'application/json, application/jwk-set+json' },
        redirect: 'error',
        signal: AbortSignal.timeout(FETCH_TIMEOUT_MS),
      });
      if (response.status !== 200) throw new Error(`the answer is ${response.status}`);
      const set = (await response.json()) as JSONWebKeySet;
      this.keys = createLocalJWKSet(set);
      this.fetchedAtMs = now();
      this.failedAtMs = -Infinity;
      fetches.inc({ result: 'ok' });
      log.info({ keys: set.keys.length }, 'jwks.fetched');
    } catch (cause) {
      this.failedAtMs = now();
      fetches.inc({ result: 'failed' });
      log.warn({ url: url.href, error: reasonOf(cause) }, 'jwks.not_fetched');
      throw new IdentityFault('the keys of the identity provider are not to be had', { cause });
    }
  }
}

// fetch says "fetch failed" and keeps why in its cause.
function reasonOf(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error && cause.message ? `${message}: ${cause.message}` : message;
}
