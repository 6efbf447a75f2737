import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { transform } from '@swc/core';
import { signStandard } from './sign.js';

const folder = dirname(import.meta.dirname);
const readme = readFileSync(join(folder, 'README.md'), 'utf8');
const blocks = [...readme.matchAll(/^```(js|ts)\n([^]*?)^```$/gm)].map(([, language, code]) => ({
  language: language!,
  code: code!,
}));
const servers = blocks.filter(({ code }) => code.includes('process.env.PORT'));
const secret = 'your_webhook_secret';

// Node's own word that a server accepts connections.
const tellsWhenListening = `
  import { subscribe } from 'node:diagnostics_channel';
  subscribe('tracing:net.server.listen:asyncEnd', () => process.send('listening'));
`;

/** Runs a program as one that has installed the package. */
async function run({ language, code }: (typeof blocks)[number], env: Record<string, string> = {}) {
  // Node itself reads TypeScript, but no decorators.
  const program =
    language === 'js'
      ? code
      : (
          await transform(code, {
            jsc: {
              target: 'es2022',
              parser: { syntax: 'typescript', decorators: true },
              transform: { legacyDecorator: true, decoratorMetadata: true },
            },
          })
        ).code;
  const told = `--import=data:text/javascript,${encodeURIComponent(tellsWhenListening)}`;
  const child = spawn(process.execPath, [told, '--input-type=module', '-'], {
    cwd: folder,
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['pipe', 'pipe', 'pipe', 'ipc'],
  });
  const running = { child, out: '', listening: once(child, 'message'), closed: once(child, 'close') };
  for (const stream of [child.stdout!, child.stderr!])
    stream.setEncoding('utf8').on('data', (text: string) => (running.out += text));
  child.stdin!.end(program);
  return running;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

async function deliver(url: string, by: string): Promise<number> {
  const body = '{"event":"push"}';
  const timestampSeconds = Math.floor(Date.now() / 1000);
  const signature = signStandard({
    secrets: [by],
    id: 'a-delivery',
    timestampSeconds,
    body: Buffer.from(body),
  });
  const headers = {
    'content-type': 'application/json',
    'webhook-id': 'a-delivery',
    'webhook-timestamp': String(timestampSeconds),
    'webhook-signature': signature,
  };
  return (await fetch(url, { method: 'POST', body, headers })).status;
}

describe('README.md', () => {
  it('has a server on Node alone, on Express, on Fastify and on Nest', () => {
    expect(servers).toHaveLength(4);
    expect(blocks).toHaveLength(5);
  });

  it.each(servers)('its server takes what is signed and refuses what is not: $code', async (block) => {
    const port = await freePort();
    const running = await run(block, { PORT: String(port), WEBHOOK_SECRET: secret });
    const url = `http://localhost:${port}/webhook`;
    try {
      const statuses = await Promise.race([
        running.listening.then(() => Promise.all([deliver(url, secret), deliver(url, 'another secret')])),
        running.closed.then(() => running.out),
      ]);
      expect(statuses).toEqual([expect.any(Number), 401]);
      expect([200, 201]).toContain(statuses[0]);
      expect(running.out).toMatch(/^delivery .*push$/m);
    } finally {
      running.child.kill();
      await running.closed;
    }
  });

  it('its other program prints what it says', async () => {
    const running = await run(blocks.find((block) => !servers.includes(block))!);
    await running.closed;
    expect(running.out).toBe(/^It prints:\n\n```\n([^]*?)^```$/m.exec(readme)![1]);
  });

  it('brings nothing of the platform to a receiver', async () => {
    const code = `
      import { registerHooks } from 'node:module';
      const loaded = [];
      registerHooks({ load(url, context, next) { loaded.push(url); return next(url, context); } });
      for (const entry of ['receiver', 'express', 'fastify', 'nest']) await import('@dits/signing/' + entry);
      console.log(loaded.map((url) => url.split('/dist/')[1] ?? url).sort().join('\\n'));
    `;
    const running = await run({ language: 'js', code });
    await running.closed;
    expect(running.out.trim().split('\n')).toEqual([
      'ed25519.js',
      'node:crypto',
      'receiver/express.js',
      'receiver/fastify.js',
      'receiver/index.js',
      'receiver/nest.js',
      'receiver/receiver-options.js',
      'receiver/verify-request.js',
      'secret.js',
      'sign.js',
      'verify.js',
    ]);
  });
});
