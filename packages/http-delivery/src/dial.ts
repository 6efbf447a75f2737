import { connect, isIP, isIPv6 } from 'node:net';
import type { Socket } from 'node:net';
import { buildConnector } from 'undici';
import type { Timeline } from './timeline.js';

// 2 s: Node's 250 ms cuts off a receiver that is far away (its SYN-ACK takes longer, or the first SYN was lost and is
// sent again after 1 s) as soon as its name has two addresses, and leaves time for the next address within 10 s.
const ADDRESS_ATTEMPT_MS = 2_000;
const KEEP_ALIVE_PROBE_AFTER_MS = 60_000;

/** For whom a connection is made: it is told how far that is, and the address that is tried. */
export interface DialledFor {
  timeline: Timeline;
  /** Address and port, `192.0.2.1:443` or `[2001:db8::1]:443`; null while none was tried. */
  remoteAddress: string | null;
}

/** Makes connections. */
export interface Dialler {
  /** Calls back once, with the connected socket or the error. Returns the socket to destroy when nobody waits any more. */
  dial(
    target: buildConnector.Options,
    whom: DialledFor,
    callback: buildConnector.Callback,
  ): Pick<Socket, 'destroy'>;
}

/** @param options.ca Certificates to trust instead of those Node brings (PEM). */
export function createDialler({ ca }: { ca?: string }): Dialler {
  // Keeps TLS sessions, so that a reconnect needs a shorter handshake. Its own timeout is off: one clock is enough.
  const startTls = buildConnector({ allowH2: false, timeout: 0, ...(ca === undefined ? {} : { ca }) });

  return {
    dial(target, whom, callback) {
      const { timeline } = whom;
      const secure = target.protocol === 'https:';
      const port = Number(target.port || (secure ? 443 : 80));
      const socket = connect({
        host: target.hostname,
        port,
        noDelay: true,
        keepAlive: true,
        keepAliveInitialDelay: KEEP_ALIVE_PROBE_AFTER_MS,
        autoSelectFamily: true,
        autoSelectFamilyAttemptTimeout: ADDRESS_ATTEMPT_MS,
      });
      timeline.enter(isIP(target.hostname) === 0 ? 'dns' : 'connect');

      let isSettled = false;
      const settle: buildConnector.Callback = (...result) => {
        if (!isSettled) callback(...result);
        isSettled = true;
      };
      // Stays on: during the handshake the TCP socket's errors come here too.
      socket.on('error', (error) => settle(error, null));
      socket.on('connectionAttempt', (address: string) => {
        if (timeline.phase === 'dns') timeline.enter('connect');
        whom.remoteAddress = `${isIPv6(address) ? `[${address}]` : address}:${port}`;
      });
      socket.once('connect', () => {
        if (!secure) return settle(null, socket);
        timeline.enter('tls');
        startTls({ ...target, httpSocket: socket }, settle);
      });
      return socket;
    },
  };
}
