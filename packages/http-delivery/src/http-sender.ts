import { PUBLIC_DESTINATIONS } from '@dits/domain';
import type { DestinationPolicy, Refusal, SendMeasures, SendPhase, SendResult } from '@dits/domain';
import { createDialler } from './dial.js';
import { EgressProxy, EgressProxyFault } from './egress-proxy.js';
import { describe, failureKind, isClosed } from './failure.js';
import { exchange } from './exchange.js';
import type { ExchangeEnd } from './exchange.js';
import { DestinationGuard, ForbiddenDestinationError, resolveBySystem } from './guard.js';
import type { Resolve } from './guard.js';
import { LanePool } from './lane-pool.js';
import type { Lane } from './lane-pool.js';
import { reachDirectly } from './reach-directly.js';
import { Targets } from './targets.js';
import { Timeline } from './timeline.js';

/** One POST. */
export interface SendRequest {
  /** `http:` or `https:`. */
  url: string;
  /** Sent as they are, beside Host, Connection and Content-Length. */
  headers: Record<string, string>;
  body: Buffer;
  /** From the first DNS query to the last body byte of the answer. */
  timeoutMs: number;
  /** Makes a connection instead of using one that was kept. Default false. */
  onFreshConnection?: boolean;
  /** Breaks the send off. */
  signal?: AbortSignal;
}

/** How an {@link HttpSender} connects. */
export interface HttpSenderOptions {
  /** Where it may connect to. Default: the public internet, on its default ports. */
  destinations?: DestinationPolicy;
  /** Url of an HTTP proxy through which every connection goes, `http://user:password@proxy:3128`. Default: none. */
  egressProxy?: string | undefined;
  /** How names are resolved. Default: as the system does. */
  resolve?: Resolve;
  /** Certificates to trust instead of those Node brings (PEM). */
  ca?: string;
  /** Connections to one origin at once; a further send waits, before its clock starts. Default 256. */
  connectionsPerOrigin?: number;
  /** Idle connections kept, to all origins together. Default 2048: 16 to each of 128 webhooks that are busy. */
  idleConnections?: number;
  /** How long an idle connection is kept when the receiver does not say. Default 10,000. */
  idleMs?: number;
}

// 16 KiB: what Node's and most servers' own parsers allow.
const RESPONSE_HEADER_BYTES = 16 * 1024;

/**
 * Sends deliveries over HTTP/1.1: one POST, one clock, one result. One per process; it keeps connections alive.
 *
 * Follows no redirect, decompresses nothing, reads at most 64 KiB of an answer's body and then hangs up: a status is
 * all that decides. Dials only addresses that its policy allows, each judged on the way into the connect.
 */
export class HttpSender {
  private readonly lanes: LanePool;
  private readonly targets: Targets;
  private readonly egress: EgressProxy | null;
  private readonly inFlight = new Set<Promise<unknown>>();
  private closed = false;

  constructor(options: HttpSenderOptions = {}) {
    const { ca, connectionsPerOrigin = 256, idleConnections = 2048, idleMs = 10_000 } = options;
    const { destinations = PUBLIC_DESTINATIONS, egressProxy, resolve = resolveBySystem } = options;
    this.targets = new Targets(destinations);
    const guard = new DestinationGuard(destinations, resolve);
    this.egress = egressProxy === undefined ? null : new EgressProxy(egressProxy, guard);
    this.lanes = new LanePool(createDialler({ reach: this.egress?.reach ?? reachDirectly(guard), ca }), {
      perOrigin: connectionsPerOrigin,
      idle: idleConnections,
      idleMs,
      headerBytes: RESPONSE_HEADER_BYTES,
    });
  }

  /** Connections that are open or being made, idle ones included. */
  get connections(): number {
    return this.lanes.size;
  }

  /** For how long the egress proxy has failed without having served anybody, ms; null while it works, and without one. */
  get egressFaultMs(): number | null {
    return this.egress?.faultMs ?? null;
  }

  /**
   * Sends one POST and resolves with how it ended, whatever the receiver does, within `timeoutMs`.
   *
   * A connection that was kept alive may turn out to be closed, before any byte of an answer: the result says so
   * (`staleConnection`), and the caller should send again with `onFreshConnection`. Rejects with the signal's reason when that breaks the
   * send off, with {@link EgressProxyFault} when the proxy does not do its part (nothing was sent then), and with an `Error`
   * after {@link close}.
   */
  send(request: SendRequest): Promise<SendResult> {
    if (this.closed) return Promise.reject(new Error('the sender is closed'));
    const sending = this.sendOne(request);
    const forget = (): boolean => this.inFlight.delete(settled);
    const settled: Promise<boolean> = sending.then(forget, forget);
    this.inFlight.add(settled);
    return sending;
  }

