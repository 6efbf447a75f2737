import { describe, expect, it } from '@jest/globals';
import { Lifecycle } from './lifecycle.js';
import { linesLog } from './testing.js';

function aLifecycle() {
  const { log, lines } = linesLog();
  const exits: number[] = [];
  return { lifecycle: new Lifecycle(log, (code) => void exits.push(code)), exits, lines };
}

describe('Lifecycle', () => {
  it('closes what was opened last first, one after the other, then exits 0', async () => {
    const { lifecycle, exits } = aLifecycle();
    const closed: string[] = [];
    for (const what of ['admin server', 'database', 'producer', 'consumers']) {
      lifecycle.onClose(what, async () => {
        await new Promise(setImmediate);
        closed.push(what);
      });
    }
    await lifecycle.stop('SIGTERM', 0);
    expect(closed).toEqual(['consumers', 'producer', 'database', 'admin server']);
    expect(exits).toEqual([0]);
  });

  it('tells everybody who waits that it is stopping', async () => {
    const { lifecycle } = aLifecycle();
    expect(lifecycle.stopping.aborted).toBe(false);
    const stopped = lifecycle.stop('SIGTERM', 0);
    expect(lifecycle.stopping.aborted).toBe(true);
    await stopped;
  });

  it('goes on closing when one closer fails, and exits 1', async () => {
    const { lifecycle, exits, lines } = aLifecycle();
    let closed = false;
    lifecycle.onClose('database', () => (closed = true));
    lifecycle.onClose('producer', () => Promise.reject(new Error('no broker')));
    await lifecycle.stop('SIGTERM', 0);
    expect(closed).toBe(true);
    expect(exits).toEqual([1]);
    expect(lines()).toContainEqual(
      expect.objectContaining({ level: 'error', what: 'producer', msg: 'could not be closed' }),
    );
  });

  it('closes what was opened while it was stopping', async () => {
    const { lifecycle } = aLifecycle();
    const closed: string[] = [];
    lifecycle.onClose('first', () => void lifecycle.onClose('late', () => closed.push('late')));
    await lifecycle.stop('SIGTERM', 0);
    expect(closed).toEqual(['late']);
  });

  it('stops once', async () => {
    const { lifecycle, exits } = aLifecycle();
    await Promise.all([lifecycle.stop('SIGTERM', 0), lifecycle.stop('failed', 1)]);
    expect(exits).toEqual([0]);
  });
});
