import { ConfigError } from '@dits/contracts';
import { describe, expect, it } from '@jest/globals';
import { adminPort, commonConfig } from './common-config.js';
import { configHelp, describeConfig, readConfig } from './config.js';
import { setting } from './setting.js';

const key = Buffer.alloc(32, 7).toString('base64');
const fields = {
  batch: {
    env: 'DITS_BATCH',
    schema: setting.integer(1, 10),
    default: '5',
    unit: 'records',
    doc: 'Five are enough.',
  },
  key: { env: 'DITS_KEY', schema: setting.base64(32), secret: true, doc: 'The key.' },
  dir: { env: 'DITS_DIR', schema: setting.optional(setting.text()), doc: 'A folder.' },
};

function problemsOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as Error).message;
  }
  throw new Error('no ConfigError');
}

describe('readConfig', () => {
  it('reads values by the names the code uses, with defaults for what is unset or empty', () => {
    expect(readConfig(fields, { DITS_KEY: key, DITS_BATCH: '' })).toEqual({
      batch: 5,
      key: Buffer.alloc(32, 7),
      dir: undefined,
    });
  });

  it('lists every problem at once, each with its variable', () => {
    const message = problemsOf(() => readConfig(fields, { DITS_BATCH: '11' }));
    expect(message).toContain('DITS_BATCH: must be an integer from 1 to 10 (it is "11")');
    expect(message).toContain('DITS_KEY: is required (The key.)');
  });

  it('never shows the value of a secret', () => {
    expect(problemsOf(() => readConfig(fields, { DITS_KEY: 'hunter2' }))).not.toContain('hunter2');
    expect(describeConfig(fields, { DITS_KEY: key })).toEqual({
      DITS_BATCH: '5',
      DITS_KEY: 'set',
      DITS_DIR: 'unset',
    });
    expect(describeConfig(fields, {}).DITS_KEY).toBe('unset');
  });

  it('explains every setting in the help', () => {
    const help = configHelp('router', { ...commonConfig, adminPort: adminPort(9102), ...fields });
    expect(help).toContain('DITS_BATCH  (default 5 records)\n      Five are enough.');
    expect(help).toContain('DITS_KEY  (required, secret)');
    expect(help).toContain('DITS_DIR  (optional)');
    expect(help).toContain('DITS_ADMIN_PORT  (default 9102)');
  });
});

describe('setting', () => {
  it.each([
    ['integer', setting.integer(0, 9), '9', 9],
    ['negative integer', setting.integer(-5, 9), '-5', -5],
    ['flag', setting.flag(), 'true', true],
    ['brokers', setting.brokers(), 'a:1, b:2', ['a:1', 'b:2']],
    ['IPv6 broker', setting.brokers(), '[::1]:9092', ['[::1]:9092']],
    ['list', setting.list(), 'a,,b', ['a', 'b']],
    ['url', setting.url('http:'), 'http://x/y', 'http://x/y'],
    ['word', setting.oneOf('a', 'b'), 'b', 'b'],
    ['parsed', setting.parsed((text) => text.length), 'abc', 3],
  ])('%s reads what it should', (_, schema, text, value) => {
    expect(schema.parse(text)).toEqual(value);
  });

  it.each([
    ['integer with a fraction', setting.integer(0, 9), '1.5'],
    ['integer in hexadecimal', setting.integer(0, 99), '0x10'],
    ['integer with a space', setting.integer(0, 9), ' 1'],
    ['flag', setting.flag(), 'yes'],
    ['broker without port', setting.brokers(), 'a'],
    ['no broker', setting.brokers(), ' , '],
    ['url of another protocol', setting.url('http:'), 'file:///x'],
    ['not a url', setting.url('http:'), 'x'],
    ['key of 31 bytes', setting.base64(32), Buffer.alloc(31).toString('base64')],
    ['not base64', setting.base64(32), '?'.repeat(44)],
    ['word', setting.oneOf('a'), 'b'],
  ])('refuses: %s', (_, schema, text) => {
    expect(schema.safeParse(text).success).toBe(false);
  });

  it("takes a parser's message as the problem", () => {
    const tiers = {
      env: 'T',
      doc: '',
      schema: setting.parsed(() => {
        throw new Error('15x is no delay');
      }),
    };
    expect(problemsOf(() => readConfig({ tiers }, { T: '15x' }))).toContain('T: 15x is no delay');
  });
});
