import 'reflect-metadata';
import { bootWorker } from '@dits/runtime';
import { AppModule } from './app.module.js';
import { config } from './config.js';

await bootWorker({
  name: 'recorder',
  config,
  module: (runtime) => AppModule.wire(runtime),
  // The caps are divided among twelve partitions, of which few may be busy: those fill a batch.
  stages: ({ maxBatchRecords }) => ({
    limits: { 'dits-recorder': { maxBatchRecords, maxHeldRecords: maxBatchRecords * 4 } },
  }),
});
