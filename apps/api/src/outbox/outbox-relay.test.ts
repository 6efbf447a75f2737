import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { KafkaFault } from '@dits/contracts';
import type { OutboxRecord } from '@dits/persistence';
import { OutboxRelay } from './outbox-relay.js';

const aRecord = (n: number): OutboxRecord => ({ topic: 't', key: null, value: Buffer.from([n]) });

describe('OutboxRelay', () => {
  let relay: OutboxRelay;
  afterEach(() => relay.stop());

  function setUp() {
    const world = {
      stored: [] as OutboxRecord[],
      published: [] as number[],
      rounds: 0,
      isAway: false,
      gate: null as Promise<void> | null,
    };
    relay = new OutboxRelay({
      outbox: {
        async relay(limit, publish) {
          world.rounds++;
          await world.gate;
          const rows = world.stored.slice(0, limit);
          await publish(rows);
          world.stored.splice(0, rows.length);
          return rows.length;
        },
      },
      async publish(records) {
        if (world.isAway) throw new KafkaFault('no broker');
        world.published.push(...records.map(({ value }) => value![0]!));
      },
      log: { warn: () => undefined, debug: () => undefined },
      now: Date.now,
    });
    return world;
  }

  it('tells callers once what they stored is published', async () => {
    const world = setUp();
    relay.start();
    world.stored.push(aRecord(1), aRecord(2));
    expect(await relay.flushed(5_000)).toBe(true);
    expect(world.published).toEqual([1, 2]);
  });

  it('does not count a round that was under way: it may have read before the caller committed', async () => {
    const world = setUp();
    const gate = Promise.withResolvers<void>();
    world.gate = gate.promise;
    relay.start();
    await turn();
    expect(world.rounds).toBe(1);
    let isFlushed = false;
    const flushed = relay.flushed(5_000).then((result) => (isFlushed = result));
    await turn();
    expect(isFlushed).toBe(false);
    gate.resolve();
    await flushed;
    expect(world.rounds).toBe(2);
  });

  it('serves many callers at once with few rounds', async () => {
    const world = setUp();
    const gate = Promise.withResolvers<void>();
    world.gate = gate.promise;
    relay.start();
    await turn();
    const callers = Array.from({ length: 100 }, () => relay.flushed(5_000));
    gate.resolve();
    expect(await Promise.all(callers)).not.toContain(false);
    expect(world.rounds).toBe(2);
  });

  it('empties an outbox that holds more than one batch', async () => {
    const world = setUp();
    world.stored = Array.from({ length: 1_200 }, (_, i) => aRecord(i % 256));
    relay.start();
    await relay.flushed(5_000);
    expect(world.published).toHaveLength(1_200);
  });

  it('goes on by itself after Kafka was away, keeps the order, and lets callers wait through it', async () => {
    const world = setUp();
    world.isAway = true;
    world.stored.push(aRecord(1));
    relay.start();
    expect(await relay.flushed(20)).toBe(false);
    expect(relay.faultSinceMs).toEqual(expect.any(Number));
    world.stored.push(aRecord(2));
    const flushed = relay.flushed(5_000);
    world.isAway = false;
    expect(await flushed).toBe(true);
    expect(world.published).toEqual([1, 2]);
    expect(relay.faultSinceMs).toBeNull();
  });

  it('finds within about a second what nobody told it of', async () => {
    const world = setUp();
    relay.start();
    await relay.flushed(5_000);
    world.stored.push(aRecord(7));
    while (world.published.length === 0) await turn();
    expect(world.published).toEqual([7]);
  });

  it('stops at once when idle, and after the round when not', async () => {
    const world = setUp();
    relay.start();
    await relay.flushed(5_000);
    await relay.stop();
    const { rounds } = world;
    expect(await relay.flushed(1)).toBe(false);
    expect(world.rounds).toBe(rounds);
  });
});
