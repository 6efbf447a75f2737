import { adminPort, commonConfig, setting, stallConfig, type AppConfig } from '@dits/runtime';

export const config = {
  ...commonConfig,
  adminPort: adminPort(9102),
  ...stallConfig,
  maxBatchRecords: {
    env: 'DITS_ROUTER_BATCH',
    schema: setting.integer(1, 10_000),
    default: '500',
    unit: 'records',
    doc: 'Most events routed at once. Each batch asks for the end of dits.webhooks once, about 2 ms.',
  },
  maxEventBytes: {
    env: 'DITS_MAX_EVENT_BYTES',
    schema: setting.integer(1_000, 100_000_000),
    default: '2097152',
    unit: 'bytes',
    doc: 'Larger event records are dead-lettered as too_large. 2 MiB: what the topic takes; the gateway takes 1 MiB of JSON, which is less as Avro.',
  },
};

export type RouterConfig = AppConfig<typeof config>;
