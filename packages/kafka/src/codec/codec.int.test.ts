import { createServer as createHttpServer } from 'node:http';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import {
  EventCatalogue,
  PoisonRecordError,
  RegistryFault,
  avroType,
  bundledSchemas,
  frame,
  recordSchema,
  topicNames,
  unframe,
  type EventSchema,
  type PoisonReason,
  type RecordSchema,
} from '@dits/contracts';
import { services, uniquePrefix } from '@dits/testkit';
import { keptLog } from '../testing/kept-log.js';
import { createCodec, type Codec, type CodecOptions } from './codec.js';
import { Registry } from './registry.js';

jest.setTimeout(60_000);

const catalogue = new EventCatalogue(bundledSchemas);
const prefix = uniquePrefix();
const aCodec = (o: Partial<CodecOptions> = {}): Codec =>
  createCodec({
    registryUrl: services().registry,
    catalogue,
    topics: topicNames(prefix),
    log: keptLog(),
    // 20 s: the real registry shares two cores with all other tests; deadlines are tested with stand-ins.
    timeoutMs: 20_000,
    ...o,
  });

const eventOf = ({ event }: { event: string }): Record<string, unknown> => {
  const { event: _name, ...fields } = catalogue.find(event)!.example;
  return { event_id: '0191d3a0-5b7c-7c1e-8f3a-1c2d3e4f5a6b', occurred_at: '2026-11-25T09:12:14Z', ...fields };
};
const push = catalogue.find('push')!;

async function poisonReason(decoding: Promise<unknown>): Promise<PoisonReason> {
  const error = await decoding.then(
    () => undefined,
    (e: unknown) => e,
  );
  if (!(error instanceof PoisonRecordError)) throw new Error('not poison', { cause: error });
  return error.reason;
}

/** Registers a schema as a foreign producer would. */
async function foreignId(schema: object): Promise<number> {
  const registry = new Registry({ url: services().registry, timeoutMs: 20_000 });
  return registry.register(`${uniquePrefix()}foreign-value`, schema);
}

