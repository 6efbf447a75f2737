import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { bundledSchemas } from '@dits/contracts';
import { pythonPath, repositoryRoot } from '@dits/local';
import { verifyHubSignature, verifyStandard } from '@dits/signing';
import { services, startReceiver, type Receiver } from '@dits/testkit';
import { startPlatform, type Platform } from './platform.ts';

jest.setTimeout(120_000);

const run = promisify(execFile);
const secret = 'your_webhook_secret';
const exampleOf = (event: string) => join(repositoryRoot, `schemas/events/${event}.example.json`);

let platform: Platform;
let receiver: Receiver;
beforeAll(async () => {
  [platform, receiver] = await Promise.all([startPlatform(), startReceiver()]);
});
afterAll(async () => {
  await receiver?.close();
  await platform?.stop();
});

const aLock = bundledSchemas.events.find(({ event }) => event === 'lock.acquired')!.example as {
  lock: object;
};

/** Runs the example; resolves with what it printed, rejects when it ends with another code than 0. */
async function produce(...files: string[]): Promise<string[]> {
  const program = join(repositoryRoot, 'examples/producers/python/produce.py');
  const { stdout } = await run(pythonPath(), [program, ...files], {
    env: {
      KAFKA_BROKERS: services().kafka,
      REGISTRY_URL: services().registry,
      TOPIC_PREFIX: platform.prefix,
    },
  });
  return stdout.trimEnd().split('\n');
}

describe('the producer in Python', () => {
  it('publishes every event type, and each is delivered signed', async () => {
    const { events } = bundledSchemas;
    const repositories = new Set(events.map(({ example }) => (example.repository as { id: number }).id));
    for (const id of repositories)
      await platform.createWebhook(id, { url: receiver.url, events: ['*'], secret });

    const lines = await produce(...events.map(({ event }) => exampleOf(event)));
    const published = lines.map((line) => /^published (\S+) (\S+) to /.exec(line)!.slice(1));
    expect(published.map(([event]) => event).sort()).toEqual(events.map(({ event }) => event).sort());

    await receiver.waitFor(events.length, 30_000);
    for (const { event, example } of events) {
      const { rawBody, headers } = receiver.requests.find((r) => r.headers['x-dits-event'] === event)!;
      const [, eventId] = published.find(([name]) => name === event)!;
      const body = JSON.parse(rawBody.toString()) as object;
      expect(body).toEqual({ occurred_at: expect.any(String), ...example, event_id: eventId });
      expect(JSON.stringify(body)).toBe(rawBody.toString());
      expect(
        verifyHubSignature({ secret, body: rawBody, signature: headers['x-hub-signature-256'] }),
      ).toEqual({ ok: true });
      const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature } = headers;
      expect(
        verifyStandard({
          secret,
          body: rawBody,
          headers: { id, timestamp, signature },
          nowMs: Date.now(),
        }),
      ).toEqual({ ok: true });
    }
    expect(receiver.requests).toHaveLength(events.length);
  });

  it.each([
    [
      'a typo',
      { ...aLock, lock: { ...aLock.lock, pth: 'a' } },
      /one.json: not what the schema of lock.acquired says: .*pth/,
    ],
    [
      'a field that is missing',
      { ...aLock, lock: {} },
      /one.json: not what the schema of lock.acquired says: .*path/,
    ],
    ['an unknown event', { ...aLock, event: 'lock.borrowed' }, /lock.borrowed: no such event/],
  ])('says what is wrong, and publishes nothing: %s', async (_, event, message) => {
    const file = join(platform.folder, 'one.json');
    writeFileSync(file, JSON.stringify(event));
    await expect(produce(file)).rejects.toMatchObject({ code: 1, stderr: expect.stringMatching(message) });
  });
});
