import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { LoopClock } from './loop-clock.js';

describe('LoopClock', () => {
  let realMs: number;
  let clock: LoopClock;
  beforeEach(() => {
    jest.useFakeTimers();
    realMs = 1_000;
    clock = new LoopClock(() => realMs);
  });
  afterEach(() => {
    clock.stop();
    jest.useRealTimers();
  });
  /** Time passes, and the loop turns as often as it should. */
  const idle = (ms: number): void => {
    for (let passed = 0; passed < ms; passed += 10) {
      realMs += 10;
      jest.advanceTimersByTime(10);
    }
  };
  /** Time passes in which the loop does not turn. */
  const stall = (ms: number): void => {
    realMs += ms;
    jest.advanceTimersByTime(20);
  };

  it('goes with the real clock while the loop turns', () => {
    idle(5_000);
    expect(clock.now()).toBe(5_000);
    realMs += 7;
    expect(clock.now()).toBe(5_007);
  });

  it('leaves out a standstill of this process, while it lasts and after it', () => {
    idle(100);
    realMs += 3_000;
    expect(clock.now()).toBe(140);
    jest.advanceTimersByTime(20);
    expect(clock.now()).toBe(140);
    stall(3_000);
    expect(clock.now()).toBe(180);
    idle(100);
    expect(clock.now()).toBe(280);
  });

  it('never goes back', () => {
    let last = clock.now();
    for (const ms of [1, 90, 5, 40, 41, 39, 20, 500, 3]) {
      realMs += ms;
      expect(clock.now()).toBeGreaterThanOrEqual(last);
      last = clock.now();
      jest.advanceTimersByTime(20);
      expect(clock.now()).toBeGreaterThanOrEqual(last);
      last = clock.now();
    }
  });
});
