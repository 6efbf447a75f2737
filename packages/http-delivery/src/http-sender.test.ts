import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from '@jest/globals';
import { parseAllowedDestinations, PUBLIC_DESTINATIONS } from '@dits/domain';
import { startReceiver, until } from '@dits/testkit';
import type { Receiver } from '@dits/testkit';
import { generate } from 'selfsigned';
import { HttpSender } from './http-sender.js';
import type { HttpSenderOptions, SendRequest } from './http-sender.js';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

// The receivers of these tests are on this machine.
const destinations = { ...PUBLIC_DESTINATIONS, allowed: parseAllowedDestinations('127.0.0.0/8,::1') };

function aSender(options?: HttpSenderOptions): HttpSender {
  const sender = new HttpSender({ destinations, ...options });
  cleanups.push(() => sender.close());
  return sender;
}

function aRequest(url: string, change: Partial<SendRequest> = {}): SendRequest {
  return {
    url,
    headers: { 'content-type': 'application/json' },
    body: Buffer.from('{"event":"push"}'),
    // Long: a send that should end by itself must not be ended by its clock.
    timeoutMs: 10_000,
    ...change,
  };
}

async function aReceiver(...options: Parameters<typeof startReceiver>): Promise<Receiver> {
  const receiver = await startReceiver(...options);
  cleanups.push(() => receiver.close());
  return receiver;
}

/** A server on bare TCP: whatever a receiver can do wrong. It gets each connection with its number, from 1. */
async function aTcpServer(onConnection: (socket: Socket, n: number) => void): Promise<string> {
  let n = 0;
  return listening(
    createServer((socket) => {
      socket.on('error', () => {});
      onConnection(socket, ++n);
    }),
    'http',
  );
}

async function listening(server: Server, scheme: string): Promise<string> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

/** Writes again and again until the other side is gone. */
function drip(socket: Socket, text: string): void {
  const timer = setInterval(() => socket.write(text), 10);
  socket.on('close', () => clearInterval(timer));
}

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

describe('an answer', () => {
  it('comes back with status, joined headers, body, phases and the address that was dialled', async () => {
    const receiver = await aReceiver({
      respond: () => ({ status: 201, headers: { 'X-Two': ['a', 'b'], 'X-One': 'c' }, body: 'made' }),
    });
    const result = await aSender().send(aRequest(receiver.url));
    expect(result).toMatchObject({
      kind: 'response',
      status: 201,
      headers: { 'x-two': 'a, b', 'x-one': 'c' },
      body: Buffer.from('made'),
      truncated: false,
      remoteAddress: new URL(receiver.url).host,
      staleConnection: false,
    });
    expect(Object.keys(result.phasesMs)).toEqual(['connect', 'headers', 'body']);
    const sum = Object.values(result.phasesMs).reduce((a, b) => a + b, 0);
    expect(sum).toBeCloseTo(result.durationMs, 1);
  });

  it('is asked for with the headers and the bytes that were given, uncompressed', async () => {
    const receiver = await aReceiver();
    const body = Buffer.from('{"name":"Überblick 🎬"}');
    await aSender().send(aRequest(`${receiver.url}?a=b%20c`, { body, headers: { 'X-Dits-Event': 'push' } }));
    const [request] = receiver.requests;
    expect(request).toMatchObject({ method: 'POST', path: '/webhook?a=b%20c', rawBody: body });
    expect(request!.headers).toEqual({
      host: new URL(receiver.url).host,
      connection: 'keep-alive',
      'x-dits-event': 'push',
      'content-length': String(body.length),
    });
  });

  it('may be a redirect, which is not followed', async () => {
    const elsewhere = await aReceiver();
    const receiver = await aReceiver({
      respond: () => ({ status: 307, headers: { location: elsewhere.url } }),
    });
    const result = await aSender().send(aRequest(receiver.url));
    expect(result).toMatchObject({ kind: 'response', status: 307, headers: { location: elsewhere.url } });
    expect(elsewhere.requests).toHaveLength(0);
  });

  it('is kept as it came when it is compressed', async () => {
    const body = gzipSync('x'.repeat(1_000_000));
    const receiver = await aReceiver({ respond: () => ({ body, headers: { 'content-encoding': 'gzip' } }) });
    expect(await aSender().send(aRequest(receiver.url))).toMatchObject({ kind: 'response', body });
  });

  it('keeps 16 KiB of a longer body, and the connection', async () => {
    const receiver = await aReceiver({ respond: () => ({ body: Buffer.alloc(20_000, 'x') }) });
    const sender = aSender();
    const result = await sender.send(aRequest(receiver.url));
    expect(result).toMatchObject({ kind: 'response', truncated: true, body: Buffer.alloc(16_384, 'x') });
    expect(sender.connections).toBe(1);
  });

  it('is cut off after 64 KiB, without waiting for the end that never comes', async () => {
    const url = await aTcpServer((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
      drip(socket, `4000\r\n${'x'.repeat(0x4000)}\r\n`);
    });
    const sender = aSender();
    const result = await sender.send(aRequest(url));
    expect(result).toMatchObject({ kind: 'response', status: 200, truncated: true });
    expect(result.kind === 'response' && result.body.length).toBe(16_384);
    expect(sender.connections).toBe(0);
  });

  it('counts only after interim answers', async () => {
    const url = await aTcpServer((socket) => {
      socket.end(`HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${OK}`);
    });
    const result = await aSender().send(aRequest(url));
    expect(result).toMatchObject({ kind: 'response', status: 200, headers: { 'content-length': '2' } });
  });

  it('may name its headers like the properties of an object', async () => {
    const url = await aTcpServer((socket) => {
      socket.end('HTTP/1.1 200 OK\r\nconstructor: a\r\n__proto__: b\r\nConnection: close\r\n\r\n');
    });
    const result = await aSender().send(aRequest(url));
    expect(result.kind === 'response' && Object.entries(result.headers)).toEqual([
      ['constructor', 'a'],
      ['__proto__', 'b'],
      ['connection', 'close'],
    ]);
  });
});

