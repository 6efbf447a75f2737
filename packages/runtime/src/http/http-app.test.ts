import 'reflect-metadata';
import { KafkaFault, StorageFault } from '@dits/contracts';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Body, Controller, Get, Module, NotFoundException, Param, Post } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { LightMyRequestResponse } from 'fastify';
import { linesLog } from '../testing.js';
import {
  BearerGuard,
  Public,
  RequireScope,
  Token,
  tokenReaches,
  VERIFY_TOKEN,
  type VerifiedToken,
} from './bearer-guard.js';
import { createHttpApp, type HttpAppOptions } from './http-app.js';
import { ProblemException } from './problem.js';

const thrown: Record<string, () => Error> = {
  problem: () =>
    new ProblemException(422, {
      detail: 'url: must be https',
      code: 'invalid_webhook',
      errors: [{ path: 'url', message: 'must be https' }],
    }),
  nest: () => new NotFoundException('There is no such webhook.'),
  kafka: () => new KafkaFault('no broker at 10.0.0.1'),
  storage: () => new StorageFault('no database'),
  bug: () => new TypeError('x of undefined in secret-file.ts'),
};

@Controller('v1')
class TestController {
  @Public()
  @Get('open')
  open(): string {
    return 'open';
  }

  @Public()
  @Get('throws/:what')
  throws(@Param('what') what: string): never {
    throw thrown[what]!();
  }

  @Public()
  @Post('echo')
  echo(@Body() body: unknown): unknown {
    return Buffer.isBuffer(body) ? { raw: body.toString() } : body;
  }

  @RequireScope('webhooks:read')
  @Get('webhooks')
  list(@Token() token: VerifiedToken): string {
    return token.tokenId;
  }

  @Get('forgotten')
  forgotten(): string {
    return 'secret';
  }
}

const tokens: Record<string, VerifiedToken> = {
  reader: { tokenId: 't1', scopes: ['webhooks:read'], repositoryIds: null, ownerLogins: null },
  writer: { tokenId: 't2', scopes: ['events:write'], repositoryIds: null, ownerLogins: null },
  admin: { tokenId: 't3', scopes: ['admin'], repositoryIds: null, ownerLogins: null },
};

let app: NestFastifyApplication | undefined;
afterEach(() => app?.close());

async function start(o: Partial<HttpAppOptions> = {}) {
  const { log, lines } = linesLog();
  let verifications = 0;
  const verifyToken = async (token: string): Promise<VerifiedToken | null> => {
    verifications += 1;
    if (token === 'unknowable') throw new StorageFault('no database');
    return tokens[token] ?? null;
  };
  class TestModule {}
  Module({
    controllers: [TestController],
    providers: [
      { provide: VERIFY_TOKEN, useValue: { verifyToken } },
      { provide: APP_GUARD, useClass: BearerGuard },
    ],
  })(TestModule);
  app = await createHttpApp({ module: TestModule, log, ...o });
  return { inject: app.inject.bind(app), lines, verifications: () => verifications };
}

function expectProblem(
  response: LightMyRequestResponse,
  status: number,
  code: string,
): Record<string, unknown> {
  expect(response.headers['content-type']).toBe('application/problem+json');
  const body = response.json<Record<string, unknown>>();
  expect(body).toMatchObject({
    type: 'about:blank',
    status,
    code,
    title: expect.any(String),
    detail: expect.any(String),
  });
  expect(response.statusCode).toBe(status);
  return body;
}

const json = { 'content-type': 'application/json' };
const manyHeaders = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`x-${i}`, '']));

