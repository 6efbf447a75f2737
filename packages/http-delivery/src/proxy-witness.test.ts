import { describe, expect, it } from '@jest/globals';
import { ProxyWitness } from './proxy-witness.js';

describe('ProxyWitness', () => {
  function aWitness() {
    const clock = { nowMs: 0 };
    return { clock, witness: new ProxyWitness(() => clock.nowMs++) };
  }

  it('blames the proxy as long as it serves nobody', () => {
    const { witness } = aWitness();
    witness.served('a');
    for (let i = 0; i < 5; i++)
      expect([witness.blames('a'), witness.blames('b')]).toEqual(['proxy', 'proxy']);
  });

  it('blames the receiver that fails again after the proxy has served another', () => {
    const { witness } = aWitness();
    expect(witness.blames('dead')).toBe('proxy');
    witness.served('alive');
    expect(witness.blames('dead')).toBe('receiver');
  });

  it('blames nobody by what was served before it failed', () => {
    const { witness } = aWitness();
    witness.blames('dead');
    witness.served('alive');
    witness.blames('dead');
    expect(witness.blames('dead')).toBe('proxy');
  });

  it('forgets the failure of a receiver that is served', () => {
    const { witness } = aWitness();
    witness.blames('a');
    witness.served('a');
    witness.served('b');
    expect(witness.blames('a')).toBe('proxy');
  });

  it('says for how long the proxy has failed, until it serves somebody', () => {
    const { witness, clock } = aWitness();
    expect(witness.faultMs).toBeNull();
    clock.nowMs = 1_000;
    witness.unreached();
    clock.nowMs = 3_000;
    witness.blames('a');
    clock.nowMs = 5_000;
    expect(witness.faultMs).toBe(4_000);
    witness.served('b');
    expect(witness.faultMs).toBeNull();
  });

  it('remembers no more than it must', () => {
    const { witness } = aWitness();
    for (let i = 0; i <= 10_000; i++) witness.blames(`receiver ${i}`);
    witness.served('alive');
    expect([witness.blames('receiver 0'), witness.blames('receiver 10000')]).toEqual(['proxy', 'receiver']);
  });
});
