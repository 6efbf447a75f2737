import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { KafkaConnection } from '../connection.js';
import { Faults } from '../faults.js';
import { GroupMember, type GroupMemberUser } from './group-member.js';

type Listener = (event: object) => void;

/** kafkajs consumers that join at once and heartbeat for ever; the first one's coordinator has moved away. */
function membersOfAGroupThatMoved(): { kafka: KafkaConnection; joins: () => number } {
  let joins = 0;
  const consumer = (): object => {
    const listeners = new Map<string, Listener>();
    const isFirst = joins++ === 0;
    const events = ['GROUP_JOIN', 'REBALANCING', 'HEARTBEAT', 'COMMIT_OFFSETS', 'END_BATCH_PROCESS', 'CRASH'];
    let heart: NodeJS.Timeout;
    return {
      events: Object.fromEntries(events.map((name) => [name, name])),
      on: (name: string, listener: Listener) => listeners.set(name, listener),
      connect: () => Promise.resolve(),
      subscribe: () => Promise.resolve(),
      run: () => {
        listeners.get('GROUP_JOIN')!({ payload: { memberAssignment: {}, duration: 1 } });
        heart = setInterval(() => listeners.get('HEARTBEAT')!({}), 1000);
        return Promise.resolve();
      },
      commitOffsets: () => {
        if (isFirst) return Promise.reject(new Error('This is not the correct coordinator for this group'));
        listeners.get('COMMIT_OFFSETS')!({});
        return Promise.resolve();
      },
      disconnect: () => Promise.resolve(clearInterval(heart)),
    };
  };
  return { kafka: { newClient: () => ({ consumer }) } as unknown as KafkaConnection, joins: () => joins };
}

const user: GroupMemberUser = { onJoined() {}, onRebalancing() {}, onOut() {}, onBatch: () => 0, onGap() {} };
const log = { debug() {}, info() {}, warn() {}, error() {} };

describe('a member of a group', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  it('joins anew when its commits go on failing, though heartbeats go on', async () => {
    const { kafka, joins } = membersOfAGroupThatMoved();
    const now = Date.now;
    const member = new GroupMember({
      ...{ kafka, log, now, user },
      groupId: () => 'g',
      topics: ['t'],
      minFetchBytes: 1,
      maxFetchWaitMs: 200,
      maxPauseMs: 50,
      faults: new Faults(now),
    });
    member.start();
    await jest.advanceTimersByTimeAsync(100);
    const commit = (): Promise<void> => member.commit([{ topic: 't', partition: 0, offset: 1n }]);
    await expect(commit()).rejects.toThrow('coordinator');
    await jest.advanceTimersByTimeAsync(9_000);
    expect(joins()).toBe(1);
    await expect(commit()).rejects.toThrow('coordinator');
    await jest.advanceTimersByTimeAsync(5_000);
    expect(joins()).toBe(2);
    await commit();
    await jest.advanceTimersByTimeAsync(30_000);
    expect(joins()).toBe(2);
    await member.stop();
  });
});
