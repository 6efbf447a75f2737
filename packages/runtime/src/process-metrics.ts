import { readFileSync } from 'node:fs';
import type { HealthRegistry } from './health.js';
import { gauge } from './metrics.js';

/** Says which app and build this process is, and whether it is ready: what `/readyz` says, at each scrape. */
export function exposeProcess(o: { name: string; health: HealthRegistry }): void {
  gauge({
    name: 'dits_build_info',
    help: 'Always 1; its labels say what runs.',
    labelNames: ['app', 'version', 'node'],
  }).set({ app: o.name, version: version(), node: process.versions.node }, 1);
  gauge({
    name: 'dits_ready',
    help: '1 when /readyz answers 200, else 0.',
    collect: async (ready) => ready.set((await o.health.report()).ok ? 1 : 0),
  });
}

/** Of all packages: they are built and released together. */
export function version(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
