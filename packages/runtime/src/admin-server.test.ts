import { afterEach, describe, expect, it } from '@jest/globals';
import { startAdminServer, type AdminServer } from './admin-server.js';
import { HealthRegistry } from './health.js';
import { counter } from './metrics.js';

let admin: AdminServer | undefined;
afterEach(() => admin?.close());

const none = new HealthRegistry();

async function get(
  path: string,
  o: { health?: HealthRegistry; liveness?: HealthRegistry; method?: string } = {},
) {
  const { health = none, liveness = none, method = 'GET' } = o;
  admin = await startAdminServer({ host: '127.0.0.1', port: 0, health, liveness });
  const response = await fetch(`http://127.0.0.1:${admin.port}${path}`, { method });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

describe('the admin server', () => {
  it('is live while the process runs', async () => {
    expect(await get('/livez')).toMatchObject({ status: 200, text: '{"ok":true,"checks":{}}\n' });
  });

  it('is live though it is not ready, and not live when it asks to be restarted', async () => {
    const failing = new HealthRegistry();
    failing.register('partitions', () => ({ ok: false, detail: 'dits.events/3' }));
    expect(await get('/livez', { health: failing })).toMatchObject({ status: 200 });
    await admin?.close();
    const { status, text } = await get('/livez', { liveness: failing });
    expect([status, text]).toEqual([503, expect.stringContaining('dits.events/3')]);
  });

  it('is ready when every check is ok', async () => {
    const health = new HealthRegistry();
    health.register('consumer', () => ({ ok: true, detail: { held: 3 } }));
    const { status, text } = await get('/readyz', { health });
    expect(status).toBe(200);
    expect(JSON.parse(text)).toEqual({ ok: true, checks: { consumer: { ok: true, detail: { held: 3 } } } });
  });

  it('is not ready when one check fails, throws or never answers, and says which', async () => {
    const health = new HealthRegistry();
    health.register('producer', () => ({ ok: true }));
    health.register('consumer', () => ({ ok: false, detail: 'not joined' }));
    health.register('database', () => Promise.reject(new Error('ECONNREFUSED')));
    health.register('table', () => new Promise(() => {}));
    const { status, text } = await get('/readyz', { health });
    expect(status).toBe(503);
    expect(JSON.parse(text)).toEqual({
      ok: false,
      checks: {
        producer: { ok: true },
        consumer: { ok: false, detail: 'not joined' },
        database: { ok: false, detail: 'ECONNREFUSED' },
        table: { ok: false, detail: 'no answer within 900 ms' },
      },
    });
  });

  it("prints our metrics and the process's own", async () => {
    counter({ name: 'dits_test_total', help: 'A test.' }).inc();
    const { status, headers, text } = await get('/metrics');
    expect(status).toBe(200);
    expect(headers.get('content-type')).toContain('text/plain');
    expect(text).toContain('dits_test_total 1');
    expect(text).toContain('process_cpu_seconds_total');
  });

  it.each([
    ['another path', '/', 'GET', 404],
    ['another method', '/livez', 'POST', 405],
  ])('refuses %s', async (_, path, method, status) => {
    expect((await get(path, { method })).status).toBe(status);
  });
});
