import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { NestLog, toggleLogLevel } from './logger.js';
import { linesLog } from './testing.js';

describe('the logger', () => {
  it('writes one JSON line per call, with level and time as text', () => {
    const { log, lines } = linesLog();
    log.info({ event_id: 'e1' }, 'events.accepted');
    expect(lines()).toEqual([
      expect.objectContaining({
        level: 'info',
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
        name: 'test',
        msg: 'events.accepted',
        event_id: 'e1',
      }),
    ]);
  });

  it.each([
    ['at the top', { authorization: 'hunter2' }],
    ['in headers', { headers: { authorization: 'hunter2' } }],
    ['one level down', { webhook: { secret: 'hunter2' } }],
    ['two levels down', { request: { headers: { cookie: 'hunter2' } } }],
    ['as a webhook has written it', { headers: { Authorization: 'Bearer hunter2' } }],
    ["in a database error's parameters", { err: Object.assign(new Error('x'), { parameters: ['hunter2'] }) }],
  ])('never writes a secret: %s', (_, fields) => {
    const { log, lines } = linesLog();
    log.info(fields, 'x');
    expect(JSON.stringify(lines())).not.toContain('hunter2');
  });

  it('writes lines for people when its output is a terminal', () => {
    const dist = join(import.meta.dirname, '../dist/index.js');
    const program = `import { createLogger } from ${JSON.stringify(dist)};
      createLogger({ name: 'router', level: 'info' }).warn({ webhook: { secret: 'hunter2' } }, 'seen');`;
    const node = [process.execPath, '--input-type=module', '-e', program];
    // Node can't make a terminal, Python can.
    const onTerminal = ['-c', 'import pty, sys; pty.spawn(sys.argv[1:])', ...node];
    const written = execFileSync('python3', onTerminal, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    // eslint-disable-next-line no-control-regex -- colours
    expect(written.replaceAll(/\u001b\[\d+m/g, '').trim()).toMatch(
      /^\[[\d:.]+\] WARN \(router\): seen \{"webhook":\{"secret":"\[redacted\]"\}\}$/,
    );
  });

  it.each([
    ['info', 'debug'],
    ['error', 'debug'],
    ['debug', 'trace'],
  ])('shows more than %s when asked, and says so, until asked again', (configured, more) => {
    const { log, lines } = linesLog(configured);
    toggleLogLevel(log, configured);
    expect(log.level).toBe(more);
    toggleLogLevel(log, configured);
    expect(log.level).toBe(configured);
    expect(lines().map(({ log_level }) => log_level)).toEqual([more, configured]);
  });

  it('takes Nest lines: chatter at debug, errors with their stack', () => {
    const { log, lines } = linesLog();
    const nest = new NestLog(log);
    nest.log('Mapped {/v1/events, POST} route', 'RouterExplorer');
    nest.error(new Error('broken'), 'ExceptionsHandler');
    expect(lines()).toEqual([
      expect.objectContaining({ level: 'debug', nest: 'RouterExplorer' }),
      expect.objectContaining({
        level: 'error',
        msg: 'broken',
        err: expect.objectContaining({ stack: expect.any(String) }),
      }),
    ]);
  });
});
