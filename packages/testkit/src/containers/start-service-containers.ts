import { randomBytes } from 'node:crypto';
import { GenericContainer, getContainerRuntimeClient, Network, Wait } from 'testcontainers';
import type { StartedNetwork, StartedTestContainer } from 'testcontainers';
import type { RunningServices } from '../running-services.js';
import type { TestServices } from '../services.js';
import { composeServices, healthLine, type ComposeService } from './compose-file.js';

/** The services as containers of one network. */
export interface ServiceContainers extends RunningServices {
  network: StartedNetwork;
  /** Where containers of that network find what `addresses` names for this machine. */
  inside: TestServices;
  /** For containers beside them: those with these labels go at `stop`, too. */
  labels: Record<string, string>;
}

/** Options of {@link startServiceContainers}. */
export interface StartServiceContainersOptions {
  onProgress?: (line: string) => void;
  signal?: AbortSignal;
}

const kafkaPort = 19092;
const addressFile = '/tmp/advertised-listeners';
const registryPath = '/apis/ccompat/v7';
// 3 min: all three at once on a busy machine with two cores take one.
const readyTimeoutMs = 180_000;

/**
 * Starts Kafka, the registry and Postgres with the images and settings of infra/compose.yaml, by testcontainers, and
 * resolves when each passes its health check. Data is gone with the containers. Pulls what the engine does not have.
 * When one fails the others are stopped before it throws.
 */
export async function startServiceContainers(
  o: StartServiceContainersOptions = {},
): Promise<ServiceContainers> {
  const { onProgress = () => {}, signal } = o;
  const compose = composeServices();
  const password = randomBytes(18).toString('base64url');
  const network = await new Network().start();
  const labels = { 'dits.test-services': network.getId() };
  const logEnds = new Map<string, string[]>();
  const keep = (name: string, line: string): void => {
    logEnds.set(name, [...(logEnds.get(name) ?? []), line].slice(-20));
  };
  // By their labels: one that did not come up is there, too, and nobody has its handle.
  const stop = async (): Promise<void> => {
    await removeContainers(labels);
    await network.stop();
  };
  const start = async (name: string, container: GenericContainer): Promise<StartedTestContainer> => {
    signal?.throwIfAborted();
    onProgress(`starting a container for ${name}`);
    return container
      .withNetwork(network)
      .withNetworkAliases(name)
      .withLabels(labels)
      .withStartupTimeout(readyTimeoutMs)
      .withLogConsumer((stream) => stream.on('data', (line) => keep(name, String(line))))
      .start();
  };
  try {
    const upKafka = async (): Promise<StartedTestContainer> => {
      const kafka = await start('kafka', kafkaContainer(compose.kafka));
      // Which port of this machine leads there is known only now.
      const host = `HOST://${kafka.getHost()}:${kafka.getMappedPort(kafkaPort)}`;
      const content = `${host},NETWORK://kafka:9092`;
      await kafka.copyContentToContainer([{ content, target: addressFile, mode: 0o644 }]);
      const ready = `until ${healthLine(compose.kafka)} >/dev/null 2>&1; do sleep 0.5; done`;
      const { exitCode } = await kafka.exec(['timeout', String(readyTimeoutMs / 1000), 'sh', '-c', ready]);
      if (exitCode !== 0) throw new Error(`kafka does not answer after ${readyTimeoutMs / 1000} s`);
      return kafka;
    };
    const upDatabaseAndRegistry = async (): Promise<[StartedTestContainer, StartedTestContainer]> => {
      const postgres = await start('postgres', postgresContainer(compose.postgres, password));
      const registry = await start('registry', registryContainer(compose.registry, password));
      return [postgres, registry];
    };
    const all = [upKafka(), upDatabaseAndRegistry()] as const;
    // The other is waited for: nothing is started behind the caller's back.
    await Promise.allSettled(all);
    const [kafka, [postgres, registry]] = await Promise.all(all);
    const at = (container: StartedTestContainer, port: number): string =>
      `${container.getHost()}:${container.getMappedPort(port)}`;
    return {
      runBy: 'containers',
      network,
      labels,
      addresses: {
        kafka: at(kafka, kafkaPort),
        registry: `http://${at(registry, 8080)}${registryPath}`,
        database: `postgres://dits:${password}@${at(postgres, 5432)}/dits`,
      },
      inside: {
        kafka: 'kafka:9092',
        registry: `http://registry:8080${registryPath}`,
        database: `postgres://dits:${password}@postgres:5432/dits`,
      },
      stop,
    };
  } catch (error) {
    await stop();
    const ends = [...logEnds].map(([name, lines]) => `--- ${name}\n${lines.join('').trimEnd()}`);
    const instead = 'DITS_TEST_SERVICES=processes runs them without containers.';
    const message = `The services did not start as containers: ${(error as Error).message}. ${instead}`;
    throw new Error([message, ...ends].join('\n'), { cause: error });
  }
}

async function removeContainers(labels: Record<string, string>): Promise<void> {
  const { dockerode } = (await getContainerRuntimeClient()).container;
  const filters = { label: Object.entries(labels).map(([name, value]) => `${name}=${value}`) };
  const containers = await dockerode.listContainers({ all: true, filters });
  await Promise.all(containers.map(({ Id }) => dockerode.getContainer(Id).remove({ force: true, v: true })));
}

function kafkaContainer({ image, environment }: ComposeService): GenericContainer {
  const { KAFKA_ADVERTISED_LISTENERS: _, ...settings } = environment;
  const wait = `until [ -s ${addressFile} ]; do sleep 0.1; done`;
  const run = `KAFKA_ADVERTISED_LISTENERS=$(cat ${addressFile}) exec /etc/kafka/docker/run`;
  return (
    new GenericContainer(image)
      .withEnvironment(settings)
      .withEntrypoint(['/bin/bash', '-c', `${wait}; ${run}`])
      .withCommand([])
      // 9092 is the image's own: Podman reports it as one to be opened, and testcontainers waits until it is.
      .withExposedPorts(kafkaPort, 9092)
      .withWaitStrategy(Wait.forSuccessfulCommand('true'))
  );
}

function postgresContainer(service: ComposeService, password: string): GenericContainer {
  const { image, environment, command = [] } = service;
  const sql = {
    content: 'CREATE DATABASE registry;\n',
    target: '/docker-entrypoint-initdb.d/registry.sql',
    mode: 0o644,
  };
  return (
    new GenericContainer(image)
      .withEnvironment({ ...environment, POSTGRES_PASSWORD: password })
      // The data is thrown away: a crash may lose what was committed.
      .withCommand([
        ...command,
        '-c',
        'fsync=off',
        '-c',
        'synchronous_commit=off',
        '-c',
        'full_page_writes=off',
      ])
      .withCopyContentToContainer([sql])
      .withExposedPorts(5432)
      .withWaitStrategy(Wait.forSuccessfulCommand(healthLine(service)))
  );
}

function registryContainer(service: ComposeService, password: string): GenericContainer {
  return new GenericContainer(service.image)
    .withEnvironment({ ...service.environment, APICURIO_DATASOURCE_PASSWORD: password })
    .withExposedPorts(8080)
    .withWaitStrategy(Wait.forSuccessfulCommand(healthLine(service)));
}
