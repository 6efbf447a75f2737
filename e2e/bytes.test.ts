import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { bundledSchemas, frame, unframe } from '@dits/contracts';
import { generateSecret, verifyHubSignature, verifyStandard } from '@dits/signing';
import { startReceiver, type ReceivedRequest, type Receiver } from '@dits/testkit';
import { sampleReceivers, startSampleReceiver, type RunningReceiver } from './conformance-receivers.ts';
import { openEventsTopic, type EventsTopic } from './events-topic.ts';
import { deliveredTo } from './history.ts';
import { startPlatform, until, type Platform } from './platform.ts';

jest.setTimeout(180_000);

const secret = 'gröné 🔑';
const sampleSecret = generateSecret();
type Json = Record<string, unknown>;

let platform: Platform;
let receiver: Receiver;
let topic: EventsTopic;

beforeAll(async () => {
  platform = await startPlatform({ retryTiers: '1s' });
  // Fails the first attempt and its immediate repeat; the third comes by the tier.
  receiver = await startReceiver({
    respond: ({ headers }) => ({ status: Number(headers['x-dits-attempt']) < 3 ? 500 : 200 }),
  });
  topic = await openEventsTopic(platform);
});
afterAll(async () => {
  await platform?.stop();
  await topic?.close();
  await receiver?.close();
});

let lastRepositoryId = 3_000_000;

/** A push with the text in every place that takes one. */
function saying(text: string): Json {
  const person = { name: text, email: text };
  const commit = { id: text, message: text, author: person, committer: person, timestamp: text, url: text };
  const files = { added: [text, text], modified: [text], removed: [] };
  return {
    event: 'push',
    repository: {
      ...{ id: ++lastRepositoryId, name: text, full_name: text, private: true },
      ...{ owner: { login: text, type: text }, description: text, default_branch: text, url: text },
    },
    sender: { id: 1, login: text, type: text },
    commits: [{ ...commit, ...files }],
    head_commit: { ...commit, ...files },
    ref: text,
    before: text,
    after: text,
    compare_url: text,
  };
}

function anEvent(event: string, own: Json, repository: Json = {}): Json {
  return {
    event,
    repository: { id: ++lastRepositoryId, name: 'p', full_name: 'user/p', private: false, ...repository },
    sender: { id: 456, login: 'octocat', type: 'user' },
    ...own,
  };
}

const controls = Array.from({ length: 0xa0 }, (_, code) => code)
  .filter((code) => code < 0x20 || code >= 0x7f)
  .map((code) => String.fromCharCode(code))
  .join('');
const deepPath = Array.from({ length: 100 }, (_, level) => `ebene ${level} 📁`).join('/');
const commit = { id: 'c', message: 'm', author: { name: 'n', email: 'e' } };

const cases: [what: string, event: () => Json][] = [
  ['emoji, with joiners, skin tones and flags', () => saying('🎬👩🏽‍🎨🏳️‍🌈🇳🇴👨‍👩‍👧‍👦\u{1f9d1}\u{10ffff}')],
  ['what JSON escapes', () => saying('"\\/\b\f\n\r\t\\u0000\\n%00&quot;')],
  ['every control character, NUL first', () => saying(controls)],
  ['a text that is one NUL', () => saying('\0')],
  ['combining marks in one character', () => saying('é ö ḍ̇ 한글'.normalize('NFC'))],
  ['combining marks apart', () => saying('é ö ḍ̇ 한글'.normalize('NFD'))],
  [
    'right-to-left text, with its overrides',
    () => saying('עִבְרִית العربية \u202etxet\u202c \u200f\u2067x\u2069'),
  ],
  ['line and paragraph separators', () => saying('a\u2028b\u2029c\u0085d')],
  ['a script end', () => saying('</script><script>alert(1)</script><!-- ]]> -->')],
  [
    'replacement characters, marks of byte order, noncharacters',
    () => saying('\ufffd\ufeff\ufffe\uffff\ufdd0\u{1ffff}'),
  ],
  ['names of prototypes', () => saying('__proto__')],
  ['empty texts', () => saying('')],
  ['spaces of all kinds', () => saying(' \u00a0\u2003\u3000\u200b ')],
  ['paths of 100 levels', () => anEvent('lock.acquired', { lock: { path: deepPath, ref: deepPath } })],
  [
    'a message of 60,000 bytes',
    () => anEvent('push', { commits: [{ ...commit, message: '🎬"\n'.repeat(7_500) }] }),
  ],
  ['empty lists', () => anEvent('push', { commits: [{ ...commit, added: [], modified: [], removed: [] }] })],
  ['absent lists', () => anEvent('push', { commits: [commit] })],
  ['no commits', () => anEvent('push', { commits: [], total_commits: 0 })],
  [
    'numbers, texts and truth values that look alike',
    () =>
      anEvent('repo.updated', {
        changes: [
          { field: 'a', from: 0, to: '0' },
          { field: 'b', from: false, to: 'false' },
          { field: 'c', from: '', to: -(2 ** 53 - 1) },
          { field: 'd', to: 'null' },
          { field: 'e' },
        ],
      }),
  ],
  ...[0, 1, 2 ** 31, 2 ** 52, 2 ** 53 - 1].map((id): [string, () => Json] => [
    `the id ${id}`,
    () => ({
      ...anEvent('member.added', { member: { id, login: 'm', type: 'user' } }, { id, owner: { id } }),
      sender: { id, login: 's', type: 'bot' },
    }),
  ]),
];

