// A receiver in a container of its own: keeps every POST, and shows all of them to a GET.
import { createServer } from 'node:http';

const requests = [];
createServer((incoming, outgoing) => {
  if (incoming.method === 'GET') return outgoing.end(JSON.stringify(requests));
  const chunks = [];
  incoming.on('data', (chunk) => chunks.push(chunk));
  incoming.on('end', () => {
    const body = Buffer.concat(chunks).toString('base64');
    requests.push({ path: incoming.url, headers: incoming.headers, body });
    outgoing.writeHead(204).end();
  });
}).listen(3000);
