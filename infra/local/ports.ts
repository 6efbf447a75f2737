import { createServer } from 'node:net';

// Below the range the kernel takes for outgoing connections (32768 and up on Linux), so that no connection of
// another process lands on a port between our choosing it and a service listening on it.
const firstFree = 20_000;
const pastFree = 32_000;

/** Whether nobody listens on this loopback port now. */
export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}

export interface PortChoice {
  /** Tried in this order, e.g. the port of the last run, then the usual one. */
  preferred: (number | undefined)[];
  /** Ports already given to others of the same run. */
  taken?: ReadonlySet<number>;
  isFree?: (port: number) => Promise<boolean>;
  random?: () => number;
}

/** The first preferred port that is free, else a free one from 20000 to 31999. */
export async function choosePort(choice: PortChoice): Promise<number> {
  const { preferred, taken = new Set(), isFree = isPortFree, random = Math.random } = choice;
  for (const port of preferred) {
    if (port !== undefined && !taken.has(port) && (await isFree(port))) return port;
  }
  const start = Math.floor(random() * (pastFree - firstFree));
  for (let step = 0; step < pastFree - firstFree; step++) {
    const port = firstFree + ((start + step) % (pastFree - firstFree));
    if (!taken.has(port) && (await isFree(port))) return port;
  }
  throw new Error(`no free port between ${firstFree} and ${pastFree}`);
}
