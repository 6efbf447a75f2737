import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Progress } from './downloads.ts';
import type { ProcessSpec } from './supervise.ts';

const run = promisify(execFile);

export interface KafkaOptions {
  instanceFolder: string;
  java: string;
  /** Added to its own. */
  javaOptions: string[];
  /** Folder of Kafka's jars. */
  jars: string;
  port: number;
  controllerPort: number;
  /** Its place among several; without it, it is alone. */
  place?: PlaceInCluster;
  onProgress: Progress;
  signal?: AbortSignal;
}

/** What a node must know of its cluster. */
export interface PlaceInCluster {
  nodeId: number;
  clusterId: string;
  /** `controller.quorum.voters`: all nodes, `<id>@<host>:<controller port>`. */
  voters: string;
  /** Copies of everything internal. */
  replication: number;
  /** Further doors for clients: where each listens and which port clients are told. */
  doors: { name: string; port: number; advertisedPort: number }[];
}

/** A new name for a cluster. */
export function newClusterId(): string {
  return `A${randomBytes(16).toString('base64url').slice(1)}`; // a leading "-" would be read as an option
}

/** Formats the storage when there is none and says how to start one node that is broker and controller. */
export async function kafkaSpec(options: KafkaOptions): Promise<ProcessSpec> {
  const { place } = options;
  const name = place ? `kafka-${place.nodeId}` : 'kafka';
  const folder = join(options.instanceFolder, name);
  mkdirSync(folder, { recursive: true });
  const properties = join(folder, 'server.properties');
  writeFileSync(properties, asProperties(serverSettings(options, folder)));
  writeFileSync(join(folder, 'log4j2.properties'), asProperties(logSettings));
  const classPath = ['-cp', join(options.jars, '*')];

  const formatted = join(folder, 'formatted');
  if (!existsSync(formatted)) {
    options.onProgress("formatting Kafka's storage");
    // What a format that was interrupted has left is not usable, and nothing was ever stored in it.
    rmSync(join(folder, 'data'), { recursive: true, force: true });
    const clusterId = place?.clusterId ?? newClusterId();
    const tool = ['kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', properties];
    await run(options.java, ['-Xmx128m', '-XX:TieredStopAtLevel=1', ...classPath, ...tool], {
      signal: options.signal,
    });
    writeFileSync(formatted, `${clusterId}\n`);
  }
  return {
    name,
    command: options.java,
    args: [
      '-Xms128m',
      // One of several has its share of the partitions.
      place ? '-Xmx256m' : '-Xmx512m',
      ...options.javaOptions,
      `-Dlog4j2.configurationFile=${join(folder, 'log4j2.properties')}`,
      ...classPath,
      'kafka.Kafka',
      properties,
    ],
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'] },
    cwd: folder,
    logFile: join(options.instanceFolder, `logs/${name}.log`),
  };
}

/** Whether a broker answers an ApiVersions request: its port accepts connections before it can serve any. */
export function isKafkaReady(port: number): Promise<boolean> {
  // Size 10, api key 18, version 0, correlation id 1, null client id.
  const request = Buffer.from('0000000a001200000000' + '0001' + 'ffff', 'hex');
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    const finish = (ready: boolean) => {
      socket.destroy();
      resolve(ready);
    };
    socket.setTimeout(1_000, () => finish(false));
    socket.once('error', () => finish(false));
    socket.once('close', () => finish(false));
    socket.once('connect', () => socket.write(request));
    socket.once('data', () => finish(true));
  });
}

function serverSettings(
  { port, controllerPort, place }: KafkaOptions,
  folder: string,
): Record<string, string | number> {
  const { nodeId = 1, voters = `1@127.0.0.1:${controllerPort}`, replication = 1, doors = [] } = place ?? {};
  const at = (name: string, listenPort: number) => `${name}://127.0.0.1:${listenPort}`;
  return {
    'process.roles': 'broker,controller',
    'node.id': nodeId,
    // The voters by address and not from the log, so that a port may change between two runs.
    'controller.quorum.voters': voters,
    listeners: [
      at('BROKER', port),
      at('CONTROLLER', controllerPort),
      ...doors.map((door) => at(door.name, door.port)),
    ].join(),
    'advertised.listeners': [
      at('BROKER', port),
      ...doors.map((door) => at(door.name, door.advertisedPort)),
    ].join(),
    'listener.security.protocol.map': ['BROKER', 'CONTROLLER', ...doors.map((door) => door.name)]
      .map((name) => `${name}:PLAINTEXT`)
      .join(),
    'inter.broker.listener.name': 'BROKER',
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': join(folder, 'data'),
    'auto.create.topics.enable': 'false',
    // One node: everything internal has one copy.
    'offsets.topic.replication.factor': replication,
    'offsets.topic.num.partitions': 8,
    'transaction.state.log.replication.factor': replication,
    'transaction.state.log.min.isr': Math.min(2, replication),
    'transaction.state.log.num.partitions': 4,
    'share.coordinator.state.topic.replication.factor': replication,
    'share.coordinator.state.topic.min.isr': Math.min(2, replication),
    'group.initial.rebalance.delay.ms': 0,
    // An event may have 1 MiB; its record has headers and batch overhead on top, and a batch may hold a few.
    'message.max.bytes': 2 * 1024 * 1024,
    'replica.fetch.max.bytes': 2 * 1024 * 1024,
    // 10 MiB by default, mapped for every segment of every partition.
    'log.index.size.max.bytes': 1024 * 1024,
  };
}

const logSettings = {
  'appender.out.type': 'Console',
  'appender.out.name': 'out',
  'appender.out.layout.type': 'PatternLayout',
  'appender.out.layout.pattern': '%d{ISO8601} %p %m (%c)%n',
  'rootLogger.level': 'warn',
  'rootLogger.appenderRef.out.ref': 'out',
  'logger.server.name': 'kafka.server.KafkaRaftServer',
  'logger.server.level': 'info',
  'logger.version.name': 'org.apache.kafka.common.utils.AppInfoParser',
  'logger.version.level': 'info',
};

function asProperties(settings: Record<string, string | number>): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${String(value).replaceAll('\\', '\\\\')}\n`)
    .join('');
}