describe('errors of an HTTP app', () => {
  it('writes a problem with the path of every field', async () => {
    const { inject } = await start();
    expect(expectProblem(await inject('/v1/throws/problem'), 422, 'invalid_webhook')).toEqual({
      type: 'about:blank',
      title: 'Unprocessable Entity',
      status: 422,
      detail: 'url: must be https',
      code: 'invalid_webhook',
      errors: [{ path: 'url', message: 'must be https' }],
    });
  });

  it.each([
    ['an error of Nest', '/v1/throws/nest', 404, 'not_found'],
    ['a path that is not there', '/v1/nothing', 404, 'not_found'],
    ['a malformed path', '/v1/throws/%zz', 400, 'bad_request'],
  ])('writes a problem for %s', async (_, url, status, code) => {
    const { inject } = await start();
    expectProblem(await inject(url), status, code);
  });

  it.each(['kafka', 'storage'])(
    'answers a fault of %s with 503 and Retry-After, without its text',
    async (what) => {
      const { inject, lines } = await start();
      const response = await inject(`/v1/throws/${what}`);
      expectProblem(response, 503, 'unavailable');
      expect(response.headers['retry-after']).toBe('2');
      expect(response.body).not.toMatch(/10\.0\.0\.1|database/);
      expect(lines().filter(({ level }) => level === 'warn')).toHaveLength(1);
    },
  );

  it("answers a bug with 500 and the request's id, logs it once, and does not show it", async () => {
    const { inject, lines } = await start();
    const response = await inject({ url: '/v1/throws/bug', headers: { 'x-request-id': 'abc-1' } });
    expect(expectProblem(response, 500, 'internal').detail).toContain('abc-1');
    expect(response.body).not.toContain('secret-file');
    expect(lines().filter(({ level }) => level === 'error')).toEqual([
      expect.objectContaining({ request_id: 'abc-1', err: expect.objectContaining({ type: 'TypeError' }) }),
    ]);
  });

  it('answers 405 with Allow when the path has other methods', async () => {
    const { inject } = await start();
    const response = await inject({ method: 'DELETE', url: '/v1/throws/x?y=1' });
    expectProblem(response, 405, 'method_not_allowed');
    expect(response.headers.allow).toBe('GET, HEAD');
  });

  it.each([
    ['malformed JSON', json, '{', 400, 'malformed_json'],
    ['no JSON at all', json, '', 400, 'malformed_json'],
    ['bytes that are not UTF-8', json, Buffer.from('{"a":"\xe9"}', 'latin1'), 400, 'malformed_json'],
    ['another media type', { 'content-type': 'text/plain' }, '{}', 415, 'unsupported_media_type'],
    ['no media type', {}, '{}', 415, 'unsupported_media_type'],
    [
      'another charset',
      { 'content-type': 'application/json; charset=latin1' },
      '{}',
      415,
      'unsupported_media_type',
    ],
    ['a compressed body', { ...json, 'content-encoding': 'gzip' }, '{}', 415, 'unsupported_media_type'],
    ['a body over the limit', json, JSON.stringify('x'.repeat(2000)), 413, 'payload_too_large'],
    ['a key that reaches the prototype', json, '{"__proto__":{"a":1}}', 422, 'unsafe_json'],
    ['a key that stands there twice', json, '{"a":1,"a":2}', 422, 'unsafe_json'],
    ['deep nesting', json, '['.repeat(33) + ']'.repeat(33), 422, 'unsafe_json'],
    [
      'more than a hundred headers',
      { ...json, ...manyHeaders },
      '{}',
      431,
      'request_header_fields_too_large',
    ],
  ])('refuses %s', async (_, headers, payload, status, code) => {
    const { inject } = await start({ bodyLimitBytes: 1000 });
    expectProblem(await inject({ method: 'POST', url: '/v1/echo', headers, payload }), status, code);
  });

  it('reads JSON with a UTF-8 charset', async () => {
    const { inject } = await start();
    const headers = { 'content-type': 'application/json; charset=UTF-8', 'content-encoding': 'identity' };
    const response = await inject({ method: 'POST', url: '/v1/echo', headers, payload: '{"a":"é"}' });
    expect(response.json()).toEqual({ a: 'é' });
  });

  it('hands over the bytes when asked to', async () => {
    const { inject } = await start({ rawJson: true });
    const response = await inject({ method: 'POST', url: '/v1/echo', headers: json, payload: '{ "a": 1 }' });
    expect(response.json()).toEqual({ raw: '{ "a": 1 }' });
  });
});

