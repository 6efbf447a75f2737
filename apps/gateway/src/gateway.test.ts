import 'reflect-metadata';
import { bundledSchemas, EventCatalogue, KafkaFault, RegistryFault, StorageFault } from '@dits/contracts';
import type { OutgoingRecord } from '@dits/kafka';
import {
  noTracing,
  createHttpApp,
  createLogger,
  metricsRegistry,
  RateBuckets,
  type VerifiedToken,
} from '@dits/runtime';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { LightMyRequestResponse } from 'fastify';
import type { AcceptDeps } from './accept-event.js';
import { AppModule } from './app.module.js';
import { httpOptions } from './http-options.js';
import { ingestPolicy } from './ingest-rate.js';

const NOW_MS = Date.parse('2026-11-25T09:12:14.123Z');
const catalogue = new EventCatalogue(bundledSchemas);
const tokens: Record<string, Partial<VerifiedToken>> = {
  writer: { scopes: ['events:write'] },
  admin: { scopes: ['admin'] },
  reader: { scopes: ['webhooks:read'] },
  repo123: { scopes: ['events:write'], repositoryIds: [123] },
  alice: { scopes: ['events:write'], ownerLogins: ['alice'] },
  slow: { scopes: ['events:write'], eventsPerSecond: 10 },
};

let app: NestFastifyApplication | undefined;
afterEach(() => app?.close());

async function aGateway(deps: Partial<AcceptDeps> = {}) {
  const sent: OutgoingRecord[] = [];
  const lines: Record<string, unknown>[] = [];
  const log = createLogger({
    name: 'gateway',
    level: 'info',
    destination: { write: (line) => void lines.push(JSON.parse(line)) },
  });
  let newIds = 0;
  const clock = { nowMs: NOW_MS };
  const module = AppModule.of({
    log,
    policy: ingestPolicy(0),
    buckets: new RateBuckets({ now: () => clock.nowMs }),
    verifier: {
      verifyToken: async (token) => {
        if (token === 'unknowable') throw new StorageFault('no database');
        return tokens[token]
          ? { tokenId: token, scopes: [], repositoryIds: null, ownerLogins: null, ...tokens[token] }
          : null;
      },
    },
    deps: {
      catalogue,
      topic: 'blue.dits.events',
      encodeEvent: (type, event) => Buffer.from(JSON.stringify([type.event, event])),
      sendAll: async (records) => void sent.push(...records),
      tracing: noTracing,
      now: () => NOW_MS,
      newEventId: () => `00000000-0000-7000-8000-${String((newIds += 1)).padStart(12, '0')}`,
      ...deps,
    },
  });
  app = await createHttpApp({ ...httpOptions, module, log });
  const post = (
    payload: unknown,
    { token = 'writer', headers = {} }: { token?: string | null; headers?: Record<string, string> } = {},
  ): Promise<LightMyRequestResponse> =>
    app!.inject({
      method: 'POST',
      url: '/v1/events',
      headers: {
        'content-type': 'application/json',
        ...(token !== null && { authorization: `Bearer ${token}` }),
        ...headers,
      },
      payload: typeof payload === 'string' || Buffer.isBuffer(payload) ? payload : JSON.stringify(payload),
    });
  return { post, sent, lines, clock };
}

function aPush(fields: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    event: 'push',
    repository: { id: 123, name: 'my-project', full_name: 'user/my-project', private: false },
    sender: { id: 456, login: 'octocat', type: 'user' },
    commits: [
      { id: 'abc123', message: 'Add new footage', author: { name: 'Octocat', email: 'octocat@example.com' } },
    ],
    head_commit: { id: 'abc123', message: 'Add new footage' },
    ...fields,
  };
}

function repository(fields: Record<string, unknown>): { repository: Record<string, unknown> } {
  return { repository: { id: 123, name: 'p', full_name: 'user/p', private: false, ...fields } };
}

const ID = '7d5f6c0e-4a4b-4f3a-9d55-0f6f0b9f7a10';

