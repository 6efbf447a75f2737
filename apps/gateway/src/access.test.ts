import 'reflect-metadata';
import { bundledSchemas, EventCatalogue } from '@dits/contracts';
import { noTracing, createHttpApp, createLogger, RateBuckets, SCOPES } from '@dits/runtime';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppModule } from './app.module.js';
import { httpOptions } from './http-options.js';
import { ingestPolicy } from './ingest-rate.js';

/** Every route: who may call it. */
const TABLE: Record<string, { scope: (typeof SCOPES)[number] }> = {
  'POST /v1/events': { scope: 'events:write' },
};

/** Open to everybody, with or without a token. */
const OPEN = ['GET /openapi.json', 'HEAD /openapi.json'];

const TENANTS = {
  'no limit': { repositoryIds: null, ownerLogins: null, isWithin: true },
  'its repository': { repositoryIds: [123], ownerLogins: null, isWithin: true },
  'another repository': { repositoryIds: [124], ownerLogins: null, isWithin: false },
  'its owner': { repositoryIds: null, ownerLogins: ['user'], isWithin: true },
  'another owner': { repositoryIds: null, ownerLogins: ['other'], isWithin: false },
  'another repository and another owner': { repositoryIds: [124], ownerLogins: ['other'], isWithin: false },
  nothing: { repositoryIds: [], ownerLogins: [], isWithin: false },
};

const EVENT = {
  event: 'repo.created',
  repository: { id: 123, name: 'p', full_name: 'user/p', private: false },
  sender: { id: 456, login: 'octocat', type: 'user' },
};

describe('who may call what', () => {
  let app: NestFastifyApplication;
  const routes: string[] = [];
  let sent = 0;
  beforeAll(async () => {
    const log = createLogger({ name: 'gateway', level: 'silent' });
    const tokenOf = (text: string) => {
      const [scope, tenant] = text.split('~') as [string, keyof typeof TENANTS];
      const { repositoryIds, ownerLogins } = TENANTS[tenant.replaceAll('_', ' ') as keyof typeof TENANTS];
      return { tokenId: text, scopes: [scope.replace('.', ':')], repositoryIds, ownerLogins };
    };
    app = await createHttpApp({
      ...httpOptions,
      log,
      setup: (created) => {
        created
          .getHttpAdapter()
          .getInstance()
          .addHook(
            'onRoute',
            ({ method, url }) => void routes.push(...[method].flat().map((one) => `${one} ${url}`)),
          );
        httpOptions.setup(created);
      },
      module: AppModule.of({
        log,
        verifier: { verifyToken: async (text) => (text === 'bad' ? null : tokenOf(text)) },
        policy: ingestPolicy(0),
        buckets: new RateBuckets({ now: Date.now }),
        deps: {
          catalogue: new EventCatalogue(bundledSchemas),
          topic: 'dits.events',
          encodeEvent: () => Buffer.alloc(1),
          sendAll: async (records) => void (sent += records.length),
          tracing: noTracing,
          now: Date.now,
          newEventId: () => '00000000-0000-7000-8000-000000000001',
        },
      }),
    });
  });
  afterAll(() => app?.close());

  const call = (route: string, token: string | null, id = 123) => {
    const [method, url] = route.split(' ') as ['POST', string];
    return app.inject({
      method,
      url,
      headers: { ...(token !== null && { authorization: `Bearer ${token}` }) },
      payload: { ...EVENT, repository: { ...EVENT.repository, id } },
    });
  };

  it('has a row for every route that there is, and no other', () => {
    expect([...new Set(routes)].sort()).toEqual([...Object.keys(TABLE), ...OPEN].sort());
  });

  const kinds = SCOPES.flatMap((scope) =>
    Object.entries(TENANTS).map(([tenant, { isWithin }]) => ({ scope, tenant, isWithin })),
  );

  it.each(kinds)(
    'on every route, for a token with $scope and $tenant',
    async ({ scope, tenant, isWithin }) => {
      const token = `${scope.replace(':', '.')}~${tenant.replaceAll(' ', '_')}`;
      for (const [route, row] of Object.entries(TABLE)) {
        const before = sent;
        const response = await call(route, token);
        const hasScope = scope === row.scope || scope === 'admin';
        expect([route, response.statusCode]).toEqual([route, hasScope && isWithin ? 202 : 403]);
        const code = hasScope ? 'repository_out_of_reach' : 'insufficient_scope';
        if (response.statusCode === 403) expect(response.json()).toMatchObject({ code });
        expect(sent - before).toBe(hasScope && isWithin ? 1 : 0);
      }
    },
  );

  it('does not tell what exists: the answer is the same for any repository', async () => {
    for (const route of Object.keys(TABLE)) {
      const token = 'events.write~nothing';
      const [one, other] = [await call(route, token, 123), await call(route, token, 2 ** 53 - 1)];
      expect([one.statusCode, one.body]).toEqual([403, other.body]);
    }
  });

  it('shows everybody what it takes, and nothing else', async () => {
    const response = await app.inject('/openapi.json');
    expect(response.statusCode).toBe(200);
    const { paths, components } = response.json<{ paths: object; components: { schemas: object } }>();
    expect(Object.keys(paths)).toEqual(['/v1/events']);
    // Whatever a schema refers to is there.
    const references = [...response.body.matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(
      ([, name]) => name,
    );
    expect(Object.keys(components.schemas)).toEqual(expect.arrayContaining(references));
  });

  it.each([null, 'bad'])('refuses every route with the token %s', async (token) => {
    for (const route of Object.keys(TABLE)) expect((await call(route, token)).statusCode).toBe(401);
  });
});
