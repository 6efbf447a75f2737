import type { AppName } from '@dits/local';
import type { Rig } from './rig.ts';

/** What an app has taken and not completed, and what receivers have not answered yet. */
export async function inFlight(rig: Rig, app: AppName): Promise<number> {
  const response = await fetch(`${rig.apps[app].adminUrl}/metrics`, { signal: AbortSignal.timeout(10_000) });
  const held = [...(await response.text()).matchAll(/^dits_consumer_held_records\{[^}]*\} (\d+)/gm)];
  return held.reduce((sum, [, count]) => sum + Number(count), rig.receivers.open);
}