function expectProblem(response: LightMyRequestResponse, status: number, code: string) {
  expect(response.headers['content-type']).toBe('application/problem+json');
  const body = response.json<{ detail: string; errors?: { path: string; message: string }[] }>();
  expect(body).toMatchObject({ status, code });
  expect(response.statusCode).toBe(status);
  return body;
}

describe('POST /v1/events accepts', () => {
  it("the seed's example as it stands, and answers with the id it gave it", async () => {
    const { post, sent } = await aGateway();
    const response = await post(aPush());
    expect(response.statusCode).toBe(202);
    expect(response.json()).toEqual({ accepted: 1, event_ids: ['00000000-0000-7000-8000-000000000001'] });

    expect(sent).toHaveLength(1);
    expect(sent[0]).toMatchObject({ topic: 'blue.dits.events', key: '123', timestampMs: NOW_MS });
    const [name, event] = JSON.parse(String(sent[0]!.value)) as [string, Record<string, unknown>];
    expect(name).toBe('push');
    expect(event).toMatchObject({
      event_id: '00000000-0000-7000-8000-000000000001',
      occurred_at: '2026-11-25T09:12:14.123Z',
      repository: { id: 123 },
    });
  });

  it.each(catalogue.all.map((type) => [type.event, type.example] as const))(
    'the example of %s',
    async (event, example) => {
      const { post, sent } = await aGateway();
      const response = await post(example);
      expect([response.statusCode, response.body]).toEqual([202, expect.any(String)]);
      expect(JSON.parse(String(sent[0]!.value))[0]).toBe(event);
    },
  );

  it('a batch, with ids in the order of the request', async () => {
    const { post, sent } = await aGateway();
    const response = await post([
      aPush(),
      aPush({ event_id: ID.toUpperCase() }),
      aPush(repository({ id: 9 })),
    ]);
    expect(response.json()).toEqual({
      accepted: 3,
      event_ids: ['00000000-0000-7000-8000-000000000001', ID, '00000000-0000-7000-8000-000000000002'],
    });
    expect(sent.map(({ key }) => key)).toEqual(['123', '123', '9']);
  });

  it('a thousand events', async () => {
    const { post, sent } = await aGateway();
    expect((await post(Array.from({ length: 1000 }, () => aPush()))).statusCode).toBe(202);
    expect(sent).toHaveLength(1000);
  });

  it('an event_id that comes twice in a request, and sends it once', async () => {
    const { post, sent } = await aGateway();
    const response = await post([aPush({ event_id: ID }), aPush({ event_id: ID, ref: 'refs/heads/x' })]);
    expect(response.json()).toEqual({ accepted: 2, event_ids: [ID, ID] });
    expect(sent).toHaveLength(1);
    expect(String(sent[0]!.value)).not.toContain('refs/heads/x');
  });

  it.each([0, 2 ** 31, 2 ** 52, 2 ** 53 - 1])('the repository id %d exactly', async (id) => {
    const { post, sent } = await aGateway();
    expect((await post(aPush(repository({ id })))).statusCode).toBe(202);
    expect(sent[0]!.key).toBe(String(id));
  });

  it.each([
    ['a byte order mark', (json: string) => `\ufeff${json}`],
    ['space around it', (json: string) => `\n ${json}\n`],
    ['text beyond the basic plane', (json: string) => json.replace('Add new footage', '🎬 Ünïcødé')],
    ['null for an optional field', (json: string) => json.replace('{', '{"ref":null,')],
  ])('JSON with %s', async (_, change) => {
    const { post } = await aGateway();
    expect((await post(change(JSON.stringify(aPush())))).statusCode).toBe(202);
  });

  it('a charset of utf-8 and an identity encoding', async () => {
    const { post } = await aGateway();
    const headers = { 'content-type': 'application/json; charset="UTF-8"', 'content-encoding': 'identity' };
    expect((await post(aPush(), { headers })).statusCode).toBe(202);
  });

  it('a single event of just under 1 MiB', async () => {
    const { post } = await aGateway();
    const spare = 1_048_576 - JSON.stringify(aPush({ ref: '' })).length;
    expect((await post(aPush({ ref: 'x'.repeat(spare) }))).statusCode).toBe(202);
  });
});

