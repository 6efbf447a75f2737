import { describe, expect, it } from '@jest/globals';
import { RecentEventIds } from './recent-event-ids.js';

describe('RecentEventIds', () => {
  it('knows ids by partition', () => {
    const recent = new RecentEventIds();
    recent.add(0, 'a');
    expect(recent.has(0, 'a')).toBe(true);
    expect(recent.has(1, 'a')).toBe(false);
    expect(recent.has(0, 'b')).toBe(false);
  });

  it('forgets the oldest beyond its capacity, per partition', () => {
    const recent = new RecentEventIds(2);
    for (const id of ['a', 'b', 'c']) recent.add(0, id);
    recent.add(1, 'a');
    expect(['a', 'b', 'c'].map((id) => recent.has(0, id))).toEqual([false, true, true]);
    expect(recent.has(1, 'a')).toBe(true);
  });

  it('takes a repeat for the latest', () => {
    const recent = new RecentEventIds(2);
    for (const id of ['a', 'b', 'a', 'c']) recent.add(0, id);
    expect(['a', 'b', 'c'].map((id) => recent.has(0, id))).toEqual([true, false, true]);
  });
});
