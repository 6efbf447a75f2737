import { afterAll, describe, expect, it } from '@jest/globals';
import { until } from '@dits/testkit';
import { startBatchConsumer } from './consumer/batch-consumer.js';
import { GroupProgress } from './group-progress.js';
import { aTopic, keptLog, produceNumbers, testKafka } from './testing/int-support.js';

describe('GroupProgress.lag', () => {
  const progress = new GroupProgress(testKafka());
  afterAll(() => progress.close());

  it('is everything for a group that never committed, and nothing once it has completed all', async () => {
    const topic = await aTopic({ partitions: 3 });
    const groupId = `${topic}-group`;
    const lag = async () => (await progress.lag(groupId, [topic])).get(topic);
    expect(await lag()).toBe(0);
    await produceNumbers(topic, 30);
    expect(await lag()).toBe(30);

    const consumer = await startBatchConsumer({
      kafka: testKafka(),
      log: keptLog(),
      groupId,
      topics: [topic],
      handle: async () => {},
    });
    await until('all is completed', async () => (await lag()) === 0);
    await consumer.stop();
    await produceNumbers(topic, 5);
    expect(await lag()).toBe(5);
  });
});