describe('POST /v1/events refuses', () => {
  it('a batch with one bad event, by its path, and publishes none of it', async () => {
    const { post, sent } = await aGateway();
    const good = aPush();
    const body = expectProblem(
      await post([good, good, good, aPush(repository({ id: '123' })), good]),
      422,
      'invalid_event',
    );
    expect(body.detail).toMatch(/^events\[3\]\.repository\.id: must be an integer/);
    expect(body.errors).toEqual([
      { path: 'events[3].repository.id', message: expect.stringMatching(/^must be/) },
    ]);
    expect(sent).toEqual([]);
  });

  it('an event with several mistakes, naming each', async () => {
    const { post } = await aGateway();
    const body = expectProblem(
      await post(aPush({ sender: undefined, comits: [], commits: [{ id: 1 }] })),
      422,
      'invalid_event',
    );
    expect(body.errors!.map(({ path }) => path)).toEqual(
      expect.arrayContaining([
        'sender',
        'comits',
        'commits[0].id',
        'commits[0].message',
        'commits[0].author',
      ]),
    );
    expect(body.detail).toMatch(/: .* \(and \d+ more\)$/);
  });

  it.each([
    [
      'an id above 2^53-1, which JSON.parse would round',
      '{"id":123',
      '{"id":9007199254740993',
      'repository.id',
    ],
    ['a negative id', '{"id":123', '{"id":-1', 'repository.id'],
    ['a number that is none in JavaScript', '{"id":123', '{"id":1e999', 'repository.id'],
    ['a lone surrogate', 'Add new footage', '\\ud800', 'commits[0].message'],
    ['an unknown event', '"push"', '"psuh"', 'event'],
    ['no event name', '"event":"push",', '', 'event'],
    ['an event_id that is no UUID', '{"event"', '{"event_id":"x","event"', 'event_id'],
    ['a time that is none', '{"event"', '{"occurred_at":"yesterday","event"', 'occurred_at'],
    ['a constructor field', '{"event"', '{"constructor":{"prototype":{}},"event"', 'constructor'],
  ])('%s', async (_, search, replacement, path) => {
    const { post, sent } = await aGateway();
    const json = JSON.stringify(aPush());
    expect(json).toContain(search);
    const body = expectProblem(await post(json.replace(search, () => replacement)), 422, 'invalid_event');
    expect(body.errors!.map((error) => error.path)).toContain(path);
    expect(sent).toEqual([]);
  });

  it.each([
    ['no event', [], 'events'],
    ['more than a thousand', Array.from({ length: 1001 }, () => 1), 'events'],
    ['a text', '"push"', ''],
    ['a number', '1', ''],
    ['null', 'null', ''],
    ['a list in the list', [[aPush()]], 'events[0]'],
    ['null in the list', [aPush(), null], 'events[1]'],
  ])('%s', async (_, payload, path) => {
    const { post, sent } = await aGateway();
    const body = expectProblem(await post(payload), 422, 'invalid_event');
    expect(body.errors!.map((error) => error.path)).toContain(path);
    expect(body.detail).not.toMatch(/^:/);
    expect(sent).toEqual([]);
  });

  it.each([
    ['a field twice', '{"event"', '{"event":"psuh","event"', 'events[1].event', 'stands there twice'],
    ['a repository twice', '"sender"', '"repository":{"id":7},"sender"', 'events[1].repository', 'twice'],
    ['a __proto__ field', '{"event"', '{"__proto__":{},"event"', 'events[1].__proto__', 'not taken'],
    [
      'half a million lists in each other',
      '[{"id":"abc',
      `${'['.repeat(500_000)}{"id":"abc`,
      'events[1].',
      'deep',
    ],
    ['a million empty objects', '[{"id":"abc', `[${'{},'.repeat(1_000_000)}{"id":"abc`, '', '1000000 keys'],
  ])('%s, by its path', async (_, search, replacement, path, message) => {
    const { post, sent } = await aGateway();
    const text = JSON.stringify([aPush(), aPush()]);
    const at = text.lastIndexOf(search);
    expect(at).toBeGreaterThan(text.length / 2);
    const payload = `${text.slice(0, at)}${replacement}${text.slice(at + search.length)}`;
    const [problem] = expectProblem(await post(payload), 422, 'unsafe_json').errors!;
    expect(problem!.path.startsWith(path)).toBe(true);
    expect(problem!.message).toContain(message);
    expect(sent).toEqual([]);
  });

  it.each([
    ['nothing', ''],
    ['half an object', '{"event":'],
    ['two values', '{} {}'],
    ['bytes that are not UTF-8', Buffer.from('{"event":"p\xfcsh"}', 'latin1')],
    ['a surrogate written in UTF-8', Buffer.from('7b2261223a22eda080227d', 'hex')],
    ['a number with a leading zero', '{"a":01}'],
  ])('what is not JSON: %s', async (_, payload) => {
    const { post } = await aGateway();
    expectProblem(await post(payload), 400, 'malformed_json');
  });

  it.each([
    ['a byte of Latin-1', 'fc62', 0],
    ['a surrogate', 'eda080', 1],
    ['an overlong NUL', 'c080', 0],
    ['half a character before the closing quote', 'f09f8e', 3],
  ])('what is not UTF-8, by its place: %s', async (_, hex, offset) => {
    const { post, sent } = await aGateway();
    const [before, after] = JSON.stringify(aPush()).split('Add new footage', 2);
    const payload = Buffer.concat([
      Buffer.from(`${before} 🎬`),
      Buffer.from(hex, 'hex'),
      Buffer.from(after!),
    ]);
    const { detail } = expectProblem(await post(payload), 400, 'malformed_json');
    expect(detail).toBe(
      `The body is not UTF-8: see byte ${Buffer.byteLength(`${before} 🎬`) + offset}, counted from 0.`,
    );
    expect(sent).toEqual([]);
  });

  it('an answer longer than the mistakes: at most 50 errors, and no path of the size of the body', async () => {
    const { post } = await aGateway();
    const response = await post(Array.from({ length: 1000 }, () => ({ ...aPush(), ['x'.repeat(5000)]: 1 })));
    const body = expectProblem(response, 422, 'invalid_event');
    expect(body.errors).toHaveLength(50);
    expect(response.body.length).toBeLessThan(20_000);
  });

  it.each([
    ['a single event above 1 MiB', () => aPush({ ref: 'x'.repeat(1_048_576) }), ''],
    ['one event above 1 MiB in a batch', () => [aPush(), aPush({ ref: 'x'.repeat(1_048_576) })], 'events[1]'],
  ])('%s', async (_, body, path) => {
    const { post, sent } = await aGateway();
    const { errors } = expectProblem(await post(body()), 413, 'event_too_large');
    expect(errors).toEqual([{ path, message: 'is larger than 1048576 bytes' }]);
    expect(sent).toEqual([]);
  });

  it('a body above 16 MiB', async () => {
    const { post } = await aGateway();
    expectProblem(await post(Buffer.alloc(16 * 1_048_576 + 1, ' ')), 413, 'payload_too_large');
  });

  it.each([
    ['text', { 'content-type': 'text/plain' }],
    ['a form', { 'content-type': 'application/x-www-form-urlencoded' }],
    ['a problem', { 'content-type': 'application/problem+json' }],
    ['JSON in another charset', { 'content-type': 'application/json; charset=iso-8859-1' }],
    ['compressed JSON', { 'content-encoding': 'gzip' }],
  ])('%s', async (_, headers: Record<string, string>) => {
    const { post } = await aGateway();
    expectProblem(await post(aPush(), { headers }), 415, 'unsupported_media_type');
  });

  it.each([
    ['no token', null, 401, 'unauthorized'],
    ['an unknown token', 'x', 401, 'invalid_token'],
    ['a token without the scope', 'reader', 403, 'insufficient_scope'],
  ])('%s', async (_, token, status, code) => {
    const { post, sent } = await aGateway();
    const response = await post(aPush(), { token });
    expectProblem(response, status, code);
    expect(response.headers['www-authenticate']).toMatch(/^Bearer realm="dits"/);
    expect(sent).toEqual([]);
  });

  it('a body without a token before it reads it', async () => {
    const { post } = await aGateway();
    expectProblem(await post(Buffer.alloc(17 * 1_048_576), { token: null }), 401, 'unauthorized');
  });

  it.each(['GET', 'PUT', 'DELETE'] as const)('%s', async (method) => {
    await aGateway();
    const response = await app!.inject({
      method,
      url: '/v1/events',
      headers: { authorization: 'Bearer writer' },
    });
    expectProblem(response, 405, 'method_not_allowed');
    expect(response.headers.allow).toBe('POST');
  });

  it('another path', async () => {
    await aGateway();
    expectProblem(await app!.inject({ method: 'POST', url: '/events' }), 404, 'not_found');
  });
});