describe('BearerGuard', () => {
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

  it.each([
    ['its scope', 'reader', 't1'],
    ['admin, which includes every scope', 'admin', 't3'],
  ])('lets a token pass that has %s', async (_, token, id) => {
    const { inject } = await start();
    const response = await inject({ url: '/v1/webhooks', headers: bearer(token) });
    expect([response.statusCode, response.body]).toEqual([200, id]);
  });

  it.each([
    ['no token', {}, 401, 'unauthorized', 'Bearer realm="dits"'],
    ['an unknown token', bearer('x'), 401, 'invalid_token', 'Bearer realm="dits", error="invalid_token"'],
    [
      'another scheme',
      { authorization: 'Basic eDp5' },
      401,
      'invalid_token',
      'Bearer realm="dits", error="invalid_token"',
    ],
    [
      'a token without the scope',
      bearer('writer'),
      403,
      'insufficient_scope',
      'Bearer realm="dits", error="insufficient_scope", scope="webhooks:read"',
    ],
  ])(
    'refuses %s and says how to authenticate',
    async (_, headers: Record<string, string>, status, code, challenge) => {
      const { inject } = await start();
      const response = await inject({ url: '/v1/webhooks', headers });
      expectProblem(response, status, code);
      expect(response.headers['www-authenticate']).toBe(challenge);
    },
  );

  it('answers 503, not 401, when it cannot tell', async () => {
    const { inject } = await start();
    expectProblem(await inject({ url: '/v1/webhooks', headers: bearer('unknowable') }), 503, 'unavailable');
  });

  it('leaves a public handler open, and a handler that names no scope to admin', async () => {
    const { inject } = await start();
    expect((await inject('/v1/open')).statusCode).toBe(200);
    expectProblem(
      await inject({ url: '/v1/forgotten', headers: bearer('reader') }),
      403,
      'insufficient_scope',
    );
    expect((await inject({ url: '/v1/forgotten', headers: bearer('admin') })).statusCode).toBe(200);
  });

  it('verifies before the body is read when asked to, and only once', async () => {
    const { inject, verifications } = await start({ authenticateBelow: '/v1/', bodyLimitBytes: 10 });
    const post = (headers: object) =>
      inject({
        method: 'POST',
        url: '/v1/echo',
        headers: { ...json, ...headers },
        payload: '"longer than ten"',
      });
    expectProblem(await post({}), 401, 'unauthorized');
    expectProblem(await post(bearer('reader')), 413, 'payload_too_large');
    const before = verifications();
    await inject({ url: '/v1/webhooks', headers: bearer('reader') });
    expect(verifications()).toBe(before + 1);
  });
});

describe('tokenReaches', () => {
  const reaches = (repositoryIds: number[] | null, ownerLogins: string[] | null, target: object) =>
    tokenReaches({ repositoryIds, ownerLogins }, target);

  it.each([
    ['no limits', null, null, { repositoryId: 1 }, true],
    ['its repository', [1], null, { repositoryId: 1, ownerLogin: 'a' }, true],
    ['another repository', [1], null, { repositoryId: 2, ownerLogin: 'a' }, false],
    ['its owner, whatever the case', null, ['a'], { repositoryId: 2, ownerLogin: 'A' }, true],
    ['another owner', null, ['a'], { repositoryId: 2, ownerLogin: 'b' }, false],
    [
      'a repository of its owner beside its repositories',
      [1],
      ['a'],
      { repositoryId: 2, ownerLogin: 'a' },
      true,
    ],
    ['a repository whose owner is not known', null, ['a'], { repositoryId: 2 }, false],
    ['empty lists', [], [], { repositoryId: 1, ownerLogin: 'a' }, false],
  ])('%s', (_, ids, owners, target, expected) => {
    expect(reaches(ids, owners, target)).toBe(expected);
  });
});
