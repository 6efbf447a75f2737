import { createSocket } from 'node:dgram';
import { isIP } from 'node:net';

/** A DNS server that runs on this machine until closed. */
export interface NameServer {
  /** `127.0.0.1:<port>`, for a resolver. */
  address: string;
  /** Every question so far: `rebind.example A`. */
  asked: string[];
  close(): Promise<void>;
}

const TYPES: Record<number, 'A' | 'AAAA'> = { 1: 'A', 28: 'AAAA' };

/**
 * Starts a DNS server whose answers a test decides: addresses for a name, of which those of the asked family are sent, each to be
 * forgotten at once (TTL 0). No address: there is no such name. `n` counts the questions for the name and family, from 1.
 */
export async function startNameServer(
  addressesOf: (name: string, n: number) => string[],
): Promise<NameServer> {
  const asked: string[] = [];
  const socket = createSocket('udp4');
  socket.on('message', (query, { address, port }) => {
    const { name, type, end } = questionOf(query);
    const question = `${name} ${type}`;
    asked.push(question);
    const n = asked.filter((one) => one === question).length;
    const all = addressesOf(name, n);
    const wanted = all.filter((one) => isIP(one) === (type === 'A' ? 4 : type === 'AAAA' ? 6 : -1));
    socket.send(answerTo(query.subarray(0, end), wanted, { isThere: all.length > 0 }), port, address);
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${socket.address().port}`,
    asked,
    close: () => new Promise((resolve) => void socket.close(resolve)),
  };
}

/** The only question of a query (RFC 1035, section 4.1.2), and where it ends. */
function questionOf(query: Buffer): { name: string; type: string; end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let bytes = query[at]!; bytes > 0; bytes = query[at]!) {
    labels.push(query.toString('latin1', at + 1, at + 1 + bytes));
    at += 1 + bytes;
  }
  const type = query.readUInt16BE(at + 1);
  return { name: labels.join('.').toLowerCase(), type: TYPES[type] ?? String(type), end: at + 5 };
}

function answerTo(query: Buffer, addresses: string[], { isThere }: { isThere: boolean }): Buffer {
  const header = Buffer.from(query.subarray(0, 12));
  // A response, recursion available; NXDOMAIN when there is no such name.
  header.writeUInt16BE(0x8180 | (isThere ? 0 : 3), 2);
  header.writeUInt16BE(addresses.length, 6);
  header.writeUInt32BE(0, 8);
  const records = addresses.map((address) => {
    const value = isIP(address) === 4 ? Buffer.from(address.split('.').map(Number)) : ipv6Bytes(address);
    const record = Buffer.alloc(12);
    // The name is that of the question; class IN; TTL 0.
    record.writeUInt16BE(0xc00c, 0);
    record.writeUInt16BE(value.length === 4 ? 1 : 28, 2);
    record.writeUInt16BE(1, 4);
    record.writeUInt16BE(value.length, 10);
    return Buffer.concat([record, value]);
  });
  return Buffer.concat([header, query.subarray(12), ...records]);
}

function ipv6Bytes(address: string): Buffer {
  const [head = '', tail = ''] = address.split('::');
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const [before, after] = [groups(head), groups(tail)];
  const zeros = Array<string>(8 - before.length - after.length).fill('0');
  const all = [...before, ...zeros, ...after];
  return Buffer.from(all.map((group) => group.padStart(4, '0')).join(''), 'hex');
}
