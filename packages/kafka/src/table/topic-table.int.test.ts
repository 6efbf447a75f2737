import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { KafkaFault } from '@dits/contracts';
import { services, until } from '@dits/testkit';
import kafkajs from 'kafkajs';
import { Line, aTopic, keptLog, testKafka, withAdmin, withProducer } from '../testing/int-support.js';
import { startTopicTable, type TopicTable, type TopicTableOptions } from './topic-table.js';

jest.setTimeout(60_000);

const open: TopicTable[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((table) => table.stop()));
});

interface MapTable {
  table: TopicTable;
  rows: Map<string, string>;
}

async function aTable(
  topic: string,
  o: Partial<TopicTableOptions> & { line?: Line } = {},
): Promise<MapTable> {
  const rows = new Map<string, string>();
  const { line, ...options } = o;
  const table = await startTopicTable({
    kafka: testKafka({ ...(line && { line }) }),
    log: keptLog(),
    topic,
    groupId: `${topic}-table`,
    apply: ({ key, value }) => {
      if (value) rows.set(String(key), String(value));
      else rows.delete(String(key));
    },
    ...options,
  });
  open.push(table);
  return { table, rows };
}

const row = (topic: string, key: string, value: string | null) => ({
  topic,
  key,
  value: value === null ? null : Buffer.from(value),
});

describe('startTopicTable', () => {
  it('has read everything when it resolves, tombstones too', async () => {
    const topic = await aTopic({ partitions: 3, config: { 'cleanup.policy': 'compact' } });
    await withProducer(async (producer) => {
      await producer.sendAll(Array.from({ length: 3000 }, (_, n) => row(topic, `k${n % 100}`, String(n))));
      await producer.send(row(topic, 'k7', null));
    });
    const { rows, table } = await aTable(topic);
    expect(rows.size).toBe(99);
    expect(rows.get('k42')).toBe('2942');
    expect(table.health()).toMatchObject({ joined: true, faultSinceMs: null });
  });

  it('resolves for an empty topic', async () => {
    const { rows } = await aTable(await aTopic({ partitions: 2 }));
    expect(rows.size).toBe(0);
  });

  it('has, after catchUp, whatever was durable before the call', async () => {
    const topic = await aTopic();
    const { table, rows } = await aTable(topic);
    await withProducer(async (producer) => {
      // Others keep asking meanwhile, so that most calls meet a request under way.
      let busy = true;
      const others = Array.from({ length: 3 }, async () => {
        while (busy) await table.catchUp();
      });
      for (let n = 0; n < 500; n++) {
        await producer.send(row(topic, `k${n}`, 'x'));
        await table.catchUp();
        expect(rows.has(`k${n}`)).toBe(true);
      }
      busy = false;
      await Promise.all(others);
    });
  });

  it('has, after a catchUp that may be as old, whatever was durable that long before the call', async () => {
    const topic = await aTopic();
    const gate = Promise.withResolvers<void>();
    const applied: string[] = [];
    const apply = async ({ key }: { key: Buffer | null }): Promise<void> => {
      await gate.promise;
      applied.push(String(key));
    };
    const { table } = await aTable(topic, { apply });
    await withProducer(async (producer) => {
      await table.catchUp(50); // an answer that is used again, but for what comes too late for it
      await producer.send(row(topic, 'k', 'x'));
      const durableAtMs = performance.now();
      await until('an answer before it is too old', () => performance.now() > durableAtMs + 50);
      let isCaughtUp = false;
      const catchingUp = table.catchUp(50).then(() => (isCaughtUp = true));
      await withAdmin((admin) => admin.fetchTopicOffsets(topic)); // time for a wrong answer
      expect(isCaughtUp).toBe(false);
      gate.resolve();
      await catchingUp;
      expect(applied).toEqual(['k']);
    });
  });

  it('awaits an asynchronous apply, in order, and applies again what was rejected', async () => {
    const topic = await aTopic();
    const applied: string[] = [];
    let failures = 2;
    const { table } = await aTable(topic, {
      apply: async ({ key }) => {
        await new Promise((resolve) => setImmediate(resolve));
        if (String(key) === 'k3' && failures-- > 0) throw new Error('the registry is away');
        applied.push(String(key));
      },
    });
    await withProducer((producer) => producer.sendAll([1, 2, 3, 4].map((n) => row(topic, `k${n}`, 'x'))));
    await table.catchUp();
    expect(applied.slice(-2)).toEqual(['k3', 'k4']);
    expect(table.health().faultSinceMs).toBeNull();
  });

  it('rejects catchUp with a fault while Kafka is away, and works again by itself', async () => {
    const topic = await aTopic();
    const line = new Line();
    const { table, rows } = await aTable(topic, { line, catchUpTimeoutMs: 4000 });
    line.cut();
    await expect(table.catchUp()).rejects.toThrow(KafkaFault);
    await until('the fault shows', () => table.health().faultSinceMs !== null);
    await withProducer((producer) => producer.send(row(topic, 'meanwhile', 'x')));
    line.mend();
    await until('it catches up', async () => {
      try {
        await table.catchUp();
        return true;
      } catch {
        return false;
      }
    });
    expect(rows.has('meanwhile')).toBe(true);
  });

  it('gives up starting when told to', async () => {
    const line = new Line();
    line.cut();
    const stop = new AbortController();
    const starting = aTable(await aTopic(), { line, signal: stop.signal, catchUpTimeoutMs: 300 });
    stop.abort();
    await expect(starting).rejects.toThrow(KafkaFault);
  });

  it('reads past transaction markers and aborted records, also at the end', async () => {
    const topic = await aTopic();
    await withTransactions(topic, async (inTransaction) => {
      await inTransaction('before', 'commit');
      const { table, rows } = await aTable(topic);
      for (let n = 0; n < 5; n++) {
        await inTransaction(`k${n}`, 'commit');
        // A commit returns before its marker is written, and only then its records can be read.
        await until('committed', async () => {
          await table.catchUp();
          return rows.has(`k${n}`);
        });
        await inTransaction(`aborted${n}`, 'abort');
        await table.catchUp();
      }
      await until('at the end', async () => {
        const [bounds] = await withAdmin((admin) => admin.fetchTopicOffsets(topic));
        return (
          table.health().partitions[0]!.position === BigInt(bounds!.high) && BigInt(bounds!.high) === 22n
        );
      });
      expect([...rows.keys()]).toEqual(['before', 'k0', 'k1', 'k2', 'k3', 'k4']);
    });
  });
});

type InTransaction = (key: string, end: 'commit' | 'abort') => Promise<void>;

async function withTransactions(
  topic: string,
  use: (inTransaction: InTransaction) => Promise<void>,
): Promise<void> {
  const producer = new kafkajs.Kafka({
    brokers: [services().kafka],
    logLevel: kafkajs.logLevel.NOTHING,
  }).producer({
    transactionalId: `${topic}-tx`,
    maxInFlightRequests: 1,
    idempotent: true,
  });
  await producer.connect();
  try {
    await use(async (key, end) => {
      const transaction = await producer.transaction();
      await transaction.send({ topic, messages: [{ key, value: 'x' }] });
      await transaction[end]();
    });
  } finally {
    await producer.disconnect();
  }
}
