import { createConfig, lintFromString } from '@redocly/openapi-core';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApi, type TestApi } from '../testing.js';

describe('the OpenAPI document', () => {
  let api: TestApi;
  let document: any;
  beforeAll(async () => {
    api = await startApi({ DITS_PUBLIC_URL: 'https://api.dits.io' });
    const { json } = await api.call('GET', '/openapi.json', { token: null });
    document = json;
  }, 60_000);
  afterAll(() => api?.stop());

  it('has no fault that a linter finds, and its examples fit its schemas', async () => {
    const problems = await lintFromString({
      source: JSON.stringify(document),
      config: await createConfig({
        extends: ['recommended-strict'],
        rules: { 'no-server-example.com': 'off' },
      }),
    });
    expect(
      problems.map(({ ruleId, message, location }) => ({ ruleId, message, at: location[0]?.pointer })),
    ).toEqual([]);
  });

  it('describes every call that there is', () => {
    const calls = Object.entries<object>(document.paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const webhooks = (base: string) => [
      `POST ${base}`,
      `GET ${base}`,
      `GET ${base}/{webhook}`,
      `PATCH ${base}/{webhook}`,
      `DELETE ${base}/{webhook}`,
      `POST ${base}/{webhook}/ping`,
      `POST ${base}/{webhook}/secret/rotate`,
      `POST ${base}/{webhook}/signing-key/rotate`,
      `GET ${base}/{webhook}/deliveries`,
      `GET ${base}/{webhook}/deliveries/{delivery}`,
      `POST ${base}/{webhook}/deliveries/{delivery}/redeliver`,
      ...['redeliveries', 'replays'].flatMap((jobs) => [
        `POST ${base}/{webhook}/${jobs}`,
        `GET ${base}/{webhook}/${jobs}`,
        `GET ${base}/{webhook}/${jobs}/{job}`,
        `DELETE ${base}/{webhook}/${jobs}/{job}`,
      ]),
    ];
    expect(calls.toSorted()).toEqual(
      [
        ...webhooks('/v1/repos/{repo}/webhooks'),
        ...webhooks('/v1/owners/{login}/webhooks'),
        'GET /.well-known/dits-webhooks/keys/{webhook}',
        'GET /v1/event-types',
        'GET /v1/audit',
        'GET /v1/dead-letters',
        'GET /v1/dead-letters/{letter}',
        'POST /v1/dead-letters/replay',
        'POST /v1/tokens',
        'GET /v1/tokens',
        'GET /v1/tokens/{token}',
        'DELETE /v1/tokens/{token}',
      ].toSorted(),
    );
  });

  it('says of every call which token and which errors', () => {
    for (const [path, operations] of Object.entries<any>(document.paths)) {
      if (path.startsWith('/.well-known/')) {
        expect(operations.get).toMatchObject({
          security: [],
          description: expect.stringContaining('no token'),
        });
        continue;
      }
      for (const { security, responses, description } of Object.values<any>(operations)) {
        expect(security).toEqual([{ bearer: [] }]);
        expect(description).toMatch(/Needs the scope `(webhooks:read|webhooks:write|admin)`/);
        expect(Object.keys(responses)).toEqual(expect.arrayContaining(['401', '403', '500', '503']));
        expect(responses['401'].content['application/problem+json'].schema.$ref).toContain('Problem');
      }
    }
  });

  it('checks requests by the schemas that it shows', async () => {
    const { required, properties, additionalProperties } = document.components.schemas.WebhookCreate;
    expect(required).toEqual(['url', 'events']);
    expect(additionalProperties).toBe(false);
    const [path] = Object.keys(document.paths);
    expect(path).toBeDefined();
    const { json } = await api.call('POST', '/v1/repos/1/webhooks', {
      // Wrong for each: only headers are an object.
      body: Object.fromEntries(Object.keys(properties).map((name) => [name, name === 'headers' ? [] : {}])),
    });
    expect(json.errors.map(({ path }: { path: string }) => path).toSorted()).toEqual(
      Object.keys(properties).toSorted(),
    );
  });

  it('is shown by a page that needs nothing from elsewhere', async () => {
    const page = await api.call('GET', '/docs', { token: null });
    expect(page.status).toBe(200);
    const references = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, url]) => url!);
    expect(references.length).toBeGreaterThan(2);
    for (const reference of references) {
      const url = new URL(reference, 'http://api.local/docs');
      if (reference.startsWith('data:')) continue;
      expect(url.origin).toBe('http://api.local');
      const asset = await api.call('GET', url.pathname, { token: null });
      expect([reference, asset.status]).toEqual([reference, 200]);
      if (/\.css|-init\.js/.test(reference)) expect(asset.text).not.toMatch(/@import|url\(["']?https?:/);
    }
  });

  it('lists the event types with schema and example', async () => {
    const { status, json } = await api.call('GET', '/v1/event-types');
    expect(status).toBe(200);
    expect(json.data.map(({ name }: { name: string }) => name)).toContain('push.tag');
    for (const { description, schema, example, name, internal } of json.data) {
      expect(description.length).toBeGreaterThan(5);
      expect(schema).toMatchObject({ type: 'record', fields: expect.any(Array) });
      expect(example.event).toBe(name);
      if (!internal) expect(example.repository).toMatchObject({ id: expect.any(Number) });
    }
    const internal = json.data.filter((type: { internal: boolean }) => type.internal);
    expect(internal.map(({ name }: { name: string }) => name)).toEqual(['webhook.disabled']);
  });
});