let codec: Codec;
beforeAll(async () => {
  codec = aCodec();
  await codec.register();
});

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});
/** A TCP server; `answer` null never answers. */
async function aServer(answer: string | null): Promise<{ url: string; requests: () => number }> {
  let requests = 0;
  const server = createServer((socket) => {
    socket.unref();
    socket.on('error', () => undefined);
    socket.on('data', () => {
      requests++;
      if (answer !== null) socket.end(answer);
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  server.unref();
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests: () => requests };
}

describe('register', () => {
  it('is idempotent, and gives the same ids to another process', async () => {
    const other = aCodec();
    await other.register();
    await other.register();
    const event = eventOf(push);
    expect(other.encodeEvent(push, event)).toEqual(codec.encodeEvent(push, event));
  });

  type Schema = { name: string; fields: { name: string; type: unknown; default?: unknown }[] };
  const triggerOf = ({ fields }: Schema) =>
    fields.find(({ name }) => name === 'trigger')!.type as { symbols: string[] };
  it.each<[string, RecordSchema, (schema: Schema) => void]>([
    ['a required field more', push.schema, ({ fields }) => fields.push({ name: 'needed', type: 'string' })],
    ['a field less', push.schema, ({ fields }) => fields.splice(1, 1)],
    ['another type', push.schema, ({ fields }) => Object.assign(fields.at(-1)!, { type: 'long' })],
    ['another name', push.schema, (schema) => Object.assign(schema, { name: 'Pushed' })],
    [
      'a branch more in a union',
      push.schema,
      ({ fields }) => (fields.find(({ name }) => name === 'ref')!.type as unknown[]).push('long'),
    ],
    ['a symbol more', recordSchema('delivery'), (schema) => triggerOf(schema).symbols.push('schedule')],
    ['a symbol less', recordSchema('delivery'), (schema) => triggerOf(schema).symbols.pop()],
  ])('is refused with %s, saying of which subject and what to do', async (_, released, change) => {
    const schema = structuredClone(released) as RecordSchema & Schema;
    change(schema);
    const topic = released === push.schema ? 'dits.events' : 'dits.deliveries';
    const subject = `${prefix}${topic}-${released.namespace}.${released.name}`;
    const registry = new Registry({ url: services().registry, timeoutMs: 20_000 });
    const refusal = await registry
      .register(subject, schema)
      .catch((error: unknown) => error as RegistryFault);
    expect(refusal).toBeInstanceOf(RegistryFault);
    expect((refusal as RegistryFault).message).toContain(`refuses the schema of ${subject}`);
    expect((refusal as RegistryFault).message).toMatch(/Undo the change of the schema: docs\/schemas\.md/);
  });

  it('takes an optional field more, and the schema before it again', async () => {
    const subject = `${uniquePrefix()}grows`;
    const registry = new Registry({ url: services().registry, timeoutMs: 20_000 });
    const larger = structuredClone(push.schema);
    larger.fields.splice(3, 0, { name: 'pipeline', type: ['null', 'string'], default: null });
    const id = await registry.register(subject, push.schema);
    expect(await registry.register(subject, larger)).not.toBe(id);
    // A process of the build before starts once more.
    expect(await registry.register(subject, push.schema)).toBe(id);
  });

  it('mends a subject that takes other changes', async () => {
    const subject = `${uniquePrefix()}loose`;
    const root = services().registry;
    const headers = { 'content-type': 'application/vnd.schemaregistry.v1+json' };
    await fetch(`${root}/subjects/${subject}/versions`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ schema: JSON.stringify(push.schema) }),
    });
    const registry = new Registry({ url: root, timeoutMs: 20_000 });
    await registry.register(subject, push.schema);
    const config = (await (await fetch(`${root}/config/${subject}`)).json()) as {
      compatibilityLevel: string;
    };
    expect(config.compatibilityLevel).toBe('FULL_TRANSITIVE');
  });

  it('throws a fault when the registry refuses connections', async () => {
    await expect(aCodec({ registryUrl: 'http://127.0.0.1:1' }).register()).rejects.toThrow(RegistryFault);
  });
});

