import { adminPort, commonConfig, databaseUrl, setting, type AppConfig } from '@dits/runtime';

export const config = {
  ...commonConfig,
  adminPort: adminPort(9105),
  databaseUrl,
  historyDays: {
    env: 'DITS_HISTORY_DAYS',
    schema: setting.integer(1, 3_650),
    default: '30',
    unit: 'days',
    doc: 'Days of events, deliveries and attempts that are kept, today among them. A month lets an owner look into last month’s trouble.',
  },
  bodyDays: {
    env: 'DITS_BODY_DAYS',
    schema: setting.integer(1, 3_650),
    default: '7',
    unit: 'days',
    doc: 'Days of event bodies that are kept, at most as long as the history. Bodies are most of the volume; 7 is what Kafka keeps too.',
  },
  maxBatchRecords: {
    env: 'DITS_RECORDER_BATCH',
    schema: setting.integer(1, 10_000),
    default: '500',
    unit: 'records',
    doc: 'Most records stored at once. Larger batches save statements, and make more to do again after a fault.',
  },
};

export type RecorderConfig = AppConfig<typeof config>;
