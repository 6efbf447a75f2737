import { buildConnector } from 'undici';
import type { DialledFor, Reach } from './reach.js';

/** Makes connections. */
export interface Dialler {
  /** Calls back once, with the connected socket or the error. Returns what to destroy when nobody waits any more. */
  dial(
    target: buildConnector.Options,
    whom: DialledFor,
    callback: buildConnector.Callback,
  ): { destroy(): void };
}

/**
 * @param options.reach Makes the TCP connection.
 * @param options.ca Certificates to trust instead of those Node brings (PEM).
 */
export function createDialler({ reach, ca }: { reach: Reach; ca?: string | undefined }): Dialler {
  // Keeps TLS sessions, so that a reconnect needs a shorter handshake. Its own timeout is off: one clock is enough.
  const startTls = buildConnector({ allowH2: false, timeout: 0, ...(ca === undefined ? {} : { ca }) });

  return {
    dial(target, whom, callback) {
      const secure = target.protocol === 'https:';
      let isSettled = false;
      const settle: buildConnector.Callback = (...result) => {
        if (!isSettled) callback(...result);
        isSettled = true;
      };
      whom.remoteAddress = null;
      whom.proxyStage = 'none';
      const port = Number(target.port || (secure ? 443 : 80));
      return reach({ hostname: target.hostname, port }, whom, (error, socket) => {
        if (error) return settle(error, null);
        if (!secure) return settle(null, socket);
        whom.timeline.enter('tls');
        startTls({ ...target, httpSocket: socket }, settle);
      });
    },
  };
}
