import { isIP } from 'node:net';
import { ConfigError } from '@dits/contracts';
import type { ConfigField, ConfigOf } from './config.js';
import { Authentication, type KnowingVerifier } from './http/auth/authentication.js';
import { JwtVerifier } from './http/auth/jwt-verifier.js';
import { FailedAuthentications } from './http/limits/failed-authentications.js';
import { SCOPES } from './http/scopes.js';
import type { Logger } from './logger.js';
import { setting } from './setting.js';

// None and HS*: a provider's public key must not serve as a shared secret.
const ALGORITHMS = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
];

/** Settings of the apps that have clients: who may call, and how often. */
export const accessConfig = {
  trustedProxies: {
    env: 'DITS_TRUSTED_PROXIES',
    schema: setting.parsed(parseProxies),
    default: '',
    doc: 'Addresses and CIDRs of the proxies in front, comma between: from them, and only from them, X-Forwarded-For says who the client is. Empty: the client is who connects.',
  },
  authFailuresPerMinute: {
    env: 'DITS_AUTH_FAILURES_PER_MINUTE',
    schema: setting.integer(0, 1_000_000),
    default: '60',
    unit: 'requests',
    doc: 'Bad tokens from one client address (IPv6: one /64) before further ones get 429; 0: no limit. Counted by each process for itself. Room for a service whose token has just expired.',
  },
  jwtIssuer: {
    env: 'DITS_JWT_ISSUER',
    schema: setting.optional(setting.text()),
    doc: 'The `iss` of the identity provider whose JWTs are taken beside tokens. With it: DITS_JWT_AUDIENCE and DITS_JWT_JWKS_URL.',
  },
  jwtAudience: {
    env: 'DITS_JWT_AUDIENCE',
    schema: setting.optional(setting.text()),
    doc: 'The `aud` that JWTs must have.',
  },
  jwtJwksUrl: {
    env: 'DITS_JWT_JWKS_URL',
    schema: setting.optional(setting.parsed(parseJwksUrl)),
    doc: "Where the provider's public keys are: https, or http to this machine.",
  },
  jwtAlgorithms: {
    env: 'DITS_JWT_ALGORITHMS',
    schema: setting.parsed(parseAlgorithms),
    default: 'RS256,ES256,EdDSA',
    doc: `Signatures that JWTs may have, comma between; of ${ALGORITHMS.join(', ')}.`,
  },
  jwtClockToleranceS: {
    env: 'DITS_JWT_CLOCK_TOLERANCE_S',
    schema: setting.integer(0, 300),
    default: '30',
    unit: 's',
    doc: "How far the provider's clock may be from ours when `exp` and `nbf` are checked.",
  },
  jwtScopesClaim: {
    env: 'DITS_JWT_SCOPES_CLAIM',
    schema: setting.text(),
    default: 'scope',
    doc: 'Claim of a JWT that holds its scopes: a list, or a text with spaces between.',
  },
  jwtScopeNames: {
    env: 'DITS_JWT_SCOPE_NAMES',
    schema: setting.parsed(parseScopeNames),
    default: '',
    doc: 'What values of that claim mean, <value>=<scope>, comma between: dits-writers=webhooks:write. Others mean nothing. Empty: scopes have their own names.',
  },
  jwtRepositoriesClaim: {
    env: 'DITS_JWT_REPOSITORIES_CLAIM',
    schema: setting.text(),
    default: 'dits_repositories',
    doc: 'Claim of a JWT that lists the ids of the repositories it reaches; "*": all.',
  },
  jwtOwnersClaim: {
    env: 'DITS_JWT_OWNERS_CLAIM',
    schema: setting.text(),
    default: 'dits_owners',
    doc: 'Claim of a JWT that lists the logins of the owners it reaches; "*": all.',
  },
} as const satisfies Record<string, ConfigField<never> | ConfigField>;

/** The authentication that these settings make, over the app's own tokens. Throws `ConfigError` when only half of a provider is there. */
export function createAuthentication(
  config: ConfigOf<typeof accessConfig>,
  o: { tokens: KnowingVerifier; log: Pick<Logger, 'info' | 'warn'>; now: () => number },
): Authentication {
  const failures = new FailedAuthentications({ perMinute: config.authFailuresPerMinute, now: o.now });
  return new Authentication({ tokens: o.tokens, jwts: jwtVerifier(config, o), failures });
}

function jwtVerifier(
  config: ConfigOf<typeof accessConfig>,
  o: { log: Pick<Logger, 'info' | 'warn'>; now: () => number },
): JwtVerifier | null {
  const { jwtIssuer: issuer, jwtAudience: audience, jwtJwksUrl: jwksUrl } = config;
  if (issuer === undefined && audience === undefined && jwksUrl === undefined) return null;
  if (issuer === undefined || audience === undefined || jwksUrl === undefined) {
    throw new ConfigError(
      'DITS_JWT_ISSUER, DITS_JWT_AUDIENCE and DITS_JWT_JWKS_URL go together: set all three, or none',
    );
  }
  const verifier = new JwtVerifier({
    ...o,
    rules: {
      issuer,
      audience,
      jwksUrl,
      algorithms: config.jwtAlgorithms,
      clockToleranceS: config.jwtClockToleranceS,
      claims: {
        scopes: config.jwtScopesClaim,
        scopeNames: config.jwtScopeNames,
        repositories: config.jwtRepositoriesClaim,
        owners: config.jwtOwnersClaim,
      },
    },
  });
  void verifier.warmUp();
  return verifier;
}

function itemsOf(text: string): string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

function parseProxies(text: string): string[] {
  const proxies = itemsOf(text);
  for (const proxy of proxies) {
    const [address = '', bits, ...rest] = proxy.split('/');
    const version = isIP(address);
    const isRange =
      bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
    if (version === 0 || !isRange || rest.length > 0) {
      throw new RangeError(`must hold addresses and CIDRs: ${JSON.stringify(proxy)} is neither`);
    }
  }
  return proxies;
}

function parseJwksUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  const isLocal = url !== null && /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(url.hostname);
  if (url?.protocol === 'https:' || (url?.protocol === 'http:' && isLocal)) return url;
  throw new RangeError('must be a URL that begins with https://, or with http:// to this machine');
}

function parseAlgorithms(text: string): string[] {
  const algorithms = itemsOf(text);
  const other = algorithms.find((algorithm) => !ALGORITHMS.includes(algorithm));
  if (other !== undefined || algorithms.length === 0) {
    throw new RangeError(`must be some of ${ALGORITHMS.join(', ')}`);
  }
  return algorithms;
}

function parseScopeNames(text: string): ReadonlyMap<string, string> | null {
  const names = itemsOf(text).map((item) => {
    const at = item.lastIndexOf('=');
    return [item.slice(0, Math.max(at, 0)), item.slice(at + 1)] as const;
  });
  const wrong = names.find(
    ([value, scope]) => value === '' || !(SCOPES as readonly string[]).includes(scope),
  );
  if (wrong) throw new RangeError(`must be <value>=<scope>, comma between; scopes are ${SCOPES.join(', ')}`);
  return names.length === 0 ? null : new Map(names);
}
