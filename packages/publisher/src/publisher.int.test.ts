import { afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { bundledSchemas, EventCatalogue } from '@dits/contracts';
import { services, uniquePrefix, until } from '@dits/testkit';
import { createPublisher, type PublisherOptions } from './create-publisher.js';
import { PublishError } from './errors.js';
import type { EventInput } from './event-input.js';
import { methodName } from './method-name.js';
import type { Publisher } from './publisher.js';
import { Line, makeTopics, readEvents, type Arrived } from './testing/int-support.js';

jest.setTimeout(60_000);

const prefix = uniquePrefix();
beforeAll(() => makeTopics(prefix));

const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  // Backwards: a publisher closes before its line is cut.
  for (const close of open.splice(0).reverse()) await close();
});

/** A line that is cut for good after the test. */
function aLine(): Line {
  const line = new Line();
  open.push(async () => line.cut());
  return line;
}

async function aPublisher(o: Partial<PublisherOptions> & { line?: Line } = {}): Promise<Publisher> {
  const { line, ...options } = o;
  const publisher = await createPublisher({
    brokers: [services().kafka],
    registryUrl: services().registry,
    topicPrefix: prefix,
    ...(line && { socketFactory: line.socketFactory }),
    ...options,
  });
  open.push(() => publisher.close());
  return publisher;
}

/** What has arrived of a repository, in order. */
async function arrivals(repositoryId: number): Promise<() => Arrived[]> {
  const { arrived, stop } = await readEvents(prefix);
  open.push(stop);
  return () => arrived.filter(({ event }) => event.repository.id === repositoryId);
}

let nextRepositoryId = 1;
function aLock(repositoryId: number, path = 'a.mov'): EventInput<'lock.acquired'> {
  return {
    event: 'lock.acquired',
    repository: { id: repositoryId, name: 'project', full_name: 'studio/project', private: false },
    sender: { id: 456, login: 'octocat', type: 'user' },
    lock: { path },
  };
}
const locks = (repositoryId: number, count: number) =>
  Array.from({ length: count }, (_, n) => aLock(repositoryId, String(n)));
const pathsOf = (arrived: Arrived[]) => arrived.map(({ event }) => (event.lock as { path: string }).path);
const numbers = (count: number) => Array.from({ length: count }, (_, n) => String(n));

async function failureOf(promise: Promise<unknown>): Promise<PublishError> {
  const error = await promise.then(
    () => undefined,
    (e: unknown) => e,
  );
  if (!(error instanceof PublishError)) throw new Error('not a PublishError', { cause: error });
  return error;
}

