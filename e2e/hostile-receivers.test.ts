import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { startNameServer, startReceiver, type NameServer, type Receiver } from '@dits/testkit';
import { aCertificate, trustedFile, type Certificate } from './certificates.ts';
import { answers, startHostileReceiver, type Answering, type HostileReceiver } from './hostile-answers.ts';
import { residentBytes, watchMemory } from './memory.ts';
import { startPlatform, until, type Platform } from './platform.ts';

jest.setTimeout(240_000);

// Receivers of owners. What is inside and must not be reached is at 127.0.0.1.
const OUTSIDE = '127.0.0.2';
const INSIDE = '127.0.0.1';
const REPOSITORY = { id: 8_000_000, name: 'project', full_name: 'studio/project', private: false };
const EVENTS = 8;
const MIB = 2 ** 20;

interface Delivery {
  id: string;
  status: string;
  failure_reason: string | null;
  attempts: {
    error: { class: string; phase: string } | null;
    remote_address: string | null;
    response: { status: number; body: string; truncated: boolean } | null;
  }[];
}

interface Hostile {
  answer: Answering;
  /** In the url; default the address. */
  host?: string;
  certificate?: () => Certificate;
  status: 'Delivered' | 'Failed';
  reason: string | null;
  attempts: number;
  error: { class: string; phase: string } | null;
}

const delivered = { status: 'Delivered', reason: null, attempts: 1, error: null } as const;
const rejected = { status: 'Failed', attempts: 1, error: null } as const;
// The first attempt and the only tier.
const failed = (error: string, phase: string) =>
  ({ status: 'Failed', reason: 'schedule_ended', attempts: 2, error: { class: error, phase } }) as const;

const { redirect, tenGigabytes, tenGigabytesInChunks, bomb, aByteASecond, aHeaderASecond } = answers;
const { badChunks, hugeChunk, twoLengths, aLongHeader, headersWithoutEnd, fine } = answers;
let certificates: Record<'wrongHost' | 'expired' | 'selfSigned' | 'good', Certificate>;
const overTls = (name: keyof typeof certificates) => ({
  answer: fine,
  host: `${name.toLowerCase()}.example`,
  certificate: () => certificates[name],
});

const HOSTILE: Record<string, Hostile> = {
  'redirects to the metadata service': { answer: redirect, ...rejected, reason: 'redirect' },
  'answers with 10 GB': { answer: tenGigabytes, ...delivered },
  'answers with 10 GB in chunks': { answer: tenGigabytesInChunks, ...delivered },
  'answers with a compressed bomb': { answer: bomb, ...delivered },
  'sends one byte a second': { answer: aByteASecond, ...failed('timeout', 'body') },
  'sends one header a second': { answer: aHeaderASecond, ...failed('timeout', 'headers') },
  'sends chunks whose size is no number': { answer: badChunks, ...failed('protocol', 'body') },
  'sends a chunk larger than numbers go': { answer: hugeChunk, ...failed('protocol', 'body') },
  'says two lengths': { answer: twoLengths, ...failed('protocol', 'headers') },
  'sends a header of 1 MB': { answer: aLongHeader, ...failed('protocol', 'headers') },
  'sends headers without end': { answer: headersWithoutEnd, ...failed('protocol', 'headers') },
  'has a certificate of another host': { ...overTls('wrongHost'), ...failed('tls', 'tls') },
  'has a certificate that is over': { ...overTls('expired'), ...failed('tls', 'tls') },
  'has signed its certificate itself': { ...overTls('selfSigned'), ...failed('tls', 'tls') },
  'is in order, also over TLS': { ...overTls('good'), ...delivered },
};

let platform: Platform;
let names: NameServer;
let trusted: ReturnType<typeof trustedFile>;
const receivers = new Map<string, HostileReceiver & { webhookId: string }>();
let honest: Receiver;
let honestId: string;
let memoryBefore: number;
let memory: ReturnType<typeof watchMemory>;

const webhooksUrl = (): string => `${platform.api}/v1/repos/${REPOSITORY.id}/webhooks`;
const aPush = {
  event: 'push',
  repository: REPOSITORY,
  sender: { id: 1, login: 'o', type: 'user' },
  commits: [],
};
const isFinal = ({ status }: Delivery): boolean => ['Delivered', 'Failed'].includes(status);

async function deliveriesOf(webhookId: string): Promise<Delivery[]> {
  const { json } = await platform.call<{ data: Delivery[] }>(
    'GET',
    `${webhooksUrl()}/${webhookId}/deliveries`,
  );
  return json.data;
}
/** All deliveries of a webhook with their attempts, oldest first, when they have ended. */
async function ended(webhookId: string, count: number): Promise<Delivery[]> {
  const all = await until(
    () => deliveriesOf(webhookId),
    (found) => found.length === count && found.every(isFinal),
    120_000,
  );
  const url = `${webhooksUrl()}/${webhookId}/deliveries`;
  const details = all.map(async ({ id }) => (await platform.call<Delivery>('GET', `${url}/${id}`)).json);
  return (await Promise.all(details)).reverse();
}

