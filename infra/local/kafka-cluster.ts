import { mkdirSync } from 'node:fs';
import { clearFolderForApps, forgetApps, recordApps } from './app-records.ts';
import { findJdk } from './bring-up.ts';
import { archiveOptions, classArchive } from './class-archive.ts';
import { kafkaJars, type Progress } from './downloads.ts';
import { isKafkaReady, kafkaSpec, newClusterId, type PlaceInCluster } from './kafka.ts';
import { choosePort } from './ports.ts';
import { startProcess, stopProcess, waitUntilReady, type StartedProcess } from './supervise.ts';

export interface KafkaClusterOptions {
  /** For data and logs; fresh. */
  folder: string;
  nodes: number;
  /** Names of further listeners: each client that comes by one of them is told the port that `advertise` answers. */
  doors: readonly string[];
  /** The port that clients of this door are told in place of the one where the node listens. */
  advertise: (door: { name: string; port: number }) => Promise<number>;
  onProgress: Progress;
  signal?: AbortSignal;
}

export interface ClusterNode {
  id: number;
  logFile: string;
  /** Sends the signal (SIGTERM) and waits for the end. */
  stop: (signal?: NodeJS.Signals) => Promise<void>;
  /** Starts it over its data, on the same ports, and waits until it answers. Does nothing when it runs. */
  start: () => Promise<void>;
}

export interface KafkaCluster {
  /** `host:port,…` of the listeners that the nodes use among themselves. */
  brokers: string;
  /** `host:port,…` as clients of a door are told. */
  brokersOf(door: string): string;
  nodes: ClusterNode[];
  /** Stops all of them. */
  stop(): Promise<void>;
}

/** Starts a cluster of nodes that are each broker and controller, with everything internal copied to all of them. */
export async function startKafkaCluster(options: KafkaClusterOptions): Promise<KafkaCluster> {
  const { folder, nodes: count, onProgress, signal } = options;
  mkdirSync(folder, { recursive: true });
  await clearFolderForApps(folder);
  const places = await choosePlaces(options);
  const jars = await kafkaJars({ onProgress, signal });
  const java = findJdk();
  // Only one that is there: several nodes that write the same would spoil it.
  const archive = classArchive({ folder: jars, java, instance: 'cluster' });
  const javaOptions = archive.writtenAtEnd === null ? archiveOptions(archive) : [];
  const running = new Map<number, StartedProcess>();
  const record = (): void => recordApps(folder, [...running.values()]);

  const nodes = places.map(({ port, controllerPort, ...place }): ClusterNode => {
    const id = place.nodeId;
    return {
      id,
      logFile: `${folder}/logs/kafka-${id}.log`,
      async start() {
        if (running.has(id)) return;
        const ports = { port, controllerPort };
        const spec = await kafkaSpec({
          instanceFolder: folder,
          java,
          javaOptions,
          jars,
          ...ports,
          place,
          onProgress,
          signal,
        });
        const started = await startProcess(spec);
        running.set(id, started);
        record();
        // 120 s: three at once on two cores that do other things as well.
        await waitUntilReady(started, { isReady: () => isKafkaReady(port), timeoutMs: 120_000, signal });
      },
      async stop(stopSignal = 'SIGTERM') {
        const started = running.get(id);
        if (!started) return;
        running.delete(id);
        await stopProcess(started, { signal: stopSignal, timeoutMs: 30_000 });
        record();
      },
    };
  });
  const stop = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.stop()));
    forgetApps(folder);
  };
  onProgress(`starting Kafka, ${count === 1 ? 'one broker' : `${count} brokers`}`);
  try {
    await Promise.all(nodes.map((node) => node.start()));
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    brokers: places.map(({ port }) => `127.0.0.1:${port}`).join(),
    brokersOf: (name) =>
      places
        .map(({ doors }) => `127.0.0.1:${doors.find((door) => door.name === name)!.advertisedPort}`)
        .join(),
    nodes,
    stop,
  };
}

type Place = PlaceInCluster & { port: number; controllerPort: number };

async function choosePlaces({ nodes, doors: names, advertise }: KafkaClusterOptions): Promise<Place[]> {
  const taken = new Set<number>();
  const choose = async (): Promise<number> => {
    const port = await choosePort({ preferred: [], taken });
    taken.add(port);
    return port;
  };
  const clusterId = newClusterId();
  const places: Place[] = [];
  for (let nodeId = 1; nodeId <= nodes; nodeId++) {
    const [port, controllerPort] = [await choose(), await choose()];
    const doors: PlaceInCluster['doors'] = [];
    for (const name of names) {
      const door = { name, port: await choose() };
      doors.push({ ...door, advertisedPort: await advertise(door) });
    }
    places.push({ nodeId, clusterId, port, controllerPort, doors, voters: '', replication: nodes });
  }
  const voters = places.map((place) => `${place.nodeId}@127.0.0.1:${place.controllerPort}`).join();
  return places.map((place) => ({ ...place, voters }));
}
