import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { clearFolderForApps, recordApps } from './app-records.ts';
import type { RunningApp } from './apps.ts';
import { repositoryRoot } from './paths.ts';
import { choosePort } from './ports.ts';
import { startProcess, stopProcess, waitUntilReady, type StartedProcess } from './supervise.ts';

export interface RunningPrometheus {
  url: string;
  process: StartedProcess;
  stop(): Promise<void>;
}

/** Which of Prometheus' two programs are not on the PATH. */
export function missingOfPrometheus(): string[] {
  return ['prometheus', 'promtool'].filter((name) => spawnSync(name, ['--version']).error !== undefined);
}

/** Starts a Prometheus that scrapes these apps and evaluates the rules of infra/prometheus, with an empty store; resolves when it answers. */
export async function startPrometheus(o: {
  apps: readonly Pick<RunningApp, 'name' | 'adminUrl'>[];
  /** For its configuration, store and log; the store is emptied. */
  folder: string;
  /** Between two scrapes, and two evaluations of the rules. */
  intervalSeconds: number;
  preferredPort?: number;
  signal?: AbortSignal;
}): Promise<RunningPrometheus> {
  const store = join(o.folder, 'prometheus');
  // One that a killed starter has left would go on writing there.
  await clearFolderForApps(store);
  rmSync(store, { recursive: true, force: true });
  mkdirSync(store, { recursive: true });
  const config = join(store, 'prometheus.yml');
  const interval = `${o.intervalSeconds}s`;
  const scrapeConfigs = o.apps.map(({ name, adminUrl }) => ({
    job_name: name,
    static_configs: [{ targets: [new URL(adminUrl).host] }],
  }));
  // JSON is YAML, too.
  writeFileSync(
    config,
    JSON.stringify({
      global: { scrape_interval: interval, evaluation_interval: interval, scrape_timeout: interval },
      rule_files: [join(repositoryRoot, 'infra/prometheus/rules/*.yml')],
      scrape_configs: scrapeConfigs,
    }),
  );
  const port = await choosePort({ preferred: [o.preferredPort] });
  const url = `http://127.0.0.1:${port}`;
  const started = await startProcess({
    name: 'prometheus',
    command: 'prometheus',
    args: [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(store, 'data')}`,
      // A day of the apps' metrics is far below it; an instance that is left running must not fill a disk.
      '--storage.tsdb.retention.size=256MB',
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=warn',
    ],
    env: { PATH: process.env['PATH'] },
    cwd: store,
    logFile: join(o.folder, 'logs', 'prometheus.log'),
  });
  recordApps(store, [started]);
  const stop = async () => void (await stopProcess(started, { timeoutMs: 10_000 }));
  try {
    const isReady = async () => (await fetch(`${url}/-/ready`)).ok;
    await waitUntilReady(started, { isReady, timeoutMs: 30_000, ...(o.signal && { signal: o.signal }) });
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, process: started, stop };
}
