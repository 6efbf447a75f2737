import 'reflect-metadata';
import { bootWorker } from '@dits/runtime';
import { AppModule } from './app.module.js';
import { config } from './config.js';

await bootWorker({
  name: 'router',
  config,
  module: (runtime) => AppModule.wire(runtime),
  stages: ({ maxBatchRecords }) => ({ limits: { 'dits-router': { maxBatchRecords } } }),
});
