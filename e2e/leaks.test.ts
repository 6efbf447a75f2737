import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { topicNames } from '@dits/contracts';
import { createKafka, startTopicTable } from '@dits/kafka';
import { generateSecret } from '@dits/signing';
import { services, startReceiver, uniquePrefix, type Receiver } from '@dits/testkit';
import pg from 'pg';
import { openEventsTopic } from './events-topic.ts';
import { startPlatform, until, type Platform } from './platform.ts';

jest.setTimeout(240_000);

const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const REPOSITORY_ID = 6_400_000;
const REPOSITORY = { id: REPOSITORY_ID, name: 'project', full_name: 'studio/project', private: true };
const PUSH = {
  event: 'push',
  repository: REPOSITORY,
  sender: { id: 1, login: 'octocat', type: 'user' },
  commits: [],
};
const plant = (what: string): string => `planted-${what}-${randomBytes(12).toString('hex')}`;

/** The ways in which a text may stand somewhere without being seen at once. */
function formsOf(text: string): string[] {
  const bytes = Buffer.from(text);
  // Within a longer base64 text it looks in three ways, by where it begins; the ends depend on what is beside it.
  const base64 = [0, 1, 2].map((shift) =>
    Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .slice(shift ? 4 : 0, -4),
  );
  return [
    ...new Set([
      text,
      encodeURIComponent(text),
      JSON.stringify(text).slice(1, -1),
      bytes.toString('hex'),
      ...base64,
    ]),
  ];
}

