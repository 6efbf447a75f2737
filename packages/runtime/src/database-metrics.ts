import { gauge } from './metrics.js';

/** How a pool of database connections is used. */
export interface PoolUse {
  busy: number;
  idle: number;
  /** Queries that wait for a connection. */
  waiting: number;
  /** Connections at most. */
  limit: number;
}

/** Gauges of the process's pool of database connections, read at each scrape. */
export function exposeDatabasePool(use: () => PoolUse): void {
  gauge({
    name: 'dits_database_connections',
    help: 'Connections to the database: busy with a query or transaction, or idle.',
    labelNames: ['state'],
    collect: (connections) => {
      const { busy, idle } = use();
      connections.set({ state: 'busy' }, busy);
      connections.set({ state: 'idle' }, idle);
    },
  });
  gauge({
    name: 'dits_database_connections_limit',
    help: 'Connections that the pool may have at most.',
    collect: (limit) => limit.set(use().limit),
  });
  gauge({
    name: 'dits_database_waiting',
    help: 'Queries that wait because all connections are busy.',
    collect: (waiting) => waiting.set(use().waiting),
  });
}
