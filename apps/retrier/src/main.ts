import 'reflect-metadata';
import { topicNames } from '@dits/contracts';
import { bootWorker } from '@dits/runtime';
import { AppModule } from './app.module.js';
import { config } from './config.js';
import { ALL_TIERS } from './hold.controller.js';

await bootWorker({
  name: 'retrier',
  config,
  module: (runtime) => AppModule.wire(runtime),
  stages: ({ retryTiers }) => ({
    topics: { [ALL_TIERS]: retryTiers.map(({ name }) => topicNames().retry(name)) },
  }),
});
