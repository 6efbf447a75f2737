import { describe, expect, it } from '@jest/globals';
import { WEBHOOKS_CONFIRM_AFTER_MS, WEBHOOKS_MAX_AGE_MS } from '@dits/contracts';
import { confirmed } from './confirmation.js';

/** A clock whose sleeps end early by as much as is given, one after the other. */
function aClock(earlyMs: number[]) {
  let nowMs = 5_000;
  return {
    now: () => nowMs,
    sleep: async (ms: number) => void (nowMs += ms - (earlyMs.shift() ?? 0)),
  };
}

describe('confirmed', () => {
  it.each([[[]], [[30]], [[74.5, 0.25]]])(
    'waits the whole time when timers are early by %j ms',
    async (earlyMs) => {
      const clock = aClock(earlyMs);
      let onTopicAtMs = NaN;
      const flushed = async (): Promise<boolean> => {
        await clock.sleep(1_000);
        onTopicAtMs = clock.now();
        return true;
      };
      expect(await confirmed(flushed, 75, clock)).toBe(true);
      expect(clock.now()).toBeGreaterThanOrEqual(onTopicAtMs + 75);
    },
  );

  it('waits longer than routers go without asking', () => {
    expect(WEBHOOKS_CONFIRM_AFTER_MS).toBeGreaterThan(WEBHOOKS_MAX_AGE_MS);
  });

  it('does not wait for what is not on its topic', async () => {
    const clock = aClock([]);
    expect(await confirmed(async () => false, 75, clock)).toBe(false);
    expect(clock.now()).toBe(5_000);
  });
});
