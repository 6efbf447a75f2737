import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { services } from './services.js';

/** An empty database of one test's own. */
export interface TestDatabase {
  /** `postgres://` url of it. */
  url: string;
  /** Ends whatever is still connected and removes the database. */
  drop(): Promise<void>;
}

/** Creates an empty database with a unique name on the shared test server. */
export async function createDatabase(): Promise<TestDatabase> {
  const server = services().database;
  const name = `t_${randomBytes(6).toString('hex')}`;
  await runOn(server, `CREATE DATABASE ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return {
    url: url.href,
    drop: () => runOn(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`),
  };
}

async function runOn(url: string, sql: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
