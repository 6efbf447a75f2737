import { parseArgs } from 'node:util';
import { holdTestServices } from '@dits/local';
import { conformanceTable } from './conformance-table.ts';
import { checkConformance } from './conformance.ts';
import { startPlatform } from './platform.ts';
import { runCommand } from './run-command.ts';

const help = `npm run conformance [-- --json]

Starts all apps and the receivers of examples/receivers, delivers every event type to each, sends forged deliveries to
each, and rotates secrets. Prints who has verified and who has refused; exits with 1 when one has not done so as it
must. --json prints one JSON object instead (npm run --silent conformance -- --json). It uses the services of the
instance "test", as npm test does, and stops what it has started.`;

const { values } = parseArgs({
  options: { help: { type: 'boolean', short: 'h' }, json: { type: 'boolean' } },
});
await runCommand({ help, isHelpWanted: values.help ?? false }, conformance);

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
