import { parseArgs } from 'node:util';
import { holdTestServices, onStopRequest } from '@dits/local';
import { conformanceTable } from './conformance-table.ts';
import { checkConformance } from './conformance.ts';
import { startPlatform } from './platform.ts';

const help = `npm run conformance [-- --json]

Starts all apps and the receivers of examples/receivers, delivers every event type to each, sends forged deliveries to
each, and rotates secrets. Prints who has verified and who has refused; exits with 1 when one has not done so as it
must. --json prints one JSON object instead (npm run --silent conformance -- --json). It uses the services of the
instance "test", as npm test does, and stops what it has started.`;

const { values } = parseArgs({
  options: { help: { type: 'boolean', short: 'h' }, json: { type: 'boolean' } },
});
const stop = new AbortController();
onStopRequest(() => stop.abort());

if (values.help) {
  console.log(help);
} else {
  try {
    process.exitCode = await conformance(stop.signal);
  } catch (error) {
    if (!stop.signal.aborted) console.error(`\n${(error as Error).message}`);
    process.exitCode = 1;
  }
}
// The channel to the process that started us would keep us waiting.
if (process.connected) process.disconnect();

async function conformance(signal: AbortSignal): Promise<number> {
  const onProgress = (line: string) => console.error(`  ${line}`);
  const releaseServices = await holdTestServices({ onProgress, signal });
  try {
    onProgress('starting the apps');
    const platform = await startPlatform({ signal });
    try {
      const result = await checkConformance(platform, { onProgress, signal });
      console.log(values.json ? JSON.stringify(result) : `\n${conformanceTable(result)}`);
      return result.ok ? 0 : 1;
    } finally {
      await platform.stop();
    }
  } finally {
    await releaseServices();
  }
}