  /** Takes no more sends, waits for those in flight (each ends by its own clock), and ends every connection. */
  async close(): Promise<void> {
    this.closed = true;
    await Promise.all(this.inFlight);
    this.lanes.closeIdle();
  }

  private async sendOne(request: SendRequest): Promise<SendResult> {
    const { headers, body, timeoutMs, signal } = request;
    const target = this.targets.of(request.url);
    if ('refusal' in target) return refused(target.refusal);
    const { url, origin } = target;

    const taken = await this.lanes.take(origin, signal);
    const lane = request.onFreshConnection && taken.dials > 0 ? this.lanes.replace(taken) : taken;
    let isReusable = false;
    const timeline = new Timeline();
    const breakOff = breakOffAfter(timeoutMs, signal);
    lane.timeline = timeline;
    try {
      const dialsBefore = lane.dials;
      const end = await Promise.race([breakOff.happened, exchange({ lane, url, headers, body, timeline })]);
      // Only one that stood before. Once a byte of an answer has come the receiver has the request.
      const staleConnection =
        end.kind === 'error' && !end.answered && lane.dials === dialsBefore && isClosed(end.error);
      if (end.kind === 'signal') throw end.reason;
      const fault = this.faultOf(end, lane);
      if (fault) throw fault;
      isReusable = end.kind === 'answer' && end.answer.whole;
      const phase = phaseOf(timeline, lane);
      const measures = { ...timeline.end(), remoteAddress: lane.remoteAddress, staleConnection };
      return toResult(end, { phase, timeoutMs, measures });
    } finally {
      breakOff.clear();
      if (isReusable) this.lanes.giveBack(lane);
      else this.lanes.discard(lane);
    }
  }

  private faultOf(end: SendEnd, lane: Lane): EgressProxyFault | null {
    if (end.kind === 'error' && end.error instanceof EgressProxyFault) return end.error;
    if (end.kind !== 'timeout' || !this.egress) return null;
    return this.egress.faultOfTimeout(lane);
  }
}

type SendEnd = ExchangeEnd | { kind: 'timeout' } | { kind: 'signal'; reason: unknown };

function toResult(
  end: Exclude<SendEnd, { kind: 'signal' }>,
  { phase, timeoutMs, measures }: { phase: SendPhase; timeoutMs: number; measures: SendMeasures },
): SendResult {
  switch (end.kind) {
    case 'answer': {
      const { status, headers, body, truncated } = end.answer;
      return { kind: 'response', status, headers, body, truncated, ...measures };
    }
    case 'timeout':
      return { kind: 'timeout', phase, message: `no complete answer within ${timeoutMs} ms`, ...measures };
    case 'error':
      if (end.error instanceof ForbiddenDestinationError) return refused(end.error.refusal, measures);
      return { kind: failureKind(end.error, phase), phase, message: describe(end.error), ...measures };
  }
}

/** The one clock of a send, and the signal that may come before it. */
function breakOffAfter(
  timeoutMs: number,
  signal: AbortSignal | undefined,
): { happened: Promise<SendEnd>; clear(): void } {
  const { promise, resolve } = Promise.withResolvers<SendEnd>();
  const timer = setTimeout(() => resolve({ kind: 'timeout' }), timeoutMs);
  const onAbort = (): void => resolve({ kind: 'signal', reason: signal?.reason });
  signal?.addEventListener('abort', onAbort, { once: true });
  if (signal?.aborted) onAbort();
  return {
    happened: promise,
    clear() {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    },
  };
}

/** While our own bytes wait for the receiver to take them, it has not read the request: that is `send`. */
function phaseOf(timeline: Timeline, lane: Lane): SendPhase {
  const isWaitingToWrite = timeline.phase === 'headers' && (lane.socket?.writableLength ?? 0) > 0;
  return isWaitingToWrite ? 'send' : timeline.phase;
}

const NOTHING_DONE: SendMeasures = {
  durationMs: 0,
  phasesMs: {},
  remoteAddress: null,
  staleConnection: false,
};

function refused({ rule, message }: Refusal, measures = NOTHING_DONE): SendResult {
  return { kind: 'forbidden_destination', rule, phase: 'dns', message: `the url ${message}`, ...measures };
}
