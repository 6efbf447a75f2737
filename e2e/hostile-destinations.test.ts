import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { startReceiver, type Receiver } from '@dits/testkit';
import { startPlatform, until, type Platform } from './platform.ts';

jest.setTimeout(180_000);

// A receiver of an owner. What is inside and must not be reached is at 127.0.0.1.
const OUTSIDE = '127.0.0.2';
const METADATA = 'http://169.254.169.254/latest/meta-data/iam/security-credentials/';

let platform: Platform;
let receiver: Receiver;
let inside: { port: number; connections: number; close(): void };
let repositoryId = 5000;

beforeAll(async () => {
  platform = await startPlatform({
    env: {
      // The api takes what the dispatcher refuses: as when a name leads elsewhere after it was judged.
      api: { DITS_ALLOWED_DESTINATIONS: '127.0.0.0/8' },
      dispatcher: { DITS_ALLOWED_DESTINATIONS: `${OUTSIDE}/32` },
    },
  });
});
afterAll(async () => {
  await platform?.stop();
});
beforeEach(async () => {
  repositoryId += 1;
  receiver = await startReceiver({ host: OUTSIDE });
  inside = await startInside();
});
afterEach(async () => {
  await receiver.close();
  inside.close();
});

/** Something on this machine that counts who connects. */
async function startInside(): Promise<typeof inside> {
  const counted = { port: 0, connections: 0, close: () => void server.close() };
  const server = createServer((socket) => {
    counted.connections += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  counted.port = (server.address() as AddressInfo).port;
  return counted;
}

interface Delivery {
  id: string;
  status: string;
  failure_reason: string | null;
  attempts: {
    error: { class: string; message: string } | null;
    remote_address: string | null;
    request: { headers: Record<string, string> };
    response: { status: number; headers: Record<string, string>; body: string } | null;
  }[];
}

const webhooksUrl = (): string => `${platform.api}/v1/repos/${repositoryId}/webhooks`;

async function push(): Promise<void> {
  const { status } = await platform.postEvents({
    event: 'push',
    repository: { id: repositoryId, name: 'project', full_name: 'studio/project', private: false },
    sender: { id: 456, login: 'octocat', type: 'user' },
    commits: [],
  });
  expect(status).toBe(202);
}

/** The only delivery of a webhook, when it has ended. */
async function ended(webhookId: string): Promise<Delivery> {
  const url = `${webhooksUrl()}/${webhookId}/deliveries`;
  const { json } = await until(
    () => platform.call<{ data: Delivery[] }>('GET', url),
    ({ json: { data } }) => ['Delivered', 'Failed'].includes(data[0]?.status ?? ''),
    60_000,
  );
  expect(json.data).toHaveLength(1);
  return (await platform.call<Delivery>('GET', `${url}/${json.data[0]!.id}`)).json;
}

describe('a webhook to a forbidden destination', () => {
  it.each([
    ['an address', '127.0.0.1', 'loopback'],
    ['a number', '2130706433', 'loopback'],
    ['octal and hex', '0177.0x1', 'loopback'],
    ['full-width digits', '１２７。０。０。１', 'loopback'],
    ['a name', 'localhost', 'local_name'],
  ])(
    'as %s ends Failed at once with its rule, without a connection, and others go on',
    async (_, host, rule) => {
      const url = `http://${host}:${inside.port}/`;
      const forbidden = await platform.createWebhook(repositoryId, { url, events: ['push'] });
      const other = await platform.createWebhook(repositoryId, { url: receiver.url, events: ['push'] });
      await push();

      expect(await ended(forbidden)).toMatchObject({
        status: 'Failed',
        failure_reason: `forbidden_destination_${rule}`,
        attempts: [
          {
            error: { class: 'forbidden_destination', message: expect.stringContaining(`(rule ${rule})`) },
            remote_address: null,
            response: null,
          },
        ],
      });
      expect(await ended(other)).toMatchObject({
        status: 'Delivered',
        attempts: [{ response: { status: 200 } }],
      });
      expect(receiver.requests).toHaveLength(1);
      expect(inside.connections).toBe(0);
    },
  );

  it.each([
    [METADATA, 'metadata'],
    ['http://[::ffff:169.254.169.254]/', 'metadata'],
    ['http://10.0.0.1/', 'private'],
    ['http://[::1]/', 'loopback'],
    ['https://your-app.com:25/', 'port'],
    ['https://user:password@your-app.com/', 'user_info'],
  ])('is not even created, nor does another become one: %s', async (url, rule) => {
    const webhookId = await platform.createWebhook(repositoryId, { url: receiver.url, events: ['push'] });
    for (const answer of [
      await platform.call('POST', webhooksUrl(), { url, events: ['push'] }),
      await platform.call('PATCH', `${webhooksUrl()}/${webhookId}`, { url }),
    ]) {
      expect(answer).toMatchObject({
        status: 422,
        json: { errors: [{ path: 'url', message: expect.stringContaining(`(rule ${rule})`) }] },
      });
    }
  });
});

describe('a redirect', () => {
  it.each([301, 302, 303, 307, 308])('of %i to where nobody may go is not followed', async (status) => {
    const targets = [METADATA, `http://127.0.0.1:${inside.port}/`];
    const redirecting = await startReceiver({
      host: OUTSIDE,
      respond: (_, n) => ({ status, headers: { location: targets[n - 1]! } }),
    });
    const webhookId = await platform.createWebhook(repositoryId, { url: redirecting.url, events: ['push'] });
    await push();
    const delivery = await ended(webhookId);
    expect(delivery).toMatchObject({
      status: 'Failed',
      failure_reason: 'redirect',
      attempts: [{ response: { status, headers: { location: METADATA } } }],
    });
    expect([redirecting.requests.length, inside.connections]).toEqual([1, 0]);
    await redirecting.close();
  });
});

describe('a header of a webhook’s owner', () => {
  it('reaches the receiver, and its value is in no answer and no log', async () => {
    const value = 'Bearer planted-header-value';
    const echoing = await startReceiver({
      host: OUTSIDE,
      respond: ({ headers }) => ({
        body: JSON.stringify(headers),
        headers: { 'x-got': headers['authorization']! },
      }),
    });
    const created = await platform.call<{ id: string }>('POST', webhooksUrl(), {
      url: echoing.url,
      events: ['push'],
      headers: { Authorization: value },
    });
    expect(created).toMatchObject({ status: 201, json: { headers: { Authorization: '***' } } });
    await push();
    const delivery = await ended(created.json.id);
    expect(echoing.requests[0]!.headers['authorization']).toBe(value);
    expect(delivery.attempts[0]!.request.headers).toMatchObject({ Authorization: '***' });
    expect(delivery.attempts[0]!.response).toMatchObject({ status: 200, headers: { 'x-got': '***' } });

    const logs = join(platform.folder, 'logs');
    const written = [
      JSON.stringify([created.json, delivery]),
      ...readdirSync(logs).map((name) => readFileSync(join(logs, name), 'utf8')),
    ];
    for (const text of written) expect(text).not.toContain('planted-header-value');
    await echoing.close();
  });
});