describe('events', () => {
  it.each(catalogue.all.map(({ event }) => event))('carries the example of %s', async (name) => {
    const type = catalogue.find(name)!;
    const event = eventOf(type);
    const decoded = await codec.decodeEvent(codec.encodeEvent(type, event));
    expect(decoded.type).toBe(type);
    expect(decoded.event).toMatchObject(event);
  });

  it('reads absent optional fields as null', async () => {
    const { ref: _ref, ...event } = eventOf(push) as { ref?: string };
    expect((await codec.decodeEvent(codec.encodeEvent(push, event))).event['ref']).toBeNull();
  });

  it('carries integers exactly', async () => {
    for (const id of [0, 2 ** 31, 2 ** 52, 2 ** 53 - 1]) {
      const event = eventOf(push) as { repository: { id: number } };
      event.repository = { ...event.repository, id };
      expect((await codec.decodeEvent(codec.encodeEvent(push, event))).event.repository.id).toBe(id);
    }
  });

  it('reads with the schema it was written with, one look-up for all', async () => {
    const older: RecordSchema = structuredClone(push.schema);
    older.fields = older.fields.filter(({ name }) => name !== 'compare_url');
    older.fields.push({ name: 'older_field', type: ['null', 'string'], default: null });
    const id = await foreignId(older);
    const fresh = aCodec();
    const value = frame(id, avroType(older).toBuffer({ ...eventOf(push), older_field: 'x' }));
    const all = await Promise.all([1, 2, 3].map(() => fresh.decodeEvent(value)));
    expect(all[0]!.type).toBe(push);
    expect(all[0]!.event).toMatchObject({ event_id: eventOf(push)['event_id'], compare_url: null });
    expect(all[0]!.event).not.toHaveProperty('older_field');
  });

  it('reads a type that the running catalogue was given by one more file', async () => {
    const schema: RecordSchema = {
      ...structuredClone(push.schema),
      name: 'RenderFinished',
      event: 'render.finished',
    };
    const extra: EventSchema = { event: 'render.finished', schema, example: push.example };
    const larger = new EventCatalogue({ events: [...bundledSchemas.events, extra] });
    const made = aCodec({ catalogue: larger });
    await made.register();
    const type = larger.find('render.finished')!;
    const value = made.encodeEvent(type, eventOf(push));
    expect((await made.decodeEvent(value)).type).toBe(type);
    expect(await poisonReason(codec.decodeEvent(value))).toBe('wrong_type');
  });

  it('calls what is not Avro in the wire format not_avro', async () => {
    const good = codec.encodeEvent(push, eventOf(push));
    const values = [
      null,
      Buffer.alloc(0),
      Buffer.from('{"event":"push"}'),
      good.subarray(0, -1),
      Buffer.concat([good, Buffer.from([0])]),
    ];
    for (const value of values) expect(await poisonReason(codec.decodeEvent(value))).toBe('not_avro');
  });

  it('calls an id the registry does not know unknown_schema', async () => {
    expect(await poisonReason(codec.decodeEvent(frame(2_000_000_000, Buffer.alloc(3))))).toBe(
      'unknown_schema',
    );
    expect(await poisonReason(codec.decodeEvent(frame(-5, Buffer.alloc(3))))).toBe('unknown_schema');
  });

  it('calls another record wrong_type, also one of ours', async () => {
    const other = {
      type: 'record',
      name: 'Other',
      namespace: 'elsewhere',
      fields: [{ name: 'a', type: 'string' }],
    };
    expect(await poisonReason(codec.decodeEvent(frame(await foreignId(other), Buffer.from([2, 97]))))).toBe(
      'wrong_type',
    );
    const cancelled = codec.encode('cancelled', exampleCancelled);
    expect(await poisonReason(codec.decodeEvent(cancelled))).toBe('wrong_type');
    expect(await poisonReason(codec.decode(codec.encodeEvent(push, eventOf(push))))).toBe('wrong_type');
  });

  it('calls a value that Avro takes and we do not invalid_value', async () => {
    const withId = codec.encodeEvent(push, { ...eventOf(push), event_id: 'no uuid' });
    expect(await poisonReason(codec.decodeEvent(withId))).toBe('invalid_value');
    expect(() => codec.encodeEvent(push, { ...eventOf(push), commits: 7 })).toThrow(PoisonRecordError);
  });

  it('calls a text that is not UTF-8 invalid_value, and a replacement character that was sent fine', async () => {
    const event = { ...eventOf(push), ref: 'refs/heads/\uFFFD' };
    const value = codec.encodeEvent(push, event);
    expect((await codec.decodeEvent(value)).event['ref']).toBe('refs/heads/\uFFFD');
    const { schemaId, avro } = unframe(value);
    const broken = Buffer.from(avro);
    broken.fill(0xff, broken.indexOf('\uFFFD'), broken.indexOf('\uFFFD') + 3);
    expect(await poisonReason(codec.decodeEvent(frame(schemaId, broken)))).toBe('invalid_value');
  });
});

const exampleCancelled = avroType(bundledSchemas.records['cancelled']!).random() as never;

describe('records', () => {
  it('tells them apart by name', async () => {
    const decoded = await codec.decode(codec.encode('cancelled', exampleCancelled));
    expect(decoded).toEqual({ name: 'cancelled', record: exampleCancelled });
  });
});

