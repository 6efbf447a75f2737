import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { GenericContainer, getContainerRuntimeClient, Wait, type StartedTestContainer } from 'testcontainers';
import { parse } from 'yaml';
import { applyTopics, createKafka } from '@dits/kafka';
import { appNames, repositoryRoot, type AppName } from '@dits/local';
import { verifyHubSignature, verifyStandard } from '@dits/signing';
import { until } from '@dits/testkit';
import { imageNames } from '../image-names.ts';
import { chartApps, read } from '../read-files.ts';
import { buildImages, imageOf, targets } from './images.ts';
import { startPlatform, type Platform } from './platform.ts';

const secret = 'your_webhook_secret';
const repositoryId = 123;

let platform: Platform;
let receiver: StartedTestContainer;
beforeAll(async () => {
  await buildImages(console.log);
  platform = await startPlatform({ allowedDestinations: 'receiver' });
  receiver = await new GenericContainer(imageNames().node)
    .withNetwork(platform.services.network)
    .withNetworkAliases('receiver')
    .withLabels(platform.services.labels)
    .withCopyFilesToContainer([
      { source: join(import.meta.dirname, 'receiver.mjs'), target: '/receiver.mjs' },
    ])
    .withCommand(['node', '/receiver.mjs'])
    .withExposedPorts(3000)
    .withWaitStrategy(Wait.forHttp('/', 3000))
    .start();
});
afterAll(async () => {
  await platform?.stop();
});

async function call<T>(method: string, url: string, body?: unknown): Promise<{ status: number; json: T }> {
  const response = await fetch(url, {
    method,
    headers: { authorization: `Bearer ${platform.token}`, 'content-type': 'application/json' },
    body: body === undefined ? null : JSON.stringify(body),
  });
  return { status: response.status, json: (await response.json()) as T };
}

interface Received {
  headers: Record<string, string>;
  /** Base64. */
  body: string;
}

function received(): Promise<Received[]> {
  return fetch(`http://${receiver.getHost()}:${receiver.getMappedPort(3000)}/`).then(
    (response) => response.json() as Promise<Received[]>,
  );
}

describe('the platform in containers', () => {
  it('delivers an event signed, and has it in the history', async () => {
    const webhooks = `${platform.api}/v1/repos/${repositoryId}/webhooks`;
    const url = 'http://receiver:3000/webhook';
    const webhook = await call<{ id: string }>('POST', webhooks, {
      url,
      events: ['push'],
      secret,
      active: true,
    });
    expect(webhook).toMatchObject({ status: 201 });
    const example = JSON.parse(read('schemas/events/push.example.json')) as object;
    const posted = await call<{ event_ids: string[] }>('POST', `${platform.gateway}/v1/events`, example);
    expect(posted.status).toBe(202);

    const request = await until('a request is received', async () => (await received())[0], 60_000);
    const body = Buffer.from(request.body, 'base64');
    const { headers } = request;
    expect(JSON.parse(body.toString())).toMatchObject({ event: 'push', event_id: posted.json.event_ids[0] });
    expect(verifyHubSignature({ secret, body, signature: headers['x-hub-signature-256'] })).toEqual({
      ok: true,
    });
    const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature } = headers;
    const standard = { secret, body, headers: { id, timestamp, signature }, nowMs: Date.now() };
    expect(verifyStandard(standard)).toEqual({ ok: true });

    const deliveries = `${webhooks}/${webhook.json.id}/deliveries`;
    const delivery = await until(
      'the history has it as delivered',
      async () => {
        const { json } = await call<{ data: { id: string; status: string }[] }>('GET', deliveries);
        const newest = json.data?.[0];
        return newest?.status === 'Delivered' && newest;
      },
      60_000,
    );
    expect(delivery.id).toBe(headers['x-dits-delivery']);
    const detail = await call<object>('GET', `${deliveries}/${delivery.id}`);
    expect(detail.json).toMatchObject({
      request: { body: body.toString() },
      attempts: [{ attempt: 1, response: { status: 204 } }],
    });
  });

  it('has database and topics as the build expects them, and applying them again changes nothing', async () => {
    expect(await platform.runJob(['dits-migrate', 'status'])).not.toContain('pending');
    expect(await platform.runJob(['dits-migrate', 'up'])).toContain('nothing to migrate');
    expect(await platform.runJob(['dits-topics', 'apply'])).toContain('all topics are as they should be');
  });

  it('is reached from this machine, too', async () => {
    const { kafka, registry } = platform.services.addresses;
    const log = { debug() {}, info() {}, warn() {}, error() {} };
    const connection = createKafka({ brokers: [kafka], clientId: 'test', log });
    expect(await applyTopics({ kafka: connection, check: true, replication: 1 })).toEqual({
      applied: [],
      drift: [],
    });
    const subjects = (await (await fetch(`${registry}/subjects`)).json()) as string[];
    expect(subjects).toContain('dits.events-io.dits.events.Push');
  });
});