/** What each delivery brought, by its event id, once there are three attempts. */
async function attemptsOf(eventId: string): Promise<ReceivedRequest[]> {
  const ofEvent = (): ReceivedRequest[] =>
    receiver.requests.filter(({ rawBody }) => rawBody.includes(`"event_id":"${eventId}"`));
  await receiver.waitFor(() => ofEvent().length >= 3, 30_000);
  return ofEvent();
}

/** The seed's handler in Node: what it verifies is the text that it writes again. */
function seedVerifies({ rawBody, headers }: ReceivedRequest): boolean {
  const payload = JSON.stringify(JSON.parse(rawBody.toString()));
  const hex = createHmac('sha256', secret).update(payload).digest('hex');
  return headers['x-hub-signature-256'] === `sha256=${hex}`;
}

async function expectDelivered(event: Json, eventId: string): Promise<void> {
  const attempts = await attemptsOf(eventId);
  expect(attempts.map(({ headers }) => headers['x-dits-attempt'])).toEqual(['1', '2', '3']);
  const body = attempts[0]!.rawBody;
  const text = body.toString();
  expect(Buffer.from(text).equals(body)).toBe(true);
  expect(JSON.stringify(JSON.parse(text))).toBe(text);
  expect(JSON.parse(text)).toEqual({ ...event, event_id: eventId, occurred_at: expect.any(String) });
  for (const request of attempts) {
    const { rawBody, headers } = request;
    expect(rawBody.equals(body)).toBe(true);
    expect(verifyHubSignature({ secret, body: rawBody, signature: headers['x-hub-signature-256'] })).toEqual({
      ok: true,
    });
    expect(seedVerifies(request)).toBe(true);
    const standard = {
      id: headers['webhook-id'],
      timestamp: headers['webhook-timestamp'],
      signature: headers['webhook-signature'],
    };
    expect(verifyStandard({ secret, body: rawBody, headers: standard, nowMs: Date.now() })).toEqual({
      ok: true,
    });
  }
  const repository = repositoryOf(event);
  const webhookId = await webhookOf(repository);
  const detail = await deliveredTo(platform, { repositoryId: repository.id, webhookId });
  expect(detail.request.body).toBe(text);
  expect(Buffer.from(detail.request.body).equals(body)).toBe(true);
  expect(detail.id).toBe(attempts[0]!.headers['x-dits-delivery']);
  expect(detail.attempts.map(({ response }) => response?.status)).toEqual([500, 500, 200]);
}

/** A webhook of the repository at our own receiver; one of each repository, and made anew for no event. */
async function webhookOf({ id }: { id: number }): Promise<string> {
  const webhookId =
    webhooks.get(id) ?? (await platform.createWebhook(id, { url: receiver.url, events: ['*'], secret }));
  webhooks.set(id, webhookId);
  return webhookId;
}
const webhooks = new Map<number, string>();
const repositoryOf = (event: Json) => event.repository as { id: number };

