import { topicNames } from '@dits/contracts';
import type { IncomingRecord } from '@dits/kafka';
import type { StageOptions } from '@dits/runtime';
import { Controller, Inject } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import { recordBatch, type RecordDeps } from './record-batch.js';
import { recordDeadLetters, type DeadLetterDeps } from './record-dead-letters.js';

export const RECORD_DEPS = Symbol('RECORD_DEPS');
export const DEAD_LETTER_DEPS = Symbol('DEAD_LETTER_DEPS');

@Controller()
export class RecordController {
  constructor(
    @Inject(RECORD_DEPS) private readonly deps: RecordDeps,
    @Inject(DEAD_LETTER_DEPS) private readonly deadLetterDeps: DeadLetterDeps,
  ) {}

  @EventPattern([topicNames().events, topicNames().deliveryLog], {
    mode: 'batch',
    groupId: 'dits-recorder',
    // The history may be a fifth of a second behind, and half of one under load. Statements for few records cost several times as much,
    // and an event, its routing and its attempt that come together are one write to each of their rows.
    minFetchBytes: 64 * 1024,
    maxPauseMs: 300,
  } satisfies StageOptions)
  async record(@Payload() records: IncomingRecord[]): Promise<void> {
    await recordBatch(records, this.deps);
  }

  @EventPattern<string>(topicNames().deadLetters, {
    mode: 'batch',
    groupId: 'dits-recorder-dead-letters',
    // A letter may be 2 MiB; a hundred of the common ones are some 500 kB.
    maxBatchRecords: 100,
    maxHeldBytes: 16 * 1024 * 1024,
  } satisfies StageOptions)
  async recordDeadLetters(@Payload() records: IncomingRecord[]): Promise<void> {
    await recordDeadLetters(records, this.deadLetterDeps);
  }
}
