import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { RecordSchema } from '@dits/contracts';
import { startReceiver, type Receiver } from '@dits/testkit';
import { deliveredTo } from './history.ts';
import { startPlatform, type Platform } from './platform.ts';

jest.setTimeout(180_000);

const root = join(import.meta.dirname, '..');

// What nobody had in mind when the apps were built: a group of its own, an enum, an int, and records inside records.
const schema = {
  type: 'record',
  name: 'RenderFinished',
  namespace: 'io.dits.events',
  doc: 'A render of a sequence ended.',
  event: 'render.finished',
  fields: [
    { name: 'repository', type: 'io.dits.types.Repository', doc: 'The repository.' },
    { name: 'sender', type: 'io.dits.types.User', doc: 'Who did it.' },
    {
      name: 'render',
      doc: 'The render.',
      type: {
        type: 'record',
        name: 'Render',
        namespace: 'io.dits.types',
        doc: 'A render of a sequence.',
        fields: [
          { name: 'id', type: 'long', doc: 'Numeric id.' },
          { name: 'priority', type: 'int', doc: 'From -10 to 10.' },
          {
            name: 'outcome',
            doc: 'How it ended.',
            type: {
              type: 'enum',
              name: 'RenderOutcome',
              namespace: 'io.dits.types',
              doc: 'How a render ended.',
              symbols: ['complete', 'partial', 'aborted'],
            },
          },
          {
            name: 'passes',
            doc: 'Passes, in order.',
            type: {
              type: 'array',
              items: {
                type: 'record',
                name: 'RenderPass',
                namespace: 'io.dits.types',
                doc: 'One pass.',
                fields: [
                  { name: 'name', type: 'string', doc: 'Its name.' },
                  {
                    name: 'by',
                    type: ['null', 'io.dits.types.Account'],
                    default: null,
                    doc: 'Who set it up.',
                  },
                ],
              },
            },
          },
        ],
      },
    },
    { name: 'frames', type: ['null', 'long'], default: null, doc: 'Frames rendered.' },
    { name: 'event_id', type: 'string', doc: 'Id of the event.' },
    { name: 'occurred_at', type: 'string', doc: 'When it happened.' },
  ],
};
const example = {
  event: 'render.finished',
  repository: { id: 123, name: 'my-project', full_name: 'user/my-project', private: false },
  sender: { id: 456, login: 'octocat', type: 'user' },
  render: {
    id: 2 ** 53 - 1,
    priority: -3,
    outcome: 'partial',
    passes: [{ name: 'beauty', by: { login: 'zoe', id: 0 } }, { name: 'Tiefe 🎬' }],
  },
  frames: 240,
  event_id: '019abf5e-7a00-7000-8000-0000000000ff',
  occurred_at: '2026-11-25T09:12:14.000Z',
};

interface EventTypeBody {
  name: string;
  description: string;
  schema: RecordSchema;
  example: object;
}

let folder: string;
let platform: Platform;
let receiver: Receiver;
let listed: EventTypeBody[];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'dits-schemas-'));
  cpSync(join(root, 'schemas'), folder, { recursive: true });
  writeFileSync(join(folder, 'events/render.finished.avsc'), JSON.stringify(schema));
  writeFileSync(join(folder, 'events/render.finished.example.json'), JSON.stringify(example));
  platform = await startPlatform({ env: { all: { DITS_SCHEMAS_DIR: folder } } });
  receiver = await startReceiver();
  const { json } = await platform.call<{ data: EventTypeBody[] }>('GET', `${platform.api}/v1/event-types`);
  listed = json.data;
});
afterAll(async () => {
  await platform?.stop();
  await receiver?.close();
  rmSync(folder, { recursive: true });
});

