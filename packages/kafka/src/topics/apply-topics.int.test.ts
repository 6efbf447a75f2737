import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it, jest } from '@jest/globals';
import { KafkaFault } from '@dits/contracts';
import { uniquePrefix, until } from '@dits/testkit';
import kafkajs from 'kafkajs';
import { testKafka, withAdmin } from '../testing/int-support.js';
import { applyTopics } from './apply-topics.js';

jest.setTimeout(60_000);

const folder = mkdtempSync(join(tmpdir(), 'dits-topics-'));
afterAll(() => rmSync(folder, { recursive: true }));
const aFile = (text: string): string => {
  const file = join(folder, `${uniquePrefix()}yaml`);
  writeFileSync(file, text);
  return file;
};
const kafka = testKafka();

it('creates, reconfigures and grows topics, once, and reports what it cannot do', async () => {
  const prefix = uniquePrefix();
  const before = aFile(
    `{replication: 1, defaults: {}, topics: [{name: a, partitions: 2, config: {retention.ms: 1000}}]}`,
  );
  expect((await applyTopics({ kafka, prefix, file: before, check: true })).drift).toEqual([
    `${prefix}a: is missing`,
  ]);
  expect((await applyTopics({ kafka, prefix, file: before })).applied).toEqual([`${prefix}a: is missing`]);
  expect(await applyTopics({ kafka, prefix, file: before })).toEqual({ drift: [], applied: [] });

  const grown = aFile(
    `{replication: 1, defaults: {}, topics: [{name: a, partitions: 4, config: {cleanup.policy: compact}}]}`,
  );
  const lines = [
    `${prefix}a: has 2 partitions, should have 4`,
    `${prefix}a: cleanup.policy is not set, should be compact`,
    `${prefix}a: retention.ms is 1000, should be not set`,
  ];
  expect(await applyTopics({ kafka, prefix, file: grown, check: true })).toEqual({
    drift: lines,
    applied: [],
  });
  expect(await applyTopics({ kafka, prefix, file: grown })).toEqual({ drift: [], applied: lines });
  expect(await applyTopics({ kafka, prefix, file: grown, check: true })).toEqual({ drift: [], applied: [] });

  const shrunk = await applyTopics({ kafka, prefix, file: before, replication: 2 });
  expect(shrunk.drift).toHaveLength(2);
  expect(shrunk.applied).toHaveLength(2);
});

it('finds a setting that somebody made by hand', async () => {
  const prefix = uniquePrefix();
  await applyTopics({ kafka, prefix, replication: 1 });
  await withAdmin((admin) =>
    admin.alterConfigs({
      validateOnly: false,
      resources: [
        {
          type: kafkajs.ConfigResourceTypes.TOPIC,
          name: `${prefix}dits.events`,
          configEntries: [{ name: 'retention.ms', value: '5000' }],
        },
      ],
    }),
  );
  const line = `${prefix}dits.events: retention.ms is 5000, should be 604800000`;
  await until('the drift shows', async () => {
    const { drift } = await applyTopics({ kafka, prefix, replication: 1, check: true });
    return drift.includes(line);
  });
  await applyTopics({ kafka, prefix, replication: 1 });
  expect(await applyTopics({ kafka, prefix, replication: 1, check: true })).toEqual({
    drift: [],
    applied: [],
  });
});

it('says what to do where there are fewer brokers than copies', async () => {
  const applying = applyTopics({ kafka, prefix: uniquePrefix() });
  await expect(applying).rejects.toThrow(KafkaFault);
  await expect(applying).rejects.toThrow(/DITS_TOPIC_REPLICATION/);
});
