import { once } from 'node:events';
import { join } from 'node:path';
import { startApps, type RunningApps } from './apps.ts';
import { pushAndVerify, type ShownDelivery } from './demo-push.ts';
import { withLockOrThrow } from './instance-lock.ts';
import { defaultInstance, instanceDir } from './paths.ts';
import { startReceiver, type SampleReceiver } from './receiver.ts';
import { missingOfPrometheus, startPrometheus, type RunningPrometheus } from './prometheus.ts';
import { removeRunFile, writeRunFile, type RunFile } from './run-file.ts';
import { serviceNames } from './service-records.ts';
import { servicesStatus, startServices, stopServices, type Services } from './services.ts';
import { stopProcess, watchProcess, type ProcessDied, type StartedProcess } from './supervise.ts';

const say = (line = '') => console.log(line);
const progress = (line: string) => say(`  ${line}`);

/** The `start` command: runs everything, shows one push arrive, and goes on until `signal`. The answer is the exit code. */
export function start(_argv: string[], signal: AbortSignal): Promise<number> {
  return withEverything(signal, async (all) => {
    await showPush(all).catch((error: Error) => {
      all.signal.throwIfAborted();
      say(`\nThe demo push failed: ${error.message}\nEverything else runs.`);
    });
    writeRunFile(all.services.instance, runFileOf(all));
    const prometheus = await startPrometheusIfThere(all);
    try {
      printHowTo(all);
      printMonitoring(all, prometheus);
      say('\nRunning. Ctrl-C stops everything.');
      return await untilAborted(all.signal);
    } finally {
      await prometheus?.stop();
    }
  });
}

/** The `demo` command: the same, and ends. The answer is 0 when the delivery was verified, else 1. */
export function demo(_argv: string[], signal: AbortSignal): Promise<number> {
  return withEverything(signal, async (all) => {
    writeRunFile(all.services.instance, runFileOf(all));
    await showPush(all);
    say('\nThe delivery arrived and its signature is right.');
    return 0;
  });
}

interface Everything {
  services: Services;
  apps: RunningApps;
  receiver: SampleReceiver;
  /** Aborts when somebody asks to stop, and when something has died. */
  signal: AbortSignal;
}

/** Starts services, apps and receiver, does `work`, and stops what it has started, whatever happens. */
function withEverything(
  stopSignal: AbortSignal,
  work: (all: Everything) => Promise<number>,
): Promise<number> {
  const instance = defaultInstance;
  // One at a time: a second one would find the services running, and the first would stop them under it.
  return withLockOrThrow(
    join(instanceDir(instance), 'start.lock'),
    () => startWorkStop(instance, stopSignal, work),
    (pid) =>
      new Error(
        `npm start or npm run demo runs already: process ${pid}. Stop it first (Ctrl-C, or kill ${pid}).`,
      ),
  );
}

async function startWorkStop(
  instance: string,
  stopSignal: AbortSignal,
  work: (all: Everything) => Promise<number>,
): Promise<number> {
  const folder = instanceDir(instance);
  const died = new AbortController();
  const signal = AbortSignal.any([stopSignal, died.signal]);
  const onDeath = (death: ProcessDied) => died.abort(death);
  const ranBefore = servicesStatus(instance).filter(({ running }) => running);
  const cleanUp: (() => Promise<unknown>)[] = [];

  const startedAtMs = performance.now();
  try {
    say('Starting Postgres, Kafka and the schema registry');
    cleanUp.push(async () => {
      // What ran before, e.g. by `stack up`, is not ours to stop.
      const only = serviceNames.filter((name) => !ranBefore.some((before) => before.name === name));
      await stopServices({ instance, only });
    });
    const services = await startServices({ instance, onProgress: progress, signal });
    for (const service of Object.values(services.processes)) cleanUp.push(watched(service, onDeath));

    say('Starting the apps');
    const apps = await startApps({
      services,
      folder,
      usualPorts: true,
      onExit: onDeath,
      onProgress: progress,
      signal,
    });
    cleanUp.push(() => apps.stop());
    const receiver = await startReceiver({ folder, webhookSecret: apps.secrets.webhookSecret, signal });
    cleanUp.push(() => stopProcess(receiver.process, { timeoutMs: 5_000 }));
    cleanUp.push(watched(receiver.process, onDeath));
    cleanUp.push(async () => removeRunFile(instance));
    say(`Everything runs after ${((performance.now() - startedAtMs) / 1000).toFixed(1)} s`);
    return await work({ services, apps, receiver, signal });
  } catch (error) {
    if (stopSignal.aborted) return 0;
    say(`\n${died.signal.aborted ? (died.signal.reason as Error).message : (error as Error).message}`);
    return 1;
  } finally {
    if (cleanUp.length > 1) say('\nStopping');
    await runAll(cleanUp.reverse());
  }
}

