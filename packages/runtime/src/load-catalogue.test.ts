import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError } from '@dits/contracts';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { loadCatalogue } from './load-catalogue.js';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'dits-schemas-'));
  mkdirSync(join(dir, 'events'));
});
afterEach(() => rmSync(dir, { recursive: true }));

const schema = {
  type: 'record',
  name: 'RenderFinished',
  namespace: 'io.dits.events',
  doc: 'A render has finished.',
  event: 'render.finished',
  fields: [
    { name: 'repository', type: aRecord('Repository') },
    { name: 'sender', type: aRecord('User') },
    { name: 'event_id', type: 'string' },
    { name: 'occurred_at', type: 'string' },
  ],
};

function aRecord(name: string): object {
  return { type: 'record', name, namespace: 'io.dits.types', fields: [{ name: 'id', type: 'long' }] };
}

describe('loadCatalogue', () => {
  it('has the bundled event types without a folder', () => {
    expect(loadCatalogue().find('push.tag')?.recordName).toBe('io.dits.events.PushTag');
  });

  it('takes the event types of a folder, so that a new one needs no new build', () => {
    writeFileSync(join(dir, 'events/render.finished.avsc'), JSON.stringify(schema));
    writeFileSync(join(dir, 'events/render.finished.example.json'), '{"event_id":"x"}');
    expect(loadCatalogue(dir).all.map(({ event }) => event)).toEqual(['render.finished']);
  });

  it.each([
    ['a folder that is not there', 'nowhere', {}],
    ['an empty folder', '.', {}],
    ['a file that is not JSON', '.', { 'events/a.avsc': '{' }],
    ['a type without its example', '.', { 'events/render.finished.avsc': JSON.stringify(schema) }],
    [
      'a type whose events could not be routed',
      '.',
      {
        'events/render.finished.avsc': JSON.stringify({ ...schema, fields: schema.fields.slice(1) }),
        'events/render.finished.example.json': '{}',
      },
    ],
  ])('refuses %s', (_, below, files: Record<string, string>) => {
    for (const [path, text] of Object.entries(files)) writeFileSync(join(dir, path), text);
    expect(() => loadCatalogue(join(dir, below))).toThrow(ConfigError);
  });
});
