import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cacheDir } from './paths.ts';
import { versions } from './versions.ts';

export type Progress = (line: string) => void;

const run = promisify(execFile);
const plugin = `org.apache.maven.plugins:maven-dependency-plugin:${versions.mavenDependencyPlugin}`;

export interface DownloadOptions {
  onProgress: Progress;
  signal?: AbortSignal;
}

/** The folder with Kafka's jars, fetched by Maven when it is not in the cache. */
export function kafkaJars({ onProgress, signal }: DownloadOptions): Promise<string> {
  return cached(`kafka-${versions.kafka}-log4j-${versions.kafkaLog4j}`, async (folder) => {
    onProgress(`fetching Kafka ${versions.kafka} by Maven (about 55 MB)`);
    await maven(
      [
        '-f',
        join(import.meta.dirname, 'kafka/pom.xml'),
        `-Dkafka.version=${versions.kafka}`,
        `-Dlog4j.version=${versions.kafkaLog4j}`,
        `${plugin}:copy-dependencies`,
        '-DincludeScope=runtime',
        `-DoutputDirectory=${folder}`,
      ],
      signal,
    );
  });
}

/** The folder with the unpacked Apicurio Registry, fetched by Maven when it is not in the cache. */
export function apicurio({ onProgress, signal }: DownloadOptions): Promise<string> {
  return cached(`apicurio-${versions.apicurio}`, async (folder) => {
    onProgress(`fetching Apicurio Registry ${versions.apicurio} by Maven (about 160 MB)`);
    const archives = `${folder}.download`;
    try {
      await maven(
        [
          `${plugin}:copy`,
          `-Dartifact=io.apicurio:apicurio-registry-app:${versions.apicurio}:tar.gz:all`,
          `-DoutputDirectory=${archives}`,
        ],
        signal,
      );
      const archive = join(archives, `apicurio-registry-app-${versions.apicurio}-all.tar.gz`);
      await run('tar', ['-xzf', archive, '-C', folder], { signal });
    } finally {
      rmSync(archives, { recursive: true, force: true });
    }
  });
}

// Filled beside its place and then renamed: an interrupted download is never taken for a whole one, and of two
// processes that fetch at once the second keeps what the first has put there.
async function cached(name: string, fill: (folder: string) => Promise<void>): Promise<string> {
  const place = join(cacheDir(), name);
  if (existsSync(place)) return place;
  mkdirSync(cacheDir(), { recursive: true });
  const folder = mkdtempSync(join(cacheDir(), `.${name}-`));
  try {
    await fill(folder);
    if (!existsSync(place)) renameSync(folder, place);
  } catch (error) {
    if (!existsSync(place)) throw error;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return place;
}

async function maven(args: string[], signal?: AbortSignal): Promise<void> {
  try {
    await run('mvn', ['-B', '-q', ...args], { maxBuffer: 64 * 1024 * 1024, signal });
  } catch (cause) {
    signal?.throwIfAborted();
    const { stdout = '', stderr = '', message } = cause as Error & { stdout?: string; stderr?: string };
    const end = `${stdout}${stderr}`.trim().split('\n').slice(-15).join('\n');
    throw new Error(`Maven failed: ${end || message}`, { cause });
  }
}
