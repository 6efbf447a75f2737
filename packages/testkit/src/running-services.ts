import type { TestServices } from './services.js';

/** The real services of a test run, however they are run. */
export interface RunningServices {
  runBy: 'containers' | 'processes';
  /** Where this machine finds them. */
  addresses: TestServices;
  /** Stops what was started for this run, and nothing else. */
  stop(): Promise<void>;
}

/** One way to run them. Rejects when they can't be run so. */
export type RunServices = (o: {
  onProgress: (line: string) => void;
  signal?: AbortSignal;
}) => Promise<RunningServices>;
