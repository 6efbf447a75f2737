import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GenericContainer, Wait, type StartedTestContainer, type WaitStrategy } from 'testcontainers';
import { appNames, type AppName } from '@dits/local';
import { generateToken } from '@dits/signing';
import { startServiceContainers, type ServiceContainers } from '@dits/testkit/containers';
import { chartApps } from '../read-files.ts';
import { imageOf } from './images.ts';

/** The whole platform as containers of one network. */
export interface Platform {
  services: ServiceContainers;
  apps: Record<AppName, StartedTestContainer>;
  /** Root urls, from this machine. */
  api: string;
  gateway: string;
  /** One with every scope. */
  token: string;
  /** Runs a command of the tools image to its end and answers with its output; throws with it when it fails. */
  runJob(command: string[]): Promise<string>;
  stop(): Promise<void>;
}

/** As Kubernetes and compose.yaml run it: nothing can be written, and there are no capabilities. */
class Hardened extends GenericContainer {
  constructor(image: string) {
    super(image);
    this.hostConfig.ReadonlyRootfs = true;
    this.withDroppedCapabilities('ALL').withSecurityOpt('no-new-privileges');
  }
}

/** Starts services, runs topics and migrations, then starts the apps: the order of docs/deploying.md. */
export async function startPlatform(o: { allowedDestinations: string }): Promise<Platform> {
  const folder = mkdtempSync(join(tmpdir(), 'platform-'));
  const services = await startServiceContainers({ onProgress: console.log });
  const stop = async (): Promise<void> => {
    await services.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const runJob = (command: string[]) => run({ command, services });
    await Promise.all([runJob(['dits-migrate', 'up']), runJob(['dits-topics', 'apply'])]);
    const token = generateToken();
    const key = () => randomBytes(32).toString('base64');
    const secrets: Record<string, string> = {
      DITS_DATABASE_URL: services.inside.database,
      DITS_SECRET_KEYS: `k1:${key()}`,
      DITS_TOKEN_KEY: key(),
      DITS_BOOTSTRAP_TOKEN: token,
    };
    const start = async (app: AppName): Promise<StartedTestContainer> => {
      const { port, adminPort, secrets: needed, optionalSecrets = [], destinations } = chartApps()[app];
      const names = [...needed, ...optionalSecrets].filter((name) => name in secrets);
      const file = join(folder, `${app}.env`);
      writeFileSync(file, names.map((name) => `${name}=${secrets[name]}\n`).join(''));
      return startOrTell(app, {
        container: new Hardened(imageOf(app))
          .withNetwork(services.network)
          .withNetworkAliases(app)
          .withLabels(services.labels)
          .withEnvironment({
            DITS_KAFKA_BROKERS: services.inside.kafka,
            DITS_REGISTRY_URL: services.inside.registry,
            ...(destinations && { DITS_ALLOWED_DESTINATIONS: o.allowedDestinations }),
          })
          .withBindMounts([{ source: file, target: '/run/secrets/dits.env', mode: 'ro' }])
          .withExposedPorts(adminPort, ...(port === undefined ? [] : [port])),
        until: Wait.forHttp('/readyz', adminPort),
      });
    };
    const starts = appNames.map(async (app) => [app, await start(app)] as const);
    await Promise.allSettled(starts);
    const apps = Object.fromEntries(await Promise.all(starts)) as Platform['apps'];
    const url = (app: 'api' | 'gateway') =>
      `http://${apps[app].getHost()}:${apps[app].getMappedPort(chartApps()[app].port!)}`;
    return { services, apps, api: url('api'), gateway: url('gateway'), token, runJob, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function run({
  command,
  services,
}: {
  command: string[];
  services: ServiceContainers;
}): Promise<string> {
  let output = '';
  const name = command.join(' ');
  const container = await startOrTell(name, {
    container: new Hardened(imageOf('tools'))
      .withNetwork(services.network)
      .withLabels(services.labels)
      .withCommand(command)
      .withEnvironment({
        DITS_DATABASE_URL: services.inside.database,
        DITS_KAFKA_BROKERS: services.inside.kafka,
        DITS_TOPIC_REPLICATION: '1',
      }),
    until: Wait.forOneShotStartup(),
    onLog: (text) => (output += text),
  });
  await container.stop();
  return output;
}

/** Starts a container; when it does not come to what is waited for, the error has what it said. */
async function startOrTell(
  name: string,
  o: { container: GenericContainer; until: WaitStrategy; onLog?: (text: string) => void },
): Promise<StartedTestContainer> {
  let said = '';
  const keep = (text: string): void => {
    said += text;
    o.onLog?.(text);
  };
  try {
    return await o.container
      .withLogConsumer((stream) => stream.on('data', (text) => keep(String(text))))
      .withWaitStrategy(o.until)
      // 2 min: six apps at once on two busy cores.
      .withStartupTimeout(120_000)
      .start();
  } catch (cause) {
    throw new Error(`${name} did not start: ${(cause as Error).message}\n${said.slice(-4_000)}`, { cause });
  }
}
