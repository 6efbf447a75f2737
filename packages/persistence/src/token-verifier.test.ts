import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { Token } from './entities/token.js';
import { TokenVerifier } from './token-verifier.js';

const hash = (text: string): Buffer => createHash('sha256').update(text).digest();
const START = Date.UTC(2026, 10, 25);

function aToken(fields: Partial<Token> = {}): Token {
  return Object.assign(new Token(), {
    id: '0193b2f0-0000-7000-8000-000000000001',
    name: 'ci',
    prefix: 'dits_abc',
    hash: hash('good'),
    scopes: ['events:write'],
    repositoryIds: null,
    ownerLogins: null,
    createdAt: new Date(START),
    expiresAt: null,
    revokedAt: null,
    lastUsedAt: null,
    ...fields,
  });
}

function setUp(token: Token | null = aToken()) {
  const world = {
    nowMs: START,
    token,
    lookups: 0,
    touched: [] as Date[],
    down: false,
    gate: null as Promise<void> | null,
    logged: [] as string[],
  };
  const note = (_: object, message = ''): void => void world.logged.push(message);
  const verifier = new TokenVerifier({
    tokens: {
      async findByHash(wanted) {
        world.lookups++;
        await world.gate;
        if (world.down) throw new Error('connection refused');
        return world.token?.hash.equals(wanted) ? world.token : null;
      },
      async touch(_, at) {
        world.touched.push(at);
      },
    },
    hash,
    log: { info: note, warn: note },
    now: () => world.nowMs,
  });
  return { world, verifier };
}

describe('TokenVerifier', () => {
  it('tells what a good token allows', async () => {
    const { verifier } = setUp(aToken({ repositoryIds: [1, 2], ownerLogins: ['acme'] }));
    expect(await verifier.verifyToken('good')).toEqual({
      tokenId: '0193b2f0-0000-7000-8000-000000000001',
      scopes: ['events:write'],
      repositoryIds: [1, 2],
      ownerLogins: ['acme'],
    });
  });

  it.each([
    ['unknown', aToken(), 'other'],
    ['empty', aToken(), ''],
    ['endless', aToken(), 'x'.repeat(513)],
    ['revoked', aToken({ revokedAt: new Date(START) }), 'good'],
    ['expired', aToken({ expiresAt: new Date(START) }), 'good'],
  ])('refuses an %s token', async (_, token, text) => {
    expect(await setUp(token).verifier.verifyToken(text)).toBeNull();
  });

  it('refuses a token that expires while it is cached', async () => {
    const { world, verifier } = setUp(aToken({ expiresAt: new Date(START + 500) }));
    expect(await verifier.verifyToken('good')).not.toBeNull();
    world.nowMs += 500;
    expect(await verifier.verifyToken('good')).toBeNull();
    expect(world.lookups).toBe(1);
  });

  it('looks a token up once for callers at the same time, and once a second', async () => {
    const { world, verifier } = setUp();
    await Promise.all(Array.from({ length: 50 }, () => verifier.verifyToken('good')));
    expect(world.lookups).toBe(1);
    world.nowMs += 1_000;
    await verifier.verifyToken('good');
    expect(world.lookups).toBe(1);
    world.nowMs += 1;
    await verifier.verifyToken('good');
    expect(world.lookups).toBe(2);
  });

  it('sees a revocation within about a second', async () => {
    const { world, verifier } = setUp();
    await verifier.verifyToken('good');
    world.token = aToken({ revokedAt: new Date(START) });
    world.nowMs += 1_001;
    expect(await verifier.verifyToken('good')).toBeNull();
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

  it('notes the use of a token at most once a minute', async () => {
    const { world, verifier } = setUp();
    for (const step of [0, 30_000, 29_999, 1, 59_999]) {
      world.nowMs += step;
      await verifier.verifyToken('good');
    }
    expect(world.touched).toEqual([new Date(START), new Date(START + 60_000)]);
  });
});
