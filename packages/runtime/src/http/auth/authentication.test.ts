import 'reflect-metadata';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Controller, Get, Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { linesLog } from '../../testing.js';
import { BearerGuard, RequireScope, VERIFY_TOKEN, type VerifiedToken } from '../bearer-guard.js';
import { createHttpApp } from '../http-app.js';
import { FailedAuthentications } from '../limits/failed-authentications.js';
import { RateBuckets } from '../limits/rate-buckets.js';
import { RateLimitGuard } from '../limits/rate-limit.guard.js';
import { RATE_POLICY, rateLimitModule, type RatePolicy } from '../limits/rate-limit.js';
import { Authentication } from './authentication.js';

@Controller('v1')
class TestController {
  @RequireScope('webhooks:read')
  @Get('one')
  one(): string {
    return 'one';
  }

  @RequireScope('webhooks:read')
  @Get('two')
  two(): string {
    return 'two';
  }
}

const reader = { scopes: ['webhooks:read'], repositoryIds: null, ownerLogins: null };
const tokens: Record<string, VerifiedToken> = {
  good: { tokenId: 't1', ...reader },
  other: { tokenId: 't2', ...reader },
  fast: { tokenId: 't3', ...reader, requestsPerSecond: 100 },
  free: { tokenId: 't4', ...reader, requestsPerSecond: 0 },
};

let app: NestFastifyApplication | undefined;
afterEach(() => app?.close());

async function start(o: { perMinute?: number; trustedProxies?: string[] } = {}) {
  const world = { nowMs: 1_000_000, lookups: 0 };
  const now = () => world.nowMs;
  const known = new Set<string>();
  const verifier = new Authentication({
    tokens: {
      async verifyToken(text) {
        world.lookups += 1;
        if (tokens[text]) known.add(text);
        return tokens[text] ?? null;
      },
      knows: (text) => known.has(text),
    },
    jwts: null,
    failures: new FailedAuthentications({ perMinute: o.perMinute ?? 3, now }),
  });
  const policy: RatePolicy = { name: 'api', perSecond: ({ requestsPerSecond }) => requestsPerSecond ?? 1 };
  class TestModule {}
  Module({
    imports: [rateLimitModule(policy, new RateBuckets({ now }))],
    controllers: [TestController],
    providers: [
      { provide: VERIFY_TOKEN, useValue: verifier },
      { provide: RATE_POLICY, useValue: policy },
      { provide: APP_GUARD, useClass: BearerGuard },
      { provide: APP_GUARD, useClass: RateLimitGuard },
    ],
  })(TestModule);
  app = await createHttpApp({
    module: TestModule,
    log: linesLog().log,
    authenticateBelow: '/v1/',
    ...(o.trustedProxies && { trustedProxies: o.trustedProxies }),
  });
  const get = async (token: string, { from = '192.0.2.1', via, path = 'one' }: Call = {}) => {
    const { statusCode, headers, body } = await app!.inject({
      url: `/v1/${path}`,
      remoteAddress: from,
      headers: { authorization: `Bearer ${token}`, ...(via && { 'x-forwarded-for': via }) },
    });
    return { status: statusCode, headers, body };
  };
  return { world, get };
}

interface Call {
  from?: string;
  via?: string;
  path?: string;
}

