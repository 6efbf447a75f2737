import { describe, expect, it } from '@jest/globals';
import { bundledSchemas, EventCatalogue } from '@dits/contracts';
import { readFields } from '../http/read-fields.js';
import { webhookSchemas } from './webhook-fields.js';

const schemas = webhookSchemas(new EventCatalogue(bundledSchemas));
const SEED = {
  url: 'https://your-app.com/webhook',
  events: ['push', 'repo.created'],
  secret: 'your_webhook_secret',
  active: true,
};
const base64 = (bytes: number): string => Buffer.alloc(bytes, 7).toString('base64');
const problemsOf = (schema: keyof typeof schemas, json: unknown): string[] => {
  const result = readFields(schemas[schema], json);
  return result.kind === 'problems' ? result.problems.map(({ path, message }) => `${path}: ${message}`) : [];
};

describe('the fields of a new webhook', () => {
  it('takes the body of the documentation page, and fills in the rest', () => {
    expect(readFields(schemas.create, SEED)).toEqual({
      kind: 'fields',
      fields: { ...SEED, retry_statuses: [], max_concurrency: null, rate_limit_per_second: null },
    });
  });

  it.each([
    ['the least', { url: 'http://a', events: ['*'] }],
    ['a group', { ...SEED, events: ['repo.*', 'push.*', 'push'] }],
    ['a port, path and query', { ...SEED, url: 'http://127.0.0.1:8443/a/b?c=d&e' }],
    ['an international host', { ...SEED, url: 'https://bücher.example/ä' }],
    ['the longest url', { ...SEED, url: `https://a.b/${'x'.repeat(2048 - 12)}` }],
    ['the shortest secret', { ...SEED, secret: '12345678' }],
    ['the longest secret', { ...SEED, secret: 'x'.repeat(512) }],
    ['a unicode secret', { ...SEED, secret: 'geheimnis-ä-😀' }],
    ['the shortest whsec_ secret', { ...SEED, secret: `whsec_${base64(24)}` }],
    ['the longest whsec_ secret', { ...SEED, secret: `whsec_${base64(64)}` }],
    ['limits', { ...SEED, max_concurrency: 1, rate_limit_per_second: 1000, retry_statuses: [400, 499] }],
    ['null limits', { ...SEED, max_concurrency: null, rate_limit_per_second: null }],
  ])('takes %s', (_, json) => {
    expect(problemsOf('create', json)).toEqual([]);
  });

  it.each([
    ['no object', null, 'must be an object'],
    ['a list', [], 'must be an object'],
    ['a string', 'x', 'must be an object'],
    ['no url', { ...SEED, url: undefined }, 'url: is required'],
    ['a url that is null', { ...SEED, url: null }, 'url: must be a string'],
    ['an empty url', { ...SEED, url: '' }, 'url: must be a complete url'],
    ['a url without a scheme', { ...SEED, url: 'your-app.com/x' }, 'url: must be a complete url'],
    ['a url of another scheme', { ...SEED, url: 'ftp://a/b' }, 'url: must begin with https://'],
    ['a script', { ...SEED, url: 'javascript:alert(1)' }, 'url: must begin with https://'],
    ['a url with one slash', { ...SEED, url: 'https:/a' }, 'url: must begin with https://'],
    ['a url without a host', { ...SEED, url: 'http://' }, 'url: must be a complete url'],
    ['a url with a bad port', { ...SEED, url: 'http://a:99999/' }, 'url: must be a complete url'],
    ['a user name', { ...SEED, url: 'https://u@a/' }, 'url: must not hold a user name'],
    ['a password', { ...SEED, url: 'https://u:p@a/' }, 'url: must not hold a user name'],
    ['a fragment', { ...SEED, url: 'https://a/#x' }, 'url: must not hold a fragment'],
    ['white space in a url', { ...SEED, url: ' https://a/' }, 'url: must not hold white space'],
    ['a line break in a url', { ...SEED, url: 'https://a/\nb' }, 'url: must not hold white space'],
    ['a NUL in a url', { ...SEED, url: 'https://a/\0' }, 'url: must not hold white space or control'],
    ['a lone surrogate in a url', { ...SEED, url: 'https://a/\ud800' }, 'url: must be well-formed'],
    ['too long a url', { ...SEED, url: `https://a.b/${'x'.repeat(2037)}` }, 'url: must have at most 2048'],
    ['no events', { ...SEED, events: undefined }, 'events: is required'],
    ['an empty list of events', { ...SEED, events: [] }, 'events: must name at least one event'],
    ['events that are no list', { ...SEED, events: 'push' }, 'events: must be a list'],
    ['an event that is no string', { ...SEED, events: ['push', 1] }, 'events[1]: must be a string'],
    ['an unknown event', { ...SEED, events: ['push', 'pull'] }, 'events[1]: is not a known event'],
    ['an unknown group', { ...SEED, events: ['pull.*'] }, 'events[0]: is not a known event'],
    ['an event twice', { ...SEED, events: ['push', '*', 'push'] }, 'events[2]: stands there twice'],
    ['a short secret', { ...SEED, secret: '1234567' }, 'secret: must have 8 to 512'],
    ['a long secret', { ...SEED, secret: 'x'.repeat(513) }, 'secret: must have 8 to 512'],
    ['a secret that is null', { ...SEED, secret: null }, 'secret: must be a string'],
    ['a lone surrogate in a secret', { ...SEED, secret: 'abcdefgh\udc00' }, 'secret: must be well-formed'],
    ['a line break in a secret', { ...SEED, secret: 'abcdefgh\n' }, 'secret: must not hold control'],
    [
      'a whsec_ secret that is not base64',
      { ...SEED, secret: 'whsec_not base64!' },
      'secret: must be, after whsec_',
    ],
    [
      'a whsec_ secret of 23 bytes',
      { ...SEED, secret: `whsec_${base64(23)}` },
      'secret: must be, after whsec_',
    ],
    [
      'a whsec_ secret of 65 bytes',
      { ...SEED, secret: `whsec_${base64(65)}` },
      'secret: must be, after whsec_',
    ],
    ['active as text', { ...SEED, active: 'true' }, 'active: must be true or false'],
    ['an unknown field', { ...SEED, urll: 'x' }, 'urll: is not a field here'],
    [
      'a field of the prototype',
      JSON.parse('{"__proto__": {}, "url": "http://a", "events": ["*"]}'),
      '__proto__: is not a field here',
    ],
    [
      'a status that is not 4xx',
      { ...SEED, retry_statuses: [429, 500] },
      'retry_statuses[1]: must be an integer from 400 to 499',
    ],
    [
      'a status that is no integer',
      { ...SEED, retry_statuses: [429.5] },
      'retry_statuses[0]: must be an integer from 400',
    ],
    [
      'a status as text',
      { ...SEED, retry_statuses: ['429'] },
      'retry_statuses[0]: must be an integer from 400',
    ],
    ['a status twice', { ...SEED, retry_statuses: [429, 429] }, 'retry_statuses[1]: stands there twice'],
    [
      'a concurrency of 0',
      { ...SEED, max_concurrency: 0 },
      'max_concurrency: must be an integer from 1 to 1000',
    ],
    [
      'a concurrency of 1001',
      { ...SEED, max_concurrency: 1001 },
      'max_concurrency: must be an integer from 1 to 1000',
    ],
    [
      'a broken rate',
      { ...SEED, rate_limit_per_second: 1.5 },
      'rate_limit_per_second: must be an integer from 1 to 1000',
    ],
  ])('refuses %s, naming the field', (_, json, problem) => {
    const problems = problemsOf('create', json);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(problem);
  });

  it('names every bad field at once', () => {
    const problems = problemsOf('create', { url: 'x', events: [], active: 1, more: 1 });
    expect(problems.map((p) => p.split(':')[0])).toEqual(['url', 'events', 'active', 'more']);
  });
});

