import { describe, expect, it } from '@jest/globals';
import { RegistryFault } from '@dits/contracts';
import { keptLog } from '../testing/kept-log.js';
import type { FoundSchema } from './registry.js';
import { SchemaLookup } from './schema-lookup.js';

const avro: FoundSchema = { kind: 'avro', schema: {} };

function aLookup(find: (id: number) => Promise<FoundSchema>) {
  const clock = { nowMs: 0 };
  const asked: number[] = [];
  const lookup = new SchemaLookup({
    registry: {
      find: (id) => {
        asked.push(id);
        return find(id);
      },
    },
    log: keptLog(),
    negativeTtlMs: 30_000,
    now: () => clock.nowMs,
  });
  return { lookup, asked, clock };
}

describe('SchemaLookup', () => {
  it('has one request per id under way', async () => {
    const answer = Promise.withResolvers<FoundSchema>();
    const { lookup, asked } = aLookup(() => answer.promise);
    const finds = Array.from({ length: 1000 }, (_, i) => lookup.find(i % 2));
    answer.resolve(avro);
    expect(new Set(await Promise.all(finds))).toEqual(new Set([avro]));
    expect(asked).toEqual([0, 1]);
  });

  it('has four requests under way in all', async () => {
    const answer = Promise.withResolvers<FoundSchema>();
    const { lookup, asked } = aLookup(() => answer.promise);
    const finds = Array.from({ length: 20 }, (_, id) => lookup.find(id));
    await Promise.resolve();
    expect(asked.length).toBe(4);
    answer.resolve(avro);
    await Promise.all(finds);
    expect(asked.length).toBe(20);
  });

  it('asks four times, not for each of a thousand ids, while the registry hangs', async () => {
    const deadline = Promise.withResolvers<FoundSchema>();
    let hangs = true;
    const { lookup, asked } = aLookup(() => (hangs ? deadline.promise : Promise.resolve(avro)));
    const finds = Array.from({ length: 1000 }, (_, id) => lookup.find(id));
    deadline.reject(new Error('no answer'));
    for (const { status } of await Promise.allSettled(finds)) expect(status).toBe('rejected');
    expect(asked.length).toBe(4);
    hangs = false;
    expect(await Promise.all([10, 11, 12, 13, 14, 15].map((id) => lookup.find(id)))).toHaveLength(6);
  });

  it('believes that an id is unknown for a while', async () => {
    const { lookup, asked, clock } = aLookup(() => Promise.resolve({ kind: 'unknown' }));
    await lookup.find(7);
    clock.nowMs = 29_999;
    expect(await lookup.find(7)).toEqual({ kind: 'unknown' });
    expect(asked).toEqual([7]);
    clock.nowMs = 30_001;
    await lookup.find(7);
    expect(asked).toEqual([7, 7]);
  });

  it('asks less and less often while the registry is down, and at once for another id', async () => {
    let down = true;
    const { lookup, asked, clock } = aLookup(() =>
      down ? Promise.reject(new Error('refused')) : Promise.resolve(avro),
    );
    const askedAtMs: number[] = [];
    for (clock.nowMs = 0; clock.nowMs < 20_000; clock.nowMs += 50) {
      const before = asked.length;
      await expect(lookup.find(1)).rejects.toThrow(RegistryFault);
      if (asked.length > before) askedAtMs.push(clock.nowMs);
    }
    expect(askedAtMs).toEqual([0, 200, 600, 1400, 3000, 6200, 11_200, 16_200]);
    down = false;
    expect(await lookup.find(2)).toBe(avro);
    clock.nowMs = 30_000;
    expect(await lookup.find(1)).toBe(avro);
  });

  it('remembers a bounded number of unknown ids', async () => {
    const { lookup, asked } = aLookup(() => Promise.resolve({ kind: 'unknown' }));
    for (let id = 0; id < 10_001; id++) await lookup.find(id);
    await lookup.find(0);
    await lookup.find(10_000);
    expect(asked.length).toBe(10_002);
  });
});
