import { expect, it } from '@jest/globals';
import type { IncomingRecord } from '@dits/kafka';
import { aDelivery } from '@dits/testkit';
import { RecentRecords } from './recent-records.js';

it('keeps no more than it may, and forgets the oldest', () => {
  const recent = new RecentRecords(2);
  const record = { headers: {} } as IncomingRecord;
  const deliveries = [1, 2, 3].map((attempt) => aDelivery({ attempt }));
  for (const delivery of deliveries) recent.add(delivery, record);
  expect(deliveries.map((delivery) => recent.has(delivery, record))).toEqual([false, true, true]);
});
