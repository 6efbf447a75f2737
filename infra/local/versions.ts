import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Versions {
  kafka: string;
  /** Of the log4j that this Kafka brings. */
  kafkaLog4j: string;
  apicurio: string;
  mavenDependencyPlugin: string;
  pnpm: string;
  leastNode: number;
  leastJava: number;
  /** Major and minor. */
  leastPython: [number, number];
}

/** The pinned versions of versions.json, the one place they are written. */
export const versions = JSON.parse(
  readFileSync(join(import.meta.dirname, 'versions.json'), 'utf8'),
) as Versions;
