import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createCodec, startBatchConsumer, type IncomingRecord } from '@dits/kafka';
import { DeadLetterStore, HistoryPartitions, type NewDeadLetter } from '@dits/persistence';
import { aDelivery, uniquePrefix } from '@dits/testkit';
import { startApi, until, type TestApi } from '../testing.js';

const START = Date.now() - 3_600_000;
const BROKEN = Buffer.from([0xff, 0x00, 0xfe]);

describe('dead letters over HTTP', () => {
  let api: TestApi;
  let nextOffset = 0n;
  const onTopics: IncomingRecord[] = [];
  let stopReading: () => Promise<void>;
  beforeAll(async () => {
    api = await startApi();
    const { topics, runtime } = api;
    await api.codec.register();
    const reader = await startBatchConsumer({
      kafka: runtime.kafka,
      log: runtime.log,
      groupId: uniquePrefix(),
      topics: [topics.events, topics.deliveries, topics.deliveryLog],
      handle: async (records) => void onTopics.push(...records),
    });
    stopReading = () => reader.stop();
  }, 60_000);
  beforeEach(() => api.database.query('DELETE FROM dead_letters'));
  afterAll(async () => {
    await stopReading?.();
    await api?.stop();
  });

  /** Stores a letter as the recorder does; returns its id. */
  async function aLetter(change: Partial<NewDeadLetter> = {}): Promise<string> {
    const retention = { historyDays: 30, bodyDays: 7 };
    const partitions = new HistoryPartitions({ database: api.database, retention, now: Date.now });
    const offset = nextOffset++;
    const letter: NewDeadLetter = {
      atMs: START + Number(offset),
      partition: 0,
      offset,
      stage: 'router',
      reason: 'not_avro',
      error: 'no magic byte',
      origin: { topic: api.topics.events, partition: 3, offset: 42 },
      key: Buffer.from('123'),
      value: BROKEN,
      headers: {},
      ...change,
    };
    const store = new DeadLetterStore(api.database);
    expect(await store.add([letter, letter], partitions)).toEqual({ outOfRange: 0 });
    const [row] = await api.database.query<{ id: string }[]>(
      'SELECT id FROM dead_letters ORDER BY dead_lettered_at DESC, id LIMIT 1',
    );
    return row!.id;
  }
  const get = (query = '') => api.call('GET', `/v1/dead-letters${query}`);
  const replay = (body: object, headers = {}) =>
    api.call('POST', '/v1/dead-letters/replay', { body, headers });
  const idsOf = (answer: { json: any }) => answer.json.data.map(({ id }: { id: string }) => id);

  it('are listed newest first, in pages, by each filter', async () => {
    const ids = [
      await aLetter(),
      await aLetter({ stage: 'dispatcher', reason: 'schedule_ended' }),
      await aLetter({ origin: { topic: api.topics.deliveryLog, partition: 0, offset: 7 } }),
    ];
    const page = await get('?limit=2');
    expect(idsOf(page)).toEqual([ids[2], ids[1]]);
    expect(page.json.data[1]).toEqual({
      id: ids[1],
      dead_lettered_at: new Date(START + 1).toISOString(),
      stage: 'dispatcher',
      reason: 'schedule_ended',
      error: 'no magic byte',
      topic: api.topics.events,
      partition: 3,
      offset: 42,
      key: '123',
      value_bytes: 3,
      replayed_at: null,
      replays: 0,
    });
    const next = /<([^>]+)>; rel="next"/.exec(page.headers.link!)![1]!;
    expect(idsOf(await api.call('GET', next))).toEqual([ids[0]]);
    const since = encodeURIComponent(new Date(START + 1).toISOString());
    for (const [query, wanted] of [
      ['stage=dispatcher', [1]],
      ['reason=not_avro', [2, 0]],
      [`topic=${api.topics.deliveryLog}`, [2]],
      [`since=${since}`, [2, 1]],
      [`until=${since}`, [0]],
      [`stage=router&since=${since}`, [2]],
    ] as const) {
      expect([query, idsOf(await get(`?${query}`))]).toEqual([query, wanted.map((i) => ids[i])]);
    }
  });

  it('show their bytes, and what they say as far as it can be read', async () => {
    const broken = await aLetter({ headers: { trace: Buffer.from('é'), raw: BROKEN } });
    expect((await get(`/${broken}`)).json).toMatchObject({
      id: broken,
      key_base64: 'MTIz',
      value_base64: BROKEN.toString('base64'),
      headers: { trace: { text: 'é', base64: 'w6k=' }, raw: { text: null, base64: '/wD+' } },
      decoded: null,
      decode_error: expect.stringContaining('wire format'),
      schema_id: null,
    });
    const delivery = aDelivery({ body: Buffer.from('{"event":"push"}') });
    const failed = await aLetter({ value: api.codec.encode('delivery', delivery) });
    const { json } = await get(`/${failed}`);
    expect(json).toMatchObject({
      decoded: {
        type: 'delivery',
        value: { delivery_id: delivery.delivery_id, body: { text: '{"event":"push"}' }, attempt: 1 },
      },
      decode_error: null,
      schema_id: expect.any(Number),
    });
    const empty = await aLetter({ key: null, value: null });
    expect((await get(`/${empty}`)).json).toMatchObject({ key: null, value_bytes: null, value_base64: null });
  });

  it('show an event, and one whose schema nobody knows', async () => {
    const { catalogue, config, log } = api.runtime;
    const codec = createCodec({ registryUrl: config.registryUrl, catalogue, topics: api.topics, log });
    await codec.register('events');
    const push = catalogue.find('push')!;
    const { event: _, ...example } = push.example;
    const value = codec.encodeEvent(push, example);
    const event = await aLetter({ value });
    expect((await get(`/${event}`)).json.decoded).toMatchObject({
      type: 'push',
      value: { repository: { id: 123 } },
    });
    const unknown = Buffer.from(value);
    unknown.writeInt32BE(2_000_000_000, 1);
    const { json } = await get(`/${await aLetter({ value: unknown })}`);
    expect(json).toMatchObject({ decoded: null, schema_id: 2_000_000_000 });
    expect(json.decode_error).toContain('2000000000');
  });

  it('go back to their topic one by one as they were, as often as asked', async () => {
    const headers = { trace: Buffer.from([1, 0xff]), text: Buffer.from('x') };
    const id = await aLetter({ headers });
    onTopics.length = 0;
    for (let i = 1; i <= 2; i++) {
      expect(await replay({ id })).toMatchObject({ status: 202, json: { replayed: 1, more: false } });
      await until(() => onTopics.length === i);
    }
    expect(onTopics[1]).toMatchObject({
      topic: api.topics.events,
      key: Buffer.from('123'),
      value: BROKEN,
      headers: { ...headers, 'dits-dead-letter-replay': Buffer.from(`${id}/2`) },
    });
    expect((await get(`/${id}`)).json).toMatchObject({ replays: 2, replayed_at: expect.any(String) });
  });

  it('go back by a filter once each, the oldest first, no more than asked for', async () => {
    const values = [1, 2, 3].map((n) => Buffer.from([n]));
    for (const value of values) await aLetter({ value, reason: 'unknown_schema' });
    await aLetter({ value: Buffer.from([9]) });
    onTopics.length = 0;
    const body = { reason: 'unknown_schema', limit: 2 };
    expect((await replay(body)).json).toEqual({ replayed: 2, more: true });
    expect((await replay(body)).json).toEqual({ replayed: 1, more: false });
    expect((await replay(body)).json).toEqual({ replayed: 0, more: false });
    await until(() => onTopics.length === 3);
    expect(onTopics.map(({ value }) => value)).toEqual(values);
  });

  it('go back in many parts of a transaction', async () => {
    for (let i = 0; i < 50; i++) await aLetter({ reason: 'wrong_type' });
    onTopics.length = 0;
    expect((await replay({ reason: 'wrong_type' })).json).toEqual({ replayed: 50, more: false });
    await until(() => onTopics.length === 50);
  });

  it('stay when nothing good could come of it', async () => {
    const origin = (topic: string) => ({ topic, partition: 0, offset: 1 });
    const obstacles = [
      await aLetter({ origin: null }),
      await aLetter({ origin: origin(api.topics.webhooks) }),
      await aLetter({ origin: origin('somebody.elses') }),
      await aLetter({ stage: 'recorder' }),
    ];
    for (const id of obstacles) {
      const { status, json } = await replay({ id });
      expect([status, json.code]).toEqual([409, 'not_replayable']);
    }
    expect((await replay({ reason: 'not_avro' })).json).toEqual({ replayed: 0, more: false });
  });

  it.each<[object, string]>([
    [{}, 'id'],
    [{ id: 'x' }, 'id'],
    [{ kind: 'x' }, 'kind'],
    [{ id: '019aba1d-0a44-8c0f-9e21-6a7b8c9d0e1f', stage: 'router' }, 'stage'],
    [{ since: '2026-11-25T09:00:00Z', until: '2026-11-25T08:00:00Z' }, 'until'],
    [{ stage: 'router', limit: 0 }, 'limit'],
  ])('refuse to be put back by %j and name the field', async (body, path) => {
    const { status, json } = await replay(body);
    expect([status, json.errors.map((error: any) => error.path)]).toContainEqual(
      expect.arrayContaining([path]),
    );
    expect(status).toBe(422);
  });

  it.each([
    ['?stages=router', 'stages'],
    ['?cursor=bm9uc2Vuc2U', 'cursor'],
    ['?since=2026-11-25T09:00:00Z&until=2026-11-25T08:00:00Z', 'until'],
  ])('refuse to be listed by %s and name the field', async (query, path) => {
    const { status, json } = await get(query);
    expect([status, json.errors.map((error: any) => error.path)]).toEqual([422, [path]]);
  });

  it('are for administrators alone', async () => {
    const { json } = await api.call('POST', '/v1/tokens', {
      body: { name: 'reader', scopes: ['webhooks:read', 'webhooks:write'] },
    });
    const { token } = json;
    expect((await api.call('GET', '/v1/dead-letters', { token })).status).toBe(403);
    expect((await api.call('POST', '/v1/dead-letters/replay', { token, body: {} })).status).toBe(403);
    expect((await get('/019aba1d-0a44-8c0f-9e21-6a7b8c9d0e1f')).json.code).toBe('dead_letter_not_found');
  });
});
