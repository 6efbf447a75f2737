import { join } from 'node:path';
import type { ProcessSpec } from './supervise.ts';

export interface RegistryOptions {
  instanceFolder: string;
  java: string;
  /** Added to its own. */
  javaOptions: string[];
  /** Folder of the unpacked Apicurio Registry. */
  apicurio: string;
  port: number;
  managementPort: number;
  /** Url of a database of its own: schema ids last as long as the data that names them. */
  databaseUrl: string;
}

/** How to start Apicurio Registry with its schemas in Postgres. */
export function registrySpec(options: RegistryOptions): ProcessSpec {
  const database = new URL(options.databaseUrl);
  return {
    name: 'registry',
    command: options.java,
    args: [
      '-XX:TieredStopAtLevel=1',
      '-Xmx256m',
      ...options.javaOptions,
      '-jar',
      join(options.apicurio, 'quarkus-run.jar'),
    ],
    env: {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      QUARKUS_HTTP_HOST: '127.0.0.1',
      QUARKUS_HTTP_PORT: String(options.port),
      QUARKUS_MANAGEMENT_HOST: '127.0.0.1',
      QUARKUS_MANAGEMENT_PORT: String(options.managementPort),
      APICURIO_STORAGE_KIND: 'sql',
      APICURIO_STORAGE_SQL_KIND: 'postgresql',
      APICURIO_DATASOURCE_URL: `jdbc:postgresql://${database.host}${database.pathname}${database.search}`,
      APICURIO_DATASOURCE_USERNAME: decodeURIComponent(database.username),
      APICURIO_DATASOURCE_PASSWORD: decodeURIComponent(database.password),
      // Otherwise two lines for every request.
      QUARKUS_LOG_LEVEL: 'WARN',
      APICURIO_LOG_LEVEL: 'WARN',
      QUARKUS_HTTP_ACCESS_LOG_ENABLED: 'false',
      // 20 to 100 by default, of the database's 200.
      APICURIO_DATASOURCE_JDBC_INITIAL_SIZE: '2',
      APICURIO_DATASOURCE_JDBC_MIN_SIZE: '2',
      APICURIO_DATASOURCE_JDBC_MAX_SIZE: '10',
    },
    cwd: options.instanceFolder,
    logFile: join(options.instanceFolder, 'logs/registry.log'),
  };
}

/** The Confluent-compatible root of a registry on this loopback port. */
export function registryUrl(port: number): string {
  return `http://127.0.0.1:${port}/apis/ccompat/v7`;
}

/** Whether the registry answers a request that needs its storage. */
export async function isRegistryReady(port: number): Promise<boolean> {
  const response = await fetch(`${registryUrl(port)}/subjects`, { signal: AbortSignal.timeout(2_000) });
  await response.arrayBuffer();
  return response.ok;
}
