import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { bundledSchemas, EventCatalogue, frame, topicNames, type Routed } from '@dits/contracts';
import {
  BatchingProducer,
  createCodec,
  createKafka,
  startBatchConsumer,
  type Codec,
  type IncomingRecord,
  type RunningConsumer,
} from '@dits/kafka';
import { instanceDir, startApps, type RunningApp, type RunningApps } from '@dits/local';
import { createDatabase, services, uniquePrefix, type TestDatabase } from '@dits/testkit';
import { newer, registerSchema, written } from './foreign-producer.ts';
import { until } from './platform.ts';
import { startRegistryProxy, type RegistryProxy } from './registry-proxy.ts';

jest.setTimeout(120_000);

const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const catalogue = new EventCatalogue(bundledSchemas);
const push = catalogue.find('push')!;

/** The running router, a registry that can fail between it and the real one, and a producer that always gets through. */
describe('the router, when the registry', () => {
  const prefix = uniquePrefix();
  const topics = topicNames(prefix);
  const folder = join(instanceDir('test'), `e2e-${prefix.slice(0, -1)}`);
  const kafka = createKafka({ brokers: [services().kafka], clientId: 'registry-faults', log: quiet });
  const arrived: IncomingRecord[] = [];
  let registry: RegistryProxy;
  let database: TestDatabase;
  let running: RunningApps;
  let router: RunningApp;
  let codec: Codec;
  let producer: BatchingProducer;
  let reader: RunningConsumer;
  let newSchemas = 0;

  beforeAll(async () => {
    mkdirSync(folder, { recursive: true });
    registry = await startRegistryProxy(services().registry);
    database = await createDatabase();
    running = await startApps({
      services: { ...services(), registry: registry.url },
      folder,
      prefix,
      databaseUrl: database.url,
      apps: ['router'],
    });
    router = running.apps.router;
    codec = createCodec({ registryUrl: services().registry, catalogue, topics, log: quiet });
    await codec.register();
    producer = new BatchingProducer({ kafka, log: quiet });
    await producer.connect();
    reader = await startBatchConsumer({
      kafka,
      log: quiet,
      groupId: `${prefix}registry-faults`,
      topics: [topics.deliveryLog, topics.deadLetters],
      handle: async (records) => void arrived.push(...records),
    });
  });
  afterEach(() => registry.become({ kind: 'up' }));
  afterAll(async () => {
    await running?.stop();
    await reader?.stop();
    await producer?.close();
    await registry?.close();
    await database?.drop();
    rmSync(folder, { recursive: true, force: true });
  });

  const anEvent = (repositoryId = 1) => {
    const { event: _, ...fields } = push.example;
    const repository = { ...(fields.repository as object), id: repositoryId };
    return { occurred_at: '2026-11-25T09:12:14Z', ...fields, repository, event_id: randomUUID() };
  };
  type Event = ReturnType<typeof anEvent>;
  const produce = (value: Buffer, repositoryId = 1) =>
    producer.send({ topic: topics.events, key: String(repositoryId), value });
  /** Produces an event with the schema that every router of this build knows. */
  async function produceKnown(repositoryId = 1): Promise<Event> {
    const event = anEvent(repositoryId);
    await produce(codec.encodeEvent(push, event), repositoryId);
    return event;
  }
  /** A schema of push that the router has not met, registered behind its back. */
  async function aNewSchema() {
    const schema = newer(push.schema);
    schema.fields.push({ ...schema.fields.at(-1)!, name: `number_${newSchemas++}` });
    const id = await registerSchema(services().registry, { subject: `${prefix}new-${newSchemas}`, schema });
    return { id, write: (event: Event) => written(id, schema, { ...event, new_middle: 7, new_last: 'x' }) };
  }
  const entries = async (): Promise<Routed[]> => {
    const log = arrived.filter(({ topic }) => topic === topics.deliveryLog);
    return Promise.all(log.map(async ({ value }) => (await codec.decode(value)).record as Routed));
  };
  const untilRouted = (...events: Event[]) =>
    until(
      async () => (await entries()).map(({ event_id }) => event_id),
      (ids) => events.every(({ event_id }) => ids.includes(event_id)),
    );
  const letters = () => arrived.filter(({ topic }) => topic === topics.deadLetters);
  const lookUps = (id: number) => registry.requests.filter(({ path }) => path === `/schemas/ids/${id}`);
  const logLines = (message: string): Record<string, unknown>[] =>
    readFileSync(router.logFile, 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter(({ msg }) => msg === message);
  const untilLogged = (message: string, has: (line: Record<string, unknown>) => boolean) =>
    until(
      async () => logLines(message),
      (lines) => lines.some(has),
    );
  const readiness = async () => {
    const response = await fetch(`${router.adminUrl}/readyz`);
    return { status: response.status, text: await response.text() };
  };

  it('is down: goes on with the schemas it knows, without asking', async () => {
    registry.become({ kind: 'down' });
    const events = await Promise.all([1, 2, 3, 4, 5, 6].map(produceKnown));
    await untilRouted(...events);
    expect(registry.requests).toEqual([]);
    expect((await readiness()).status).toBe(200);
  });

  it('is down and a new schema arrives: waits, asks ever more rarely, and routes everything when it is back', async () => {
    const schema = await aNewSchema();
    const lettersBefore = letters().length;
    registry.become({ kind: 'down' });
    const event = anEvent();
    await produce(schema.write(event));
    const behind = await produceKnown();
    const startMs = Date.now();
    await untilLogged('registry.lookup_failed', ({ schema_id, retry_in_ms }) => {
      return schema_id === schema.id && retry_in_ms === 1600;
    });
    // 200, 400, 800, 1600 ms: four look-ups so far, however often the records were handed in again.
    expect(Date.now() - startMs).toBeGreaterThan(1300);
    expect(registry.requests.length).toBeLessThanOrEqual(5);
    expect((await entries()).map(({ event_id }) => event_id)).not.toContain(behind.event_id);
    expect((await readiness()).status).toBe(503);

    registry.become({ kind: 'up' });
    await untilRouted(event, behind);
    expect(lookUps(schema.id)).toHaveLength(1);
    expect(letters()).toHaveLength(lettersBefore);
    await until(readiness, ({ status }) => status === 200);
  });

  it('hangs and a new schema arrives: gives each look-up five seconds, and routes everything when it is back', async () => {
    const schema = await aNewSchema();
    registry.become({ kind: 'hung' });
    const events = Array.from({ length: 50 }, () => anEvent());
    await Promise.all(events.map((event) => produce(schema.write(event))));
    await untilLogged('registry.lookup_failed', ({ schema_id, error }) => {
      return schema_id === schema.id && String(error).includes('5000');
    });
    expect(lookUps(schema.id).length).toBeLessThanOrEqual(2);

    registry.become({ kind: 'up' });
    await untilRouted(...events);
    expect(lookUps(schema.id).length).toBeLessThanOrEqual(2);
  });

  it('is slow: waits for it, one look-up for all records of a schema', async () => {
    const schema = await aNewSchema();
    registry.become({ kind: 'slow', delayMs: 3000 });
    const events = Array.from({ length: 50 }, () => anEvent());
    await Promise.all(events.map((event) => produce(schema.write(event))));
    await untilRouted(...events);
    expect(registry.requests.map(({ path }) => path)).toEqual([`/schemas/ids/${schema.id}`]);
  });

  it('does not know the id: puts the records on the dead letters after one look-up, and goes on', async () => {
    const unknown = 1_999_999_999;
    const lettersBefore = letters().length;
    const values = Array.from({ length: 200 }, (_, i) => frame(unknown, Buffer.from(`${i}`)));
    await Promise.all(values.map((value, i) => produce(value, i)));
    const after = await produceKnown();
    await untilRouted(after);
    await until(
      async () => letters().length,
      (count) => count === lettersBefore + 200,
    );
    for (const { headers } of letters().slice(-200))
      expect(String(headers['dits-dead-letter-reason'])).toBe('unknown_schema');
    expect(
      new Set(
        letters()
          .slice(-200)
          .map(({ value }) => value!.toString('hex')),
      ).size,
    ).toBe(200);
    expect(lookUps(unknown)).toHaveLength(1);
    expect(logLines('record.poison').at(-1)).toMatchObject({
      reason: 'unknown_schema',
      error: `the registry has no schema ${unknown}`,
    });
  });

  it('was emptied: goes on with what it knows, and waits with a new id rather than giving its records up', async () => {
    const schema = await aNewSchema();
    const lettersBefore = letters().length;
    registry.become({ kind: 'emptied' });
    const known = await produceKnown();
    await untilRouted(known);
    const event = anEvent();
    await produce(schema.write(event));
    await untilLogged('registry.lookup_failed', ({ schema_id, error }) => {
      return schema_id === schema.id && /Was it emptied/.test(String(error));
    });
    expect(letters()).toHaveLength(lettersBefore);

    registry.become({ kind: 'up' });
    await untilRouted(event);
    expect(letters()).toHaveLength(lettersBefore);
  });

  it('is down at the start: is not ready, and starts when it comes', async () => {
    await router.stop();
    registry.become({ kind: 'down' });
    const event = await produceKnown();
    const starting = router.start();
    await until(
      () => readiness().catch(() => ({ status: 0, text: '' })),
      ({ status, text }) => status === 503 && text.includes('the schema registry at'),
    );
    await untilLogged('waiting', ({ waiting_for }) => String(waiting_for).startsWith('the schema registry'));
    registry.become({ kind: 'up' });
    await starting;
    await untilRouted(event);
  });

  it('is empty at the start: registers everything anew and starts', async () => {
    const gone = await aNewSchema();
    await router.stop();
    registry.become({ kind: 'emptied' });
    await router.start();
    const registered = registry.requests.filter(({ method }) => method === 'POST').map(({ path }) => path);
    expect(new Set(registered).size).toBe(
      bundledSchemas.events.length + Object.keys(bundledSchemas.records).length,
    );
    expect(registered).toContain(`/subjects/${topics.events}-io.dits.events.Push/versions`);
    const subject = `${topics.deliveries}-io.dits.records.Delivery`;
    const fresh = await fetch(`${services().registry}/config/emptied-${subject}`);
    expect(await fresh.json()).toMatchObject({ compatibilityLevel: 'FULL_TRANSITIVE' });
    await untilRouted(await produceKnown());

    // Whoever restarts the apps on an empty registry gives up what others wrote with ids that are gone.
    const before = letters().length;
    const value = gone.write(anEvent());
    await produce(value);
    await until(
      async () => letters().slice(before),
      (since) => since.some((letter) => letter.value!.equals(value)),
    );
  });
});
