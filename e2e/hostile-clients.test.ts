import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { watchMemory } from './memory.ts';
import { startPlatform, type Platform } from './platform.ts';
import { rawClient, type RawAnswer, type RawClient } from './raw-client.ts';

jest.setTimeout(180_000);

const MIB = 1_048_576;
// Long enough for a flood to come on a busy machine; the slow clients all wait at the same time.
const REQUEST_TIMEOUT_MS = 15_000;
// What a container of gateway or api has.
const CONTAINER_BYTES = 512 * MIB;
const CLIENTS = 200;

/** What differs between the two apps: everything below is asked of both. */
interface Entrance {
  path: string;
  limitBytes: number;
  maxValues: number;
  /** What a body of one object is called in paths, and its field that takes a text, an id and a list. */
  good: Record<string, unknown>;
  text: string;
  textPath: string;
  number: string;
  numberPath: string;
  list: string;
}

const GATEWAY: Entrance = {
  path: '/v1/events',
  limitBytes: 16 * MIB,
  maxValues: 1_000_000,
  good: {
    event: 'lock.acquired',
    repository: { id: 123, name: 'p', full_name: 'user/p', private: false, description: 'TEXT' },
    sender: { id: 456, login: 'octocat', type: 'user' },
    lock: { path: 'a.mov' },
  },
  text: '"TEXT"',
  textPath: 'repository.description',
  number: '456',
  numberPath: 'sender.id',
  list: '',
};
const API: Entrance = {
  path: '/v1/tokens',
  limitBytes: 256 * 1024,
  maxValues: 20_000,
  good: { name: 'TEXT', scopes: ['webhooks:read'], repository_ids: [456] },
  text: '"TEXT"',
  textPath: 'name',
  number: '456',
  numberPath: 'repository_ids[0]',
  list: 'repository_ids',
};

let platform: Platform;
beforeAll(async () => {
  platform = await startPlatform({ env: { all: { DITS_REQUEST_TIMEOUT_MS: String(REQUEST_TIMEOUT_MS) } } });
});
afterAll(() => platform?.stop());

