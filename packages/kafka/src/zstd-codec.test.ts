import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { zstdCodec } from './zstd-codec.js';

it('gives back what it took', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 2_000 }), async (bytes) => {
      const buffer = Buffer.from(bytes);
      const compressed = await zstdCodec.compress({ buffer });
      expect((await zstdCodec.decompress(compressed)).equals(buffer)).toBe(true);
    }),
  );
});

it('rejects bytes that are not zstd', async () => {
  await expect(zstdCodec.decompress(Buffer.from('garbage'))).rejects.toThrow();
});

it('does not unpack more than a batch can hold', async () => {
  // 200 MiB of zeros in a few KiB.
  const bomb = await zstdCodec.compress({ buffer: Buffer.alloc(200 * 1024 * 1024) });
  expect(bomb.length).toBeLessThan(100_000);
  await expect(zstdCodec.decompress(bomb)).rejects.toMatchObject({ code: 'ERR_BUFFER_TOO_LARGE' });
});