describe('a failure', () => {
  it.each([
    ['dribbles its headers', 'headers', 'HTTP/1.1 200 OK\r\n', 'X-A: b\r\n'],
    ['says nothing', 'headers', '', ''],
    ['dribbles its body', 'body', 'HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n', 'x'],
    ['never ends its body', 'body', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', '1\r\nx\r\n'],
  ])('is a timeout when a receiver %s', async (_, phase, head, rest) => {
    const url = await aTcpServer((socket) => {
      socket.write(head);
      drip(socket, rest);
    });
    const sender = aSender();
    expect(await sender.send(aRequest(url, { timeoutMs: 300 }))).toMatchObject({ kind: 'timeout', phase });
    expect(sender.connections).toBe(0);
  });

  it('is a timeout while sending when a receiver does not read the request', async () => {
    const url = await aTcpServer((socket) => socket.pause());
    const body = Buffer.alloc(32 * 1024 * 1024);
    const result = await aSender().send(aRequest(url, { body, timeoutMs: 300 }));
    expect(result).toMatchObject({ kind: 'timeout', phase: 'send' });
  });

  it('is a timeout while connecting when a receiver accepts no connection', async () => {
    const port = await aPortThatAcceptsNothing();
    const result = await aSender().send(aRequest(`http://127.0.0.1:${port}/`, { timeoutMs: 300 }));
    expect(result).toMatchObject({
      kind: 'timeout',
      phase: 'connect',
      remoteAddress: `127.0.0.1:${port}`,
    });
  });

  it('is a timeout in the handshake when a receiver does not speak TLS', async () => {
    const url = await aTcpServer(() => {});
    const result = await aSender().send(aRequest(url.replace('http:', 'https:'), { timeoutMs: 300 }));
    expect(result).toMatchObject({ kind: 'timeout', phase: 'tls' });
    expect(Object.keys(result.phasesMs)).toEqual(['connect', 'tls']);
  });

  it('is a refusal when nothing listens', async () => {
    const url = await aTcpServer(() => {});
    await cleanups.pop()!();
    const result = await aSender().send(aRequest(url));
    expect(result).toMatchObject({ kind: 'refused', phase: 'connect', remoteAddress: new URL(url).host });
  });

  it('is a refusal also when nothing listens at any address of a name', async () => {
    const url = await aTcpServer(() => {});
    await cleanups.pop()!();
    const result = await aSender().send(aRequest(url.replace('127.0.0.1', 'localhost')));
    expect(result).toMatchObject({ kind: 'refused', phase: 'connect' });
  });

  it('is a DNS failure when the name has no address', async () => {
    const result = await aSender().send(aRequest('http://no-such-host.invalid/'));
    expect(result).toMatchObject({ kind: 'dns', phase: 'dns', remoteAddress: null });
    expect(Object.keys(result.phasesMs)).toEqual(['dns']);
  });

  it.each([
    ['before an answer', 'headers', ''],
    ['in the headers', 'headers', 'HTTP/1.1 200 OK\r\nX-A'],
    ['in the body', 'body', 'HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\nx'],
  ])('is a reset when the connection is reset %s', async (_, phase, text) => {
    const url = await aTcpServer((socket) => {
      socket.on('data', () => socket.write(text, () => socket.resetAndDestroy()));
    });
    const result = await aSender().send(aRequest(url));
    // Whether the last bytes came through before the reset is the network's affair.
    expect(result).toMatchObject({ kind: 'reset', staleConnection: false });
    expect(['headers', phase]).toContain(result.kind === 'reset' && result.phase);
  });

  it.each([
    ['before an answer', 'headers', ''],
    ['in the headers', 'headers', 'HTTP/1.1 200 OK\r\nX-A'],
    ['in the body', 'body', 'HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\nx'],
  ])('is a reset when the connection is closed %s', async (_, phase, text) => {
    const url = await aTcpServer((socket) => socket.on('data', () => socket.end(text)));
    expect(await aSender().send(aRequest(url))).toMatchObject({ kind: 'reset', phase });
  });

  it.each([
    ['is not HTTP', 'SSH-2.0-OpenSSH_9.2\r\n'],
    ['has more than 16 KiB of headers', `HTTP/1.1 200 OK\r\nX-A: ${'x'.repeat(20_000)}\r\n\r\n`],
    ['has a great many headers', `HTTP/1.1 200 OK\r\n${'X-Abcdefgh: ijklmnop\r\n'.repeat(2_000)}\r\n`],
  ])('is a wrong protocol when what comes %s', async (_, text) => {
    const url = await aTcpServer((socket) => socket.write(text));
    expect(await aSender().send(aRequest(url))).toMatchObject({ kind: 'protocol', phase: 'headers' });
  });

  it.each([
    ['ftp://example.com/', 'scheme'],
    ['not a url', 'url'],
    ['javascript:alert(1)', 'scheme'],
  ])('is a refusal without a connection for %s', async (url, rule) => {
    expect(await aSender().send(aRequest(url))).toMatchObject({ kind: 'forbidden_destination', rule });
  });
});

describe('TLS', () => {
  const aCertificate = () =>
    generate([{ name: 'commonName', value: 'localhost' }], {
      extensions: [
        { name: 'basicConstraints', cA: true },
        { name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] },
      ],
    });

  async function aTlsServer(respond: (socket: Socket) => void = (socket) => socket.end(OK)) {
    const { private: key, cert } = await aCertificate();
    const server = createTlsServer({ key, cert }, (socket) => {
      socket.on('error', () => {});
      socket.once('data', () => respond(socket));
    });
    server.on('tlsClientError', () => {});
    const url = await listening(server, 'https');
    return { url: url.replace('127.0.0.1', 'localhost'), cert };
  }

  it('reaches a receiver whose certificate is right, and names every phase', async () => {
    const { url, cert } = await aTlsServer();
    const result = await aSender({ ca: cert }).send(aRequest(url));
    expect(result).toMatchObject({ kind: 'response', status: 200, body: Buffer.from('ok') });
    expect(Object.keys(result.phasesMs)).toEqual(['dns', 'connect', 'tls', 'headers', 'body']);
  });

  it('refuses a self-signed certificate and sends nothing', async () => {
    let received = 0;
    const { url } = await aTlsServer(() => (received += 1));
    const result = await aSender().send(aRequest(url));
    expect(result).toMatchObject({ kind: 'tls', phase: 'tls' });
    expect(result.kind === 'tls' && result.message).toContain('SELF_SIGNED');
    expect(received).toBe(0);
  });

  it('refuses a certificate of another name', async () => {
    const { url, cert } = await aTlsServer();
    const result = await aSender({ ca: cert }).send(aRequest(url.replace('localhost', '127.0.0.1')));
    expect(result).toMatchObject({ kind: 'tls', phase: 'tls' });
  });

  it('fails on a receiver that speaks plain HTTP', async () => {
    const url = await aTcpServer((socket) => socket.on('data', () => socket.end(OK)));
    const result = await aSender().send(aRequest(url.replace('http:', 'https:')));
    expect(result).toMatchObject({ kind: 'tls', phase: 'tls' });
  });

  it('is a reset when the connection is closed during the handshake', async () => {
    const url = await aTcpServer((socket) => socket.on('data', () => socket.destroy()));
    const result = await aSender().send(aRequest(url.replace('http:', 'https:')));
    expect(result).toMatchObject({ kind: 'reset', phase: 'tls' });
  });
});

