import { describe, expect, it } from '@jest/globals';
import { bundledSchemas, EventCatalogue } from '@dits/contracts';
import { parseAllowedDestinations, PUBLIC_DESTINATIONS } from '@dits/domain';
import { readFields } from '../http/read-fields.js';
import { webhookSchemas } from './webhook-fields.js';

const catalogue = new EventCatalogue(bundledSchemas);
const schemas = webhookSchemas(catalogue, PUBLIC_DESTINATIONS);
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
      fields: {
        ...SEED,
        headers: {},
        ed25519: false,
        retry_statuses: [],
        max_concurrency: null,
        rate_limit_per_second: null,
        send_traceparent: false,
      },
    });
  });

  it.each([
    ['the least', { url: 'http://a', events: ['*'] }],
    ['a group', { ...SEED, events: ['repo.*', 'push.*', 'push'] }],
    ['a port, path and query', { ...SEED, url: 'http://192.0.1.1:8443/a/b?c=d&e' }],
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
    ['a url with no slash', { ...SEED, url: 'https:a' }, 'url: must begin with https://'],
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

describe('a url that leads where strangers may not call', () => {
  it.each([
    ['http://127.0.0.1/', 'must not lead to a loopback address (rule loopback)'],
    ['http://2130706433/', 'rule loopback'],
    ['http://0x7f.1/', 'rule loopback'],
    ['http://0177.0.0.1/', 'rule loopback'],
    ['http://127。0。0。1/', 'rule loopback'],
    ['http://[::1]/', 'rule loopback'],
    ['http://[::ffff:127.0.0.1]/', 'rule loopback'],
    ['http://[64:ff9b::7f00:1]/', 'rule loopback'],
    ['http://[2002:7f00:1::]/', 'rule transition'],
    ['http://0.0.0.0/', 'rule unspecified'],
    ['http://10.1.2.3/', 'rule private'],
    ['http://[fd12::1]/', 'rule private'],
    ['http://169.254.1.1/', 'rule link_local'],
    [
      'http://169.254.169.254/latest/meta-data/',
      'must not lead to the metadata service of a cloud (rule metadata)',
    ],
    ['http://metadata.google.internal/', 'rule metadata'],
    ['http://100.64.0.1/', 'rule cgnat'],
    ['http://224.0.0.1/', 'rule multicast'],
    ['http://198.18.0.1/', 'rule benchmark'],
    ['http://203.0.113.7/', 'rule documentation'],
    ['http://255.255.255.255/', 'rule reserved'],
    ['http://localhost:8080/', 'must not lead to this machine (rule local_name)'],
    ['http://api.localhost/', 'rule local_name'],
    ['http://your-app.com./', 'must not have a host that ends in a dot (rule trailing_dot)'],
    ['https://your-app.com:22/', 'must not have port 22; allowed are 80, 443, 1024-65535 (rule port)'],
    ['https://user:password@your-app.com/', 'must not hold a user name or password (rule user_info)'],
    ['ftp://your-app.com/', 'rule scheme'],
    ['your-app.com', 'must be a complete url such as https://your-app.com/webhook (rule url)'],
  ])('is refused at create and at update, and the rule named: %s', (url, problem) => {
    for (const problems of [problemsOf('create', { ...SEED, url }), problemsOf('patch', { url })]) {
      expect(problems).toEqual([expect.stringMatching(/^url: .* \(rule [a-z_]+\)$/)]);
      expect(problems[0]).toContain(problem);
    }
  });

  it('is taken when the operator has opened it', () => {
    const destinations = {
      ...PUBLIC_DESTINATIONS,
      allowed: parseAllowedDestinations('127.0.0.0/8,ci.internal'),
    };
    const { patch } = webhookSchemas(catalogue, destinations);
    for (const url of ['http://127.0.0.1:3000/', 'http://localhost:3000/', 'http://ci.internal/'])
      expect(readFields(patch, { url })).toEqual({ kind: 'fields', fields: { url } });
    expect(readFields(patch, { url: 'http://10.0.0.1/' }).kind).toBe('problems');
  });

  it('is refused for http when the operator wants HTTPS only', () => {
    const { patch } = webhookSchemas(catalogue, { ...PUBLIC_DESTINATIONS, httpsOnly: true });
    expect(readFields(patch, { url: 'http://your-app.com/' })).toMatchObject({
      problems: [{ path: 'url', message: 'must begin with https:// (rule https_only)' }],
    });
    expect(readFields(patch, { url: 'https://your-app.com/' }).kind).toBe('fields');
  });
});

describe('headers of a webhook', () => {
  it.each([
    ['none', {}],
    ['a token', { Authorization: 'Bearer abc', 'X-Api-Key': 'k' }],
    ['every character of a name', { "!#$%&'*+-.^_`|~09azAZ": 'x' }],
    ['every character of a value', { 'X-A': '\tx \u00a0\u00ff~'.trim() }],
    ['20 of them', Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`X-${i}`, 'v']))],
    ['8 KiB of them', { 'X-A': 'v'.repeat(8 * 1024 - 3) }],
  ])('may be %s', (_, headers) => {
    expect(problemsOf('create', { ...SEED, headers })).toEqual([]);
    expect(readFields(schemas.patch, { headers })).toEqual({ kind: 'fields', fields: { headers } });
  });

  it.each([
    ['no object', 'Authorization: a', 'headers: must be an object'],
    ['a list', ['a'], 'headers: must be an object'],
    ['null', null, 'headers: must be an object'],
    ['21 of them', Object.fromEntries(Array.from({ length: 21 }, (_, i) => [`X-${i}`, 'v'])), 'at most 20'],
    ['more than 8 KiB', { 'X-A': 'v'.repeat(8 * 1024 - 2) }, 'headers: must have at most 8192 bytes'],
    ['an empty name', { '': 'x' }, 'headers.: is no header name'],
    ['a name with a space', { 'X A': 'x' }, 'headers.X A: is no header name'],
    ['a name with a colon', { 'X-A:': 'x' }, 'is no header name'],
    ['a name with a line break', { 'X-A\r\nX-Dits-Event': 'x' }, 'is no header name'],
    ['a name with an umlaut', { 'X-Ä': 'x' }, 'is no header name'],
    ['a name of HTTP/2', { ':path': '/' }, 'is no header name'],
    ['a number', { 'X-A': 1 }, 'headers.X-A: must be a string'],
    ['a list as value', { 'X-A': ['a'] }, 'headers.X-A: must be a string'],
    ['an empty value', { 'X-A': '' }, 'headers.X-A: must not be empty'],
    ['CR and LF', { 'X-A': 'a\r\nX-Dits-Event: push' }, 'headers.X-A: must hold only printable'],
    ['LF', { 'X-A': 'a\nb' }, 'headers.X-A: must hold only printable'],
    ['CR', { 'X-A': 'a\rb' }, 'headers.X-A: must hold only printable'],
    ['NUL', { 'X-A': 'a\0b' }, 'headers.X-A: must hold only printable'],
    ['a control character', { 'X-A': 'a\u007fb' }, 'headers.X-A: must hold only printable'],
    ['a control character of Latin-1', { 'X-A': 'a\u0085b' }, 'headers.X-A: must hold only printable'],
    ['a value beyond Latin-1', { 'X-A': 'a€' }, 'headers.X-A: must hold only printable'],
    ['a character whose low byte is LF', { 'X-A': 'a\u010ab' }, 'headers.X-A: must hold only printable'],
    ['a lone surrogate', { 'X-A': '\ud800' }, 'headers.X-A: must hold only printable'],
    ['white space before', { 'X-A': ' a' }, 'headers.X-A: must not begin or end with white space'],
    ['white space after', { 'X-A': 'a\t' }, 'headers.X-A: must not begin or end with white space'],
    ['the mask', { 'X-A': '***' }, 'headers.X-A: *** stands for a value that is not shown'],
    ['a name twice', { 'X-A': 'a', 'x-a': 'b' }, 'headers.x-a: stands there twice'],
    ['the prototype', JSON.parse('{"__proto__": {}}'), 'headers.__proto__: must be a string'],
  ])('may not be %s', (_, headers, problem) => {
    for (const problems of [problemsOf('create', { ...SEED, headers }), problemsOf('patch', { headers })]) {
      expect(problems).toEqual([expect.stringContaining(problem)]);
    }
  });

  it.each(
    [
      'Content-Type User-Agent X-Dits-Event X-Dits-Delivery X-Dits-Attempt X-Dits-Webhook-Id X-Dits-Anything',
      'X-Hub-Signature-256 X-Hub-Signature webhook-id webhook-timestamp webhook-signature Webhook-Anything',
      'Host Content-Length Content-Encoding Transfer-Encoding Expect Connection Keep-Alive TE Trailer Upgrade',
      'Proxy-Authorization Proxy-Connection HTTP2-Settings Date traceparent tracestate baggage',
    ].flatMap((line) => line.split(' ')),
  )('may not be %s, in any case', (name) => {
    for (const spelled of [name, name.toLowerCase(), name.toUpperCase()])
      expect(problemsOf('patch', { headers: { [spelled]: 'x' } })).toEqual([
        `headers.${spelled}: is reserved: HTTP or this service sets it`,
      ]);
  });

  it('are named in what is wrong with them, and their values are not', () => {
    const headers = { 'X-A': 'planted\n', 'X Y': 'planted', Host: 'planted' };
    const problems = problemsOf('create', { ...SEED, headers });
    expect(problems).toHaveLength(3);
    expect(problems.join()).not.toContain('planted');
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
