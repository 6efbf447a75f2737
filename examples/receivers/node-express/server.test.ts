import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const SECRET = 'your_webhook_secret';
const push = readFileSync(join(import.meta.dirname, '../../../schemas/events/push.example.json'), 'utf8');
const BODY = JSON.stringify(JSON.parse(push));

let server: ChildProcess;
let output = '';
let url = '';

beforeAll(async () => {
  server = spawn(process.execPath, [join(import.meta.dirname, 'server.js')], {
    env: { PATH: process.env.PATH, WEBHOOK_SECRET: SECRET, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  server.stdout!.on('data', (chunk: Buffer) => (output += chunk.toString()));
  while (!url) {
    await once(server.stdout!, 'data');
    url = /listening on (\S+)/.exec(output)?.[1] ?? '';
  }
});

afterAll(async () => {
  const ended = once(server, 'exit');
  server.kill('SIGTERM');
  expect((await ended)[0]).toBe(0);
});

const sign = (body: string, secret = SECRET) =>
  `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;

function post(body: string, signature: string | undefined, contentType = 'application/json') {
  return fetch(url, {
    method: 'POST',
    body,
    headers: {
      'content-type': contentType,
      'x-dits-delivery': 'a-delivery',
      ...(signature === undefined ? {} : { 'x-hub-signature-256': signature }),
    },
  });
}

describe('the receiver', () => {
  it('accepts a signed delivery and prints a line', async () => {
    const response = await post(BODY, sign(BODY));
    expect([response.status, await response.text()]).toEqual([200, 'OK']);
    expect(output).toContain('verified push a-delivery for user/my-project\n');
  });

  it('accepts every event of the catalogue, with characters of every kind', async () => {
    const body = JSON.stringify({
      event: 'lock.acquired',
      lock: { path: 'größe/東京/👩‍🎨\u2028"\\\n</script>' },
    });
    expect((await post(body, sign(body))).status).toBe(200);
  });

  it.each([
    ['no signature', BODY, undefined],
    ['an empty signature', BODY, ''],
    ['a signature with another secret', BODY, sign(BODY, 'other')],
    ['a signature of another length', BODY, `${sign(BODY)}00`],
    ['a signature that is not ASCII', BODY, 'sha256=ééé'],
    ['a changed body', BODY.replace('octocat', 'mallory'), sign(BODY)],
  ])('refuses %s with 401', async (_what, body, signature) => {
    expect((await post(body, signature)).status).toBe(401);
  });

  it('refuses a body of another type with 401', async () => {
    expect((await post(BODY, sign(BODY), 'text/plain')).status).toBe(401);
  });
});
