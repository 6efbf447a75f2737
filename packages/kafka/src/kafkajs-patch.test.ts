import { createRequire } from 'node:module';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';

interface Queue {
  push(request: { entry: object; expectResponse: boolean; sendRequest: () => void }): void;
  fulfillRequest(answer: { correlationId: number; payload: Buffer; size: number }): void;
  maybeThrottle(ms: number): void;
}
const RequestQueue = createRequire(import.meta.url)('kafkajs/src/network/requestQueue') as new (
  options: object,
) => Queue;

/** What patches/kafkajs@2.2.4.patch mends; without it the tests fail. */
describe("kafkajs's request queue", () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  const logger = { debug: () => undefined, warn: () => undefined };
  const aQueue = (): Queue => new RequestQueue({ requestTimeout: 1000, clientId: 'c', broker: 'b', logger });
  const send = (queue: Queue, correlationId: number): { sent: boolean } => {
    const state = { sent: false };
    const entry = { correlationId, resolve: () => undefined, reject: () => undefined };
    queue.push({ entry, expectResponse: true, sendRequest: () => (state.sent = true) });
    return state;
  };

  it('sets no timer when no request is pending', () => {
    const queue = aQueue();
    send(queue, 1);
    queue.fulfillRequest({ correlationId: 1, payload: Buffer.alloc(0), size: 0 });
    expect(jest.getTimerCount()).toBe(0);
  });

  it('sends what a throttle held back when the throttle ends', () => {
    const queue = aQueue();
    queue.maybeThrottle(300);
    const request = send(queue, 1);
    jest.advanceTimersByTime(299);
    expect(request.sent).toBe(false);
    jest.advanceTimersByTime(1);
    expect(request.sent).toBe(true);
    expect(jest.getTimerCount()).toBe(0);
  });
});
