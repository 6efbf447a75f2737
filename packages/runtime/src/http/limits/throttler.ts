import { createRequire } from 'node:module';
import type * as Throttler from '@nestjs/throttler';
import '@nestjs/common';
import '@nestjs/core';

/**
 * `@nestjs/throttler`, loaded once Nest is: it is CommonJS and requires Nest's ES modules, which Jest can give it only when they are
 * loaded to the end. Node would also take a static import.
 */
export const { normalizeIp, ThrottlerGuard, ThrottlerModule } = createRequire(import.meta.url)(
  '@nestjs/throttler',
) as typeof Throttler;
