import { topicNames } from '@dits/contracts';
import type { IncomingRecord } from '@dits/kafka';
import type { StageContext, StageOptions } from '@dits/runtime';
import { Controller, Inject } from '@nestjs/common';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import { LOOKBACK_RECORDS } from './recent-event-ids.js';
import { routeEvents, type RouteDeps } from './route-event.js';

export const ROUTE_DEPS = Symbol('ROUTE_DEPS');

@Controller()
export class RouteController {
  constructor(@Inject(ROUTE_DEPS) private readonly deps: RouteDeps) {}

  @EventPattern<string>(topicNames().events, {
    mode: 'batch',
    groupId: 'dits-router',
    lookbackRecords: LOOKBACK_RECORDS,
  } satisfies StageOptions)
  async route(@Payload() records: IncomingRecord[], @Ctx() context: StageContext): Promise<void> {
    await routeEvents(records, this.deps, context.signal);
  }
}