describe('a limited token', () => {
  it.each([
    ['its repository', 'repo123', aPush()],
    ['a repository of its owner', 'alice', aPush(repository({ full_name: 'Alice/p' }))],
    [
      'a repository whose owner the event names',
      'alice',
      aPush(repository({ owner: { login: 'Alice' }, full_name: 'alice/p' })),
    ],
    [
      'its repository, whatever the event says of its owner',
      'repo123',
      aPush(repository({ owner: { login: 'x' } })),
    ],
    ['any repository when it has every scope and no limit', 'admin', aPush()],
  ])('may post for %s', async (_, token, event) => {
    const { post } = await aGateway();
    expect((await post(event, { token })).statusCode).toBe(202);
  });

  it.each([
    ['another repository', 'repo123', aPush(repository({ id: 124 })), 'repository.id'],
    [
      'a batch with another repository',
      'repo123',
      [aPush(), aPush(repository({ id: 124 }))],
      'events[1].repository.id',
    ],
    ['a repository of another owner', 'alice', aPush(), 'repository.id'],
    [
      'a repository that the event says has two owners, one of them its own',
      'alice',
      aPush(repository({ owner: { login: 'alice' } })),
      'repository.id',
    ],
    [
      'a repository of another owner under a full name of its own',
      'alice',
      aPush(repository({ owner: { login: 'user' }, full_name: 'alice/p' })),
      'repository.id',
    ],
  ])('may not post for %s', async (_, token, body, path) => {
    const { post, sent } = await aGateway();
    const { errors } = expectProblem(await post(body, { token }), 403, 'repository_out_of_reach');
    expect(errors).toEqual([{ path, message: 'is a repository that this token may not post events for' }]);
    expect(sent).toEqual([]);
  });
});