describe('a publisher', () => {
  it('has a function for every event type, whose event arrives readable under its repository', async () => {
    const repositoryId = nextRepositoryId++;
    const publisher = await aPublisher();
    const startMs = Date.now();
    const ids = await Promise.all(
      bundledSchemas.events.map(({ event, example }) => {
        const { event: _, event_id: _id, ...fields } = example;
        const functions = publisher as unknown as Record<string, (fields: object) => Promise<string>>;
        const repository = { ...(fields.repository as object), id: repositoryId };
        return functions[methodName(event)]!({ ...fields, repository });
      }),
    );
    const read = await arrivals(repositoryId);
    await until('all are read', () => read().length === ids.length);
    expect(read().map(({ event }) => event.event_id)).toEqual(ids);
    expect(read().map(({ type }) => type.event)).toEqual(bundledSchemas.events.map(({ event }) => event));
    for (const { key, timestampMs, event, type } of read()) {
      expect(key).toBe(String(repositoryId));
      expect(timestampMs).toBeGreaterThanOrEqual(startMs);
      expect(timestampMs).toBeLessThanOrEqual(Date.now());
      const { event: _, repository: _r, event_id: _id, ...rest } = type.example;
      expect(event).toMatchObject(rest);
    }
  });

  it('has one more function when there is one more schema', async () => {
    // Of its own: readers of this build do not know the type.
    const topicPrefix = uniquePrefix();
    await makeTopics(topicPrefix);
    const lock = bundledSchemas.events.find(({ event }) => event === 'lock.acquired')!;
    const released = {
      ...lock,
      event: 'lock.released',
      schema: { ...lock.schema, name: 'LockReleased', event: 'lock.released' },
    };
    const catalogue = new EventCatalogue({ events: [...bundledSchemas.events, released] });
    const publisher = await aPublisher({ catalogue, topicPrefix });
    const { event: _, ...fields } = aLock(1);
    await (publisher as unknown as { lockReleased(fields: object): Promise<string> }).lockReleased(fields);
    const { arrived, stop } = await readEvents(topicPrefix, catalogue);
    open.push(stop);
    await until('it is read', () => arrived.length === 1);
    expect(arrived[0]!.type.event).toBe('lock.released');
  });

  it('puts the trace of each call into its record', async () => {
    const repositoryId = nextRepositoryId++;
    const trace = (n: number) => `00-0af7651916cd43dd8448eb211c80319c-00000000000000${n}0-01`;
    let n = 0;
    const publisher = await aPublisher({ traceHeaders: () => ({ traceparent: trace(++n) }) });
    await Promise.all(locks(repositoryId, 2).map((lock) => publisher.publish(lock)));
    const read = await arrivals(repositoryId);
    await until('both are read', () => read().length === 2);
    expect(read().map(({ headers }) => headers)).toEqual([
      { traceparent: trace(1) },
      { traceparent: trace(2) },
    ]);
  });

  it('keeps the ids it is given, and sends nothing of a list that holds a mistake', async () => {
    const repositoryId = nextRepositoryId++;
    const publisher = await aPublisher();
    const wrong = { ...aLock(repositoryId), lock: {} } as EventInput;
    await expect(publisher.publishAll([aLock(repositoryId), wrong])).rejects.toMatchObject({
      code: 'DITS_INVALID_EVENT',
      problems: [{ path: 'events[1].lock.path', message: 'is required' }],
    });
    await expect(publisher.publish(wrong)).rejects.toMatchObject({
      problems: [{ path: 'lock.path', message: 'is required' }],
    });
    const id = '0191D3A0-5B7C-7C1E-8F3A-1C2D3E4F5A6B';
    expect(await publisher.publish({ ...aLock(repositoryId), event_id: id })).toBe(id.toLowerCase());
    const read = await arrivals(repositoryId);
    await until('the right one is read', () => read().length === 1);
    expect(read()[0]!.event.event_id).toBe(id.toLowerCase());
  });

  it('takes a list far above its bound, in order', async () => {
    const repositoryId = nextRepositoryId++;
    const publisher = await aPublisher({ maxUnsentEvents: 700 });
    const ids = await publisher.publishAll(locks(repositoryId, 5000));
    expect(new Set(ids).size).toBe(5000);
    const read = await arrivals(repositoryId);
    await until('all are read', () => read().length >= 5000);
    expect(pathsOf(read())).toEqual(numbers(5000));
  });

  it('refuses at once what is above its bound, and takes more when there is room', async () => {
    const repositoryId = nextRepositoryId++;
    const publisher = await aPublisher({ maxUnsentEvents: 3 });
    const taken = [0, 1, 2].map((n) => publisher.publish(aLock(repositoryId, String(n))));
    const refused = await failureOf(publisher.publish(aLock(repositoryId, '3')));
    expect(refused).toMatchObject({ reason: 'full', code: 'DITS_PUBLISH' });
    expect(refused.message).toMatch(/^nothing was sent: 3 events of \d+ bytes wait already/);
    await Promise.all(taken);
    await publisher.publish(refused.events[0]!);
    const read = await arrivals(repositoryId);
    await until('all are read', () => read().length >= 4);
    expect(pathsOf(read())).toEqual(numbers(4));
  });

  it('loses nothing that was published when it is closed at once, and takes nothing after', async () => {
    const repositoryId = nextRepositoryId++;
    const publisher = await aPublisher();
    const published = locks(repositoryId, 2000).map((lock) => publisher.publish(lock));
    await publisher.close();
    expect(await Promise.all(published)).toHaveLength(2000);
    expect(await failureOf(publisher.publish(aLock(repositoryId)))).toMatchObject({ reason: 'closed' });
    expect(await failureOf(publisher.publishAll([aLock(repositoryId)]))).toMatchObject({ reason: 'closed' });
    const read = await arrivals(repositoryId);
    await until('all are read', () => read().length >= 2000);
    expect(pathsOf(read())).toEqual(numbers(2000));
  });
});

