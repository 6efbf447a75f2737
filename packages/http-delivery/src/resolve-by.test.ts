import { afterEach, describe, expect, it } from '@jest/globals';
import { startNameServer, type NameServer } from '@dits/testkit';
import { resolveBy } from './guard.js';

let server: NameServer | undefined;
afterEach(() => server?.close());

async function resolved(addresses: string[]) {
  server = await startNameServer((name) => (name === 'receiver.example' ? addresses : []));
  return resolveBy([server.address]);
}

describe('resolving by chosen servers', () => {
  it('gives every address of both families, IPv4 first', async () => {
    const resolve = await resolved(['2001:db8::1', '192.0.2.1', '192.0.2.2']);
    expect(await resolve('receiver.example')).toEqual([
      { address: '192.0.2.1', family: 4 },
      { address: '192.0.2.2', family: 4 },
      { address: '2001:db8::1', family: 6 },
    ]);
  });

  it.each([
    ['192.0.2.1', 4],
    ['2001:db8::1', 6],
  ])('is content with one family: %s', async (address, family) => {
    const resolve = await resolved([address]);
    expect(await resolve('receiver.example')).toEqual([{ address, family }]);
  });

  it('fails as DNS does when there is no such name', async () => {
    const resolve = await resolved(['192.0.2.1']);
    await expect(resolve('other.example')).rejects.toMatchObject({ code: 'ENOTFOUND' });
  });

  it('asks nobody else, not even for what the system knows', async () => {
    const resolve = await resolved(['192.0.2.1']);
    await expect(resolve('localhost.example')).rejects.toMatchObject({ code: 'ENOTFOUND' });
    expect(server!.asked.toSorted()).toEqual(['localhost.example A', 'localhost.example AAAA']);
  });
});
