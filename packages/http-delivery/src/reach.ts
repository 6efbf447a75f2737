import type { Socket } from 'node:net';
import type { Timeline } from './timeline.js';

/** For whom a connection is made: it is told how far that is, and the address that is tried. */
export interface DialledFor {
  /** Scheme, host and port of the receiver: `https://receiver.example`. */
  readonly origin: string;
  timeline: Timeline;
  /** Address and port of the receiver, `192.0.2.1:443` or `[2001:db8::1]:443`; null while none was tried. */
  remoteAddress: string | null;
  /** Where a connection through the egress proxy stands: `asked` while the proxy has not answered CONNECT. */
  proxyStage: 'none' | 'reaching' | 'asked';
}

/** Host (a name or an address without brackets) and port of a receiver. */
export interface Target {
  hostname: string;
  port: number;
}

/**
 * Makes a TCP connection to an allowed address of a receiver. Calls back once with the connected socket or the error;
 * later errors of the socket come to the callback too. Returns what to destroy when nobody waits any more.
 */
export type Reach = (
  target: Target,
  whom: DialledFor,
  done: (...result: [error: Error, socket: null] | [error: null, socket: Socket]) => void,
) => { destroy(): void };

// Below what NATs and load balancers forget idle connections after.
export const KEEP_ALIVE_PROBE_AFTER_MS = 60_000;

/** `192.0.2.1:443`, `[2001:db8::1]:443`. */
export function authorityOf(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
