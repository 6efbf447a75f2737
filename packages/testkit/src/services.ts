import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from './repository-root.js';

/** Where the real services listen. */
export interface TestServices {
  /** `host:port` of a Kafka broker. */
  kafka: string;
  /** Confluent-compatible root of the schema registry. */
  registry: string;
  /** `postgres://` url of a database on the shared server. Use {@link createDatabase} rather than its tables. */
  database: string;
}

let found: TestServices | undefined;

/**
 * The services that integration tests run against, read once per process from the file named by
 * `DITS_SERVICES_FILE`, else from `.local/test/services.json` at the root of the repository.
 * Throws, saying how to start them, when the file is missing or incomplete.
 */
export function services(): TestServices {
  found ??= readServices(
    process.env['DITS_SERVICES_FILE'] ?? join(repositoryRoot(), '.local/test/services.json'),
  );
  return found;
}

/** Reads and checks one services file. Throws as {@link services} does. */
export function readServices(path: string): TestServices {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new Error(`The test services are not running: ${path} cannot be read. ${howToStart}`, { cause });
  }
  const { kafka, registry, database } = JSON.parse(text) as Partial<TestServices>;
  if (!kafka || !registry || !database) {
    throw new Error(`${path} names no kafka, registry or database. ${howToStart}`);
  }
  return { kafka, registry, database };
}

const howToStart = 'Start them with: npm run stack -- up --instance test';
