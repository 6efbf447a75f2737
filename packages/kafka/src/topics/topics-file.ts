import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parse } from 'yaml';

/** One topic as it should be. */
export interface DesiredTopic {
  name: string;
  partitions: number;
  replication: number;
  /** Everything that is set on the topic; the rest is the broker's default. */
  config: Record<string, string>;
}

interface TopicsFile {
  replication: number;
  defaults: Record<string, string | number>;
  topics: { name: string; partitions: number; config: Record<string, string | number> }[];
}

/**
 * Reads a topics file. `prefix` is put before each name; `replication` overrides the file's, and lowers
 * `min.insync.replicas` to it. Throws an `Error` that names the file when it is missing or not as it should be.
 */
export function readTopicsFile(o: { file?: string; prefix?: string; replication?: number }): DesiredTopic[] {
  const file = o.file ?? defaultFile();
  const given = parse(readFileSync(file, 'utf8')) as TopicsFile;
  const replication = o.replication ?? given.replication;
  if (!Number.isInteger(replication) || replication < 1)
    throw new Error(`${file}: replication must be 1 or more`);
  if (!Array.isArray(given.topics)) throw new Error(`${file}: topics is not a list`);
  return given.topics.map(({ name, partitions, config }) => {
    if (!name || !Number.isInteger(partitions) || partitions < 1) {
      throw new Error(
        `${file}: a topic needs a name and partitions of 1 or more, got ${JSON.stringify({ name, partitions })}`,
      );
    }
    const all: Record<string, string> = {};
    for (const [key, value] of Object.entries({ ...given.defaults, ...config })) all[key] = String(value);
    const minInSync = Number(all['min.insync.replicas'] ?? 1);
    if (minInSync > replication) all['min.insync.replicas'] = String(replication);
    return { name: `${o.prefix ?? ''}${name}`, partitions, replication, config: all };
  });
}

// From src under Jest and from dist otherwise, so the root is looked for rather than counted.
function defaultFile(): string {
  for (let dir = import.meta.dirname; ; dir = dirname(dir)) {
    const file = join(dir, 'infra/kafka/topics.yaml');
    try {
      readFileSync(file);
      return file;
    } catch (cause) {
      if (dir === dirname(dir))
        throw new Error('infra/kafka/topics.yaml is not above this program; name a file', { cause });
    }
  }
}
