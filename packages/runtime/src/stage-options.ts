import type { IncomingRecord } from '@dits/kafka';
import { BaseRpcContext } from '@nestjs/microservices';

/** Limits of a stage's consumer; see `ConsumerOptions` of `@dits/kafka` for the defaults. */
export interface StageLimits {
  maxHeldRecords?: number;
  maxHeldBytes?: number;
  /** Records before the committed offset that are read again at each assignment, marked `lookback`. */
  lookbackRecords?: number;
  minFetchBytes?: number;
  maxPauseMs?: number;
  drainMs?: number;
  /** Modes batch and delayed. */
  maxBatchRecords?: number;
}

/** How a handler takes its records; the second argument of `@EventPattern`. */
export type StageOptions = StageLimits & {
  /** Without the prefix; `dits-router`. One group belongs to one handler method, which may name several topics. */
  groupId: string;
} & (
    | {
        /** `@Payload()` is `IncomingRecord[]`, of each partition its share of what is queued; the next batch comes when it has resolved. */
        mode: 'batch';
      }
    | {
        /** `@Payload()` is one `IncomingRecord`; the handler is called for each as soon as it is taken, many at a time. */
        mode: 'record';
      }
    | {
        /** `@Payload()` is `IncomingRecord[]`, all due. */
        mode: 'delayed';
        /** When a record is due, in ms since 1970. */
        dueAtMs: (record: IncomingRecord) => number;
      }
  );

/** What a handler gets as `@Ctx()`. */
export class StageContext extends BaseRpcContext<[AbortSignal]> {
  constructor(
    /** Aborted when the drain limit is over, or the record's partition was taken away: give up what is not done. */
    readonly signal: AbortSignal,
  ) {
    super([signal]);
  }
}