async function runAll(steps: (() => Promise<unknown>)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const step of steps) await step().catch((error: unknown) => failures.push(error));
  if (failures.length > 0)
    throw new AggregateError(failures, `not everything could be stopped: ${failures.join('; ')}`);
}

function watched(process: StartedProcess, onDeath: (death: ProcessDied) => void): () => Promise<void> {
  const endWatch = watchProcess(process, onDeath);
  return async () => endWatch();
}

async function untilAborted(signal: AbortSignal): Promise<never> {
  if (!signal.aborted) await once(signal, 'abort');
  throw signal.reason;
}

async function showPush({ apps, services, receiver, signal }: Everything): Promise<void> {
  say('\nA real push');
  const shown = await pushAndVerify({
    folder: services.folder,
    gateway: apps.gateway,
    api: apps.api,
    token: apps.token,
    receiverUrl: receiver.url,
    webhookSecret: apps.secrets.webhookSecret,
    onProgress: progress,
    signal,
  });
  printDelivery(shown, receiver.url);
}

function printDelivery(shown: ShownDelivery, url: string): void {
  say(`\nThe delivery ${shown.deliveryId}, ${shown.tookMs} ms after the push was accepted`);
  say(`  POST ${url}`);
  for (const [name, value] of Object.entries(shown.requestHeaders)) say(`  ${name}: ${value}`);
  const body = Buffer.from(shown.body);
  say(`  (${body.length} bytes) ${shown.body.slice(0, 300)}${shown.body.length > 300 ? '…' : ''}`);
  say(`  answer: ${shown.statusCode} ${shown.responseBody.trim().slice(0, 100)}`);
  say("  X-Hub-Signature-256 is the HMAC-SHA256 of these bytes under the webhook's secret: verified");
}

function printHowTo({ apps, services, receiver }: Everything): void {
  const webhook = {
    url: receiver.url,
    events: ['push', 'repo.created'],
    secret: apps.secrets.webhookSecret,
    active: true,
  };
  say(`
api       ${apps.api}        (pages: ${apps.api}/docs)
gateway   ${apps.gateway}
receiver  ${receiver.url}
kafka     ${services.kafka}
registry  ${services.registry}
database  ${services.database}
token     ${apps.token}
logs      ${services.folder}/logs

A webhook by hand:

curl -X POST ${apps.api}/v1/repos/123/webhooks \\
  -H "Authorization: Bearer ${apps.token}" \\
  -H "Content-Type: application/json" \\
  -d '${JSON.stringify(webhook, null, 2).replaceAll('\n', '\n  ')}'`);
}

/** Not watched: nothing depends on it, so everything else goes on when it ends. */
async function startPrometheusIfThere({
  apps,
  services,
  signal,
}: Everything): Promise<RunningPrometheus | null> {
  if (missingOfPrometheus().includes('prometheus')) return null;
  try {
    const { folder } = services;
    return await startPrometheus({
      apps: Object.values(apps.apps),
      folder,
      intervalSeconds: 5,
      preferredPort: 9090,
      signal,
    });
  } catch (error) {
    signal.throwIfAborted();
    say(`\nPrometheus did not start: ${(error as Error).message}\nEverything else runs.`);
    return null;
  }
}

function printMonitoring({ apps, services }: Everything, prometheus: RunningPrometheus | null): void {
  const targets = Object.values(apps.apps).map(({ name, adminUrl }) => `${name} ${adminUrl}/metrics`);
  say(`
For Prometheus to scrape, each app under a job of its name, with the rules of infra/prometheus/rules:
  ${targets.join('\n  ')}
Prometheus: ${
    prometheus
      ? `${prometheus.url}, with the rules loaded (alerts: ${prometheus.url}/alerts)`
      : 'not on the PATH. Debian, Ubuntu: apt install prometheus; macOS: brew install prometheus'
  }
For Grafana: the dashboards of infra/grafana/dashboards, on the data sources
  prometheus ${prometheus?.url ?? '(a Prometheus that scrapes the above)'}
  postgres   ${services.database}`);
}

function runFileOf({ apps, services, receiver }: Everything): RunFile {
  const ofServices = Object.entries(services.processes).map(([name, { pid }]): [string, number] => [
    name,
    pid,
  ]);
  const { kafka, registry, database } = services;
  return {
    gateway: apps.gateway,
    api: apps.api,
    token: apps.token,
    kafka,
    registry,
    database,
    pids: { ...Object.fromEntries(ofServices), ...apps.pids(), receiver: receiver.process.pid },
  };
}
