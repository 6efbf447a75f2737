import { topicNames } from '@dits/contracts';
import type { IncomingRecord } from '@dits/kafka';
import type { StageContext, StageOptions } from '@dits/runtime';
import { Controller, Inject } from '@nestjs/common';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import { attemptDelivery, type AttemptDeps } from './attempt-delivery.js';
import { GROUP_ID } from './stages.js';

export const ATTEMPT_DEPS = Symbol('ATTEMPT_DEPS');

@Controller()
export class AttemptController {
  constructor(@Inject(ATTEMPT_DEPS) private readonly deps: AttemptDeps) {}

  @EventPattern<string>(topicNames().deliveries, { mode: 'record', groupId: GROUP_ID } satisfies StageOptions)
  async attempt(@Payload() record: IncomingRecord, @Ctx() context: StageContext): Promise<void> {
    await attemptDelivery(record, this.deps, context.signal);
  }
}