describe('while Kafka is away, a publisher', () => {
  it('keeps what is published and sends it in order when Kafka is back', async () => {
    const repositoryId = nextRepositoryId++;
    const line = aLine();
    const publisher = await aPublisher({ line });
    await publisher.publish(aLock(repositoryId, '0'));
    line.cut();
    const published = locks(repositoryId, 50)
      .slice(1)
      .map((lock) => publisher.publish(lock));
    await until('it is noticed', () => !publisher.health().ok);
    expect(publisher.health()).toMatchObject({ problem: 'Kafka does not answer', unsentEvents: 49 });
    line.mend();
    await Promise.all(published);
    expect(publisher.health()).toEqual({ ok: true, unsentEvents: 0, unsentBytes: 0 });
    const read = await arrivals(repositoryId);
    await until('all are read', () => read().length >= 50);
    // An event may come again; the first of each are in order.
    expect([...new Set(pathsOf(read()))]).toEqual(numbers(50));
  });

  it('gives up at the deadline and hands back what can be published again as it is', async () => {
    const repositoryId = nextRepositoryId++;
    const line = aLine();
    const publisher = await aPublisher({ line, deadlineMs: 1000 });
    line.cut();
    const failure = await failureOf(publisher.publishAll(locks(repositoryId, 3)));
    expect(failure.reason).toBe('not_confirmed');
    expect(failure.message).toMatch(
      /^3 of 3 events not confirmed after 1000 ms\. Kafka did not take it: is it up/,
    );
    line.mend();
    const ids = await publisher.publishAll(failure.events);
    const read = await arrivals(repositoryId);
    await until('all are read', () => read().length >= 3);
    expect(read().map(({ event }) => event.event_id)).toEqual(ids);
    expect(pathsOf(read())).toEqual(numbers(3));
  });

  it('says which topic is not there', async () => {
    const topicPrefix = uniquePrefix();
    const publisher = await aPublisher({ topicPrefix, deadlineMs: 1000 });
    const failure = await failureOf(publisher.publish(aLock(1)));
    expect(failure.message).toMatch(`has it the topic ${topicPrefix}dits.events at `);
  });

  it('starts all the same', async () => {
    const repositoryId = nextRepositoryId++;
    const line = aLine();
    line.cut();
    const publisher = await aPublisher({ line });
    const published = publisher.publish(aLock(repositoryId));
    line.mend();
    await published;
  });
});

describe('while the registry is away, a publisher', () => {
  it('starts all the same, and sends what was published when the registry is there', async () => {
    const repositoryId = nextRepositoryId++;
    const line = aLine();
    const registryUrl = await line.proxyTo(services().registry);
    line.cut();
    const publisher = await aPublisher({ registryUrl });
    expect(publisher.health()).toMatchObject({ ok: false });
    const published = publisher.publishAll(locks(repositoryId, 3));
    line.mend();
    await published;
    const read = await arrivals(repositoryId);
    await until('all are read', () => read().length >= 3);
    expect(pathsOf(read())).toEqual(numbers(3));
  });

  it('says so when it gives up', async () => {
    const publisher = await aPublisher({ registryUrl: 'http://127.0.0.1:1', deadlineMs: 300 });
    const failure = await failureOf(publisher.publish(aLock(1)));
    expect(failure.message).toMatch(
      /^lock.acquired \S+ not confirmed after 300 ms\. The registry at http:\/\/127.0.0.1:1 gave no ids/,
    );
  });

  it('goes on when it has been there before', async () => {
    const repositoryId = nextRepositoryId++;
    const line = aLine();
    const publisher = await aPublisher({ registryUrl: await line.proxyTo(services().registry) });
    line.cut();
    await publisher.publish(aLock(repositoryId));
    expect(publisher.health().ok).toBe(true);
  });
});