describe('what the system writes', () => {
  /** What nobody may find, by what it is. */
  const planted = new Map<string, string>();
  /** What was written where. */
  const written = new Map<string, string[]>();
  let platform: Platform;
  let receivers: Receiver[] = [];

  const keep = (place: string, text: string): void =>
    void written.set(place, [...(written.get(place) ?? []), text]);
  /** Calls the api; `mayShow` for the one answer that shows what it made. */
  async function call(
    method: string,
    path: string,
    o: { body?: unknown; headers?: Record<string, string>; mayShow?: boolean } = {},
  ) {
    const answer = await platform.call<any>(method, `${platform.api}${path}`, o.body, o.headers);
    if (!o.mayShow) keep('api answers', JSON.stringify([answer.json, [...answer.headers]]));
    return answer;
  }

  beforeAll(async () => {
    platform = await startPlatform({ env: { all: { DITS_LOG_LEVEL: 'trace' } } });
    await useEverything();
    await collect();
  });
  afterAll(async () => {
    await platform?.stop();
    await Promise.all(receivers.map((receiver) => receiver.close()));
  });

  async function useEverything(): Promise<void> {
    const secrets = { plain: plant('secret'), base64: generateSecret(), next: plant('next-secret') };
    const header = plant('header');
    for (const [name, secret] of Object.entries(secrets)) planted.set(`secret (${name})`, secret);
    planted.set('header', header);
    planted.set('bootstrap token', platform.token);
    // One that sends back what it got, one that refuses, one that is broken.
    receivers = [
      await startReceiver({
        respond: ({ headers }) => ({
          body: JSON.stringify(headers),
          headers: { 'x-got': headers['authorization'] ?? '' },
        }),
      }),
      await startReceiver({ respond: ({ headers }) => ({ status: 400, body: JSON.stringify(headers) }) }),
      await startReceiver({ respond: () => 'reset' }),
    ];
    const base = `/v1/repos/${REPOSITORY_ID}/webhooks`;
    const fields = (receiver: Receiver, secret: string) => ({
      url: receiver.url,
      events: ['push'],
      secret,
      headers: { Authorization: `Bearer ${header}` },
      ed25519: true,
    });
    const ids: string[] = [];
    for (const [i, receiver] of receivers.entries()) {
      const body = fields(receiver, i === 1 ? secrets.base64 : secrets.plain);
      const headers = { 'idempotency-key': `create-${i}` };
      const { status, json } = await call('POST', base, { body, headers, mayShow: true });
      expect(status).toBe(201);
      ids.push(json.id);
    }
    const made = await call('POST', `${base}/${ids[0]}/secret/rotate`, {
      mayShow: true,
      headers: { 'idempotency-key': 'rotate' },
    });
    planted.set('secret (made)', made.json.secret);
    await call('PATCH', `${base}/${ids[1]}`, { body: { secret: secrets.next } });
    await call('POST', `${base}/${ids[0]}/signing-key/rotate`, {});
    const token = await call('POST', '/v1/tokens', {
      body: { name: 'ci', scopes: ['webhooks:read'] },
      mayShow: true,
    });
    expect(token.status).toBe(201);
    planted.set('token', token.json.token);

    // Mistakes, each with something secret in it.
    await call('POST', base, { body: { ...fields(receivers[0]!, secrets.plain), events: ['no.such'] } });
    await call('POST', base, { body: { ...fields(receivers[0]!, `${secrets.plain}\n`) } });
    await call('POST', base, {
      body: { ...fields(receivers[0]!, secrets.plain), headers: { Host: header } },
    });
    await call('POST', base, { body: { ...fields(receivers[0]!, secrets.plain), [secrets.next]: 1 }.secret });
    await call('POST', base, { body: `{"secret": "${secrets.plain}", ` });
    await call('POST', base, {
      headers: { 'idempotency-key': 'create-0' },
      body: fields(receivers[1]!, secrets.next),
    });
    await call('GET', base, {
      headers: { authorization: `Basic ${Buffer.from(`x:${token.json.token}`).toString('base64')}` },
    });
    await call('GET', base, { headers: { authorization: `Bearer ${token.json.token}` } });
    await call('POST', base, {
      headers: { authorization: `Bearer ${token.json.token}` },
      body: fields(receivers[0]!, secrets.plain),
    });
    await call('DELETE', `/v1/tokens/${token.json.id}`);
    await call('GET', base, { headers: { authorization: `Bearer ${token.json.token}` } });

    await platform.postEvents([PUSH, PUSH]);
    await call('POST', `${base}/${ids[0]}/ping`);
    const ended = async (id: string, statuses: string[]) =>
      until(
        () => call('GET', `${base}/${id}/deliveries`),
        ({ json: { data } }) =>
          data.length >= 2 && data.every(({ status }: { status: string }) => statuses.includes(status)),
        60_000,
      );
    for (const [id, statuses] of [
      [ids[0]!, ['Delivered']],
      [ids[1]!, ['Failed']],
      [ids[2]!, ['Retrying', 'Failed']],
    ] as const) {
      const { json } = await ended(id, [...statuses]);
      await call('GET', `${base}/${id}`);
      for (const delivery of json.data) await call('GET', `${base}/${id}/deliveries/${delivery.id}`);
    }
    await call('GET', base);
    await call('GET', '/v1/tokens');
    await call('GET', '/v1/audit?limit=100');
    await call('GET', `/.well-known/dits-webhooks/keys/${ids[0]}`);
    // What nobody can read goes to the dead letters with its bytes.
    const topic = await openEventsTopic(platform);
    await topic.produce([{ key: '1', value: Buffer.from('no avro') }]);
    const letters = await until(
      () => call('GET', '/v1/dead-letters'),
      ({ json }) => json.data.length >= 3,
      60_000,
    );
    for (const { id } of letters.json.data) await call('GET', `/v1/dead-letters/${id}`);
    await topic.close();
  }

  /** Everything that can be read of a running system. */
  async function collect(): Promise<void> {
    for (const { adminUrl } of Object.values(platform.apps)) {
      for (const path of ['metrics', 'readyz', 'livez'])
        keep('metrics', await (await fetch(`${adminUrl}/${path}`)).text());
    }
    await collectTopics();
    await collectTables();
    const logs = join(platform.folder, 'logs');
    for (const name of readdirSync(logs)) keep('logs', readFileSync(join(logs, name), 'utf8'));
  }

  async function collectTopics(): Promise<void> {
    const { retry, ...others } = topicNames(platform.prefix);
    const kafka = createKafka({ brokers: [services().kafka], clientId: 'leaks', log: quiet });
    for (const topic of [...Object.values(others), retry('15s')] as string[]) {
      const table = await startTopicTable({
        kafka,
        log: quiet,
        topic,
        groupId: uniquePrefix(),
        apply({ key, value, headers }) {
          const parts = [key, value, ...Object.entries(headers ?? {}).flat()] as (Buffer | string | null)[];
          // Latin-1: every byte one character, so that what is not text is looked through as well.
          const texts = parts.map((part) => Buffer.from(part ?? '').toString('latin1'));
          keep(`topic ${topic.slice(platform.prefix.length)}`, texts.join('\n'));
        },
      });
      await table.stop();
    }
  }

  async function collectTables(): Promise<void> {
    const client = new pg.Client({ connectionString: platform.databaseUrl });
    await client.connect();
    const { rows: tables } = await client.query<{ name: string }>(
      `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`,
    );
    for (const { name } of tables) {
      // Bytes come as hex, which is one of the forms that are looked for.
      const { rows } = await client.query<{ text: string }>(`SELECT t::text AS text FROM ${name} AS t`);
      for (const { text } of rows) keep(`table ${name}`, text);
    }
    await client.end();
  }

  it('is all looked through', () => {
    const places = [...written.keys()];
    expect(places).toEqual(
      expect.arrayContaining([
        'api answers',
        'logs',
        'metrics',
        'topic dits.events',
        'topic dits.webhooks',
        'topic dits.deliveries',
        'topic dits.delivery-log',
        'topic dits.dead-letters',
        'topic dits.deliveries.retry.15s',
        'table public.webhooks',
        'table public.audit_entries',
        'table public.tokens',
        'table public.idempotency_keys',
      ]),
    );
    expect([...planted.keys()]).toHaveLength(7);
    // Where something sealed stands, so that it is known to have been there to be found.
    for (const place of ['topic dits.webhooks', 'table public.webhooks', 'table public.idempotency_keys'])
      expect(written.get(place)!.join()).toMatch(/v1\.[\w-]+\.[\w-]{30}/);
    // And that what is looked for is found where it does stand: the receiver has had it.
    const sent = JSON.stringify(receivers[0]!.requests.map(({ headers }) => headers));
    expect(formsOf(planted.get('header')!).some((form) => sent.includes(form))).toBe(true);
  });

  it('holds no secret, no header value, no token and no private key, in whatever form', () => {
    const found = [...written].flatMap(([place, texts]) =>
      [...planted].flatMap(([what, text]) =>
        formsOf(text)
          .filter((form) => texts.some((one) => one.includes(form)))
          .map((form) => `${what} in ${place}: ${form}`),
      ),
    );
    expect(found).toEqual([]);
    const privateKeys = [...written].filter(([, texts]) =>
      texts.some((text) => /whsk_[A-Za-z0-9+/]{10}/.test(text)),
    );
    expect(privateKeys.map(([place]) => place)).toEqual([]);
  });
});
