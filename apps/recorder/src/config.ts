import { DEFAULT_RETRY_TIERS, parseTiers } from '@dits/domain';
import { adminPort, commonConfig, databaseUrl, setting, stallConfig, type AppConfig } from '@dits/runtime';

export const config = {
  ...commonConfig,
  adminPort: adminPort(9105),
  ...stallConfig,
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
  auditTrailDays: {
    env: 'DITS_AUDIT_TRAIL_DAYS',
    schema: setting.integer(1, 36_500),
    default: '365',
    unit: 'days',
    doc: 'Days for which the audit trail is kept at least; it is dropped by whole months. Not to be confused with DITS_AUDIT_INTERVAL_MS, the look for lost events.',
  },
  maxBatchRecords: {
    env: 'DITS_RECORDER_BATCH',
    schema: setting.integer(1, 10_000),
    default: '3000',
    unit: 'records',
    doc: 'Most records stored at once. Larger batches save statements and writes: an event, its routing and its attempt in one batch are one write to each row. They make more to do again after a fault.',
  },
  retryTiers: {
    env: 'DITS_RETRY_TIERS',
    schema: setting.parsed(parseTiers),
    default: DEFAULT_RETRY_TIERS,
    doc: 'Delays between attempts, as the dispatcher has them: the audit must know how long a delivery may wait.',
  },
  auditIntervalMs: {
    env: 'DITS_AUDIT_INTERVAL_MS',
    schema: setting.integer(100, 86_400_000),
    default: '300000',
    unit: 'ms',
    doc: 'How often it is looked for events and deliveries that are lost. One recorder at a time does; while nothing is overdue it is one query.',
  },
  auditGraceMs: {
    env: 'DITS_AUDIT_GRACE_MS',
    schema: setting.integer(1_000, 86_400_000),
    default: '1800000',
    unit: 'ms',
    doc: 'How long after its time something counts as overdue. Half an hour: a retry that Retry-After has lengthened may come 15 minutes late.',
  },
};

export type RecorderConfig = AppConfig<typeof config>;
