import { EventEmitter } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { authenticate } from './bearer-guard.js';
import { HeldBodies } from './held-bodies.js';

const verifier = {
  verifyToken: async (token: string) => ({
    tokenId: token,
    scopes: [],
    repositoryIds: null,
    ownerLogins: null,
  }),
};

/** A request of a token that is followed, and the end of its answer. */
async function aRequest(held: HeldBodies, token: string) {
  const request = {
    raw: {},
    ip: '',
    headers: { authorization: `Bearer ${token}` },
  } as unknown as FastifyRequest;
  await authenticate(request, verifier);
  const answer = new EventEmitter();
  held.follow(request, { raw: answer } as unknown as FastifyReply);
  return { take: (bytes: number) => held.take(request, bytes), end: () => answer.emit('close') };
}

describe('the bodies that a process holds', () => {
  it('are counted until their answers have ended, and no longer', async () => {
    const held = new HeldBodies(100);
    const [a, b] = [await aRequest(held, 'a'), await aRequest(held, 'b')];
    expect([a.take(30), a.take(20), b.take(50)]).toEqual([true, true, true]);
    expect((await aRequest(held, 'c')).take(1)).toBe(false);
    a.end();
    const c = await aRequest(held, 'c');
    expect([c.take(50), c.take(1), b.take(1)]).toEqual([true, false, false]);
  });

  it('of one token are at most half of all, and another token has room', async () => {
    const held = new HeldBodies(100);
    const [one, two] = [await aRequest(held, 'a'), await aRequest(held, 'a')];
    expect([one.take(40), two.take(10), one.take(1), two.take(1)]).toEqual([true, true, false, false]);
    expect((await aRequest(held, 'b')).take(50)).toBe(true);
    two.end();
    expect([one.take(10), one.take(1)]).toEqual([true, false]);
  });

  it('cost nothing that was refused', async () => {
    const held = new HeldBodies(100);
    const [a, b] = [await aRequest(held, 'a'), await aRequest(held, 'b')];
    expect(a.take(51)).toBe(false);
    a.end();
    expect(b.take(50)).toBe(true);
    expect((await aRequest(held, 'a')).take(50)).toBe(true);
  });
});
