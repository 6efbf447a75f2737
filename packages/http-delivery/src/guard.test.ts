import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { isIPv6 } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { until } from '@dits/testkit';
import { parseAllowedDestinations, PUBLIC_DESTINATIONS, type SendResult } from '@dits/domain';
import type { Resolve } from './guard.js';
import { HttpSender, type HttpSenderOptions } from './http-sender.js';

// 127.0.0.2 stands for a receiver, 127.0.0.1 for what must not be reached.
const RECEIVER = '127.0.0.2';
const INSIDE = '127.0.0.1';
const destinations = { ...PUBLIC_DESTINATIONS, allowed: parseAllowedDestinations(RECEIVER) };

/** Counts the connections of each server; both have the same port. */
const connections = { [RECEIVER]: 0, [INSIDE]: 0 };
let port: number;
const cleanups: (() => unknown)[] = [];

beforeEach(async () => {
  connections[RECEIVER] = connections[INSIDE] = 0;
  port = await listen(RECEIVER, 0);
  await listen(INSIDE, port);
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A server that answers 200 on a connection that it keeps, until told to close it. */
const sockets = new Set<Socket>();
async function listen(host: keyof typeof connections, at: number): Promise<number> {
  const server = createServer((socket) => {
    connections[host] += 1;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
    socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'));
  });
  server.listen(at, host);
  await once(server, 'listening');
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** A resolver of the test's own: one list of addresses for each question, the last one for all that follow. */
function aResolver(...answers: string[][]): { resolve: Resolve; asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    resolve: async (name) => {
      const answer = answers[Math.min(asked.length, answers.length - 1)]!;
      asked.push(name);
      return answer.map((address) => ({ address, family: isIPv6(address) ? 6 : 4 }));
    },
  };
}

function aSender(options: HttpSenderOptions): HttpSender {
  const sender = new HttpSender({ destinations, ...options });
  cleanups.push(() => sender.close());
  return sender;
}

const post = (
  sender: HttpSender,
  url = `http://receiver.example:${port}/`,
  { onFreshConnection = false } = {},
): Promise<SendResult> =>
  sender.send({ url, headers: {}, body: Buffer.from('{}'), timeoutMs: 5_000, onFreshConnection });

describe('the destination guard', () => {
  it.each([
    ['loopback', '127.0.0.1'],
    ['loopback', '::1'],
    ['loopback', '::ffff:127.0.0.1'],
    ['loopback', '::ffff:7f00:1'],
    ['transition', '::127.0.0.1'],
    ['loopback', '64:ff9b::127.0.0.1'],
    ['transition', '2002:7f00:1::'],
    ['unspecified', '0.0.0.0'],
    ['unspecified', '::'],
    ['private', '10.0.0.1'],
    ['private', 'fd00::1'],
    ['link_local', 'fe80::1%lo'],
    ['metadata', '169.254.169.254'],
    ['metadata', 'fd00:ec2::254'],
    ['cgnat', '100.64.0.1'],
    ['multicast', '224.0.0.1'],
    ['benchmark', '198.18.0.1'],
    ['documentation', '203.0.113.1'],
    ['reserved', '255.255.255.255'],
  ])('refuses a name by rule %s when it resolves to %s, and dials nothing', async (rule, address) => {
    const { resolve } = aResolver([address]);
    expect(await post(aSender({ resolve }))).toMatchObject({
      kind: 'forbidden_destination',
      rule,
      phase: 'dns',
      message: expect.stringMatching(`^the url must not lead to .* \\(rule ${rule}\\)$`),
      remoteAddress: null,
    });
    expect(connections).toEqual({ [RECEIVER]: 0, [INSIDE]: 0 });
  });

  it.each([
    [`http://127.0.0.1:PORT/`, 'loopback'],
    [`http://2130706433:PORT/`, 'loopback'],
    [`http://0177.1:PORT/`, 'loopback'],
    [`http://0x7f.1:PORT/`, 'loopback'],
    [`http://１２７。０。０。１:PORT/`, 'loopback'],
    [`http://[::ffff:127.0.0.1]:PORT/`, 'loopback'],
    [`http://0:PORT/`, 'unspecified'],
    [`http://localhost:PORT/`, 'local_name'],
    [`http://user:password@receiver.example:PORT/`, 'user_info'],
    [`http://receiver.example.:PORT/`, 'trailing_dot'],
    [`http://receiver.example:22/`, 'port'],
  ])('refuses %s by rule %s without asking the resolver', async (url, rule) => {
    const { resolve, asked } = aResolver([RECEIVER]);
    const result = await post(aSender({ resolve }), url.replace('PORT', String(port)));
    expect(result).toMatchObject({ kind: 'forbidden_destination', rule });
    expect([asked, connections]).toEqual([[], { [RECEIVER]: 0, [INSIDE]: 0 }]);
  });

  it.each([[[INSIDE, RECEIVER]], [[RECEIVER, INSIDE]], [['10.0.0.1', '::1', RECEIVER, '0.0.0.0']]])(
    'dials of %j only the allowed address',
    async (answer) => {
      const { resolve } = aResolver(answer);
      const result = await post(aSender({ resolve }));
      expect(result).toMatchObject({ kind: 'response', remoteAddress: `${RECEIVER}:${port}` });
      expect(connections).toEqual({ [RECEIVER]: 1, [INSIDE]: 0 });
    },
  );

  it('does not fall back on a forbidden address when the allowed one refuses the connection', async () => {
    const { resolve } = aResolver([RECEIVER, INSIDE]);
    const sender = aSender({
      resolve,
      destinations: { ...destinations, allowed: parseAllowedDestinations('127.0.0.3') },
    });
    expect(await post(sender)).toMatchObject({ kind: 'forbidden_destination', rule: 'loopback' });
    const { resolve: unreachable } = aResolver(['127.0.0.3', INSIDE]);
    const other = aSender({
      resolve: unreachable,
      destinations: { ...destinations, allowed: parseAllowedDestinations('127.0.0.3') },
    });
    expect(await post(other)).toMatchObject({ kind: 'refused', remoteAddress: `127.0.0.3:${port}` });
    expect(connections[INSIDE]).toBe(0);
  });

  it('asks the resolver once for a connection, and dials what was judged: rebinding a name gains nothing', async () => {
    const { resolve, asked } = aResolver([RECEIVER], [INSIDE]);
    const sender = aSender({ resolve });
    expect(await post(sender)).toMatchObject({ kind: 'response', remoteAddress: `${RECEIVER}:${port}` });
    // The connection that stands leads where it was judged to lead, whatever the name says now.
    expect(await post(sender)).toMatchObject({ kind: 'response', remoteAddress: `${RECEIVER}:${port}` });
    expect(asked).toEqual(['receiver.example']);
    for (const socket of sockets) socket.destroy();
    await until('no connection', () => sender.connections === 0);
    expect(await post(sender)).toMatchObject({ kind: 'forbidden_destination', rule: 'loopback' });
    expect(asked).toHaveLength(2);
    expect(connections).toEqual({ [RECEIVER]: 1, [INSIDE]: 0 });
  });

  it('judges anew when a fresh connection takes the place of a kept one', async () => {
    const { resolve } = aResolver([RECEIVER], [INSIDE]);
    const sender = aSender({ resolve });
    await post(sender);
    for (const socket of sockets) {
      socket.removeAllListeners('data');
      socket.on('data', () => socket.resetAndDestroy());
    }
    expect(await post(sender)).toMatchObject({ kind: 'reset', staleConnection: true });
    expect(await post(sender, undefined, { onFreshConnection: true })).toMatchObject({
      kind: 'forbidden_destination',
      rule: 'loopback',
      remoteAddress: null,
    });
    expect(connections).toEqual({ [RECEIVER]: 1, [INSIDE]: 0 });
  });

  it('takes a name without addresses for a failure of DNS, which may pass', async () => {
    const { resolve } = aResolver([]);
    expect(await post(aSender({ resolve }))).toMatchObject({ kind: 'dns', phase: 'dns' });
  });

  it('opens a name with every address of it, and no other name', async () => {
    const { resolve } = aResolver([INSIDE]);
    const sender = aSender({
      resolve,
      destinations: { ...destinations, allowed: parseAllowedDestinations('ci.example') },
    });
    expect(await post(sender, `http://ci.example:${port}/`)).toMatchObject({ kind: 'response' });
    expect(await post(sender)).toMatchObject({ kind: 'forbidden_destination', rule: 'loopback' });
  });

  it('opens nothing unless told to', async () => {
    const sender = new HttpSender();
    cleanups.push(() => sender.close());
    expect(await post(sender, `http://127.0.0.1:${port}/`)).toMatchObject({ rule: 'loopback' });
    expect(await post(sender, `http://localhost:${port}/`)).toMatchObject({ rule: 'local_name' });
    expect(connections).toEqual({ [RECEIVER]: 0, [INSIDE]: 0 });
  });
});
