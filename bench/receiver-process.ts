/** A receiver in a process of its own: answers 200 at once and remembers when each event arrived. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const arrivals = new Map<string, number[]>();

const server = createServer((request, response) => {
  const arrivedAtMs = performance.timeOrigin + performance.now();
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    response.writeHead(200).end();
    const eventId = /"event_id":"([^"]+)"/.exec(Buffer.concat(chunks).toString())?.[1] ?? 'none';
    const seen = arrivals.get(eventId);
    if (seen) seen.push(arrivedAtMs);
    else arrivals.set(eventId, [arrivedAtMs]);
  });
});
server.listen(0, '127.0.0.1', () => {
  process.send!({ kind: 'listening', url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` });
});
process.on('message', (message: { kind: 'count' | 'take' }) => {
  if (message.kind === 'count') return void process.send!({ kind: 'count', count: arrivals.size });
  process.send!({ kind: 'arrivals', arrivals: [...arrivals] });
  arrivals.clear();
});
process.on('disconnect', () => process.exit(0));
