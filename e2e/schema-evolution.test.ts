import { randomUUID } from 'node:crypto';
import { cpSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import {
  bundledSchemas,
  bundleSchemas,
  EventCatalogue,
  fullName,
  recordSchema,
  topicNames,
  type Delivery,
  type RecordSchema,
  type Routed,
  type TopicNames,
  type WebhookSnapshot,
} from '@dits/contracts';
import { deliveryId } from '@dits/domain';
import {
  BatchingProducer,
  createCodec,
  createKafka,
  startBatchConsumer,
  type Codec,
  type RunningConsumer,
} from '@dits/kafka';
import { appNames, repositoryRoot, type AppName } from '@dits/local';
import { services, startReceiver, type ReceivedRequest, type Receiver } from '@dits/testkit';
import { newer, older, registerSchema, written } from './foreign-producer.ts';
import { startPlatform, until, type Platform } from './platform.ts';

jest.setTimeout(180_000);

const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const push = bundledSchemas.events.find(({ event }) => event === 'push')!;
/** What a newer writer puts into the fields that nobody else knows; an older one leaves them out. */
const NEW = { new_middle: 2 ** 53 - 1, new_last: 'of a build to come 🎬' };

describe('schemas that grow', () => {
  const env: Record<string, Record<string, string>> = Object.fromEntries(appNames.map((app) => [app, {}]));
  const webhooks: WebhookSnapshot[] = [];
  let platform: Platform;
  let topics: TopicNames;
  let codec: Codec;
  let producer: BatchingProducer;
  let follower: RunningConsumer;
  let receiver: Receiver;
  let repositoryId = 5000;
  let webhookId: string;

  beforeAll(async () => {
    platform = await startPlatform({ env });
    topics = topicNames(platform.prefix);
    const kafka = createKafka({ brokers: [services().kafka], clientId: 'schema-evolution', log: quiet });
    const catalogue = new EventCatalogue(bundledSchemas);
    codec = createCodec({ registryUrl: services().registry, catalogue, topics, log: quiet });
    await codec.register();
    producer = new BatchingProducer({ kafka, log: quiet });
    await producer.connect();
    follower = await startBatchConsumer({
      kafka,
      log: quiet,
      groupId: `${platform.prefix}schema-evolution`,
      topics: [topics.webhooks],
      handle: async (records) => {
        for (const { value } of records) webhooks.push((await codec.decode(value)).record as WebhookSnapshot);
      },
    });
  });
  afterAll(async () => {
    await follower?.stop();
    await producer?.close();
    await platform?.stop();
  });
  beforeEach(async () => {
    receiver = await startReceiver();
    repositoryId++;
    webhookId = await platform.createWebhook(repositoryId, { url: receiver.url, events: ['*'] });
  });
  afterEach(async () => {
    await receiver.close();
  });

  const anEvent = (over: object = {}) => {
    const { event: _, ...fields } = push.example;
    const repository = { ...(fields.repository as object), id: repositoryId };
    return { ...fields, repository, event_id: randomUUID(), occurred_at: '2026-11-25T09:12:14Z', ...over };
  };
  const post = (event: object) => platform.postEvents({ event: 'push', ...event });
  const bodyOf = ({ rawBody }: ReceivedRequest) => JSON.parse(rawBody.toString()) as Record<string, unknown>;
  /** The bodies that came of these events, in their order, when all have come. */
  const bodies = (eventIds: string[]) =>
    until(
      async () => eventIds.map((id) => receiver.requests.map(bodyOf).find(({ event_id }) => event_id === id)),
      (found) => found.every((body) => body !== undefined),
      60_000,
    ) as Promise<Record<string, unknown>[]>;
  const untilDelivered = (deliveries: number) =>
    until(
      () =>
        platform.call<{ data: { status: string }[] }>(
          'GET',
          `${platform.api}/v1/repos/${repositoryId}/webhooks/${webhookId}/deliveries?limit=100`,
        ),
      ({ json }) =>
        json.data.length === deliveries && json.data.every(({ status }) => status === 'Delivered'),
      60_000,
    );
  /** Produces a record as somebody with another build does. */
  async function produceWith(schema: RecordSchema, o: { topic: string; key: string; value: object }) {
    const subject = `${o.topic}-${fullName(schema)}`;
    const id = await registerSchema(services().registry, { subject, schema });
    await producer.send({ topic: o.topic, key: o.key, value: written(id, schema, o.value) });
  }
  const produceEvent = (schema: RecordSchema, event: { event_id: string }) =>
    produceWith(schema, { topic: topics.events, key: String(repositoryId), value: { ...event, ...NEW } });

  describe.each([
    ['newer', newer],
    ['older', older],
  ])('apps of this build, with %s writers', (_, change) => {
    it('read events, and deliver what both know', async () => {
      const event = anEvent({ compare_url: undefined });
      await produceEvent(change(push.schema), event);
      const [body] = await bodies([event.event_id]);
      expect(body).toEqual(JSON.parse(JSON.stringify({ event: 'push', ...event })));
      await untilDelivered(1);
    });

    it('read webhooks, deliveries and log entries', async () => {
      const known = await until(
        async () => webhooks.find(({ webhook_id }) => webhook_id === webhookId)!,
        (found) => found !== undefined,
      );
      const moved = { ...known, version: known.version + 1, url: `${receiver.url}/moved`, ...NEW };
      const schema = change(recordSchema('webhook'));
      await produceWith(schema, { topic: topics.webhooks, key: webhookId, value: moved });
      let posted = 0;
      // The dispatcher follows webhooks by itself, in its own time.
      await until(
        async () => {
          const event = anEvent();
          expect((await post(event)).status).toBe(202);
          posted++;
          await bodies([event.event_id]);
          return receiver.requests.at(-1)!.path;
        },
        (path) => path === '/webhook/moved',
      );

      const ids = { event_id: randomUUID(), event: 'push', accepted_at_ms: Date.now() };
      const delivery_id = deliveryId({
        acceptedAtMs: ids.accepted_at_ms,
        eventId: ids.event_id,
        webhookId,
      });
      const body = Buffer.from(JSON.stringify({ event: 'push', event_id: ids.event_id }));
      const routed: Routed = {
        ...ids,
        routed_at_ms: ids.accepted_at_ms,
        repository_id: repositoryId,
        trigger: 'event',
        body,
        deliveries: [{ delivery_id, webhook_id: webhookId }],
      };
      const delivery: Delivery = {
        ...ids,
        delivery_id,
        webhook_id: webhookId,
        body,
        attempt: 1,
        schedule_attempt: 1,
        deferrals: 0,
        trigger: 'event',
      };
      const log = { topic: topics.deliveryLog, key: ids.event_id, value: { ...routed, ...NEW } };
      const due = { topic: topics.deliveries, key: webhookId, value: { ...delivery, ...NEW } };
      await produceWith(change(recordSchema('routed')), log);
      await produceWith(change(recordSchema('delivery')), due);
      await bodies([ids.event_id]);
      expect(receiver.requests.at(-1)!.headers['x-dits-delivery']).toBe(delivery_id);
      await untilDelivered(posted + 1);
    });
  });

  describe('an upgrade, app by app', () => {
    let folder: string;
    beforeAll(() => {
      folder = newerSchemas(join(platform.folder, 'newer-schemas'));
    });

    /** Restarts apps with the schemas of the build, or with the newer ones. */
    async function restart(apps: readonly AppName[], schemas: 'old' | 'new'): Promise<void> {
      for (const app of apps) {
        if (schemas === 'new') env[app]!['DITS_SCHEMAS_DIR'] = folder;
        else delete env[app]!['DITS_SCHEMAS_DIR'];
        await platform.apps[app].stop();
        await platform.apps[app].start();
      }
    }

    it('loses nothing, in whichever order; the new fields arrive when the router knows them', async () => {
      const stream = streamOfEvents();
      const { new_middle, new_last } = NEW;
      const grown = { repository: { ...anEvent().repository, topic: 'footage' }, new_middle, new_last };

      await restart(['gateway'], 'new');
      const first = anEvent(grown);
      expect((await post(first)).status).toBe(202);
      const [seenByOld] = await bodies([first.event_id]);
      const { repository: _, ...plain } = anEvent({ event_id: first.event_id });
      expect(seenByOld).toEqual({ event: 'push', ...plain, repository: anEvent().repository });

      await restart(['gateway'], 'old');
      await restart(['api', 'router', 'dispatcher', 'retrier', 'recorder'], 'new');
      const refused = await post(anEvent(grown));
      expect(refused.status).toBe(422);
      expect(JSON.stringify(refused.json)).toContain('new_middle');
      const [old, direct, before] = [anEvent(), anEvent(grown), anEvent()];
      expect((await post(old)).status).toBe(202);
      await produceWith(newerPush(folder), {
        topic: topics.events,
        key: String(repositoryId),
        value: direct,
      });
      await produceEvent(older(push.schema), before);
      const [ofOld, ofDirect, ofBefore] = await bodies([old, direct, before].map(({ event_id }) => event_id));
      for (const body of [ofOld, ofBefore]) {
        expect(body).not.toHaveProperty('new_middle');
        expect(body).not.toHaveProperty('new_last');
        expect(body!.repository).toEqual(anEvent().repository);
      }
      expect(ofDirect).toMatchObject(grown);

      await restart(['gateway'], 'new');
      const last = anEvent(grown);
      expect((await post(last)).status).toBe(202);
      expect((await bodies([last.event_id]))[0]).toEqual({ event: 'push', ...last });

      const posted = await stream.stop();
      expect(posted.length).toBeGreaterThan(20);
      await bodies(posted);
      expect(new Set(receiver.requests.map((request) => bodyOf(request).event_id)).size).toBe(
        posted.length + 5,
      );
    });

    /** Posts some ten events a second, each until it is accepted. */
    function streamOfEvents(): { stop: () => Promise<string[]> } {
      const accepted: string[] = [];
      let stopped = false;
      const posting = (async () => {
        while (!stopped) {
          const event = anEvent();
          await until(
            () => post(event).catch(() => ({ status: 0 })),
            ({ status }) => status === 202,
            60_000,
          );
          accepted.push(event.event_id);
          await pause(100);
        }
      })();
      return {
        async stop() {
          stopped = true;
          await posting;
          return accepted;
        },
      };
    }
  });
});

/** Copies `schemas/` and lets push and the shared repository grow. */
function newerSchemas(folder: string): string {
  cpSync(join(repositoryRoot, 'schemas'), folder, { recursive: true });
  const change = (path: string, to: (schema: RecordSchema) => RecordSchema): void => {
    const file = join(folder, path);
    writeFileSync(file, JSON.stringify(to(JSON.parse(readFileSync(file, 'utf8')) as RecordSchema)));
  };
  change('events/push.avsc', newer);
  change('types/repository.avsc', (schema) => ({
    ...schema,
    fields: schema.fields.toSpliced(2, 0, {
      name: 'topic',
      type: ['null', 'string'],
      default: null,
      doc: 'New.',
    }),
  }));
  return folder;
}

function newerPush(folder: string): RecordSchema {
  const files = globSync('{events,types}/*', { cwd: folder });
  const bundle = bundleSchemas(
    Object.fromEntries(files.map((path) => [path, readFileSync(join(folder, path), 'utf8')])),
  );
  return bundle.events.find(({ event }) => event === 'push')!.schema;
}
