import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { IdentityFault } from '@dits/contracts';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  exportJWK,
  exportSPKI,
  generateKeyPair,
  SignJWT,
  type CryptoKey,
  type JWK,
  type JWTHeaderParameters,
} from 'jose';
import { linesLog } from '../../testing.js';
import { isJwt, JwtVerifier } from './jwt-verifier.js';

const ISSUER = 'https://id.example';
const AUDIENCE = 'dits-webhooks';
const START = Date.UTC(2026, 10, 25);

interface Pair {
  privateKey: CryptoKey;
  publicKey: CryptoKey;
}

let server: Server;
let url: URL;
/** What the provider answers, and how often it was asked. */
let provider: { keys: JWK[]; status: number; body: string | null; hangs: boolean; asked: number };

beforeEach(async () => {
  provider = { keys: [], status: 200, body: null, hangs: false, asked: 0 };
  server = createServer((_, response) => {
    provider.asked += 1;
    if (provider.hangs) return;
    response.writeHead(provider.status, { 'content-type': 'application/json' });
    response.end(provider.body ?? JSON.stringify({ keys: provider.keys }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`);
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

/** Makes a key of the provider and publishes it. */
async function publish(kid: string, alg = 'ES256'): Promise<Pair> {
  const pair = await generateKeyPair(alg, { extractable: true });
  provider.keys.push({ ...(await exportJWK(pair.publicKey)), kid, alg, use: 'sig' });
  return pair;
}

interface JwtOptions {
  kid?: string;
  alg?: string;
  claims?: Record<string, unknown>;
  header?: JWTHeaderParameters;
}

function aJwt({ privateKey }: Pick<Pair, 'privateKey'>, o: JwtOptions = {}): Promise<string> {
  const { kid = 'k1', alg = 'ES256', claims = {}, header } = o;
  const payload = {
    iss: ISSUER,
    aud: AUDIENCE,
    sub: 'service-a',
    exp: START / 1_000 + 3_600,
    scope: 'webhooks:read events:write profile',
    dits_repositories: [1, 2],
    dits_owners: ['Acme'],
    ...claims,
  };
  return new SignJWT(JSON.parse(JSON.stringify(payload)) as Record<string, unknown>)
    .setProtectedHeader({ alg, kid, ...header })
    .sign(privateKey);
}

function setUp(claims: object = {}) {
  const world = { nowMs: START };
  const { log, lines } = linesLog();
  const verifier = new JwtVerifier({
    rules: {
      issuer: ISSUER,
      audience: AUDIENCE,
      jwksUrl: url,
      algorithms: ['ES256', 'RS256', 'EdDSA'],
      clockToleranceS: 30,
      claims: {
        scopes: 'scope',
        scopeNames: null,
        repositories: 'dits_repositories',
        owners: 'dits_owners',
        ...claims,
      },
    },
    log,
    now: () => world.nowMs,
  });
  const reasons = () => lines().flatMap(({ msg, reason }) => (msg === 'jwt.refused' ? [reason] : []));
  return { world, verifier, reasons, lines };
}

describe('a JWT of the provider', () => {
  it.each(['ES256', 'RS256', 'EdDSA'])('signed with %s says what it allows', async (alg) => {
    const key = await publish('k1', alg);
    const { verifier } = setUp();
    const jwt = await aJwt(key, { alg });
    expect(isJwt(jwt)).toBe(true);
    expect(await verifier.verifyToken(jwt)).toEqual({
      tokenId: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
      subject: 'service-a',
      issuer: ISSUER,
      scopes: ['events:write', 'webhooks:read'],
      repositoryIds: [1, 2],
      ownerLogins: ['acme'],
    });
  });

  it('has the id of its subject, the same in each, and another for another', async () => {
    const key = await publish('k1');
    const { verifier } = setUp();
    const idOf = async (claims: object) =>
      (await verifier.verifyToken(await aJwt(key, { claims: { ...claims } })))!.tokenId;
    const one = await idOf({ jti: 1 });
    expect(await idOf({ jti: 2 })).toBe(one);
    expect(await idOf({ sub: 'service-b' })).not.toBe(one);
  });

  it.each([
    [
      'no limit claims: it reaches nothing',
      { dits_repositories: undefined, dits_owners: undefined },
      [[], []],
    ],
    ['all repositories', { dits_repositories: '*' }, [null, null]],
    ['all owners', { dits_owners: '*', dits_repositories: undefined }, [null, null]],
    ['repositories only', { dits_owners: undefined }, [[1, 2], []]],
  ])('reaches, with %s', async (_, claims, [repositoryIds, ownerLogins]) => {
    const key = await publish('k1');
    const token = await setUp().verifier.verifyToken(await aJwt(key, { claims }));
    expect(token).toMatchObject({ repositoryIds, ownerLogins });
  });

  it.each([
    ['a text', { scope: 'webhooks:write other' }, null, ['webhooks:write']],
    ['a list', { scope: ['webhooks:write', 7] }, null, ['webhooks:write']],
    ['nothing', { scope: undefined }, null, []],
    [
      'names of the provider, where scopes mean nothing by themselves',
      { scope: ['writers', 'events:write'] },
      new Map([['writers', 'webhooks:write']]),
      ['webhooks:write'],
    ],
  ])('has scopes from %s', async (_, claims, scopeNames, scopes) => {
    const key = await publish('k1');
    const token = await setUp({ scopeNames }).verifier.verifyToken(await aJwt(key, { claims }));
    expect(token!.scopes).toEqual(scopes);
  });

  const s = START / 1_000;
  it.each([
    ['claim_iss', { iss: 'https://evil.example' }],
    ['claim_iss', { iss: undefined }],
    ['claim_aud', { aud: 'another-service' }],
    ['claim_aud', { aud: undefined }],
    ['expired', { exp: s - 31 }],
    ['claim_exp', { exp: undefined }],
    ['claim_nbf', { nbf: s + 31 }],
    ['claim_sub', { sub: undefined }],
    ['claim_sub', { sub: '' }],
    ['claim_sub', { sub: 'x'.repeat(256) }],
    ['claim_scopes', { scope: { admin: true } }],
    ['claim_repositories', { dits_repositories: ['1'] }],
    ['claim_repositories', { dits_repositories: [2 ** 53] }],
    ['claim_owners', { dits_owners: 'acme' }],
    ['admin_with_limits', { scope: 'admin' }],
  ])('is refused, the log saying %s, with the claims %j', async (reason, claims) => {
    const key = await publish('k1');
    const { verifier, reasons } = setUp();
    const jwt = await aJwt(key, { claims });
    expect(await verifier.verifyToken(jwt)).toBeNull();
    expect(reasons()).toEqual([reason]);
    expect(verifier.knows(jwt)).toBe(false);
  });

  it.each([
    ['exp just passed', { exp: s - 29 }],
    ['nbf just ahead', { nbf: s + 29 }],
    ['admin without limits', { scope: 'admin', dits_repositories: '*' }],
    ['several audiences', { aud: ['other', AUDIENCE] }],
  ])('is good with %s', async (_, claims) => {
    const key = await publish('k1');
    expect(await setUp().verifier.verifyToken(await aJwt(key, { claims }))).not.toBeNull();
  });

  it('stops when it expires, though it was good a moment ago', async () => {
    const key = await publish('k1');
    const { world, verifier, reasons } = setUp();
    const jwt = await aJwt(key, { claims: { exp: s + 1 } });
    expect(await verifier.verifyToken(jwt)).not.toBeNull();
    expect(verifier.knows(jwt)).toBe(true);
    world.nowMs += 31_000;
    expect(verifier.knows(jwt)).toBe(false);
    expect(await verifier.verifyToken(jwt)).toBeNull();
    expect(reasons()).toEqual(['expired']);
  });

  it('never shows in the log', async () => {
    const key = await publish('k1');
    const { verifier, lines } = setUp();
    const [good, bad] = [await aJwt(key), await aJwt(key, { claims: { aud: 'x' } })];
    await verifier.verifyToken(good);
    await verifier.verifyToken(bad);
    for (const jwt of [good, bad]) expect(JSON.stringify(lines())).not.toContain(jwt.split('.')[1]);
  });
});

describe('a JWT that is not the provider’s', () => {
  const part = (json: object) => Buffer.from(JSON.stringify(json)).toString('base64url');
  const payload = part({
    iss: ISSUER,
    aud: AUDIENCE,
    sub: 'x',
    exp: START / 1_000 + 60,
    scope: 'admin',
    dits_owners: '*',
  });

  it('without a signature is refused, in any spelling of none', async () => {
    await publish('k1');
    const { verifier, reasons } = setUp();
    for (const alg of ['none', 'None', 'NONE', '']) {
      expect(await verifier.verifyToken(`${part({ alg, kid: 'k1' })}.${payload}.`)).toBeNull();
    }
    expect(new Set(reasons())).toEqual(new Set(['algorithm_not_allowed', 'malformed']));
  });

  it.each(['HS256', 'HS384', 'HS512'])(
    'signed by %s with the public key as secret is refused',
    async (alg) => {
      const { publicKey } = await publish('k1', 'RS256');
      const { verifier, reasons } = setUp();
      const secret = new TextEncoder().encode(await exportSPKI(publicKey));
      const jwt = await new SignJWT({ scope: 'admin', dits_owners: '*' })
        .setProtectedHeader({ alg, kid: 'k1' })
        .setIssuer(ISSUER)
        .setAudience(AUDIENCE)
        .setSubject('x')
        .setExpirationTime(START / 1_000 + 60)
        .sign(secret);
      expect(await verifier.verifyToken(jwt)).toBeNull();
      expect(reasons()).toEqual(['algorithm_not_allowed']);
    },
  );

  it('signed with an algorithm that is not on the list is refused', async () => {
    const key = await publish('k1', 'ES384');
    const { verifier, reasons } = setUp();
    expect(await verifier.verifyToken(await aJwt(key, { alg: 'ES384' }))).toBeNull();
    expect(reasons()).toEqual(['algorithm_not_allowed']);
  });

  it('signed by somebody else under the provider’s key id is refused', async () => {
    await publish('k1');
    const { verifier, reasons } = setUp();
    expect(await verifier.verifyToken(await aJwt(await generateKeyPair('ES256')))).toBeNull();
    expect(reasons()).toEqual(['bad_signature']);
  });

  it('that brings its own key or names where to get one is refused, and nobody is asked', async () => {
    await publish('k1');
    const { verifier, reasons } = setUp();
    const mine = await generateKeyPair('ES256', { extractable: true });
    const header = { alg: 'ES256', jwk: await exportJWK(mine.publicKey), jku: `${url.href}/mine` };
    expect(await verifier.verifyToken(await aJwt(mine, { header }))).toBeNull();
    expect(reasons()).toEqual(['bad_signature']);
    expect(provider.asked).toBe(1);
  });

  it('that is cut, changed or endless is refused', async () => {
    const key = await publish('k1');
    const { verifier, reasons } = setUp();
    const [head, , signature] = (await aJwt(key)).split('.');
    for (const text of [
      `${head}.e30.${signature}`,
      `${head}.%.x`,
      'eyJhbGciOjF9.e30.x',
      `${head}.${'e'.repeat(9_000)}.x`,
    ]) {
      expect(await verifier.verifyToken(text)).toBeNull();
    }
    expect(reasons()).toEqual(['bad_signature', 'malformed', 'malformed', 'too_long']);
  });
});

describe('the provider’s keys', () => {
  it('are asked for once for many requests', async () => {
    const key = await publish('k1');
    const { verifier } = setUp();
    const jwts = await Promise.all([1, 2, 3].map((jti) => aJwt(key, { claims: { jti } })));
    for (const token of await Promise.all(jwts.map((jwt) => verifier.verifyToken(jwt)))) {
      expect(token).not.toBeNull();
    }
    expect(provider.asked).toBe(1);
  });

  it('are asked for again when a new one is used, and not for each made-up key id', async () => {
    const first = await publish('k1');
    const { world, verifier, reasons } = setUp();
    expect(await verifier.verifyToken(await aJwt(first))).not.toBeNull();
    const second = await publish('k2');
    const fresh = await aJwt(second, { kid: 'k2' });
    expect(await verifier.verifyToken(fresh)).toBeNull();
    world.nowMs += 30_000;
    expect(await verifier.verifyToken(fresh)).not.toBeNull();
    expect(provider.asked).toBe(2);
    for (let i = 0; i < 20; i++) await verifier.verifyToken(await aJwt(second, { kid: `made-up-${i}` }));
    expect(provider.asked).toBe(2);
    expect(new Set(reasons())).toEqual(new Set(['unknown_key']));
  });

  it('that were taken back stop within ten minutes or so', async () => {
    const old = await publish('k1');
    const { world, verifier } = setUp();
    expect(await verifier.verifyToken(await aJwt(old))).not.toBeNull();
    provider.keys = [];
    const fresh = await publish('k2');
    world.nowMs += 600_001;
    const jwtOfNew = await aJwt(fresh, { kid: 'k2' });
    expect(await verifier.verifyToken(jwtOfNew)).not.toBeNull();
    expect(await verifier.verifyToken(await aJwt(old, { claims: { jti: 2 } }))).toBeNull();
  });

  it('go on when the provider is away; one that is not known is a fault of ours', async () => {
    const key = await publish('k1');
    const { world, verifier } = setUp();
    await verifier.verifyToken(await aJwt(key));
    provider.status = 500;
    world.nowMs += 3_000_000;
    const claims = { exp: START / 1_000 + 86_400, jti: 2 };
    expect(await verifier.verifyToken(await aJwt(key, { claims }))).not.toBeNull();
    const unknown = await aJwt(await generateKeyPair('ES256'), { kid: 'k9', claims });
    await expect(verifier.verifyToken(unknown)).rejects.toThrow(IdentityFault);
  });

  it('do not go on for more than a day without the provider', async () => {
    const key = await publish('k1');
    const { world, verifier } = setUp();
    const claims = { exp: START / 1_000 + 200_000 };
    await verifier.verifyToken(await aJwt(key, { claims }));
    provider.status = 500;
    world.nowMs += 86_400_001;
    await expect(verifier.verifyToken(await aJwt(key, { claims }))).rejects.toThrow(IdentityFault);
  });

  it.each([
    ['answers with an error', () => void (provider.status = 503)],
    ['answers with what is no JSON', () => void (provider.body = '<html>')],
    ['answers with what is no key set', () => void (provider.body = '{"keys":{}}')],
    ['redirects', () => void (provider.status = 302)],
    [
      'has a key that can not be used',
      () => void (provider.body = '{"keys":[{"kty":"EC","crv":"P-256","kid":"k1","x":"AA","y":"AA"}]}'),
    ],
    ['does not answer', () => void (provider.hangs = true)],
    ['is not there', () => void server.close()],
  ])('are a fault of ours, and not 401, when the provider %s', async (_, break_) => {
    const key = await publish('k1');
    break_();
    const { verifier, reasons } = setUp();
    const jwt = await aJwt(key);
    await expect(verifier.verifyToken(jwt)).rejects.toThrow(IdentityFault);
    await expect(verifier.verifyToken(jwt)).rejects.toThrow(IdentityFault);
    expect(provider.asked).toBeLessThanOrEqual(1);
    expect(reasons()).toEqual([]);
  });

  it('are asked for again 5 s after a failure', async () => {
    const key = await publish('k1');
    provider.status = 500;
    const { world, verifier } = setUp();
    const jwt = await aJwt(key);
    await expect(verifier.verifyToken(jwt)).rejects.toThrow(IdentityFault);
    provider.status = 200;
    world.nowMs += 5_000;
    expect(await verifier.verifyToken(jwt)).not.toBeNull();
  });
});
