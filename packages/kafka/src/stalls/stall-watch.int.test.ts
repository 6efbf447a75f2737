import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { until } from '@dits/testkit';
import type { RunningConsumer } from '../consumer/consumer-options.js';
import { startBatchConsumer } from '../consumer/batch-consumer.js';
import { startDelayedConsumer } from '../consumer/delayed-consumer.js';
import { startRecordConsumer } from '../consumer/record-consumer.js';
import type { IncomingRecord } from '../records.js';
import { aTopic, keptLog, Line, numberOf, produceNumbers, testKafka } from '../testing/int-support.js';
import { StallWatch } from './stall-watch.js';

jest.setTimeout(60_000);

const LIMIT_MS = 1_000;
const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()));
});

const base = (topic: string) => ({
  kafka: testKafka(),
  log: keptLog(),
  topics: [topic],
  groupId: `${topic}-group`,
  drainMs: 0,
});

function watching(o: { line?: Line } = {}) {
  const log = keptLog();
  const watch = new StallWatch({ kafka: testKafka(o), log, now: Date.now });
  closing.push(() => watch.stop());
  const follow = (group: string, consumer: RunningConsumer): RunningConsumer => {
    closing.push(() => consumer.stop());
    watch.watch(group, () => consumer.health());
    return consumer;
  };
  watch.start(LIMIT_MS);
  return { watch, log, follow };
}

describe('StallWatch', () => {
  it('names the partition whose handler hangs, and no other, until it moves again', async () => {
    const topic = await aTopic({ partitions: 2 });
    const { watch, log, follow } = watching();
    const hanging = Promise.withResolvers<void>();
    let stuck: IncomingRecord | undefined;
    const consumer = follow(
      'g',
      await startRecordConsumer({
        ...base(topic),
        handle: async (record) => {
          if (numberOf(record) !== 7) return;
          stuck = record;
          await hanging.promise;
        },
      }),
    );
    await produceNumbers(topic, 20);
    await until('a stall', () => watch.stalls.length > 0);

    const { partition, offset } = stuck!;
    const { position, completed } = consumer
      .health()
      .partitions.find((each) => each.partition === partition)!;
    expect(completed).toBe(offset);
    expect(watch.stalls).toEqual([
      { group: 'g', topic, partition, behind: Number(position - offset), sinceMs: expect.any(Number) },
    ]);
    expect(log.lines).toContainEqual({
      level: 'error',
      message: 'kafka.consumer.stalled',
      fields: expect.objectContaining({ group: 'g', topic, partition }),
    });

    hanging.resolve();
    await until('no stall', () => watch.stalls.length === 0);
    expect(log.lines.at(-1)).toMatchObject({ level: 'info', message: 'kafka.consumer.stall_over' });
  });

  it('names a partition with a hung batch, but not one whose first record is not due', async () => {
    const [due, notDue] = [await aTopic(), await aTopic()];
    const { watch, follow } = watching();
    const delayed = (topic: string, dueAtMs: number) =>
      startDelayedConsumer({
        ...base(topic),
        now: Date.now,
        dueAtMs: () => dueAtMs,
        handle: () => new Promise(() => {}),
      });
    await produceNumbers(notDue, 5);
    const waiting = follow('waits', await delayed(notDue, Date.now() + 3_600_000));
    await until('it waits', () => waiting.health().partitions[0]?.rests === 'until_due');
    // What comes later stalls first, had the other been counted.
    await produceNumbers(due, 5);
    follow('hangs', await delayed(due, 0));
    await until('a stall', () => watch.stalls.length > 0);
    expect(watch.stalls.map(({ group }) => group)).toEqual(['hangs']);
  });

  it('leaves a consumer to itself that knows its fault', async () => {
    const [faulty, hung] = [await aTopic(), await aTopic()];
    const { watch, follow } = watching();
    await produceNumbers(faulty, 5);
    const knowing = follow(
      'knows',
      await startBatchConsumer({ ...base(faulty), handle: () => Promise.reject(new Error('no database')) }),
    );
    await until('the fault', () => knowing.health().joined && knowing.health().faultSinceMs !== null);
    await produceNumbers(hung, 5);
    follow('hangs', await startBatchConsumer({ ...base(hung), handle: () => new Promise(() => {}) }));
    await until('a stall', () => watch.stalls.length > 0);
    expect(watch.stalls.map(({ group }) => group)).toEqual(['hangs']);
  });

  it('judges nothing while Kafka does not tell the ends, and begins anew when it does', async () => {
    const topic = await aTopic();
    const line = new Line();
    const { watch, log, follow } = watching({ line });
    await produceNumbers(topic, 5);
    line.cut();
    follow('g', await startBatchConsumer({ ...base(topic), handle: () => new Promise(() => {}) }));
    await until('some looks in vain', () => log.lines.filter(isBlind).length >= 2);
    expect(watch.stalls).toEqual([]);
    line.mend();
    await until('a stall', () => watch.stalls.length > 0);
  });
});

const isBlind = ({ message }: { message: string | undefined }): boolean =>
  message === 'kafka.stalls.not_looked';
