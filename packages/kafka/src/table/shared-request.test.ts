import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { SharedRequest } from './shared-request.js';

it('never answers with a request that was sent before the call', async () => {
  // A clock of turns: each request answers the turn it was sent in, after a delay.
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(5), { maxLength: 40 }), async (gaps) => {
      let turn = 0;
      const shared = new SharedRequest(async () => {
        const sentAt = turn;
        for (let i = 0; i < 3; i++) await Promise.resolve();
        return sentAt;
      }, Date.now);
      const answers: Promise<void>[] = [];
      for (const gap of gaps) {
        for (let i = 0; i < gap; i++) {
          turn++;
          await Promise.resolve();
        }
        turn++;
        const calledAt = turn;
        answers.push(shared.ask().then((sentAt) => expect(sentAt).toBeGreaterThanOrEqual(calledAt)));
      }
      await Promise.all(answers);
    }),
  );
});

it('sends one request for all who came while another was under way', async () => {
  let sent = 0;
  const answer = Promise.withResolvers<void>();
  const shared = new SharedRequest(async () => {
    sent++;
    await answer.promise;
  }, Date.now);
  const calls = Array.from({ length: 100 }, () => shared.ask());
  answer.resolve();
  await Promise.all(calls);
  expect(sent).toBe(2);
});

it('sends the next request also after a failed one', async () => {
  let sent = 0;
  const shared = new SharedRequest(
    () => (++sent === 1 ? Promise.reject(new Error('away')) : Promise.resolve(sent)),
    Date.now,
  );
  const first = shared.ask();
  const second = shared.ask();
  await expect(first).rejects.toThrow('away');
  await expect(second).resolves.toBe(2);
});

it('answers again with what is not too old, by when it was asked', async () => {
  let nowMs = 1_000;
  let sent = 0;
  const shared = new SharedRequest(
    async () => {
      sent += 1;
      nowMs += 30;
      return sent;
    },
    () => nowMs,
  );
  expect(await shared.ask(100)).toBe(1);
  nowMs += 70;
  expect(await shared.ask(100)).toBe(1);
  nowMs += 1;
  expect(await shared.ask(100)).toBe(2);
  expect(await shared.ask()).toBe(3);
});

it('sends one request for all who take one that is not too old, also while it is under way, and another after it failed', async () => {
  let sent = 0;
  const shared = new SharedRequest(
    () => (++sent === 1 ? Promise.reject(new Error('away')) : Promise.resolve(sent)),
    () => 1_000,
  );
  const many = (): Promise<PromiseSettledResult<number>[]> =>
    Promise.allSettled(Array.from({ length: 100 }, () => shared.ask(50)));
  expect((await many()).filter(({ status }) => status === 'rejected')).toHaveLength(100);
  expect(await many()).toEqual(Array(100).fill({ status: 'fulfilled', value: 2 }));
  expect(sent).toBe(2);
});