describe('connections', () => {
  it('are kept alive and used again, without a phase for connecting', async () => {
    const receiver = await aReceiver();
    const sender = aSender();
    await sender.send(aRequest(receiver.url));
    const second = await sender.send(aRequest(receiver.url));
    expect(Object.keys(second.phasesMs)).toEqual(['headers', 'body']);
    expect(second.remoteAddress).toBe(new URL(receiver.url).host);
    expect(sender.connections).toBe(1);
  });

  it('are stale when the receiver has closed a kept one as the next request went out; a fresh one is made on demand', async () => {
    let connections = 0;
    const url = await aTcpServer((socket, n) => {
      connections = n;
      let requests = 0;
      socket.on('data', () => {
        requests += 1;
        if (n === 1 && requests === 2) socket.resetAndDestroy();
        else socket.write(OK);
      });
    });
    const sender = aSender();
    expect(await sender.send(aRequest(url))).toMatchObject({ kind: 'response', staleConnection: false });
    expect(await sender.send(aRequest(url))).toMatchObject({ kind: 'reset', staleConnection: true });
    const third = await sender.send({ ...aRequest(url), onFreshConnection: true });
    expect(third).toMatchObject({ kind: 'response', status: 200, staleConnection: false });
    expect(Object.keys(third.phasesMs)).toEqual(['connect', 'headers', 'body']);
    expect(connections).toBe(2);
    expect(sender.connections).toBe(1);
  });

  it('that are kept make way for a fresh one, and are not counted any more', async () => {
    const receiver = await aReceiver();
    const sender = aSender({ connectionsPerOrigin: 1 });
    await sender.send(aRequest(receiver.url));
    const fresh = await sender.send({ ...aRequest(receiver.url), onFreshConnection: true });
    expect(Object.keys(fresh.phasesMs)).toEqual(['connect', 'headers', 'body']);
    expect(sender.connections).toBe(1);
  });

  it('that are fresh are never stale', async () => {
    const url = await aTcpServer((socket) => void socket.on('data', () => socket.resetAndDestroy()));
    expect(await aSender().send(aRequest(url))).toMatchObject({ kind: 'reset', staleConnection: false });
  });

  it('are not stale once a byte of an answer has come, so that the request is not repeated', async () => {
    let connections = 0;
    const url = await aTcpServer((socket, n) => {
      connections = n;
      let requests = 0;
      socket.on('data', () => {
        requests += 1;
        if (requests === 1) socket.write(OK);
        else socket.end('H');
      });
    });
    const sender = aSender();
    await sender.send(aRequest(url));
    expect(await sender.send(aRequest(url))).toMatchObject({ kind: 'reset', staleConnection: false });
    expect(connections).toBe(1);
  });

  it('that a receiver closes while they are idle are forgotten', async () => {
    let first: Socket | undefined;
    const url = await aTcpServer((socket) => {
      first ??= socket;
      socket.on('data', () => socket.write(OK));
    });
    const sender = aSender();
    await sender.send(aRequest(url));
    first!.end();
    await until('no connection', () => sender.connections === 0);
    const second = await sender.send(aRequest(url));
    expect(second).toMatchObject({ kind: 'response', staleConnection: false });
    expect(Object.keys(second.phasesMs)).toEqual(['connect', 'headers', 'body']);
  });

  it('to one origin are bounded: further sends wait their turn, and their clocks with them', async () => {
    let open = 0;
    let most = 0;
    const url = await aTcpServer((socket) => {
      most = Math.max(most, ++open);
      socket.on('close', () => (open -= 1));
      socket.on('data', () => setImmediate(() => socket.write(OK)));
    });
    const sender = aSender({ connectionsPerOrigin: 3 });
    const results = await Promise.all(Array.from({ length: 50 }, () => sender.send(aRequest(url))));
    expect(results.every(({ kind }) => kind === 'response')).toBe(true);
    expect(most).toBe(3);
  });

  it('that hang do not leak: a place is free again when its send has timed out', async () => {
    const url = await aTcpServer(() => {});
    const sender = aSender({ connectionsPerOrigin: 2 });
    const results = await Promise.all(
      Array.from({ length: 6 }, () => sender.send(aRequest(url, { timeoutMs: 50 }))),
    );
    expect(results.map(({ kind }) => kind)).toEqual(Array.from({ length: 6 }, () => 'timeout'));
    expect(sender.connections).toBe(0);
  });

  it('carry 1,000 sends at once, and idle ones are kept up to their bound', async () => {
    const receiver = await aReceiver({ respond: () => ({ status: 204 }) });
    const sender = aSender({ connectionsPerOrigin: 1_000, idleConnections: 10 });
    const results = await Promise.all(
      Array.from({ length: 1_000 }, () => sender.send(aRequest(receiver.url))),
    );
    expect(results.filter(({ kind }) => kind === 'response')).toHaveLength(1_000);
    expect(receiver.requests).toHaveLength(1_000);
    expect(sender.connections).toBeLessThanOrEqual(10);
  });
});

