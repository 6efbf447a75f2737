import { describe, expect, it } from '@jest/globals';
import type { RunningServices } from '../running-services.js';
import { runServices, type RunServicesOptions } from './run-services.js';

const running = (runBy: RunningServices['runBy']): RunningServices => ({
  runBy,
  addresses: { kafka: 'k', registry: 'r', database: 'd' },
  stop: async () => {},
});

/** Which way is taken on a machine with or without an engine. */
async function wayTaken(o: Pick<RunServicesOptions, 'wish'> & { engine: boolean }): Promise<string> {
  const services = await runServices({
    wish: o.wish,
    engineAnswers: async () => o.engine,
    containers: async () => running('containers'),
    processes: async () => running('processes'),
  });
  return services.runBy;
}

describe('runServices', () => {
  it.each([
    { engine: true, wish: undefined, taken: 'containers' },
    { engine: false, wish: undefined, taken: 'processes' },
    { engine: true, wish: 'processes', taken: 'processes' },
    { engine: true, wish: 'containers', taken: 'containers' },
  ])('takes $taken when the engine answers: $engine and the wish is $wish', async ({ taken, ...machine }) => {
    expect(await wayTaken(machine)).toBe(taken);
  });

  it('says so when containers are wished for and no engine answers', async () => {
    await expect(wayTaken({ engine: false, wish: 'containers' })).rejects.toThrow('no Docker engine answers');
  });

  it('refuses a wish that it does not know', async () => {
    await expect(wayTaken({ engine: true, wish: 'podman' })).rejects.toThrow('use containers or processes');
  });
});