describe('bad tokens from one address', () => {
  it('get 429 with Retry-After after so many, without a look-up, until a while has passed', async () => {
    const { world, get } = await start();
    for (let i = 0; i < 3; i++) expect((await get(`bad${i}`)).status).toBe(401);
    const refused = await get('bad3');
    expect(refused.status).toBe(429);
    expect(refused.headers).toMatchObject({
      'retry-after': '20',
      'content-type': 'application/problem+json',
    });
    expect(JSON.parse(refused.body)).toMatchObject({ status: 429, code: 'rate_limited' });
    expect(world.lookups).toBe(3);
    world.nowMs += 20_000;
    expect((await get('bad4')).status).toBe(401);
    expect((await get('bad5')).status).toBe(429);
  });

  it('do not say whether a token is good once there were too many', async () => {
    const { get } = await start();
    for (let i = 0; i < 3; i++) await get('bad');
    const [good, bad] = [await get('good'), await get('bad')];
    expect([good.status, good.body]).toEqual([bad.status, bad.body]);
    expect(good.status).toBe(429);
  });

  it('lock out nobody whose token is known', async () => {
    const { get } = await start();
    await get('good');
    for (let i = 0; i < 4; i++) await get('bad');
    expect((await get('good')).status).toBe(200);
    expect((await get('bad')).status).toBe(429);
  });

  it('count for that address alone; of IPv6, for its /64', async () => {
    const { get } = await start();
    for (let i = 0; i < 4; i++) await get('bad', { from: '192.0.2.1' });
    expect((await get('bad', { from: '192.0.2.2' })).status).toBe(401);
    expect((await get('bad', { from: '::ffff:192.0.2.1' })).status).toBe(429);
    for (let i = 0; i < 3; i++) await get('bad', { from: `2001:db8:0:1::${i}` });
    expect((await get('bad', { from: '2001:db8:0:1:ffff::9' })).status).toBe(429);
    expect((await get('bad', { from: '2001:db8:0:2::1' })).status).toBe(401);
  });

  it('count for who connects, whatever X-Forwarded-For says', async () => {
    const { get } = await start();
    for (let i = 0; i < 3; i++) await get('bad', { via: `198.51.100.${i}` });
    expect((await get('bad', { via: '198.51.100.9' })).status).toBe(429);
  });

  it('count for whom a trusted proxy names, not for the proxy, nor for whom the client made up', async () => {
    const { get } = await start({ trustedProxies: ['192.0.2.0/24'] });
    for (let i = 0; i < 3; i++) await get('bad', { via: `203.0.113.${i}, 198.51.100.1` });
    expect((await get('bad', { via: '203.0.113.9, 198.51.100.1' })).status).toBe(429);
    expect((await get('bad', { via: '198.51.100.2' })).status).toBe(401);
    expect((await get('bad', { from: '203.0.113.5', via: '198.51.100.1' })).status).toBe(401);
  });

  it('are not counted with a limit of 0', async () => {
    const { get } = await start({ perMinute: 0 });
    for (let i = 0; i < 200; i++) expect((await get('bad')).status).toBe(401);
  });
});

describe('the rate of a token', () => {
  it('shows in every answer, over all routes, and ends in 429', async () => {
    const { world, get } = await start();
    const first = await get('good');
    expect(first.headers).toMatchObject({
      'ratelimit-policy': '"api";q=10;w=10',
      ratelimit: '"api";r=9;t=1',
    });
    for (let i = 0; i < 9; i++) {
      expect((await get('good', { path: i % 2 ? 'one' : 'two' })).status).toBe(200);
    }
    const refused = await get('good');
    expect(refused.status).toBe(429);
    expect(refused.headers).toMatchObject({
      'content-type': 'application/problem+json',
      'retry-after': '1',
      'ratelimit-policy': '"api";q=10;w=10',
      ratelimit: '"api";r=0;t=10',
    });
    expect(JSON.parse(refused.body)).toMatchObject({
      code: 'rate_limited',
      detail: expect.stringContaining('1 requests a second'),
    });
    expect((await get('other')).status).toBe(200);
    world.nowMs += 1_000;
    expect((await get('good')).status).toBe(200);
    expect((await get('good')).status).toBe(429);
  });

  it('may be its own, or none', async () => {
    const { get } = await start();
    expect((await get('fast')).headers['ratelimit-policy']).toBe('"api";q=1000;w=10');
    for (let i = 0; i < 50; i++) expect((await get('free')).status).toBe(200);
    expect((await get('free')).headers).not.toHaveProperty('ratelimit');
  });
});
