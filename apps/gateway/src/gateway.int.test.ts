import { spawn, type ChildProcess } from 'node:child_process';
import { generateKeyPairSync, randomBytes, randomUUID, sign } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { bundledSchemas, EventCatalogue, topicNames } from '@dits/contracts';
import {
  applyTopics,
  createCodec,
  createKafka,
  startBatchConsumer,
  type IncomingRecord,
  type RunningConsumer,
} from '@dits/kafka';
import { migrateDatabase, openDatabase, TokenStore, type Database } from '@dits/persistence';
import { createLogger } from '@dits/runtime';
import { generateToken, hashToken } from '@dits/signing';
import { createDatabase, services, type TestDatabase, uniquePrefix, until } from '@dits/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';

// A start takes a second of one core, and the cores may be busy.
jest.setTimeout(60_000);

const prefix = uniquePrefix();
const topics = topicNames(prefix);
const log = createLogger({ name: 'gateway-test', level: 'error' });
const tokenKey = randomBytes(32);
const catalogue = new EventCatalogue(bundledSchemas);
// Without its event_id, so that each is an event of its own.
const { event_id: _, ...push } = catalogue.find('push')!.example;

let place: TestDatabase;
let database: Database;
let reader: RunningConsumer;
const records: IncomingRecord[] = [];

beforeAll(async () => {
  const kafka = createKafka({ brokers: [services().kafka], clientId: 'gateway-test', log });
  place = await createDatabase();
  await migrateDatabase({ url: place.url, log });
  database = await openDatabase({ url: place.url, log });
  await applyTopics({ kafka, prefix, replication: 1 });
  reader = await startBatchConsumer({
    kafka,
    log,
    groupId: `${prefix}gateway-test`,
    topics: [topics.events],
    handle: async (batch) => void records.push(...batch),
  });
});
afterAll(async () => {
  await reader?.stop();
  await database?.destroy();
  await place?.drop();
});

async function aToken(
  limits: { repositoryIds?: number[]; revokedAt?: Date; eventsPerSecond?: number } = {},
): Promise<string> {
  const token = generateToken();
  const stored = {
    id: randomUUID(),
    name: 'test',
    prefix: token.slice(0, 9),
    ...hashToken(token, [{ id: 'default', key: tokenKey }])[0],
    scopes: ['events:write'],
    repositoryIds: null,
    ownerLogins: null,
    requestsPerSecond: null,
    eventsPerSecond: null,
    createdAt: new Date(),
    expiresAt: null,
    revokedAt: null,
    lastUsedAt: null,
    ...limits,
  };
  await database.transaction((tx) => new TokenStore(database).ensure(tx, stored));
  return token;
}

interface Gateway {
  url: string;
  admin: string;
  stop(): Promise<number>;
}

const children: ChildProcess[] = [];
afterEach(() => children.splice(0).forEach((child) => child.kill('SIGKILL')));

