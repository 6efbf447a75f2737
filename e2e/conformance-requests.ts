import { generateSecret, signBody, signStandard } from '@dits/signing';

/** A request to a receiver. */
export interface DeliveryRequest {
  body: string;
  /** Names in lower case. */
  headers: Record<string, string>;
}

/** A request made of one that was delivered, and what a receiver must answer. */
export interface MadeRequest {
  name: string;
  wanted: 200 | 401;
  /** True when only a scheme with a timestamp can tell. */
  needsTimestamp: boolean;
  make(delivered: DeliveryRequest, secret: string): DeliveryRequest;
}

// The libraries take five minutes either way.
const SIX_MINUTES_SECONDS = 360;

/** The delivery as it was, and the ways to forge one. */
export const madeRequests: readonly MadeRequest[] = [
  {
    name: 'sent again as it was',
    wanted: 200,
    needsTimestamp: false,
    make: (delivered) => delivered,
  },
  {
    name: 'a changed byte',
    wanted: 401,
    needsTimestamp: false,
    make: ({ body, headers }) => ({ headers, body: body.replace(/^\{"event":"p/, '{"event":"q') }),
  },
  {
    name: 'another secret',
    wanted: 401,
    needsTimestamp: false,
    make: (delivered) => signedAnew(delivered, generateSecret(), 0),
  },
  {
    name: 'no signature',
    wanted: 401,
    needsTimestamp: false,
    make: ({ body }) => ({ body, headers: { 'content-type': 'application/json' } }),
  },
  {
    name: 'a timestamp of now',
    wanted: 200,
    needsTimestamp: true,
    make: (delivered, secret) => signedAnew(delivered, secret, 0),
  },
  {
    name: 'an old timestamp',
    wanted: 401,
    needsTimestamp: true,
    make: (delivered, secret) => signedAnew(delivered, secret, -SIX_MINUTES_SECONDS),
  },
  {
    name: 'a timestamp to come',
    wanted: 401,
    needsTimestamp: true,
    make: (delivered, secret) => signedAnew(delivered, secret, SIX_MINUTES_SECONDS),
  },
];

function signedAnew(delivered: DeliveryRequest, secret: string, offsetSeconds: number): DeliveryRequest {
  const { body, headers } = delivered;
  const timestampSeconds = Math.floor(Date.now() / 1000) + offsetSeconds;
  const message = { id: headers['webhook-id']!, timestampSeconds, body: Buffer.from(body) };
  return {
    body,
    headers: {
      ...headers,
      'x-hub-signature-256': signBody({ ...message, secret }),
      'webhook-timestamp': String(timestampSeconds),
      'webhook-signature': signStandard({ ...message, secrets: [secret] }),
    },
  };
}
