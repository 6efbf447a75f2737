import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it, jest } from '@jest/globals';
import { applyTopics, createKafka } from '@dits/kafka';
import { startKafkaCluster, type KafkaCluster } from '@dits/local';

jest.setTimeout(300_000);

const folder = mkdtempSync(join(tmpdir(), 'dits-election-'));
let cluster: KafkaCluster | undefined;
afterAll(async () => {
  await cluster?.stop();
  rmSync(folder, { recursive: true, force: true });
});

it('applies the topics when the partitions of a broker that was away have a leader again', async () => {
  // Three, so that two can elect a controller.
  cluster = await startKafkaCluster({
    folder: join(folder, 'cluster'),
    nodes: 3,
    doors: [],
    advertise: () => Promise.reject(new Error('there are no doors')),
    onProgress: () => undefined,
  });
  const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
  const kafka = createKafka({ brokers: cluster.brokers.split(','), clientId: 'election', log: silent });
  const file = join(folder, 'topics.yaml');
  const write = (text: string) => writeFileSync(file, `{replication: 1, defaults: {}, topics: [${text}]}`);
  write('{name: a, partitions: 6}');
  await applyTopics({ kafka, file });

  const [node] = cluster.nodes;
  await node!.stop();
  let starting: Promise<void> | undefined;
  const reasons: string[] = [];
  write('{name: a, partitions: 6, config: {retention.ms: 60000}}, {name: b, partitions: 3}');
  const result = await applyTopics({
    kafka,
    file,
    onWait: (reason) => {
      reasons.push(reason);
      starting ??= node!.start();
    },
  });
  await starting;
  expect(reasons[0]).toMatch(/leader/);
  expect(result).toEqual({
    drift: [],
    applied: ['a: retention.ms is not set, should be 60000', 'b: is missing'],
  });
  expect(await applyTopics({ kafka, file, check: true })).toEqual({ drift: [], applied: [] });
});