beforeAll(async () => {
  const past = new Date(Date.now() - 86_400_000);
  const [wrongHost, expired, selfSigned, good] = await Promise.all([
    aCertificate({ host: 'another.example' }),
    aCertificate({ host: 'expired.example', notAfter: past }),
    aCertificate({ host: 'selfsigned.example' }),
    aCertificate({ host: 'good.example' }),
  ]);
  certificates = { wrongHost, expired, selfSigned, good };
  trusted = trustedFile(wrongHost, expired, good);
  // The first answer leads outside, every later one inside.
  names = await startNameServer((name, n) => [name === 'rebinding.example' && n > 1 ? INSIDE : OUTSIDE]);
  platform = await startPlatform({
    retryTiers: '1s',
    env: {
      api: { DITS_ALLOWED_DESTINATIONS: '127.0.0.0/8' },
      dispatcher: {
        DITS_ALLOWED_DESTINATIONS: `${OUTSIDE}/32`,
        DITS_DNS_SERVERS: names.address,
        NODE_EXTRA_CA_CERTS: trusted.file,
        // Else what follows the fifth failure waits.
        DITS_CIRCUIT_FAILURES: '0',
      },
    },
  });
  for (const [what, { answer, host = OUTSIDE, certificate }] of Object.entries(HOSTILE)) {
    const receiver = await startHostileReceiver(answer, { host: OUTSIDE, certificate: certificate?.() });
    const url = `${certificate ? 'https' : 'http'}://${host}:${receiver.port}/`;
    const webhookId = await platform.createWebhook(REPOSITORY.id, { url, events: ['push'] });
    receivers.set(what, Object.assign(receiver, { webhookId }));
  }
  honest = await startReceiver({ host: OUTSIDE });
  honestId = await platform.createWebhook(REPOSITORY.id, { url: honest.url, events: ['push'] });
  memoryBefore = await residentBytes(platform.apps.dispatcher);
  memory = watchMemory(platform.apps.dispatcher);
  const { status } = await platform.postEvents(Array.from({ length: EVENTS }, () => aPush));
  if (status !== 202) throw new Error(`posting: ${status}`);
});
afterAll(async () => {
  await memory?.stop();
  await platform?.stop();
  for (const receiver of receivers.values()) receiver.close();
  await honest?.close();
  await names?.close();
  trusted?.remove();
});

describe('beside hostile receivers', () => {
  it('another webhook gets everything at once', async () => {
    await honest.waitFor(EVENTS, 60_000);
    // While the slow ones have not even ended their first attempts.
    const { webhookId } = receivers.get('sends one byte a second')!;
    expect((await deliveriesOf(webhookId)).filter(isFinal)).toEqual([]);
    for (const delivery of await ended(honestId, EVENTS))
      expect(delivery).toMatchObject({ status: 'Delivered', attempts: [{ response: { status: 200 } }] });
  });
});

describe('a receiver that', () => {
  it.each(Object.keys(HOSTILE))('%s has its outcome and error class in the history', async (what) => {
    const { status, reason, attempts, error } = HOSTILE[what]!;
    const { webhookId, mostBytes } = receivers.get(what)!;
    for (const delivery of await ended(webhookId, EVENTS)) {
      const seen = delivery.attempts.map((attempt) => attempt.error && { ...attempt.error, message: '' });
      const wanted = Array.from({ length: attempts }, () => error && { ...error, message: '' });
      expect([delivery.status, delivery.failure_reason, seen]).toEqual([status, reason, wanted]);
      for (const { response } of delivery.attempts) expect(response?.body.length ?? 0).toBeLessThan(32_768);
    }
    // What the kernel takes for a connection before anybody reads it, and not ten gigabytes.
    expect(mostBytes()).toBeLessThan(32 * MIB);
  });

  it('is in no order over TLS never gets to see a request', () => {
    const requests = Object.keys(HOSTILE)
      .filter((what) => HOSTILE[what]!.error?.class === 'tls')
      .map((what) => receivers.get(what)!.requests);
    expect(requests).toEqual([0, 0, 0]);
  });

  it('is at a name that leads inside after it was judged gains nothing', async () => {
    const outside = await startHostileReceiver(fine, { host: OUTSIDE });
    const inside = await startHostileReceiver(fine, { host: INSIDE, port: outside.port });
    receivers.set('outside', Object.assign(outside, { webhookId: '' }));
    receivers.set('inside', Object.assign(inside, { webhookId: '' }));
    const url = `http://rebinding.example:${outside.port}/`;
    const webhookId = await platform.createWebhook(REPOSITORY.id, { url, events: ['push.force'] });
    for (let count = 1; count <= 3; count++) {
      await platform.postEvents({ ...aPush, event: 'push.force' });
      await ended(webhookId, count);
    }
    const [first, ...others] = await ended(webhookId, 3);
    expect(first).toMatchObject({
      status: 'Delivered',
      attempts: [{ remote_address: `${OUTSIDE}:${outside.port}` }],
    });
    for (const other of others) {
      expect(other).toMatchObject({
        status: 'Failed',
        failure_reason: 'forbidden_destination_loopback',
        attempts: [{ error: { class: 'forbidden_destination' }, remote_address: null }],
      });
    }
    expect([outside.requests, inside.requests]).toEqual([1, 0]);
    expect(names.asked.filter((one) => one === 'rebinding.example A')).toHaveLength(3);
  });
});

describe('the dispatcher', () => {
  it('needs no more memory for all of that', async () => {
    // As much as the requests in flight and a lazy collector may take; 10 GB was sent to it, and promised, many times over.
    expect((await memory.stop()) - memoryBefore).toBeLessThan(192 * MIB);
  });
});