describe.each([
  ['gateway', GATEWAY],
  ['api', API],
] as const)('at the %s', (name, entrance) => {
  const { good, limitBytes, path } = entrance;
  const root = (): string => platform.apps[name].url!;
  const goodText = JSON.stringify(good);
  const changed = (search: string, replacement: string): string => {
    expect(goodText).toContain(search);
    return goodText.replace(search, () => replacement);
  };
  const padded = (bytes: number): Buffer => Buffer.from(goodText.padEnd(bytes, ' '));

  async function post(body: string | Buffer, headers: Record<string, string> = {}) {
    const response = await fetch(root() + path, {
      method: 'POST',
      headers: { authorization: `Bearer ${platform.token}`, 'content-type': 'application/json', ...headers },
      body,
    });
    return { status: response.status, json: (await response.json()) as RawAnswer['json'] };
  }

  /** The start of a request, without the empty line that ends its headers. */
  const head = (...fields: string[]): string =>
    [
      `POST ${path} HTTP/1.1`,
      'host: localhost',
      `authorization: Bearer ${platform.token}`,
      'content-type: application/json',
      ...fields,
      '',
    ].join('\r\n');
  const clients: RawClient[] = [];
  const aClient = (start = ''): RawClient => {
    const client = rawClient(root());
    clients.push(client);
    client.socket.write(start);
    return client;
  };
  afterAll(() => {
    for (const { socket } of clients) socket.destroy();
  });

  const ok = name === 'gateway' ? 202 : 201;

  describe('a body', () => {
    it('of exactly the limit is read, and one byte more is 413', async () => {
      expect((await post(padded(limitBytes))).status).toBe(name === 'gateway' ? 413 : ok);
      expect(await post(padded(limitBytes + 1))).toMatchObject({
        status: 413,
        json: { code: 'payload_too_large', detail: `The body is larger than ${limitBytes} bytes.` },
      });
    });

    it('that goes on and on without a length is 413, also for a client that wants to be hung up on', async () => {
      const { socket, answer } = aClient(head('transfer-encoding: chunked', 'connection: close') + '\r\n');
      const chunk = `10000\r\n${' '.repeat(0x10000)}\r\n`;
      for (let sent = 0; sent <= limitBytes; sent += 0x10000) socket.write(chunk);
      expect(await answer).toMatchObject({ status: 413, json: { code: 'payload_too_large' } });
      // The connection ends when the body does.
      socket.write('0\r\n\r\n');
      await new Promise((resolve) => socket.on('close', resolve));
    });

    it.each([
      ['nested too deeply', (text: string) => text.replace('{', `{"x":${'['.repeat(32)}${']'.repeat(32)},`)],
      ['nested a million times', () => '['.repeat(200_000)],
      ['with too many values', () => `[${'0,'.repeat(entrance.maxValues + 1)}0]`],
      ['with a key twice', (text: string) => text.replace('{', '{"x":{"secret":"a","secret":"b"},')],
      ['with a key twice in other signs', (text: string) => text.replace('{', '{"x":{"id":1,"\\u0069d":2},')],
      ['with a prototype', (text: string) => text.replace('{', '{"__proto__":{"admin":true},')],
      ['with a prototype inside', (text: string) => text.replace('{', '{"x":[{"\\u005f_proto__":1}],')],
    ])('%s is refused, and the answer says what and where', async (_, change) => {
      const { status, json } = await post(change(goodText));
      expect([status, json.code]).toEqual([422, 'unsafe_json']);
      expect(json.errors).toEqual([
        { path: expect.any(String), message: expect.stringMatching(/^(is|holds|stands) /) },
      ]);
      expect(json.detail).toContain(json.errors![0]!.message);
    });

    it('with a constructor is refused like any unknown field', async () => {
      const { status, json } = await post(changed('{', '{"constructor":{"prototype":{"admin":true}},'));
      expect([status, json.errors!.map((error) => error.path)]).toEqual([422, ['constructor']]);
    });

    it.each([
      ['ff', 0],
      ['c080', 0],
      ['eda0bd', 1],
      ['f09f8e22', 3],
    ])('with the bytes %s, which are not UTF-8, is refused by their place', async (hex, offset) => {
      const bytes = Buffer.from(goodText);
      const at = bytes.indexOf('TEXT');
      Buffer.from(hex, 'hex').copy(bytes, at);
      expect(await post(bytes)).toMatchObject({
        status: 400,
        json: {
          code: 'malformed_json',
          detail: `The body is not UTF-8: see byte ${at + offset}, counted from 0.`,
        },
      });
    });

    it.each([
      ['emoji of many parts', '👩🏽‍🎨🏳️‍🌈👨‍👩‍👧‍👦'],
      ['a hundred marks on one letter', `e${'\u0301'.repeat(100)}`],
      ['right-to-left overrides', '\u202etxet\u202c \u2067x\u2069'],
      ['noncharacters and the last character there is', '\ufffe\uffff\u{10ffff}'],
      ['line separators', 'a\u2028b\u2029c\u0085d'],
    ])('with %s is taken as it is', async (_, text) => {
      const { status, json } = await post(changed(entrance.text, JSON.stringify(text)));
      expect(status).toBe(ok);
      if (name === 'api') expect(json).toMatchObject({ name: text });
    });

    it.each(['\\ud83c', '\\udfac x', '\\udfac\\ud83c'])(
      'with half a character, %s, is refused',
      async (text) => {
        const { status, json } = await post(changed(entrance.text, `"${text}"`));
        expect([status, json.errors!.map((error) => error.path)]).toEqual([422, [entrance.textPath]]);
      },
    );

    it.each([
      ['2^53', '9007199254740992'],
      ['1e400', '1e400'],
      ['-1e400', '-1e400'],
      ['a fraction', '4.5'],
      ['100,000 digits', '9'.repeat(100_000)],
      ['100,000 decimal places', `4.${'0'.repeat(99_999)}1`],
    ])('with the number %s is refused, or taken as the integer that it is', async (_, number) => {
      const { status, json } = await post(changed(entrance.number, number));
      // JSON has one kind of number: 4.00…01 is 4 to everybody who reads it.
      if (Number.isSafeInteger(Number(number))) expect(status).toBe(ok);
      else expect([status, json.errors!.map((error) => error.path)]).toEqual([422, [entrance.numberPath]]);
    });

    it('with ten thousand items where fewer may be is refused, and the answer says how many may', async () => {
      const items = Array.from({ length: 10_000 }, (_, i) => (name === 'gateway' ? good : i));
      const { status, json } = await post(
        JSON.stringify(name === 'gateway' ? items : { ...good, [entrance.list]: items }),
      );
      expect(status).toBe(422);
      expect(json.errors).toEqual([
        name === 'gateway'
          ? { path: 'events', message: 'must hold 1 to 1000 events, and holds 10000' }
          : { path: entrance.list, message: 'must have at most 1000 items' },
      ]);
    });
  });

  describe('headers', () => {
    it.each([
      ['one of 20 KB', () => `x-long: ${'x'.repeat(20_000)}\r\n`],
      ['a hundred more than usual', () => 'x-a: b\r\n'.repeat(100)],
      ['five thousand', () => 'a:\r\n'.repeat(5_000)],
      ['a path of 20 KB', () => ''],
    ])('that are too much are 431: %s', async (what, fields) => {
      const start = what.startsWith('a path')
        ? head().replace(path, `${path}?${'x'.repeat(20_000)}`)
        : head();
      const { answer } = aClient(`${start}${fields()}content-length: 0\r\n\r\n`);
      expect(await answer).toMatchObject({
        status: 431,
        contentType: 'application/problem+json',
        json: {
          code: 'request_header_fields_too_large',
          detail: expect.stringMatching(/16 KiB|100 headers/),
        },
      });
    });

    it('without end are 431', async () => {
      const { socket, answer } = aClient(head());
      const more = setInterval(() => socket.write('x-a: b\r\n'.repeat(100)), 1);
      socket.on('close', () => clearInterval(more));
      expect(await answer).toMatchObject({ status: 431 });
    });

    it('that are no HTTP are 400', async () => {
      const { answer } = aClient('\x16\x03\x01\x02\x00\x01\r\n\r\n');
      expect(await answer).toMatchObject({ status: 400, contentType: 'application/problem+json' });
    });
  });

  describe('a slow client', () => {
    let slow: Record<string, RawClient>;
    beforeAll(() => {
      const drip = (client: RawClient, text: string): RawClient => {
        const timer = setInterval(() => client.socket.write(text), 200);
        client.socket.on('close', () => clearInterval(timer));
        return client;
      };
      const body = head('content-length: 1000') + '\r\n';
      const chunked = head('transfer-encoding: chunked') + '\r\n';
      slow = {
        'says nothing': aClient(),
        'stops in its headers': aClient(head()),
        'dribbles its headers': drip(aClient(head()), 'x-a: b\r\n'),
        'stops in its body': aClient(body + '{"a'),
        'dribbles its body': drip(aClient(body), ' '),
        'never ends its body': drip(aClient(chunked), '1\r\n \r\n'),
      };
    });

    it.each([
      'says nothing',
      'stops in its headers',
      'dribbles its headers',
      'stops in its body',
      'dribbles its body',
      'never ends its body',
    ])('that %s is told 408 in the end', async (what) => {
      expect(await slow[what]!.answer).toMatchObject({
        status: 408,
        contentType: 'application/problem+json',
        json: { code: 'request_timeout', detail: 'The request did not come to its end in time.' },
      });
    });
  });

  describe('two hundred clients at once', () => {
    const aToken = async (): Promise<string> => {
      const scopes = name === 'gateway' ? ['events:write'] : ['admin'];
      const { json } = await platform.call<{ token: string }>('POST', `${platform.api}/v1/tokens`, {
        ...{ name: 'flood', scopes, requests_per_second: 0, events_per_second: 0 },
      });
      return json.token;
    };

    it('that send up to the limit and wait leave the memory flat and others served', async () => {
      const token = await aToken();
      const memory = watchMemory(platform.apps[name]);
      // As many objects as may be, refused for what they are, so that nothing is stored.
      const objects = Buffer.from(`[${'{},'.repeat(entrance.maxValues / 2 - 1)}{}`.padEnd(limitBytes - 2));
      const start = head(`content-length: ${limitBytes}`).replace(platform.token, token);
      const flood = Array.from({ length: CLIENTS }, () => aClient(`${start}\r\n`));
      await Promise.all(flood.map((client) => sendUntilAnswered(client, objects)));
      expect((await post(goodText)).status).toBe(ok);

      for (const { socket } of flood) socket.write(' ]');
      const statuses = await Promise.all(flood.map(async ({ answer }) => (await answer).status));
      const most = await memory.stop();
      // Read and refused, no room, or not in time on a busy machine: each is told.
      for (const status of statuses) expect([408, 422, 503]).toContain(status);
      expect(most).toBeLessThan(CONTAINER_BYTES);
    });
  });
});

/** Sends bytes piece by piece, as the server takes them, and stops when it has answered. */
async function sendUntilAnswered({ socket, answer }: RawClient, bytes: Buffer): Promise<void> {
  let isAnswered = false;
  const answered = answer.then(() => (isAnswered = true));
  for (let at = 0; at < bytes.length && !isAnswered; at += 0x40000) {
    const hasRoom = socket.write(bytes.subarray(at, at + 0x40000));
    if (!hasRoom) await Promise.race([once(socket, 'drain'), answered]);
  }
}
