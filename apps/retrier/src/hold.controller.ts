import { topicNames } from '@dits/contracts';
import type { IncomingRecord } from '@dits/kafka';
import type { StageOptions } from '@dits/runtime';
import { Controller, Inject } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import { dueAtMs, putBack, type HoldDeps } from './hold-until-due.js';

export const HOLD_DEPS = Symbol('HOLD_DEPS');

/** Stands for the topics of all configured tiers. */
export const ALL_TIERS = topicNames().retry('*');

@Controller()
export class HoldController {
  constructor(@Inject(HOLD_DEPS) private readonly deps: HoldDeps) {}

  @EventPattern<string>(ALL_TIERS, {
    mode: 'delayed',
    groupId: 'dits-retrier',
    dueAtMs,
  } satisfies StageOptions)
  async putBackDue(@Payload() records: IncomingRecord[]): Promise<void> {
    await putBack(records, this.deps);
  }
}