describe('the rate of a token', () => {
  const events = (n: number) => Array.from({ length: n }, () => aPush());

  it('counts events, not requests, and says what is left', async () => {
    const { post, sent, clock } = await aGateway();
    const first = await post(aPush(), { token: 'slow' });
    expect(first.headers).toMatchObject({
      'ratelimit-policy': '"ingest";q=100;w=10;qu="events"',
      ratelimit: '"ingest";r=99;t=1',
    });
    const second = await post(events(99), { token: 'slow' });
    expect([second.statusCode, second.headers.ratelimit]).toEqual([202, '"ingest";r=0;t=10']);
    const refused = await post(aPush(), { token: 'slow' });
    expectProblem(refused, 429, 'rate_limited');
    expect(refused.headers).toMatchObject({ 'retry-after': '1', ratelimit: '"ingest";r=0;t=10' });
    expect(sent).toHaveLength(100);
    clock.nowMs += 100;
    expect((await post(aPush(), { token: 'slow' })).statusCode).toBe(202);
  });

  it('lets a batch pass that is larger than what is left, and has it paid back', async () => {
    const { post, clock } = await aGateway();
    expect((await post(events(150), { token: 'slow' })).statusCode).toBe(202);
    const refused = await post(aPush(), { token: 'slow' });
    expect([refused.statusCode, refused.headers['retry-after']]).toEqual([429, '6']);
    clock.nowMs += 5_000;
    expect((await post(aPush(), { token: 'slow' })).statusCode).toBe(429);
    clock.nowMs += 100;
    expect((await post(aPush(), { token: 'slow' })).statusCode).toBe(202);
  });

  it('counts what is refused by its size', async () => {
    const { post } = await aGateway();
    const bad = aPush({ ref: 'x'.repeat(20 * 16_384), commits: 7 });
    const response = await post(bad, { token: 'slow' });
    expect([response.statusCode, response.headers.ratelimit]).toEqual([422, '"ingest";r=79;t=3']);
  });

  it('concerns no other token, and none without a rate', async () => {
    const { post } = await aGateway();
    await post(events(101), { token: 'slow' });
    for (let i = 0; i < 20; i++) {
      const response = await post(events(100));
      expect([response.statusCode, response.headers.ratelimit]).toEqual([202, undefined]);
    }
  });
});

