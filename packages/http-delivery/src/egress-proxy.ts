import { request as httpRequest } from 'node:http';
import type { ClientRequest } from 'node:http';
import { isIP } from 'node:net';
import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { DitsError } from '@dits/contracts';
import type { DestinationGuard } from './guard.js';
import { ProxyWitness } from './proxy-witness.js';
import { authorityOf, KEEP_ALIVE_PROBE_AFTER_MS, type DialledFor, type Reach } from './reach.js';

/** The egress proxy did not do its part; the attempt does not count, and is made again. */
export class EgressProxyFault extends DitsError {
  readonly code = 'DITS_EGRESS_PROXY_FAULT';
}

/**
 * Connects through an HTTP proxy, by CONNECT for `http:` too. The guard resolves and judges here, and the proxy is asked
 * for the address that was judged, so it has no name to resolve otherwise. SNI and Host stay those of the url.
 *
 * States of a connection (`proxyStage`): none (resolving) → reaching (TCP to the proxy) → asked (CONNECT is sent) → none
 * (the tunnel stands, the receiver's turn).
 */
export class EgressProxy {
  private readonly witness = new ProxyWitness(() => performance.now());
  private readonly host: string;
  private readonly port: number;
  private readonly authorization: Record<string, string>;

  /** @param url `http://user:password@proxy:3128`; the credentials are optional. */
  constructor(
    url: string,
    private readonly guard: DestinationGuard,
  ) {
    const { hostname, port, username, password } = new URL(url);
    this.host = hostname.replace(/^\[(.*)\]$/, '$1');
    this.port = Number(port || 80);
    const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
    this.authorization =
      credentials === ':'
        ? {}
        : { 'proxy-authorization': `Basic ${Buffer.from(credentials).toString('base64')}` };
  }

  /** For how long the proxy has failed without having served anybody, ms; null while it works. */
  get faultMs(): number | null {
    return this.witness.faultMs;
  }

  readonly reach: Reach = (target, whom, done) => {
    let current: ClientRequest | Socket | null = null;
    let isGone = false;
    const ask = async (): Promise<Socket> => {
      whom.timeline.enter(isIP(target.hostname) === 0 ? 'dns' : 'connect');
      const addresses = await this.guard.addressesOf(target.hostname);
      if (whom.timeline.phase === 'dns') whom.timeline.enter('connect');
      for (const [i, { address }] of addresses.entries()) {
        if (isGone) break;
        whom.remoteAddress = authorityOf(address, target.port);
        whom.proxyStage = 'reaching';
        const { status, socket } = await this.connect(whom, (request) => (current = request)).catch(
          (cause: Error) => {
            throw isGone ? cause : this.unreached("can't be reached", cause);
          },
        );
        current = socket;
        if (status >= 200 && status < 300) return socket;
        socket.destroy();
        if (i === addresses.length - 1) throw this.refused(whom, status);
      }
      throw new Error('nobody waits any more');
    };
    ask().then(
      (socket) => {
        whom.proxyStage = 'none';
        if (isGone) return socket.destroy();
        this.witness.served(whom.origin);
        socket.on('error', (error) => done(error, null));
        done(null, socket);
      },
      (error: Error) => done(error, null),
    );
    return {
      destroy() {
        isGone = true;
        current?.destroy();
      },
    };
  };

  /**
   * What the end of a send's clock means for a connection that is still being made: the fault, or null when it is
   * the receiver's time that ran out.
   */
  faultOfTimeout(whom: DialledFor): EgressProxyFault | null {
    switch (whom.proxyStage) {
      case 'none':
        return null;
      case 'reaching':
        return this.unreached('takes no connection in time');
      case 'asked':
        return this.witness.blames(whom.origin) === 'proxy'
          ? new EgressProxyFault(this.text('does not answer CONNECT in time'))
          : null;
    }
  }

  private connect(
    whom: DialledFor,
    onRequest: (request: ClientRequest) => void,
  ): Promise<{ status: number; socket: Socket }> {
    const authority = whom.remoteAddress!;
    return new Promise((resolve, reject) => {
      const request = httpRequest({
        host: this.host,
        port: this.port,
        method: 'CONNECT',
        path: authority,
        headers: { host: authority, ...this.authorization },
        agent: false,
      });
      onRequest(request);
      request.once('socket', (socket) => {
        socket.once('connect', () => (whom.proxyStage = 'asked'));
        socket.setNoDelay(true);
        socket.setKeepAlive(true, KEEP_ALIVE_PROBE_AFTER_MS);
      });
      request.once('connect', ({ statusCode = 0 }, socket: Socket, head: Buffer) => {
        if (head.length > 0) socket.unshift(head);
        resolve({ status: statusCode, socket });
      });
      request.on('error', reject);
      request.end();
    });
  }

  private refused(whom: DialledFor, status: number): Error {
    const text = this.text(`answers ${status} to CONNECT`);
    if (this.witness.blames(whom.origin) === 'proxy') return new EgressProxyFault(text);
    return Object.assign(new Error(`${text}, and serves others`), { code: 'EHOSTUNREACH' });
  }

  private unreached(what: string, cause?: Error): EgressProxyFault {
    this.witness.unreached();
    return new EgressProxyFault(this.text(what), { cause });
  }

  private text(what: string): string {
    return `the egress proxy ${authorityOf(this.host, this.port)} ${what}`;
  }
}
