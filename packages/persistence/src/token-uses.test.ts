import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { TokenUses } from './token-uses.js';

const START = Date.UTC(2026, 10, 25);

describe('TokenUses', () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => void jest.useRealTimers());

  function setUp() {
    const world = { written: [] as [string, number][][], down: false, warnings: 0 };
    const uses = new TokenUses({
      tokens: {
        async touchAll(batch) {
          if (world.down) throw new Error('connection refused');
          world.written.push([...batch].map(([id, at]) => [id, at.getTime() - START]));
        },
      },
      log: { info: () => undefined, warn: () => void (world.warnings += 1) },
    });
    return { world, uses };
  }

  it('writes the uses of many tokens at once, a little later', async () => {
    const { world, uses } = setUp();
    uses.note('a', START);
    uses.note('b', START + 1);
    expect(world.written).toEqual([]);
    await jest.advanceTimersByTimeAsync(2_000);
    expect(world.written).toEqual([
      [
        ['a', 0],
        ['b', 1],
      ],
    ]);
  });

  it('writes the use of a token at most once a minute', async () => {
    const { world, uses } = setUp();
    for (const ms of [0, 30_000, 59_999, 60_000]) {
      uses.note('a', START + ms);
      await uses.flush();
    }
    expect(world.written).toEqual([[['a', 0]], [['a', 60_000]]]);
  });

  it('keeps what could not be written for the next batch', async () => {
    const { world, uses } = setUp();
    world.down = true;
    uses.note('a', START);
    await jest.advanceTimersByTimeAsync(2_000);
    expect(world.warnings).toBe(1);
    uses.note('b', START + 5);
    world.down = false;
    await jest.advanceTimersByTimeAsync(2_000);
    expect(world.written).toEqual([
      [
        ['a', 0],
        ['b', 5],
      ],
    ]);
  });

  it('writes what waits when it stops, and leaves no timer', async () => {
    const { world, uses } = setUp();
    uses.note('a', START);
    await uses.stop();
    expect(world.written).toHaveLength(1);
    expect(jest.getTimerCount()).toBe(0);
  });
});