describe('a body that was posted', () => {
  // All are sent before the first is looked at, so that their retries pass together.
  const sent = new Map<string, { event: Json; eventId: string; atSamples: string[] }>();
  let samples: RunningReceiver[] = [];

  beforeAll(async () => {
    samples = await Promise.all(
      sampleReceivers.map((one) => startSampleReceiver(one, { secret: sampleSecret })),
    );
    for (const [what, make] of cases) {
      const event = make();
      const repository = repositoryOf(event);
      await webhookOf(repository);
      const atSamples = await Promise.all(
        samples.map(({ url }) =>
          platform.createWebhook(repository.id, { url, events: ['*'], secret: sampleSecret }),
        ),
      );
      const { status, json } = await platform.postEvents(event);
      if (status !== 202) throw new Error(`${what}: ${status} ${JSON.stringify(json)}`);
      sent.set(what, { event, eventId: json.event_ids[0]!, atSamples });
    }
  });
  afterAll(async () => {
    await Promise.all(samples.map((sample) => sample.stop()));
  });

  describe.each(cases.map(([what]) => what))('with %s', (what) => {
    it('arrives byte for byte on every attempt, and is in the history', async () => {
      const { event, eventId } = sent.get(what)!;
      await expectDelivered(event, eventId);
    });

    it('is verified by every sample receiver', async () => {
      const { event, atSamples } = sent.get(what)!;
      for (const [i, webhookId] of atSamples.entries()) {
        const { name, hasVerified } = samples[i]!;
        const { id } = await deliveredTo(platform, { repositoryId: repositoryOf(event).id, webhookId });
        await until(
          async () => ({ name, verified: hasVerified(event.event as string, id) }),
          ({ verified }) => verified,
        );
      }
    });
  });
});

describe('a body that came from Kafka', () => {
  const sent = new Map<string, { event: Json; eventId: string }>();

  beforeAll(async () => {
    const records = [];
    for (const [what, make] of cases) {
      const event = make();
      const repository = repositoryOf(event);
      await webhookOf(repository);
      const eventId = crypto.randomUUID();
      sent.set(what, { event, eventId });
      const value = topic.encode({ ...event, event_id: eventId, occurred_at: '2026-11-25T09:12:14Z' });
      records.push({ key: String(repository.id), value });
    }
    await topic.produce(records);
  });

  it.each(cases.map(([what]) => what))('arrives byte for byte, with %s', async (what) => {
    const { event, eventId } = sent.get(what)!;
    await expectDelivered(event, eventId);
  });
});

describe('what cannot survive is refused by the gateway:', () => {
  const push = JSON.stringify(anEvent('push', { commits: [commit, { ...commit, message: 'HERE' }] }));
  const post = (body: string | Buffer) =>
    fetch(`${platform.gateway}/v1/events`, {
      method: 'POST',
      headers: { authorization: `Bearer ${platform.token}`, 'content-type': 'application/json' },
      body,
    });

  it.each([
    ['a high surrogate alone', '"HERE"', '"\\ud83c"', 'commits[1].message'],
    ['a low surrogate alone', '"HERE"', '"\\udfac x"', 'commits[1].message'],
    ['a pair the wrong way round', '"HERE"', '"\\udfac\\ud83c"', 'commits[1].message'],
    ['2^53', '"sender":{"id":456', '"sender":{"id":9007199254740992', 'sender.id'],
    ['a number that a double rounds', '"sender":{"id":456', '"sender":{"id":9007199254740993', 'sender.id'],
    ['2^64', '"sender":{"id":456', '"sender":{"id":18446744073709551616', 'sender.id'],
    ['1e400', '"sender":{"id":456', '"sender":{"id":1e400', 'sender.id'],
    ['-1e400', '"HERE"', '-1e400', 'commits[1].message'],
    ['a fraction', '"sender":{"id":456', '"sender":{"id":4.5', 'sender.id'],
  ])('%s', async (_, search, replacement, path) => {
    expect(push).toContain(search);
    const response = await post(push.replace(search, () => replacement));
    expect(response.status).toBe(422);
    const { errors } = (await response.json()) as { errors: { path: string }[] };
    expect(errors.map((error) => error.path)).toEqual([path]);
  });

  it.each(['NaN', 'Infinity', '0x10', '+1'])('%s, which is not JSON', async (number) => {
    const response = await post(push.replace('"HERE"', number));
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ code: 'malformed_json' });
  });

  it.each([
    ['ff', 0],
    ['c080', 0],
    ['eda0bd', 1],
    ['f09f8e22', 3],
  ])('the bytes %s, which are not UTF-8', async (hex, offset) => {
    const at = push.indexOf('HERE');
    const bytes = Buffer.from(push);
    Buffer.from(hex, 'hex').copy(bytes, at);
    const response = await post(bytes);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      code: 'malformed_json',
      detail: `The body is not UTF-8: see byte ${at + offset}, counted from 0.`,
    });
  });
});

