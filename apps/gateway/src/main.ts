import 'reflect-metadata';
import { bootHttp } from '@dits/runtime';
import { AppModule } from './app.module.js';
import { config } from './config.js';
import { httpOptions } from './http-options.js';

await bootHttp({ name: 'gateway', config, module: (runtime) => AppModule.wire(runtime), ...httpOptions });
