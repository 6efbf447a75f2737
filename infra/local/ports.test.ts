import { createServer } from 'node:net';
import { once } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { choosePort, isPortFree } from './ports.ts';
import { chooseAppPorts } from './app-ports.ts';

const allFree = async () => true;

describe('choosePort', () => {
  it('takes the first preferred port that is free', async () => {
    const isFree = async (port: number) => port !== 8080;
    expect(await choosePort({ preferred: [undefined, 8080, 9090], isFree })).toBe(9090);
  });

  it('takes a free port of its own range when all preferred ones are taken', async () => {
    const isFree = async (port: number) => port > 20_001;
    expect(await choosePort({ preferred: [8080], isFree, random: () => 0 })).toBe(20_002);
  });

  it('starts again at the low end when it has come to the high one', async () => {
    const isFree = async (port: number) => port < 20_010;
    expect(await choosePort({ preferred: [], isFree, random: () => 0.999_999 })).toBe(20_000);
  });

  it('gives no port twice to the same run', async () => {
    const taken = new Set([8080, 20_000]);
    expect(await choosePort({ preferred: [8080], taken, isFree: allFree, random: () => 0 })).toBe(20_001);
  });

  it('says so when there is no free port at all', async () => {
    await expect(choosePort({ preferred: [1], isFree: async () => false })).rejects.toThrow('no free port');
  });
});

describe('isPortFree', () => {
  it('sees a port that somebody listens on', async () => {
    const server = createServer().listen({ port: 0, host: '127.0.0.1' });
    await once(server, 'listening');
    const address = server.address() as { port: number };
    expect(await isPortFree(address.port)).toBe(false);
    server.close();
    await once(server, 'close');
    expect(await isPortFree(address.port)).toBe(true);
  });
});

describe('chooseAppPorts', () => {
  it('gives the usual ports when they are wanted and free', async () => {
    const ports = await chooseAppPorts(['gateway', 'router'], { usualFirst: true, isFree: allFree });
    expect(ports).toEqual({ gateway: { port: 8081, adminPort: 9101 }, router: { adminPort: 9102 } });
  });

  it('gives every app other ports when the usual ones are not wanted', async () => {
    const ports = await chooseAppPorts(['gateway', 'router', 'api'], { usualFirst: false, isFree: allFree });
    const all = Object.values(ports).flatMap(({ port, adminPort }) => [adminPort, ...(port ? [port] : [])]);
    expect(new Set(all).size).toBe(5);
    expect(Math.min(...all)).toBeGreaterThanOrEqual(20_000);
  });
});
