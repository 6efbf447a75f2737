import { Client } from 'undici';
import type { Socket } from 'node:net';
import type { Dialler } from './dial.js';
import type { DialledFor } from './reach.js';
import type { Timeline } from './timeline.js';

/** Limits of the connections that are kept. */
export interface LaneLimits {
  /** Connections to one origin, idle ones included. */
  perOrigin: number;
  /** Idle connections to all origins. */
  idle: number;
  /** How long an idle connection is kept when the receiver does not say. */
  idleMs: number;
  /** Bytes of an answer's headers. */
  headerBytes: number;
}

/**
 * One connection to one origin, for one request at a time.
 *
 * States: idle (in its pool) → taken by one send → idle again, or discarded. It connects by itself when its next
 * request finds it unconnected.
 */
export class Lane implements DialledFor {
  readonly client: Client;
  /** The socket it last made, connected or not. */
  socket: Socket | null = null;
  /** Counts the connections it has made. */
  dials = 0;
  remoteAddress: string | null = null;
  proxyStage: DialledFor['proxyStage'] = 'none';
  /** That of the send which has taken it, set before anything is sent. */
  timeline!: Timeline;
  private dialling: { destroy(): void } | null = null;

  constructor(
    readonly origin: string,
    dialler: Dialler,
    limits: LaneLimits,
    onDisconnect: (lane: Lane) => void,
  ) {
    this.client = new Client(origin, {
      allowH2: false,
      pipelining: 1,
      // The send's clock covers all phases.
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: limits.idleMs,
      maxHeaderSize: limits.headerBytes,
      connect: (target, callback) => {
        this.dials += 1;
        this.socket = null;
        this.dialling = dialler.dial(target, this, (...args) => {
          this.dialling = null;
          this.socket = args[1];
          callback(...args);
        });
      },
    });
    this.client.on('disconnect', () => onDisconnect(this));
  }

  /** Ends the connection, also one that is being made. */
  destroy(): void {
    this.dialling?.destroy();
    void this.client.destroy();
  }
}

interface Origin {
  open: number;
  idle: Lane[];
  waiting: Set<(lane: Lane) => void>;
}

/** The connections of a process, by origin. */
export class LanePool {
  private readonly origins = new Map<string, Origin>();
  private idleCount = 0;

  constructor(
    private readonly dialler: Dialler,
    private readonly limits: LaneLimits,
  ) {}

  /** Connections that exist or are being made. */
  get size(): number {
    return [...this.origins.values()].reduce((sum, { open }) => sum + open, 0);
  }

  /**
   * Takes an idle connection, the one used last first; else a new one; waits in order of arrival when the origin has
   * as many as it may. Rejects with the signal's reason.
   */
  async take(originName: string, signal?: AbortSignal): Promise<Lane> {
    signal?.throwIfAborted();
    const origin = this.originOf(originName);
    const idle = origin.idle.pop();
    if (idle) {
      this.idleCount -= 1;
      return idle;
    }
    if (origin.open < this.limits.perOrigin) return this.openLane(originName);
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        origin.waiting.delete(give);
        reject(signal!.reason as Error);
      };
      const give = (lane: Lane): void => {
        signal?.removeEventListener('abort', onAbort);
        resolve(lane);
      };
      origin.waiting.add(give);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** Gives a connection back that may be used again. */
  giveBack(lane: Lane): void {
    const origin = this.originOf(lane.origin);
    const next = this.nextWaiting(origin);
    if (next) next(lane);
    else if (this.idleCount >= this.limits.idle || lane.client.destroyed) this.discard(lane);
    else {
      origin.idle.push(lane);
      this.idleCount += 1;
    }
  }

  /** Ends a connection that was taken; whoever waits for one gets a new one. */
  discard(lane: Lane): void {
    lane.destroy();
    const origin = this.originOf(lane.origin);
    origin.open -= 1;
    const next = this.nextWaiting(origin);
    if (next) next(this.openLane(lane.origin));
    else if (origin.open === 0) this.origins.delete(lane.origin);
  }

  /** Ends a connection that was taken and takes a new one in its place, never an idle one. */
  replace(lane: Lane): Lane {
    lane.destroy();
    this.originOf(lane.origin).open -= 1;
    return this.openLane(lane.origin);
  }

  /** Ends every idle connection. */
  closeIdle(): void {
    for (const { idle } of [...this.origins.values()]) for (const lane of [...idle]) this.dropIdle(lane);
  }

  private openLane(originName: string): Lane {
    this.originOf(originName).open += 1;
    return new Lane(originName, this.dialler, this.limits, (lane) => this.dropIdle(lane));
  }

  private dropIdle(lane: Lane): void {
    const origin = this.origins.get(lane.origin);
    const at = origin?.idle.indexOf(lane) ?? -1;
    // One that was taken: its send sees the end itself.
    if (at < 0) return;
    origin!.idle.splice(at, 1);
    this.idleCount -= 1;
    this.discard(lane);
  }

  private originOf(name: string): Origin {
    let origin = this.origins.get(name);
    if (!origin) this.origins.set(name, (origin = { open: 0, idle: [], waiting: new Set() }));
    return origin;
  }

  private nextWaiting(origin: Origin): ((lane: Lane) => void) | undefined {
    const [next] = origin.waiting;
    if (next) origin.waiting.delete(next);
    return next;
  }
}
