import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { services, uniquePrefix, until } from '@dits/testkit';
import { makeTopics, readEvents } from './testing/int-support.js';

jest.setTimeout(60_000);

const folder = dirname(import.meta.dirname);
const node22 = join(dirname(createRequire(import.meta.url).resolve('node-22/package.json')), 'bin/node');
const nodes: [string, string][] = [
  ['Node 22', node22],
  ['the Node of this repository', process.execPath],
];

/** Runs a program as one that has installed the package; resolves when it has ended by itself. */
function run(
  node: string,
  program: string,
  env: Record<string, string>,
): Promise<{ out: string; code: number | null }> {
  const child = spawn(node, ['--input-type=module', '-'], {
    cwd: folder,
    env: {
      PATH: process.env['PATH'],
      KAFKA_BROKERS: services().kafka,
      REGISTRY_URL: services().registry,
      ...env,
    },
  });
  let out = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stdin.end(program);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ out, code }));
  });
}

const prefix = uniquePrefix();
let published: Awaited<ReturnType<typeof readEvents>>;
beforeAll(async () => {
  await makeTopics(prefix);
  published = await readEvents(prefix);
});
afterAll(() => published.stop());

describe.each(nodes)('on %s', (_, node) => {
  it('the example of the README does what it says there', async () => {
    const before = published.arrived.length;
    const readme = readFileSync(join(folder, 'README.md'), 'utf8');
    const program = /^```js\n([^]*?)^```$/m.exec(readme)![1]!;
    const printed = /^It prints:\n\n```\n([^]*?)^```$/m.exec(readme)![1]!;
    const { out, code } = await run(node, program, { TOPIC_PREFIX: prefix });
    const anyId = (text: string) => text.replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/, '<id>');
    expect({ out: anyId(out), code }).toEqual({ out: anyId(printed), code: 0 });
    await until('its events are read', () => published.arrived.length >= before + 3);
    expect(published.arrived.slice(before).map(({ type }) => type.event)).toEqual([
      'lock.acquired',
      'branch.created',
      'member.added',
    ]);
  });

  // 4 ms: it never gets further than to connect. 500 ms: shorter than kafkajs looks for a topic that is not there.
  // Either way a request goes on behind our back for a while.
  it.each([4, 500])(
    'a process ends by itself after close, also after giving up at %d ms',
    async (deadlineMs) => {
      const program = `
      import { createPublisher } from '@dits/publisher';
      const { KAFKA_BROKERS, REGISTRY_URL, TOPIC_PREFIX } = process.env;
      const publisher = await createPublisher({
        brokers: [KAFKA_BROKERS], registryUrl: REGISTRY_URL, topicPrefix: TOPIC_PREFIX,
        deadlineMs: ${deadlineMs},
      });
      const event = ${JSON.stringify({
        event: 'repo.created',
        repository: { id: 1, name: 'a', full_name: 'a/b', private: false },
        sender: { id: 1, login: 'a', type: 'user' },
      })};
      console.log(await publisher.publish(event).catch((error) => error.reason));
      await publisher.close();
    `;
      const { out, code } = await run(node, program, { TOPIC_PREFIX: uniquePrefix() });
      expect({ out, code }).toEqual({ out: 'not_confirmed\n', code: 0 });
    },
  );
});
