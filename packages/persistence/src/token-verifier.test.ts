import { createHmac } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { Token } from './entities/token.js';
import { TokenVerifier, type TokenHash } from './token-verifier.js';

const hash = (text: string, key = 'k1'): Buffer => createHmac('sha256', key).update(text).digest();
const START = Date.UTC(2026, 10, 25);

function aToken(fields: Partial<Token> = {}): Token {
  return Object.assign(new Token(), {
    id: '0193b2f0-0000-7000-8000-000000000001',
    name: 'ci',
    prefix: 'dits_abc',
    hash: hash('good'),
    keyId: 'k1',
    scopes: ['events:write'],
    repositoryIds: null,
    ownerLogins: null,
    requestsPerSecond: null,
    eventsPerSecond: null,
    createdAt: new Date(START),
    expiresAt: null,
    revokedAt: null,
    lastUsedAt: null,
    ...fields,
  });
}

function setUp(token: Token | null = aToken(), keys: [string, ...string[]] = ['k1']) {
  const world = {
    nowMs: START,
    token,
    lookups: 0,
    used: [] as string[],
    rehashed: [] as unknown[],
    down: false,
    gate: null as Promise<void> | null,
    logged: [] as string[],
  };
  const note = (fields: { reason?: string }, message = ''): void =>
    void world.logged.push([message, fields.reason].filter(Boolean).join(' '));
  const verifier = new TokenVerifier({
    tokens: {
      async findByHash(wanted) {
        world.lookups++;
        await world.gate;
        if (world.down) throw new Error('connection refused');
        return wanted.some((one) => world.token?.hash.equals(one)) ? world.token : null;
      },
      async rehash(id, from, to) {
        world.rehashed.push({ id, from, to });
      },
    },
    uses: { note: (id) => void world.used.push(id) },
    hashes: (text) =>
      keys.map((keyId) => ({ keyId, hash: hash(text, keyId) })) as [TokenHash, ...TokenHash[]],
    isMistyped: (text) => text === 'goof',
    log: { info: note, warn: note },
    now: () => world.nowMs,
  });
  return { world, verifier };
}