describe('what cannot survive is dead-lettered from Kafka, its bytes untouched:', () => {
  // 'HERE' and the id 2^52 can be found in the bytes.
  const id = 2 ** 52;
  const event = (): Json => ({
    ...anEvent('push', { commits: [{ ...commit, message: 'HERE' }], total_commits: id }),
    event_id: crypto.randomUUID(),
    occurred_at: '2026-11-25T09:12:14Z',
  });
  const zigZag = (value: bigint): Buffer => {
    const bytes: number[] = [];
    let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
    for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
    return Buffer.from([...bytes, Number(rest)]);
  };
  const replaced = (bytes: Buffer, search: Buffer, replacement: Buffer): Buffer => {
    const at = bytes.indexOf(search);
    if (at < 0) throw new Error('there is no such place');
    return Buffer.concat([bytes.subarray(0, at), replacement, bytes.subarray(at + search.length)]);
  };
  const withText = (hex: string) => (value: Buffer) =>
    replaced(value, Buffer.from('HERE'), Buffer.from(hex, 'hex'));
  const withLong = (long: bigint) => (value: Buffer) => replaced(value, zigZag(BigInt(id)), zigZag(long));

  it.each<[string, (value: Buffer) => Buffer, reason: string, error: RegExp]>([
    ['a byte that is not UTF-8', withText('616262ff'), 'invalid_value', /is not UTF-8/],
    ['a surrogate, as WTF-8 writes it', withText('61eda080'), 'invalid_value', /is not UTF-8/],
    ['an overlong NUL, as Java writes it', withText('6161c080'), 'invalid_value', /is not UTF-8/],
    ['half a character', withText('61f09f8e'), 'invalid_value', /is not UTF-8/],
    ['2^53', withLong(2n ** 53n), 'invalid_value', /^9007199254740992 is beyond/],
    ['-(2^53)', withLong(-(2n ** 53n)), 'invalid_value', /^-9007199254740992 is beyond/],
    ['2^63-1', withLong(2n ** 63n - 1n), 'invalid_value', /^9223372036854775807 is beyond/],
    [
      'a list that claims three billion items',
      (value) => {
        const { schemaId, avro } = unframe(value);
        const at = avro.indexOf(Buffer.concat([zigZag(1n), zigZag(1n), Buffer.from('c')]));
        return frame(schemaId, Buffer.concat([avro.subarray(0, at), zigZag(3_000_000_000n)]));
      },
      'not_avro',
      /3000000000 items/,
    ],
  ])('%s', async (_, change, reason, error) => {
    const record = event();
    const key = String((record.repository as { id: number }).id);
    const value = change(topic.encode(record));
    await topic.produce([{ key, value, headers: { origin: 'a platform service' } }]);
    const letter = await until(
      async () => topic.deadLetters.find((candidate) => candidate.value?.equals(value)),
      (found) => found !== undefined,
    );
    const { headers } = letter!;
    expect(String(letter!.key)).toBe(key);
    expect(String(headers.origin)).toBe('a platform service');
    expect(String(headers['dits-dead-letter-reason'])).toBe(reason);
    expect(String(headers['dits-dead-letter-error'])).toMatch(error);
    expect(String(headers['dits-dead-letter-stage'])).toBe('router');
  });

  it('and those that follow in its partition are delivered', async () => {
    const good = bundledSchemas.events.find(({ event: name }) => name === 'lock.acquired')!.example;
    const repositoryId = ++lastRepositoryId;
    await platform.createWebhook(repositoryId, { url: receiver.url, events: ['*'], secret });
    const lock = { ...good, repository: { ...(good.repository as object), id: repositoryId } };
    const eventId = crypto.randomUUID();
    const value = topic.encode({ ...lock, event_id: eventId });
    const key = String(repositoryId);
    await topic.produce([
      { key, value: withText('ffffffff')(topic.encode(event())) },
      { key, value },
    ]);
    expect(await attemptsOf(eventId)).toHaveLength(3);
  });
});