/** The built gateway in a process of its own, once it says that it has started. */
function startGateway(env: Record<string, string> = {}): Promise<Gateway> {
  const started = spawn(process.execPath, [join(import.meta.dirname, '../dist/main.js')], {
    env: {
      PATH: process.env.PATH,
      DITS_KAFKA_BROKERS: services().kafka,
      DITS_REGISTRY_URL: services().registry,
      DITS_DATABASE_URL: place.url,
      DITS_TOPIC_PREFIX: prefix,
      DITS_TOKEN_KEY: tokenKey.toString('base64'),
      DITS_PORT: '0',
      DITS_ADMIN_PORT: '0',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(started);
  const exit = new Promise<number>((resolve) => started.on('close', (code) => resolve(code ?? -1)));
  return new Promise((resolve, reject) => {
    let output = '';
    started.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      const line = output.split('\n').find((l) => l.includes('"msg":"started"'));
      if (!line) return;
      const { url, admin } = JSON.parse(line) as { url: string; admin: string };
      const stop = (): Promise<number> => {
        started.kill('SIGTERM');
        return exit;
      };
      resolve({ url, admin, stop });
    });
    void exit.then((code) => reject(new Error(`the gateway ended with ${code}:\n${output}`)));
  });
}

function post(gateway: Gateway, body: unknown, token: string): Promise<Response> {
  return fetch(`${gateway.url}/v1/events`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}

async function isReady(gateway: Gateway): Promise<boolean> {
  return (await fetch(`${gateway.admin}/readyz`)).status === 200;
}

describe('the gateway with real services', () => {
  it('makes accepted events durable, keyed by repository, at their accept time, readable by the schema', async () => {
    const gateway = await startGateway();
    await until('ready', () => isReady(gateway));
    const token = await aToken();

    const before = Date.now();
    const one = await post(gateway, push, token);
    expect(one.status).toBe(202);
    const many = await post(
      gateway,
      Array.from({ length: 1000 }, (_, i) => ({
        ...push,
        repository: { ...(push.repository as object), id: 2 ** 53 - 1 - i },
      })),
      token,
    );
    const after = Date.now();
    expect(many.status).toBe(202);
    const ids = [one, many].map((response) => response.json() as Promise<{ event_ids: string[] }>);
    const eventIds = (await Promise.all(ids)).flatMap((body) => body.event_ids);
    expect(new Set(eventIds).size).toBe(1001);

    await until('all records', () => records.length >= 1001);
    const codec = createCodec({ registryUrl: services().registry, catalogue, topics, log });
    const decoded = await Promise.all(records.map(({ value }) => codec.decodeEvent(value)));
    expect(decoded.map(({ event }) => event.event_id).sort()).toEqual(eventIds.toSorted());
    for (const [i, { type, event }] of decoded.entries()) {
      expect(type.event).toBe('push');
      expect(String(records[i]!.key)).toBe(String(event.repository.id));
      expect(records[i]!.timestampMs).toBeGreaterThanOrEqual(before);
      expect(records[i]!.timestampMs).toBeLessThanOrEqual(after);
    }
    expect(await gateway.stop()).toBe(0);
  });

  it('knows tokens and their limits from the database', async () => {
    const gateway = await startGateway();
    await until('ready', () => isReady(gateway));
    const statusWith = async (token: string): Promise<number> => (await post(gateway, push, token)).status;
    const { id } = push.repository as { id: number };
    expect(await statusWith(await aToken({ repositoryIds: [id] }))).toBe(202);
    expect(await statusWith(await aToken({ repositoryIds: [id + 1] }))).toBe(403);
    expect(await statusWith(await aToken({ revokedAt: new Date() }))).toBe(401);
    expect(await statusWith(generateToken())).toBe(401);
    expect(await gateway.stop()).toBe(0);
  });

  it('takes a revoked token no longer on every gateway', async () => {
    const gateways = await Promise.all([startGateway(), startGateway()]);
    await until('both ready', async () => (await Promise.all(gateways.map(isReady))).every(Boolean));
    const token = await aToken();
    for (const gateway of gateways) expect((await post(gateway, push, token)).status).toBe(202);
    const store = new TokenStore(database);
    const { hash } = hashToken(token, [{ id: 'default', key: tokenKey }])[0];
    expect(await store.revoke(database.manager, (await store.findByHash([hash]))!.id, new Date())).toBe(true);
    for (const gateway of gateways)
      await until('refused', async () => (await post(gateway, push, token)).status === 401);
    expect(await Promise.all(gateways.map((gateway) => gateway.stop()))).toEqual([0, 0]);
  });

  it('keeps a token to its own rate of events', async () => {
    const gateway = await startGateway();
    await until('ready', () => isReady(gateway));
    const token = await aToken({ eventsPerSecond: 1 });
    expect(
      (
        await post(
          gateway,
          [...Array(500)].map(() => push),
          token,
        )
      ).status,
    ).toBe(202);
    const refused = await post(gateway, push, token);
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(60);
    // The bucket fills while we ask.
    expect(refused.headers.get('ratelimit')).toMatch(/^"ingest";r=0;t=(500|4\d\d)$/);
    expect((await post(gateway, push, await aToken())).status).toBe(202);
    expect(await gateway.stop()).toBe(0);
  });

  it('takes a JWT of the configured provider within its claims, and goes on with its keys while it is away', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const keys = [{ ...publicKey.export({ format: 'jwk' }), kid: 'k1', alg: 'ES256' }];
    const provider = createServer((_, response) => void response.end(JSON.stringify({ keys })));
    await new Promise<void>((resolve) => provider.listen(0, '127.0.0.1', resolve));
    const jwt = (kid: string, claims: object): string => {
      const part = (json: object) => Buffer.from(JSON.stringify(json)).toString('base64url');
      const exp = Math.ceil(Date.now() / 1_000) + 3_600;
      const signed = `${part({ alg: 'ES256', kid })}.${part({ iss: 'https://id.example', aud: 'dits', sub: 's', exp, ...claims })}`;
      return `${signed}.${sign('sha256', Buffer.from(signed), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
    };
    const gateway = await startGateway({
      DITS_JWT_ISSUER: 'https://id.example',
      DITS_JWT_AUDIENCE: 'dits',
      DITS_JWT_JWKS_URL: `http://127.0.0.1:${(provider.address() as AddressInfo).port}/jwks`,
    });
    await until('ready', () => isReady(gateway));
    const statusWith = async (token: string): Promise<number> => (await post(gateway, push, token)).status;
    const { id } = push.repository as { id: number };
    const scope = 'events:write';
    expect(await statusWith(jwt('k1', { scope, dits_repositories: [id] }))).toBe(202);
    expect(await statusWith(jwt('k1', { scope, dits_repositories: [id + 1] }))).toBe(403);
    expect(await statusWith(jwt('k1', { scope }))).toBe(403);
    expect(await statusWith(jwt('k1', { dits_repositories: '*' }))).toBe(403);
    expect(await statusWith(jwt('k1', { scope, dits_repositories: '*', aud: 'other' }))).toBe(401);
    expect(await statusWith(jwt('k2', { scope }))).toBe(401);
    provider.closeAllConnections();
    await new Promise((resolve) => provider.close(resolve));
    expect(await statusWith(jwt('k1', { scope, dits_repositories: [id], jti: 'another' }))).toBe(202);
    expect(await gateway.stop()).toBe(0);
  });

  it.each([
    ['Kafka', { DITS_KAFKA_BROKERS: '127.0.0.1:1' }],
    ['the registry', { DITS_REGISTRY_URL: 'http://127.0.0.1:1' }],
  ])('answers 503 with Retry-After, and is not ready, until it has reached %s', async (_, env) => {
    const gateway = await startGateway(env);
    const response = await post(gateway, push, await aToken());
    expect(response.status).toBe(503);
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await response.json()).toMatchObject({ code: 'unavailable' });
    expect(await isReady(gateway)).toBe(false);
    expect(await gateway.stop()).toBe(0);
  });
});
