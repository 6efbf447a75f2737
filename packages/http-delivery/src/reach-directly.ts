import { connect, isIP } from 'node:net';
import type { LookupFunction, Socket } from 'node:net';
import type { DestinationGuard } from './guard.js';
import { authorityOf, KEEP_ALIVE_PROBE_AFTER_MS, type Reach } from './reach.js';

// 2 s: Node's 250 ms cuts off a receiver that is far away (its SYN-ACK takes longer, or the first SYN was lost and is
// sent again after 1 s) as soon as its name has two addresses, and leaves time for the next address within 10 s.
const ADDRESS_ATTEMPT_MS = 2_000;

/** Connects from this machine. The guard stands inside: what `connect` asks for a name's addresses is the guard. */
export function reachDirectly(guard: DestinationGuard): Reach {
  const lookup: LookupFunction = (hostname, _options, callback) => {
    guard.addressesOf(hostname).then(
      (addresses) => callback(null, addresses),
      (error: Error) => callback(error, []),
    );
  };

  return ({ hostname, port }, whom, done) => {
    const { timeline } = whom;
    let socket: Socket | null = null;
    let isGone = false;
    const start = (): void => {
      if (isGone) return;
      const connecting = connect({
        host: hostname,
        port,
        lookup,
        noDelay: true,
        keepAlive: true,
        keepAliveInitialDelay: KEEP_ALIVE_PROBE_AFTER_MS,
        autoSelectFamily: true,
        autoSelectFamilyAttemptTimeout: ADDRESS_ATTEMPT_MS,
      });
      socket = connecting;
      // Stays on: during the handshake the TCP socket's errors come here too.
      connecting.on('error', (error) => done(error, null));
      connecting.on('connectionAttempt', (address: string) => {
        if (timeline.phase === 'dns') timeline.enter('connect');
        whom.remoteAddress = authorityOf(address, port);
      });
      connecting.once('connect', () => done(null, connecting));
    };

    if (isIP(hostname) === 0) {
      timeline.enter('dns');
      start();
    } else {
      timeline.enter('connect');
      // `connect` looks no address up, so nobody would ask the guard.
      guard.addressesOf(hostname).then(start, (error: Error) => done(error, null));
    }
    return {
      destroy() {
        isGone = true;
        socket?.destroy();
      },
    };
  };
}