describe('breaking off', () => {
  it('rejects with the reason of the signal and lets go of the connection', async () => {
    const receiver = await aReceiver({ respond: () => 'hang' });
    const sender = aSender();
    const stop = new AbortController();
    const sending = sender.send(aRequest(receiver.url, { signal: stop.signal }));
    await receiver.waitFor(1);
    stop.abort(new Error('stopping'));
    await expect(sending).rejects.toThrow('stopping');
    expect(sender.connections).toBe(0);
  });

  it('also while it waits for a connection', async () => {
    const receiver = await aReceiver({ respond: () => 'hang' });
    const sender = aSender({ connectionsPerOrigin: 1 });
    const stop = new AbortController();
    const first = sender.send(aRequest(receiver.url, { signal: stop.signal }));
    const second = sender.send(aRequest(receiver.url, { signal: stop.signal }));
    stop.abort(new Error('stopping'));
    await expect(first).rejects.toThrow('stopping');
    await expect(second).rejects.toThrow('stopping');
    expect(sender.connections).toBe(0);
  });

  it('waits at close for what is in flight, takes nothing new, and leaves no connection', async () => {
    let answer: (() => void) | undefined;
    const url = await aTcpServer((socket) => socket.on('data', () => (answer = () => socket.write(OK))));
    const sender = new HttpSender({ destinations });
    const sending = sender.send(aRequest(url));
    await until('answered', () => answer !== undefined);
    const closing = sender.close();
    await expect(sender.send(aRequest(url))).rejects.toThrow('closed');
    answer!();
    expect(await sending).toMatchObject({ kind: 'response' });
    await closing;
    expect(sender.connections).toBe(0);
  });
});

/** A port whose listen queue is full, in a process that never accepts. */
async function aPortThatAcceptsNothing(): Promise<number> {
  const script = `
    const server = require('node:net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
      process.stdout.write(String(server.address().port), () =>
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0));
    });`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  cleanups.push(() => child.kill('SIGKILL'));
  const [text] = (await once(child.stdout, 'data')) as [Buffer];
  const port = Number(text.toString());
  let connected = 0;
  for (let i = 0; i < 8; i++) {
    const filler = connect(port, '127.0.0.1', () => (connected += 1));
    filler.on('error', () => {});
    cleanups.push(() => filler.destroy());
  }
  // Linux lets one more than the backlog into the queue and drops further SYNs.
  await until('connected', () => connected >= 2);
  return port;
}
