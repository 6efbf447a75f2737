import type { DestinationRule } from './destination.js';

/** Where an attempt was when something happened, in the order an HTTP POST goes through them. */
export type SendPhase = 'dns' | 'connect' | 'tls' | 'send' | 'headers' | 'body';

/** What is known of an attempt however it ended. */
export interface SendMeasures {
  /** From the first DNS query to the last body byte or the error, ms. */
  durationMs: number;
  /** Duration of each phase that took place, ms. A kept-alive connection has no dns, connect and tls. */
  phasesMs: Partial<Record<SendPhase, number>>;
  /** Address and port that was dialled (`203.0.113.7:443`, `[2001:db8::1]:443`); null when none was. */
  remoteAddress: string | null;
  /**
   * True when a kept-alive connection was closed before any byte of an answer came. Receivers close idle connections when they like,
   * and this request was on its way then: it says nothing about the receiver, so another attempt on a fresh connection follows.
   */
  staleConnection?: boolean;
}

/** An answer that came in full, or up to the size we read, within the time limit. */
export interface SendResponse extends SendMeasures {
  kind: 'response';
  status: number;
  /** Names in lower case; repeated ones joined by a comma. */
  headers: Record<string, string>;
  /** What was kept of the body. */
  body: Buffer;
  /** True when more came than was kept. */
  truncated: boolean;
}

/** Ways an attempt ends without a whole answer; `phase` says where. */
export type SendFailureKind =
  /** The time limit passed. */
  | 'timeout'
  /** The name has no address, or nobody could say. */
  | 'dns'
  /** Nothing listens at the address. */
  | 'refused'
  /** No way to the address: no route, host or network down. */
  | 'unreachable'
  /** The connection was closed before the answer was whole. */
  | 'reset'
  /** The handshake failed: certificate, protocol version, alert. */
  | 'tls'
  /** What came back isn't HTTP, or its headers are too large. */
  | 'protocol';

/** An attempt that ended without a whole answer. */
export interface SendFailure extends SendMeasures {
  kind: SendFailureKind;
  phase: SendPhase;
  /** For the webhook's owner to read. */
  message: string;
}

/** The destination guard refused the url, or every address behind its name: nothing was sent. */
export interface SendRefusal extends SendMeasures {
  kind: 'forbidden_destination';
  rule: DestinationRule;
  phase: SendPhase;
  /** For the webhook's owner to read; names the rule. */
  message: string;
}

/**
 * How one HTTP POST ended. Everything here is the receiver's doing; a send that we broke off ourselves (shutdown)
 * or that failed by a fault of ours (the egress proxy) has no result, the sender throws.
 */
export type SendResult = SendResponse | SendFailure | SendRefusal;
