import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { repositoryRoot } from '@dits/local';
import { generateSealKey, SecretBox } from '@dits/signing';
import { verify } from '@dits/signing/receiver';
import { services, startReceiver, type ReceivedRequest, type Receiver } from '@dits/testkit';
import { startPlatform, until, type Platform } from './platform.ts';

jest.setTimeout(300_000);

const REPOSITORY_ID = 6_300_000;
const WEBHOOKS = 12;
const run = promisify(execFile);
const [older, newer] = [generateSealKey('k1'), generateSealKey('k2')];

interface Kept {
  id: string;
  /** Verifies all that was ever sent to it: every secret and public key it has had. */
  keys: string[];
}

describe('the key that seals secrets', () => {
  // Read anew at each start of an app: what an operator changes before a restart.
  const keysSetting = { DITS_SECRET_KEYS: older };
  const env = { api: keysSetting, dispatcher: keysSetting };
  let platform: Platform;
  let receiver: Receiver;
  let webhooks: Kept[] = [];
  beforeAll(async () => {
    receiver = await startReceiver();
    platform = await startPlatform({ env });
  });
  afterAll(async () => {
    await platform?.stop();
    await receiver?.close();
  });

  const url = () => `${platform.api}/v1/repos/${REPOSITORY_ID}/webhooks`;
  /** A POST as a client makes it that is told to try again: with the same key, so it is done once. */
  async function post(path: string, body: unknown) {
    const headers = { 'idempotency-key': randomUUID() };
    const { status, json } = await until(
      () => platform.call<any>('POST', path, body, headers),
      (answer) => ![409, 503].includes(answer.status),
      60_000,
    );
    if (status >= 300) throw new Error(`POST ${path}: ${status} ${JSON.stringify(json)}`);
    return json;
  }
  const publicKeysOf = (json: { public_keys: { key: string }[] }) => json.public_keys.map(({ key }) => key);
  async function create(): Promise<Kept> {
    const headers = { Authorization: 'Bearer of-the-receiver' };
    const json = await post(url(), { url: receiver.url, events: ['push'], headers, ed25519: true });
    return { id: json.id, keys: [json.secret, ...publicKeysOf(json)] };
  }
  async function change(webhook: Kept): Promise<void> {
    const secret = await post(`${url()}/${webhook.id}/secret/rotate`, { overlap_seconds: 600 });
    const key = await post(`${url()}/${webhook.id}/signing-key/rotate`, { overlap_seconds: 600 });
    webhook.keys.push(secret.secret, ...publicKeysOf(key));
  }
  async function keysCommand(...args: string[]): Promise<{ code: number; json: any }> {
    const commandEnv = {
      PATH: process.env['PATH'],
      DITS_KAFKA_BROKERS: services().kafka,
      DITS_REGISTRY_URL: services().registry,
      DITS_TOPIC_PREFIX: platform.prefix,
      DITS_DATABASE_URL: platform.databaseUrl,
      DITS_SECRET_KEYS: keysSetting.DITS_SECRET_KEYS,
    };
    const command = [join(repositoryRoot, 'apps/api/dist/cli/keys.js'), ...args, '--json'];
    try {
      return {
        code: 0,
        json: JSON.parse((await run(process.execPath, command, { env: commandEnv })).stdout),
      };
    } catch (error) {
      const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
      if (!stdout) throw new Error(`keys ${args.join(' ')}: ${stderr}`, { cause: error });
      return { code, json: JSON.parse(stdout) };
    }
  }
  /** As an operator does with a new setting. */
  async function restart(keys: string, ...apps: ('api' | 'dispatcher')[]): Promise<void> {
    keysSetting.DITS_SECRET_KEYS = keys;
    for (const name of apps) {
      await platform.apps[name].stop();
      await platform.apps[name].start();
    }
  }

  it('is replaced while events flow and webhooks change, and the old one is taken out', async () => {
    webhooks = await Promise.all(Array.from({ length: WEBHOOKS }, create));
    const posted: string[] = [];
    let isOver = false;
    const load = (async () => {
      while (!isOver) {
        const { status, json } = await platform.postEvents({
          event: 'push',
          repository: { id: REPOSITORY_ID, name: 'project', full_name: 'studio/project', private: false },
          sender: { id: 456, login: 'octocat', type: 'user' },
          commits: [],
        });
        if (status !== 202) throw new Error(`posting an event: ${status}`);
        posted.push(...json.event_ids);
        const sent = posted.length;
        // As fast as the receiver gets them: the machine is for what is tested.
        await until(
          async () => receiver.requests.length,
          (count) => isOver || count >= (sent - 5) * WEBHOOKS,
          120_000,
        );
      }
    })();

    await restart(`${older},${newer}`, 'dispatcher', 'api');
    await restart(`${newer},${older}`, 'api');
    expect(await keysCommand('status')).toMatchObject({ code: 1, json: { keyId: 'k2', isDone: false } });
    const [rotated] = await Promise.all([keysCommand('rotate'), ...webhooks.slice(0, 4).map(change)]);
    expect(rotated).toMatchObject({ code: 0, json: { unopened: [], leftOnTopic: [] } });
    const status = await keysCommand('status');
    expect(status).toMatchObject({ code: 0, json: { isDone: true, keys: [{ keyId: 'k2' }] } });
    expect(status.json.keys[0].places.topic).toBeGreaterThanOrEqual(3 * WEBHOOKS);

    await restart(newer, 'dispatcher', 'api');
    await change(webhooks[5]!);
    // From here on: what was posted meanwhile may have been signed before the change.
    const before = posted.length;
    await until(
      async () => posted.length,
      (count) => count >= before + 3,
      120_000,
    );
    isOver = true;
    await load;

    // Every event has reached every webhook, and nothing of it was signed with what is not its own.
    const wanted = new Set(posted.flatMap((eventId) => webhooks.map(({ id }) => `${eventId} ${id}`)));
    const placeOf = ({ rawBody, headers }: ReceivedRequest) =>
      `${(JSON.parse(rawBody.toString()) as { event_id: string }).event_id} ${headers['x-dits-webhook-id']}`;
    await receiver.waitFor((requests) => new Set(requests.map(placeOf)).size >= wanted.size, 120_000);
    expect(new Set(receiver.requests.map(placeOf))).toEqual(wanted);
    for (const { rawBody, headers, arrivedAtMs } of receiver.requests) {
      const { keys } = webhooks.find(({ id }) => id === headers['x-dits-webhook-id'])!;
      for (const prefix of ['whsec_', 'whpk_']) {
        const ofKind = keys.filter((key) => key.startsWith(prefix));
        expect(verify({ keys: ofKind, body: rawBody, headers, nowMs: arrivedAtMs })).toMatchObject({
          ok: true,
        });
      }
      expect(headers['authorization']).toBe('Bearer of-the-receiver');
    }
    // Rotated within the overlap: two of each kind, and either of each verifies the last.
    const last = receiver.requests.findLast(
      ({ headers }) => headers['x-dits-webhook-id'] === webhooks[5]!.id,
    )!;
    expect(last.headers['webhook-signature']).toMatch(/^v1,\S+ v1,\S+ v1a,\S+ v1a,\S+$/);
    for (const keys of new Set(webhooks[5]!.keys)) {
      expect(
        verify({ keys, body: last.rawBody, headers: last.headers, nowMs: last.arrivedAtMs }),
      ).toMatchObject({
        ok: true,
      });
    }
  });

  it('stands beside the public keys that everybody may read', async () => {
    const [{ id, keys }] = webhooks as [Kept];
    const response = await fetch(`${platform.api}/.well-known/dits-webhooks/keys/${id}`);
    const { keys: jwks } = (await response.json()) as { keys: { x: string }[] };
    const published = jwks.map(({ x }) => `whpk_${Buffer.from(x, 'base64url').toString('base64')}`);
    expect(published).toHaveLength(2);
    expect(keys).toEqual(expect.arrayContaining(published));
  });
});

describe('the command', () => {
  const command = (...args: string[]) =>
    run(process.execPath, [join(repositoryRoot, 'apps/api/dist/cli/keys.js'), ...args], {
      env: { PATH: process.env['PATH'] },
    });

  it('makes keys that the setting takes', async () => {
    const [{ stdout: today }, { stdout: named }] = await Promise.all([
      command('generate'),
      command('generate', '--id', 'k-7', '--json'),
    ]);
    const keys = [today.trim(), (JSON.parse(named) as { key: string }).key];
    expect(SecretBox.parseKeys(keys.join(',')).map(({ id }) => id)).toEqual([
      expect.stringMatching(/^k20\d{6}$/),
      'k-7',
    ]);
  });

  it('says how it is used, and which settings it lacks', async () => {
    expect((await command('--help')).stdout).toMatch(/usage: npm run keys[^]*DITS_SECRET_KEYS/);
    await expect(command('turn')).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringContaining('say status, rotate or generate'),
    });
    await expect(command('rotate')).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('DITS_DATABASE_URL: is required'),
    });
  });
});