describe('TokenVerifier', () => {
  it('tells what a good token allows', async () => {
    const { world, verifier } = setUp(
      aToken({ repositoryIds: [1, 2], ownerLogins: ['acme'], requestsPerSecond: 5, eventsPerSecond: 0 }),
    );
    expect(await verifier.verifyToken('good')).toEqual({
      tokenId: '0193b2f0-0000-7000-8000-000000000001',
      name: 'ci',
      scopes: ['events:write'],
      repositoryIds: [1, 2],
      ownerLogins: ['acme'],
      requestsPerSecond: 5,
      eventsPerSecond: 0,
    });
    expect(world.used).toEqual(['0193b2f0-0000-7000-8000-000000000001']);
  });

  it.each([
    ['unknown', aToken(), 'other'],
    ['malformed', aToken(), ''],
    ['malformed', aToken(), 'x'.repeat(513)],
    ['mistyped', aToken(), 'goof'],
    ['revoked', aToken({ revokedAt: new Date(START) }), 'good'],
    ['expired', aToken({ expiresAt: new Date(START) }), 'good'],
  ])('refuses an %s token, and the log says so', async (reason, token, text) => {
    const { world, verifier } = setUp(token);
    expect(await verifier.verifyToken(text)).toBeNull();
    expect(world.logged).toEqual([`token.refused ${reason}`]);
    expect(verifier.knows(text)).toBe(false);
    expect(world.used).toEqual([]);
  });

  it('does not look up what is no token', async () => {
    const { world, verifier } = setUp();
    for (const text of ['', 'goof', 'x'.repeat(513)]) await verifier.verifyToken(text);
    expect(world.lookups).toBe(0);
  });

  it('refuses a token that expires while it is cached', async () => {
    const { world, verifier } = setUp(aToken({ expiresAt: new Date(START + 300) }));
    expect(await verifier.verifyToken('good')).not.toBeNull();
    world.nowMs += 300;
    expect(await verifier.verifyToken('good')).toBeNull();
    expect(world.lookups).toBe(1);
  });

  it('looks a token up once for callers at the same time, and again when that is 0.7 s ago', async () => {
    const { world, verifier } = setUp();
    await Promise.all(Array.from({ length: 50 }, () => verifier.verifyToken('good')));
    expect(world.lookups).toBe(1);
    world.nowMs += 350;
    await verifier.verifyToken('good');
    expect(world.lookups).toBe(1);
    world.nowMs += 351;
    await verifier.verifyToken('good');
    expect(world.lookups).toBe(2);
  });

  it('has a token in steady use never wait for a look-up', async () => {
    const { world, verifier } = setUp();
    await verifier.verifyToken('good');
    world.nowMs += 351;
    world.gate = new Promise(() => undefined);
    expect(await verifier.verifyToken('good')).not.toBeNull();
    expect(world.lookups).toBe(2);
  });

  it.each([351, 701, 5_000])(
    'sees a revocation at the first use %d ms later, or right after it',
    async (ms) => {
      const { world, verifier } = setUp();
      await verifier.verifyToken('good');
      world.token = aToken({ revokedAt: new Date(START) });
      world.nowMs += ms;
      if (ms <= 700) {
        await verifier.verifyToken('good');
        await new Promise(setImmediate);
      }
      expect(await verifier.verifyToken('good')).toBeNull();
      expect(verifier.knows('good')).toBe(false);
    },
  );

  it('knows a token only once it was good, and while it is', async () => {
    const { world, verifier } = setUp(aToken({ expiresAt: new Date(START + 700_000) }));
    expect(verifier.knows('good')).toBe(false);
    await verifier.verifyToken('good');
    expect(verifier.knows('good')).toBe(true);
    world.nowMs += 600_001;
    expect(verifier.knows('good')).toBe(false);
  });

  it('knows a token by its hash under an older key, and gives it one of the first', async () => {
    const { world, verifier } = setUp(aToken(), ['k2', 'k1']);
    expect(await verifier.verifyToken('good')).not.toBeNull();
    expect(world.rehashed).toEqual([
      { id: aToken().id, from: hash('good', 'k1'), to: { keyId: 'k2', hash: hash('good', 'k2') } },
    ]);
    expect(await setUp(aToken(), ['k2']).verifier.verifyToken('good')).toBeNull();
  });

  it('leaves the hash of a token alone that has one of the first key', async () => {
    const { world, verifier } = setUp(aToken(), ['k1', 'k0']);
    await verifier.verifyToken('good');
    expect(world.rehashed).toEqual([]);
  });

  it('goes on with tokens it knows for ten minutes while the database is down, and no longer', async () => {
    const { world, verifier } = setUp();
    await verifier.verifyToken('good');
    world.down = true;
    world.nowMs += 600_000;
    expect(await verifier.verifyToken('good')).not.toBeNull();
    expect(await verifier.verifyToken('good')).not.toBeNull();
    world.nowMs += 1;
    await expect(verifier.verifyToken('good')).rejects.toThrow('connection refused');
  });

  it('does not wait for a database that it knows to be down, asks it once a second, and notices when it is back', async () => {
    const { world, verifier } = setUp();
    await verifier.verifyToken('good');
    world.down = true;
    world.nowMs += 2_000;
    await verifier.verifyToken('good');
    expect(world.lookups).toBe(2);
    for (let i = 0; i < 10; i++) await verifier.verifyToken('good');
    expect(world.lookups).toBe(2);
    world.down = false;
    world.nowMs += 1_001;
    await verifier.verifyToken('good');
    await new Promise(setImmediate);
    expect(world.logged).toEqual(['tokens.database_down', 'tokens.database_back']);
  });

  it('uses what it knows when a look-up hangs', async () => {
    const { world, verifier } = setUp();
    await verifier.verifyToken('good');
    world.nowMs += 2_000;
    world.gate = new Promise(() => undefined);
    expect(await verifier.verifyToken('good')).not.toBeNull();
  });

  it('can not tell about a token it never saw while the database is down', async () => {
    const { world, verifier } = setUp();
    world.down = true;
    await expect(verifier.verifyToken('good')).rejects.toThrow('connection refused');
  });
});
