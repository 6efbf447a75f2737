import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { bundledSchemas } from '@dits/contracts';
import { repositoryRoot } from '@dits/local';
import { signBody, signStandard } from '@dits/signing';
import { until } from '@dits/testkit';
import { sampleReceivers, startSampleReceiver, type RunningReceiver } from './conformance-receivers.ts';

const { example } = bundledSchemas.events.find(({ event }) => event === 'push')!;
const BODY = JSON.stringify(example);

const now = (): number => Math.floor(Date.now() / 1000);

/** The headers of a delivery, in both schemes. */
function headersFor(body: string, secret: string): Record<string, string> {
  const message = { body: Buffer.from(body), id: 'a-delivery', timestampSeconds: now() };
  return {
    'content-type': 'application/json',
    'x-dits-delivery': message.id,
    'x-hub-signature-256': signBody({ ...message, secret }),
    'webhook-id': message.id,
    'webhook-timestamp': String(message.timestampSeconds),
    'webhook-signature': signStandard({ ...message, secrets: [secret] }),
  };
}

const post = (to: RunningReceiver, body: string | Buffer, headers: Record<string, string>) =>
  fetch(to.url, { method: 'POST', body, headers });

const SECRET = 'your_webhook_secret';

describe.each(sampleReceivers)('$name', (receiver) => {
  let running: RunningReceiver;
  beforeAll(async () => {
    running = await startSampleReceiver(receiver, { secret: SECRET });
  });
  afterAll(async () => {
    expect(await running.stop()).toBe(receiver.program === 'server.js' ? 0 : 'SIGTERM');
  });

  it('accepts a signed delivery and prints one line that says so', async () => {
    const body = JSON.stringify({ ...example, sender: { login: 'größe 東京 👩‍🎨 \u2028 "\\ </script>' } });
    expect((await post(running, body, headersFor(body, SECRET))).status).toBe(200);
    // Its line and its answer come by different ways.
    const verified = await until('its line', () => {
      const lines = running.lines.filter((line) => line.startsWith('verified'));
      return lines.length > 0 && lines;
    });
    expect(verified).toEqual(['verified push a-delivery for user/my-project']);
  });

  const right = headersFor(BODY, SECRET);
  const signedWith = (hub: string, standard: string) => ({
    ...right,
    'x-hub-signature-256': hub,
    'webhook-signature': standard,
  });
  const hub = right['x-hub-signature-256']!;
  const standard = right['webhook-signature']!;
  const notUtf8 = Buffer.from(BODY.replace('octocat', 'octoc\xe9t'), 'latin1');
  it.each<[string, string | Buffer, Record<string, string>]>([
    ['no headers of ours', BODY, { 'content-type': 'application/json' }],
    ['empty signatures', BODY, signedWith('', '')],
    ['signatures of another length', BODY, signedWith(`${hub}00`, standard.slice(0, -4))],
    ['signatures that are none', BODY, signedWith('sha256', 'v1 v1, ,')],
    ['signatures that are not ASCII', BODY, signedWith('sha256=é', 'v1,é')],
    ['a changed body', BODY.replace('octocat', 'mallory'), right],
    ['a changed body that is not UTF-8', notUtf8, right],
    ['another secret', BODY, headersFor(BODY, 'another_secret')],
    ['no body', '', right],
  ])('refuses %s with 401', async (_what, body, headers) => {
    const before = running.lines.length;
    expect((await post(running, body, headers)).status).toBe(401);
    expect(running.lines).toHaveLength(before);
  });

  it('refuses a body above 100 kB unread', async () => {
    const body = JSON.stringify({ ...example, pad: 'x'.repeat(103_000) });
    expect((await post(running, body, headersFor(body, SECRET))).status).toBe(413);
  });

  it.each([
    ['that is not ASCII', 'clé-秘密-🔑'],
    ['as Dits makes it', 'whsec_N6go9HlYlbbKI+C0q86hZoLZ2c3tMjmAul2AojTweC0='],
  ])('takes a secret %s', async (_what, secret) => {
    const other = await startSampleReceiver(receiver, { secret });
    try {
      expect((await post(other, BODY, headersFor(BODY, secret))).status).toBe(200);
    } finally {
      await other.stop();
    }
  });

  it('says what to set when it is started without a secret', async () => {
    await expect(startSampleReceiver(receiver, { secret: '' })).rejects.toThrow(
      /ended with 1 at its start:\nSet WEBHOOK_SECRET to the secret of your webhook/,
    );
  });
});

describe('the folder of a sample receiver', () => {
  const read = (name: string, file: string) =>
    readFileSync(join(repositoryRoot, 'examples/receivers', name, file), 'utf8');

  it.each(sampleReceivers.filter(({ program }) => program === 'server.js'))(
    '$name can be installed with npm wherever it is copied to',
    ({ name }) => {
      const { dependencies, devDependencies } = JSON.parse(read(name, 'package.json')) as Record<
        string,
        object
      >;
      expect(Object.values({ ...dependencies, ...devDependencies })).toEqual(
        Object.values({ ...dependencies }).map(() => expect.stringMatching(/^\d+\.\d+\.\d+$/)),
      );
    },
  );

  it.each(sampleReceivers.filter(({ program }) => program === 'server.py'))(
    '$name asks for the versions that it is tested with',
    ({ name }) => {
      const tested = readFileSync(join(repositoryRoot, 'tools/python/requirements.txt'), 'utf8').split('\n');
      expect(tested).toEqual(expect.arrayContaining(read(name, 'requirements.txt').trim().split('\n')));
    },
  );
});
