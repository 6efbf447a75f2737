import { choosePort } from './ports.ts';

/** In the order of an event's path. */
export const appNames = ['gateway', 'router', 'dispatcher', 'retrier', 'recorder', 'api'] as const;

export type AppName = (typeof appNames)[number];

export interface AppPorts {
  /** Of gateway and api only. */
  port?: number;
  /** /livez, /readyz and /metrics. */
  adminPort: number;
}

const usual: Record<AppName, AppPorts> = {
  gateway: { port: 8081, adminPort: 9101 },
  router: { adminPort: 9102 },
  dispatcher: { adminPort: 9103 },
  retrier: { adminPort: 9104 },
  recorder: { adminPort: 9105 },
  api: { port: 8080, adminPort: 9106 },
};

/** Free ports for these apps, the usual ones first when they are asked for; no two alike. */
export async function chooseAppPorts(
  apps: readonly AppName[],
  options: { usualFirst: boolean; isFree?: (port: number) => Promise<boolean> },
): Promise<Record<string, AppPorts>> {
  const taken = new Set<number>();
  const choose = async (preferred: number) => {
    const first = options.usualFirst ? [preferred] : [];
    const port = await choosePort({ preferred: first, taken, isFree: options.isFree });
    taken.add(port);
    return port;
  };
  const ports: Record<string, AppPorts> = {};
  for (const app of apps) {
    const { port, adminPort } = usual[app];
    ports[app] = {
      adminPort: await choose(adminPort),
      ...(port === undefined ? {} : { port: await choose(port) }),
    };
  }
  return ports;
}
