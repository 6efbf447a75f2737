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

function aMember(kafka: KafkaConnection, its: GroupMemberUser): GroupMember {
  return new GroupMember({
    ...{ kafka, log, user: its },
    now: Date.now,
    groupId: () => 'g',
    topics: ['t'],
    minFetchBytes: 1,
    maxFetchWaitMs: 200,
    maxPauseMs: 50,
    faults: new Faults(Date.now),
  });
}

type Handler = (payload: object) => Promise<void>;

/** A kafkajs consumer whose fetches the test makes. */
function aMemberThatIsHanded(user: GroupMemberUser) {
  let handler: Handler | undefined;
  const consumer = (): object => ({
    events: {},
    on() {},
    connect: () => Promise.resolve(),
    subscribe: () => Promise.resolve(),
    run: ({ eachBatch }: { eachBatch: Handler }) => Promise.resolve(void (handler = eachBatch)),
    disconnect: () => Promise.resolve(),
  });
  const member = aMember({ newClient: () => ({ consumer }) } as unknown as KafkaConnection, user);
  /** Hands over 30 records, of a partition that has so many; returns whether the next fetch may be made. */
  const hand = (records: number): (() => boolean) => {
    let isOver = false;
    const batch = {
      topic: 't',
      partition: 0,
      fetchedOffset: '0',
      lastOffset: () => '29',
      highWatermark: String(records),
      messages: [],
    };
    const payload = { isStale: () => false, isRunning: () => true, resolveOffset() {}, batch };
    void handler!(payload).then(() => (isOver = true));
    return () => isOver;
  };
  return { member, hand };
}

describe('a member of a group', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  it('joins anew when its commits go on failing, though heartbeats go on', async () => {
    const { kafka, joins } = membersOfAGroupThatMoved();
    const member = aMember(kafka, user);
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

  it('ends a join that it has given up as soon as it has succeeded, so that nobody stays in the group unread', async () => {
    const consumers: string[][] = [];
    const firstJoin = Promise.withResolvers<void>();
    const consumer = (): object => {
      const calls: string[] = [];
      const isFirst = consumers.push(calls) === 1;
      const call =
        (name: string, result = Promise.resolve()) =>
        () => (calls.push(name), result);
      return {
        events: {},
        on() {},
        connect: call('connect'),
        subscribe: call('subscribe'),
        run: call('run', isFirst ? firstJoin.promise : undefined),
        disconnect: call('disconnect'),
      };
    };
    const member = aMember({ newClient: () => ({ consumer }) } as unknown as KafkaConnection, user);
    member.start();
    // A minute of silence, and what it waits for the one that hangs.
    await jest.advanceTimersByTimeAsync(67_000);
    const joined = ['connect', 'subscribe', 'run'];
    expect(consumers).toEqual([joined, joined]);
    firstJoin.resolve();
    await jest.advanceTimersByTimeAsync(0);
    expect(consumers).toEqual([[...joined, 'disconnect'], joined]);
    await member.stop();
    expect(consumers[1]).toEqual([...joined, 'disconnect']);
  });

  it('pauses as long as records came before it fetches again, and not at all when more wait', async () => {
    const { member, hand } = aMemberThatIsHanded({ ...user, onBatch: () => 30 });
    member.start();
    await jest.advanceTimersByTimeAsync(1);
    const all = hand(30);
    await jest.advanceTimersByTimeAsync(28);
    expect(all()).toBe(false);
    await jest.advanceTimersByTimeAsync(1);
    expect(all()).toBe(true);
    const some = hand(31);
    await jest.advanceTimersByTimeAsync(0);
    expect(some()).toBe(true);
    const allAgain = hand(30);
    await jest.advanceTimersByTimeAsync(28);
    expect(allAgain()).toBe(false);
    await jest.advanceTimersByTimeAsync(1);
    await member.stop();
  });
});