describe('an event type that was added as one file', () => {
  it('is in the catalogue', () => {
    const files = readdirSync(join(root, 'schemas/events')).filter((name) => name.endsWith('.avsc'));
    expect(listed).toHaveLength(files.length + 1);
    expect(listed.find(({ name }) => name === 'render.finished')).toMatchObject({
      description: schema.doc,
      example,
      schema: { name: 'RenderFinished', fields: expect.arrayContaining([schema.fields[2]]) },
    });
  });

  it.each([
    ['its name', 'render.finished'],
    ['its group', 'render.*'],
    ['all events', '*'],
  ])('reaches a webhook that names %s, and its history', async (_, pattern) => {
    const repositoryId = 7_000_000 + pattern.length;
    const webhookId = await platform.createWebhook(repositoryId, { url: receiver.url, events: [pattern] });
    await platform.createWebhook(repositoryId, { url: receiver.url, events: ['repo.*'] });
    const { event_id: _id, ...rest } = example;
    const posted = { ...rest, repository: { ...example.repository, id: repositoryId } };
    const before = receiver.requests.length;
    const { status, json } = await platform.postEvents(posted);
    expect(status).toBe(202);

    await receiver.waitFor(before + 1);
    const detail = await deliveredTo(platform, { repositoryId, webhookId });
    const mine = receiver.requests.filter(({ headers }) => headers['x-dits-delivery'] === detail.id);
    expect(receiver.requests).toHaveLength(before + 1);
    expect(mine).toHaveLength(1);
    const { rawBody, headers } = mine[0]!;
    expect(headers['x-dits-event']).toBe('render.finished');
    const { render, frames, occurred_at, ...head } = posted;
    // Not toEqual: the order of the fields is that of the schema.
    expect(rawBody.toString()).toBe(
      JSON.stringify({ ...head, render, frames, event_id: json.event_ids[0], occurred_at }),
    );
    expect(detail).toMatchObject({ event: 'render.finished', request: { body: rawBody.toString() } });
  });

  it('is refused by the path of what is wrong with it', async () => {
    const wrong = {
      ...example,
      render: { ...example.render, outcome: 'fine', priority: 2 ** 31, passes: [{ name: 7 }] },
    };
    const { status, json } = await platform.call<{ errors: object[] }>(
      'POST',
      `${platform.gateway}/v1/events`,
      wrong,
    );
    expect(status).toBe(422);
    expect(json.errors).toEqual([
      { path: 'render.priority', message: 'must be an integer from -2^31 to 2^31-1' },
      { path: 'render.outcome', message: 'must be one of complete, partial, aborted' },
      { path: 'render.passes[0].name', message: 'must be a string' },
    ]);
  });
});

describe('docs/events.md', () => {
  const page = readFileSync(join(root, 'docs/events.md'), 'utf8');
  const byTitle = (text: string, heading: RegExp) =>
    text.split(heading).map((section) => [section.slice(0, section.indexOf('\n')), section] as const);
  const sections = new Map(byTitle(page, /^## /m));
  // Events about a webhook itself have a section of their own.
  const [, ...internal] = byTitle(sections.get('About your webhooks')!, /^### /m);
  sections.delete('About your webhooks');
  for (const [title, section] of internal) sections.set(title, section);
  /** The first cell of each row of a table, and the last. */
  const rows = (section: string): [field: string, meaning: string][] =>
    [...section.matchAll(/^\| `(\w+)` +\|.*\| ([^|]+?) +\|$/gm)].map(([, field, meaning]) => [
      field!,
      meaning!,
    ]);

  it('has the event types that GET /v1/event-types answers with', () => {
    const documented = listed.map(({ name }) => name).filter((name) => name !== schema.event);
    const titles = [...sections.keys()].filter((title) => title && !/^(<!--|Types$)/.test(title));
    expect(titles.sort()).toEqual(documented.sort());
    for (const type of listed.filter(({ name }) => name !== schema.event)) {
      const section = sections.get(type.name)!;
      expect(section).toContain(`\n${type.description}\n`);
      const [, json] = /```json\n(.+?)```/s.exec(section)!;
      expect(JSON.parse(json!)).toEqual(type.example);
      const fields = type.schema.fields.map(({ name, doc }) => [name, doc]);
      expect(rows(section)).toEqual([['event', `Name of the event: \`${type.name}\`.`], ...fields]);
    }
  });

  it('explains every type that a field of theirs has', () => {
    const types = sections.get('Types')!;
    const documented = new Map(
      types.split(/^### /m).map((section) => [section.slice(0, section.indexOf('\n')), rows(section)]),
    );
    const visit = (node: unknown): void => {
      if (typeof node !== 'object' || node === null) return;
      const { type, name, fields } = node as RecordSchema;
      if (type === 'record' && name in Object.fromEntries(documented)) {
        expect(documented.get(name)).toEqual(fields.map((field) => [field.name, field.doc]));
      } else if (type === 'record') expect(node).toHaveProperty('event');
      Object.values(node).forEach(visit);
    };
    listed.filter(({ name }) => name !== schema.event).forEach((type) => visit(type.schema));
    expect(documented.size).toBeGreaterThan(5);
  });
});
