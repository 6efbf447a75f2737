import type { StageSettings } from '@dits/runtime';
import type { DispatcherConfig } from './config.js';

export const GROUP_ID = 'dits-dispatcher';

// Beyond the attempt itself: its log entry has to become durable. Short, because a stop has 25 s for everything.
const AFTER_ATTEMPT_MS = 2_000;

export function stages({ attemptTimeoutMs, maxHeldRecords, maxHeldBytes }: DispatcherConfig): StageSettings {
  // An attempt that has begun can be finished and recorded, so that its receiver does not get it again.
  const drainMs = attemptTimeoutMs + AFTER_ATTEMPT_MS;
  return { limits: { [GROUP_ID]: { drainMs, maxHeldRecords, maxHeldBytes } } };
}
