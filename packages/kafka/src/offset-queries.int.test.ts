import { setImmediate as nextTurn } from 'node:timers/promises';
import { until } from '@dits/testkit';
import { describe, expect, it } from '@jest/globals';
import { OffsetQueries } from './offset-queries.js';
import { Line, testKafka } from './testing/int-support.js';

describe('OffsetQueries', () => {
  it('leaves no connection open, whenever it is closed while it is asked', async () => {
    const line = new Line();
    const kafka = testKafka({ line });
    for (let turns = 0; turns <= 40; turns++) {
      const queries = new OffsetQueries(kafka);
      const question = queries.committed('a-group-that-never-was', ['no-such-topic']);
      const settled = Promise.allSettled([question]);
      for (let turn = 0; turn < turns; turn++) await nextTurn();
      await queries.close();
      await settled;
    }
    await until('all connections are closed', () => line.open === 0);
    expect(line.opened).toBeGreaterThan(0);
  });
});
