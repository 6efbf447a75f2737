import type { RecordsByName } from '@dits/contracts';

/** Names of the records on `dits.delivery-log`. */
export type LogEntryName = 'routed' | 'attempted' | 'deferred' | 'dead-lettered' | 'cancelled';

/** A record of `dits.delivery-log`, decoded. */
export type LogEntry = { [N in LogEntryName]: { name: N; record: RecordsByName[N] } }[LogEntryName];
