import { describe, expect, it } from '@jest/globals';
import { NestLog } from './logger.js';
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
  ])('never writes a secret: %s', (_, fields) => {
    const { log, lines } = linesLog();
    log.info(fields, 'x');
    expect(JSON.stringify(lines())).not.toContain('hunter2');
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