describe('when something is down', () => {
  it.each([
    [
      'Kafka does not take the events',
      { sendAll: () => Promise.reject(new KafkaFault('no leader')) },
      'writer',
    ],
    [
      'the schemas are not registered yet',
      {
        encodeEvent: () => {
          throw new RegistryFault('not registered');
        },
      },
      'writer',
    ],
    ['the token cannot be looked up', {}, 'unknowable'],
  ])('answers 503 with Retry-After: %s', async (_, deps, token) => {
    const { post, sent, lines } = await aGateway(deps);
    const response = await post(aPush(), { token });
    expectProblem(response, 503, 'unavailable');
    expect(Number(response.headers['retry-after'])).toBeGreaterThan(0);
    expect(sent).toEqual([]);
    expect(lines.map(({ level }) => level)).toEqual(['warn']);
  });

  it('answers only when the events are durable', async () => {
    let durable: () => void = () => {};
    let isAnswered = false;
    const { post } = await aGateway({ sendAll: () => new Promise((resolve) => (durable = resolve)) });
    const response = post(aPush()).then((answer) => {
      isAnswered = true;
      return answer;
    });
    for (let i = 0; i < 20; i += 1) await new Promise(setImmediate);
    expect(isAnswered).toBe(false);
    durable();
    expect((await response).statusCode).toBe(202);
  });
});

describe('what the gateway tells its operators', () => {
  it('logs one wide line per request, without the token', async () => {
    const { post, lines } = await aGateway();
    await post([aPush({ event_id: ID }), aPush()], { headers: { 'x-request-id': 'r-1' } });
    await post({}, { headers: { 'x-request-id': 'r-2' } });
    expect(lines).toEqual([
      expect.objectContaining({
        msg: 'events.accepted',
        level: 'info',
        request_id: 'r-1',
        token_id: 'writer',
        events: 2,
        event_ids: [ID, expect.any(String)],
        event: 'push',
      }),
      expect.objectContaining({ msg: 'events.refused', level: 'info', request_id: 'r-2', status_code: 422 }),
    ]);
    expect(JSON.stringify(lines)).not.toContain('Bearer');
  });

  it('counts events by name and requests by status', async () => {
    const { post } = await aGateway();
    const read = async (line: string): Promise<number> => {
      const text = await metricsRegistry.metrics();
      return Number(
        text
          .split('\n')
          .find((l) => l.startsWith(`${line} `))
          ?.split(' ')[1] ?? 0,
      );
    };
    const names = [
      'dits_events_accepted_total{event="push"}',
      'dits_ingest_requests_total{status="202"}',
      'dits_ingest_requests_total{status="401"}',
      'dits_ingest_duration_seconds_count{status="202"}',
    ];
    const before = await Promise.all(names.map(read));
    await post([aPush(), aPush()]);
    await post(aPush(), { token: null });
    const after = await Promise.all(names.map(read));
    expect(after.map((value, i) => value - before[i]!)).toEqual([2, 1, 1, 1]);
  });
});
