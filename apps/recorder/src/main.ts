import 'reflect-metadata';
import { bootWorker } from '@dits/runtime';
import { AppModule } from './app.module.js';
import { config } from './config.js';

await bootWorker({
  name: 'recorder',
  config,
  module: (runtime) => AppModule.wire(runtime),
  stages: ({ maxBatchRecords }) => ({ limits: { 'dits-recorder': { maxBatchRecords } } }),
});
