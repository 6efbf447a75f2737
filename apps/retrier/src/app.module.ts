import { connectProducer, type Runtime } from '@dits/runtime';
import { Module, type DynamicModule } from '@nestjs/common';
import type { RetrierConfig } from './config.js';
import type { HoldDeps } from './hold-until-due.js';
import { HOLD_DEPS, HoldController } from './hold.controller.js';

@Module({})
export class AppModule {
  static async wire(runtime: Runtime<RetrierConfig>): Promise<DynamicModule> {
    const { log, now, topics, tracing } = runtime;
    const producer = await connectProducer(runtime);
    const deps: HoldDeps = { sendAll: (records) => producer.sendAll(records), topics, tracing, log, now };
    return {
      module: AppModule,
      controllers: [HoldController],
      providers: [{ provide: HOLD_DEPS, useValue: deps }],
    };
  }
}