describe('a registry that is not well', () => {
  const unknownValue = frame(123_456_789, Buffer.alloc(3));

  /** The registry behind something that may delay a request, or answer it in its place with a status. */
  async function aFront(on: (method: string, path: string) => Promise<number | null>): Promise<string> {
    const front = createHttpServer((incoming, outgoing) => {
      const pass = async (): Promise<void> => {
        const body = Buffer.concat(await incoming.toArray());
        const contentType = 'application/vnd.schemaregistry.v1+json';
        const status = await on(incoming.method!, incoming.url!);
        if (status !== null) {
          outgoing.writeHead(status, { 'content-type': contentType }).end('{"message":"from the front"}');
          return;
        }
        const answer = await fetch(new URL(incoming.url!, services().registry), {
          method: incoming.method!,
          headers: { 'content-type': contentType },
          body: body.length > 0 ? body : null,
        });
        outgoing.writeHead(answer.status, { 'content-type': answer.headers.get('content-type')! });
        outgoing.end(await answer.text());
      };
      pass().catch(() => outgoing.destroy());
    });
    servers.push(front);
    await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
    const { pathname } = new URL(services().registry);
    return `http://127.0.0.1:${(front.address() as AddressInfo).port}${pathname}`;
  }

  it('is waited for when it is slow: the deadline is for each request, not for all of a step', async () => {
    const registryUrl = await aFront(() => pause(1_000).then(() => null));
    // Two requests take longer than this, one does not.
    const patient = aCodec({ registryUrl, timeoutMs: 1_900 });
    await patient.register('events');
    expect(await poisonReason(patient.decodeEvent(unknownValue))).toBe('unknown_schema');
  });

  it('is no fault when another process sets what a subject takes at the same moment', async () => {
    const refused: string[] = [];
    const registryUrl = await aFront(async (method, path) => {
      if (method !== 'PUT') return null;
      const body = '{"compatibility":"FULL_TRANSITIVE"}';
      const headers = { 'content-type': 'application/vnd.schemaregistry.v1+json' };
      await fetch(new URL(path, services().registry), { method, headers, body });
      refused.push(path);
      return 409;
    });
    const catalogueOfOne = new EventCatalogue({
      ...bundledSchemas,
      events: bundledSchemas.events.slice(0, 1),
    });
    const codec = aCodec({ registryUrl, catalogue: catalogueOfOne, topics: topicNames(uniquePrefix()) });
    await codec.register('events');
    expect(refused).toHaveLength(1);
  });

  it('is a fault at the deadline when it hangs, and is asked once', async () => {
    const server = await aServer(null);
    const hung = aCodec({ registryUrl: server.url, timeoutMs: 300 });
    const decodings = await Promise.allSettled(
      Array.from({ length: 50 }, () => hung.decodeEvent(unknownValue)),
    );
    for (const decoding of decodings)
      expect(decoding).toMatchObject({ reason: { code: 'DITS_REGISTRY_FAULT' } });
    expect(server.requests()).toBe(1);
    await expect(hung.register()).rejects.toThrow(RegistryFault);
  });

  it('is a fault when it refuses connections, and known ids are read all the same', async () => {
    const down = aCodec({ registryUrl: 'http://127.0.0.1:1' });
    await expect(down.decodeEvent(unknownValue)).rejects.toThrow(RegistryFault);
    expect(() => down.encodeEvent(push, eventOf(push))).toThrow(RegistryFault);
  });

  it.each([
    ['an error', 'HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n'],
    [
      "a proxy's 404",
      'HTTP/1.1 404 Not Found\r\ncontent-type: text/html\r\ncontent-length: 9\r\n\r\n<p>no</p>',
    ],
    ['something else', 'HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 9\r\n\r\n<p>hi</p>'],
    ['no HTTP', 'hello'],
  ])('is a fault, not an unknown schema, when it answers with %s', async (_what, answer) => {
    const server = await aServer(answer);
    const odd = aCodec({ registryUrl: server.url, timeoutMs: 1000 });
    await expect(odd.decodeEvent(unknownValue)).rejects.toThrow(RegistryFault);
  });
});