describe.each(appNames)('the container of %s', (app) => {
  const exec = async (...command: string[]) => {
    const { exitCode, output } = await platform.apps[app].exec(command);
    return { exitCode, output: output.trim() };
  };

  it('is healthy by its own check', async () => {
    expect(await exec('node', '/usr/local/lib/healthcheck.mjs')).toEqual({ exitCode: 0, output: '' });
  });

  it('is not root, has no rights and can write nothing', async () => {
    expect(await exec('id', '-u')).toEqual({ exitCode: 0, output: '1000' });
    expect((await exec('sh', '-c', 'grep CapBnd /proc/1/status')).output).toMatch(/^CapBnd:\s+0+$/);
    // Not /tmp: some engines put a file system in memory there.
    for (const path of ['/app/x', '/home/node/x', '/usr/x'])
      expect((await exec('touch', path)).output).toMatch(/Read-only file system/);
  });

  it('holds what it runs and nothing else', async () => {
    const { output } = await exec('ls', '/app/node_modules/.pnpm');
    const packages = output.split('\n').filter((name) => /^@?[^@]+@\d/.test(name));
    expect(packages.length).toBeGreaterThan(20);
    const lockfile = parse(read('pnpm-lock.yaml')) as { packages: Record<string, unknown> };
    const locked = new Set(Object.keys(lockfile.packages));
    const nameAndVersion = (folder: string) => /^(@?[^@]+@\d[^_(]*)/.exec(folder.replaceAll('+', '/'))![1]!;
    expect(packages.map(nameAndVersion).filter((name) => !locked.has(name))).toEqual([]);

    const { devDependencies } = JSON.parse(read('package.json')) as {
      devDependencies: Record<string, string>;
    };
    const names = packages.map((folder) => nameAndVersion(folder).replace(/(?<=.)@.*/, ''));
    // Types hold no code; a package that an app imports brings some.
    const own = Object.keys(devDependencies).filter((name) => !name.startsWith('@types/'));
    const wrong = [...own, 'testcontainers', '@grpc/grpc-js'];
    expect(names.filter((name) => wrong.includes(name))).toEqual([]);
    const sources = await exec(
      'sh',
      '-c',
      "find /app -name '*.ts' ! -name '*.d.ts' -path '*dits*'; ls /app | sort",
    );
    expect(sources.output.split('\n')).toEqual(['dist', 'node_modules', 'package.json']);
    expect((await exec('sh', '-c', 'command -v npm npx yarn pnpm corepack')).output).toBe('');
  });

  it('has the patched Kafka client', async () => {
    const [, line] = /^\+ {2,}(\S.{30,})$/m.exec(
      readFileSync(join(repositoryRoot, 'patches/kafkajs@2.2.4.patch'), 'utf8'),
    )!;
    const found = await exec('grep', '-rlF', line!, '/app/node_modules/.pnpm', '--include=*.js');
    expect(found.output).toContain('/node_modules/kafkajs/');
  });
});

describe('the images', () => {
  it('have the user and the port numbers that orchestrators look for', async () => {
    const { dockerode } = (await getContainerRuntimeClient()).container;
    for (const target of targets) {
      const { Config } = await dockerode.getImage(imageOf(target)).inspect();
      expect([target, Config.User]).toEqual([target, '1000:1000']);
      if (target === 'tools') continue;
      const { port, adminPort } = chartApps()[target];
      const exposed = [port, adminPort].flatMap((number) => (number === undefined ? [] : `${number}/tcp`));
      expect(Object.keys(Config.ExposedPorts).toSorted()).toEqual(exposed.toSorted());
    }
  });
});

// Last: it ends them.
describe('a stop', () => {
  it.each(appNames)('ends %s in order', async (app: AppName) => {
    const { dockerode } = (await getContainerRuntimeClient()).container;
    const id = platform.apps[app].getId();
    await platform.apps[app].stop({ remove: false, timeout: 30_000 });
    expect((await dockerode.getContainer(id).inspect()).State.ExitCode).toBe(0);
  });
});
