import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import 'reflect-metadata';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Body, Controller, Module, Post, Req, UseGuards } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import express from 'express';
import { fastify as createFastify } from 'fastify';
import { generateSigningKey } from '../ed25519.js';
import { generateSecret } from '../secret.js';
import { signStandard } from '../sign.js';
import { verifiedDelivery } from './express.js';
import { verifyDeliveries } from './fastify.js';
import { VerifiedDeliveryGuard } from './nest.js';

const secret = generateSecret();
const { privateKey, publicKey } = generateSigningKey();
const NOW_SECONDS = 1_764_000_000;
const refusals: string[] = [];
const options = {
  keys: [secret, publicKey],
  now: () => NOW_SECONDS * 1000,
  onRefused: (reason: string) => void refusals.push(reason),
};
// Not what JSON.stringify would write: only the bytes as they came can verify.
const BODY = '{ "event": "push",\n "sender": {"login": "größe \\u00e9 東京"} }';

function headersFor(body: string, by = secret, timestampSeconds = NOW_SECONDS): Record<string, string> {
  const id = 'a-delivery';
  return {
    'content-type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': String(timestampSeconds),
    'webhook-signature': signStandard({ secrets: [by], id, timestampSeconds, body: Buffer.from(body) }),
  };
}

interface Started {
  url: string;
  stop(): Promise<unknown>;
}

const listen = (server: Server): Promise<Started> =>
  new Promise((resolve) =>
    server.listen(0, '127.0.0.1', () =>
      resolve({
        url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/webhook`,
        stop: () => new Promise((closed) => server.close(closed)),
      }),
    ),
  );

/** What each handler answers: what it was given. */
const seen = (request: { body?: any; delivery?: any }) => ({
  body: request.body,
  delivery: request.delivery,
});

async function onExpress(...before: express.RequestHandler[]): Promise<Started> {
  const app = express();
  for (const middleware of before) app.use(middleware);
  app.post('/webhook', verifiedDelivery(options), (request, response) => {
    response.json(seen(request as never));
  });
  // Four parameters are what makes it a handler of errors.
  app.use(((error, _request, response, _next) => {
    response.status(500).json({ error: (error as Error).message });
  }) as express.ErrorRequestHandler);
  return listen(createServer(app));
}

async function onFastify(): Promise<Started> {
  const app = createFastify();
  app.post('/elsewhere', async (request) => request.body);
  await app.register(async (scope) => {
    verifyDeliveries(scope, options);
    scope.post('/webhook', async (request) => seen(request as never));
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  return {
    url: `http://127.0.0.1:${(app.server.address() as AddressInfo).port}/webhook`,
    stop: () => app.close(),
  };
}

@Controller('webhook')
class ReceiverController {
  @Post()
  @UseGuards(new VerifiedDeliveryGuard(options))
  receive(@Body() body: unknown, @Req() request: { delivery?: unknown }) {
    return { body, delivery: request.delivery };
  }
}

@Module({ controllers: [ReceiverController] })
class ReceiverModule {}

async function onNest(o: { rawBody: boolean }): Promise<Started> {
  const app = await NestFactory.create<NestFastifyApplication>(ReceiverModule, new FastifyAdapter(), {
    ...o,
    logger: false,
  });
  await app.listen(0, '127.0.0.1');
  return { url: `${await app.getUrl()}/webhook`, stop: () => app.close() };
}

const post = async (to: string, body: string, headers: Record<string, string>) => {
  const response = await fetch(to, { method: 'POST', body, headers });
  return { status: response.status, json: (await response.json()) as any };
};

describe.each([
  ['Express alone', () => onExpress()],
  ['Express with express.raw', () => onExpress(express.raw({ type: 'application/json' }))],
  [
    'Express with express.json that keeps the bytes',
    () =>
      onExpress(
        express.json({ verify: (request, _, bytes) => void Object.assign(request, { rawBody: bytes }) }),
      ),
  ],
  ['Fastify', onFastify],
  ['Nest', () => onNest({ rawBody: true })],
])('on %s', (_, start) => {
  let receiver: Started;
  beforeAll(async () => {
    receiver = await start();
  });
  afterAll(() => receiver?.stop());

  it.each([
    ['a secret', secret],
    ['an ed25519 key', privateKey],
  ])('a delivery signed with %s gets to the handler, parsed, with its id', async (_, by) => {
    const { status, json } = await post(receiver.url, BODY, headersFor(BODY, by));
    expect([200, 201]).toContain(status);
    expect(json).toEqual({
      body: JSON.parse(BODY),
      delivery: { id: 'a-delivery', timestampSeconds: NOW_SECONDS },
    });
  });

  it.each([
    ['missing_header', BODY, { 'content-type': 'application/json' }],
    ['signature_mismatch', BODY.replace('push', 'pull'), headersFor(BODY)],
    ['signature_mismatch', BODY, headersFor(BODY, generateSecret())],
    ['timestamp_too_old', BODY, headersFor(BODY, secret, NOW_SECONDS - 301)],
  ])('anything else is 401 and told: %s', async (reason, body, headers) => {
    refusals.length = 0;
    const { status, json } = await post(receiver.url, body, headers);
    expect(status).toBe(401);
    expect(JSON.stringify(json)).toContain(reason);
    expect(refusals).toEqual([reason]);
  });
});

describe('a receiver that has lost the bytes', () => {
  it('is told on Express what to change', async () => {
    const receiver = await onExpress(express.json());
    const { status, json } = await post(receiver.url, BODY, headersFor(BODY));
    expect([status, json.error]).toEqual([
      500,
      expect.stringContaining('put express.json() after this route'),
    ]);
    await receiver.stop();
  });

  it('lets nothing pass on Nest', async () => {
    const receiver = await onNest({ rawBody: false });
    expect((await post(receiver.url, BODY, headersFor(BODY))).status).toBe(500);
    await receiver.stop();
  });
});

it('refuses on Express a body beyond 1 MiB', async () => {
  const receiver = await onExpress();
  const body = JSON.stringify('x'.repeat(1_100_000));
  expect((await post(receiver.url, body, headersFor(body))).status).toBe(413);
  await receiver.stop();
});

it.each([[() => verifiedDelivery({ keys: '' })], [() => new VerifiedDeliveryGuard({ keys: [] })]])(
  'fails at the start without a key: %s',
  (make) => {
    expect(make).toThrow(RangeError);
  },
);
