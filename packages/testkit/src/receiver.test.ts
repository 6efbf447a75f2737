import { afterEach, describe, expect, it } from '@jest/globals';
import { startReceiver, type Receiver } from './receiver.js';

const receivers: Receiver[] = [];
afterEach(async () => {
  for (const receiver of receivers.splice(0)) await receiver.close();
});

async function aReceiver(...options: Parameters<typeof startReceiver>): Promise<Receiver> {
  const receiver = await startReceiver(...options);
  receivers.push(receiver);
  return receiver;
}

const post = (url: string, body = '') => fetch(url, { method: 'POST', body });

describe('startReceiver', () => {
  it('keeps what came, bytes and headers, in order', async () => {
    const receiver = await aReceiver();
    await post(receiver.url, 'one');
    await post(receiver.url, 'two');
    const requests = await receiver.waitFor(2);
    expect(requests.map(({ rawBody }) => rawBody.toString())).toEqual(['one', 'two']);
    expect(requests[0]).toMatchObject({
      method: 'POST',
      path: '/webhook',
      headers: { host: new URL(receiver.url).host },
    });
  });

  it('answers each request as it was told', async () => {
    const receiver = await aReceiver({
      respond: (_, n) => ({
        status: n === 1 ? 503 : 200,
        headers: { 'x-n': String(n) },
        body: `answer ${n}`,
      }),
    });
    const [first, second] = [await post(receiver.url), await post(receiver.url)];
    expect([first.status, second.status]).toEqual([503, 200]);
    expect([first.headers.get('x-n'), await second.text()]).toEqual(['1', 'answer 2']);
  });

  it('resets the connection', async () => {
    const receiver = await aReceiver({ respond: () => 'reset' });
    await expect(post(receiver.url)).rejects.toMatchObject({ cause: { code: 'ECONNRESET' } });
  });

  it('says nothing, and cuts the connection when it is closed', async () => {
    const receiver = await aReceiver({ respond: () => 'hang' });
    const cut = expect(post(receiver.url)).rejects.toMatchObject({ cause: { code: 'UND_ERR_SOCKET' } });
    await receiver.waitFor(1);
    await receiver.close();
    await cut;
  });

  it('says what has come when that is not what a test waits for', async () => {
    const receiver = await aReceiver();
    await post(receiver.url);
    await expect(receiver.waitFor(2, 50)).rejects.toThrow(
      'not received within 50 ms; so far: 1: POST /webhook',
    );
  });
});
