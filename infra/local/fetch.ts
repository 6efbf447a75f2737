import { apicurio, kafkaJars } from './downloads.ts';

/** Fetches what the services need, so that a later start needs no network. The answer is the exit code. */
export async function fetchServices(_args: string[], signal: AbortSignal): Promise<number> {
  const onProgress = (line: string) => console.log(`  ${line}`);
  await Promise.all([kafkaJars({ onProgress, signal }), apicurio({ onProgress, signal })]);
  console.log('Everything is there. Next: npm start');
  return 0;
}
