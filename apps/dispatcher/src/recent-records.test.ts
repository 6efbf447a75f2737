import { expect, it } from '@jest/globals';
import type { IncomingRecord } from '@dits/kafka';
import { aDelivery } from '@dits/testkit';
import { RecentRecords } from './recent-records.js';

const record = { headers: {} } as IncomingRecord;

it('keeps no more than it may, and forgets the oldest', () => {
  const recent = new RecentRecords(2);
  const deliveries = [1, 2, 3].map((attempt) => aDelivery({ attempt }));
  for (const delivery of deliveries) recent.add(delivery, record, { isPutOff: false });
  expect(deliveries.map((delivery) => recent.has(delivery, record))).toEqual([false, true, true]);
});

it('knows the copy of one that was put off, and not the one that it is put off to', () => {
  const recent = new RecentRecords();
  const delivery = aDelivery({ deferrals: 0 });
  recent.add(delivery, record, { isPutOff: true });
  const later = { ...delivery, deferrals: 1 };
  expect([recent.has(delivery, record), recent.has(later, record)]).toEqual([true, false]);
  recent.add(later, record, { isPutOff: false });
  expect(recent.has({ ...delivery, deferrals: 2 }, record)).toBe(true);
});
