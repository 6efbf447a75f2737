import 'reflect-metadata';
import { bootWorker } from '@dits/runtime';
import { AppModule } from './app.module.js';
import { config } from './config.js';
import { stages } from './stages.js';

await bootWorker({ name: 'dispatcher', config, stages, module: (runtime) => AppModule.wire(runtime) });