describe('a change of a webhook', () => {
  it('takes any part, and adds nothing', () => {
    expect(readFields(schemas.patch, { active: false })).toEqual({
      kind: 'fields',
      fields: { active: false },
    });
    expect(readFields(schemas.patch, {})).toEqual({ kind: 'fields', fields: {} });
  });

  it.each([
    ['id', { id: 'x' }, 'id: is not a field here'],
    ['null for a url', { url: null }, 'url: must be a string'],
    ['null for active', { active: null }, 'active: must be true or false'],
  ])('refuses %s', (_, json, problem) => {
    expect(problemsOf('patch', json)).toEqual([problem]);
  });
});

describe('a rotation', () => {
  it('keeps the old secret for a day unless told otherwise', () => {
    expect(readFields(schemas.rotate, {})).toEqual({ kind: 'fields', fields: { overlap_seconds: 86_400 } });
  });

  it.each([
    ['a negative overlap', { overlap_seconds: -1 }, 'overlap_seconds: must be an integer from 0 to 604800'],
    [
      'more than seven days',
      { overlap_seconds: 604_801 },
      'overlap_seconds: must be an integer from 0 to 604800',
    ],
    ['a bad secret', { secret: 'short' }, 'secret: must have 8 to 512 characters'],
  ])('refuses %s', (_, json, problem) => {
    expect(problemsOf('rotate', json)).toEqual([problem]);
  });
});
