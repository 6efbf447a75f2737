import { topicNames } from '@dits/contracts';
import type { IncomingRecord } from '@dits/kafka';
import type { StageOptions } from '@dits/runtime';
import { Controller, Inject } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import { recordBatch, type RecordDeps } from './record-batch.js';

export const RECORD_DEPS = Symbol('RECORD_DEPS');

@Controller()
export class RecordController {
  constructor(@Inject(RECORD_DEPS) private readonly deps: RecordDeps) {}

  @EventPattern([topicNames().events, topicNames().deliveryLog], {
    mode: 'batch',
    groupId: 'dits-recorder',
  } satisfies StageOptions)
  async record(@Payload() records: IncomingRecord[]): Promise<void> {
    await recordBatch(records, this.deps);
  }
}
