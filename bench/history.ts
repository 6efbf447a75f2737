import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { onStopRequest, startApps } from '@dits/local';
import pg from 'pg';
import { benchFolder, removeServices, startEmptyServices } from './instance.ts';
import { quantile } from './statistics.ts';

export interface HistoryOptions {
  deliveries: number;
  requests: number;
}

const REPOSITORY_ID = 4712;
const DAYS = 20;
const PAGE = 50;

/**
 * How long `GET …/deliveries` of the api takes for a webhook with that many deliveries, by filter and deep in its pages.
 * Prints a table, returns what the last line holds.
 */
export async function history({ deliveries, requests }: HistoryOptions): Promise<object> {
  const onProgress = (line: string): void => console.error(line);
  const stopped = new AbortController();
  onStopRequest(() => stopped.abort());
  const { signal } = stopped;
  try {
    const services = await startEmptyServices(signal);
    const name = `bench_${randomBytes(4).toString('hex')}`;
    const databaseUrl = Object.assign(new URL(services.database), { pathname: `/${name}` }).href;
    await query(services.database, `CREATE DATABASE ${name}`);
    try {
      const running = await startApps({
        services,
        databaseUrl,
        folder: join(benchFolder, 'apps'),
        prefix: `b${randomBytes(3).toString('hex')}.`,
        // The recorder makes the partitions.
        apps: ['api', 'recorder'],
        env: { all: { DITS_LOG_LEVEL: 'warn' } },
        onProgress,
        signal,
      });
      try {
        return await measure({ api: running.api, token: running.token, databaseUrl, deliveries, requests });
      } finally {
        await running.stop();
      }
    } finally {
      await query(services.database, `DROP DATABASE ${name} WITH (FORCE)`);
    }
  } finally {
    await removeServices();
  }
}

async function measure(o: {
  api: string;
  token: string;
  databaseUrl: string;
  deliveries: number;
  requests: number;
}): Promise<object> {
  const headers = { authorization: `Bearer ${o.token}`, 'content-type': 'application/json' };
  const webhooks = `${o.api}/v1/repos/${REPOSITORY_ID}/webhooks`;
  const created = await fetch(webhooks, {
    method: 'POST',
    headers,
    body: JSON.stringify({ url: 'https://receiver.example/', events: ['push'], active: true }),
  });
  if (created.status !== 201)
    throw new Error(`creating a webhook: ${created.status} ${await created.text()}`);
  const { id } = (await created.json()) as { id: string };
  console.log(`storing ${o.deliveries} deliveries of one webhook over ${DAYS} days`);
  await store(o.databaseUrl, id, o.deliveries);

  const page = async (path: string): Promise<{ ms: number; rows: number; next: string | null }> => {
    const startedAtMs = performance.now();
    const response = await fetch(path.startsWith('http') ? path : `${webhooks}/${id}/deliveries${path}`, {
      headers,
    });
    const { data } = (await response.json()) as { data: object[] };
    const ms = performance.now() - startedAtMs;
    if (response.status !== 200) throw new Error(`${path}: ${response.status}`);
    const next = /<([^>]+)>; rel="next"/.exec(response.headers.get('link') ?? '')?.[1] ?? null;
    return { ms, rows: data.length, next: next && new URL(next, o.api).href };
  };
  const middle = new Date(Date.now() - (DAYS / 2) * 86_400_000).toISOString();
  const paths: Record<string, string> = {
    'no filter': `?limit=${PAGE}`,
    'status=Failed (1 in 1,000)': `?limit=${PAGE}&status=Failed`,
    'event=repo.created (1 in 50)': `?limit=${PAGE}&event=repo.created`,
    'response=4xx (1 in 1,000)': `?limit=${PAGE}&response=4xx`,
    'until the middle': `?limit=${PAGE}&until=${middle}`,
    'status=Cancelled (none)': `?limit=${PAGE}&status=Cancelled`,
    'status and event (1 in 1,000)': `?limit=${PAGE}&status=Failed&event=repo.created`,
  };
  // The page after the page, deep in the history.
  const deep = await page(paths['until the middle']!);
  if (deep.next) paths['a following page'] = deep.next;
  const results: Record<string, { rows: number; p50: number; p99: number; max: number }> = {};
  for (const [title, path] of Object.entries(paths)) {
    const { rows } = await page(path);
    const times: number[] = [];
    for (let i = 0; i < o.requests; i++) times.push((await page(path)).ms);
    const of = (q: number) => Number(quantile(times, q).toFixed(1));
    results[title] = { rows, p50: of(0.5), p99: of(0.99), max: of(1) };
    console.log(
      `${title.padEnd(32)} ${String(rows).padStart(3)} rows   p50 ${of(0.5)} ms   p99 ${of(0.99)} ms   most ${of(1)} ms`,
    );
  }
  return { benchmark: 'history', deliveries: o.deliveries, requests: o.requests, results };
}

async function store(databaseUrl: string, webhookId: string, deliveries: number): Promise<void> {
  const nowMs = Date.now();
  const day = (ms: number) => new Date(ms).toISOString().slice(0, 10);
  for (let back = 0; back <= DAYS; back++) {
    const from = day(nowMs - back * 86_400_000);
    const table = `deliveries_${from.replaceAll('-', '')}`;
    await query(
      databaseUrl,
      `CREATE TABLE IF NOT EXISTS ${table} PARTITION OF deliveries
       FOR VALUES FROM ('${from} 00:00:00+00') TO ('${day(nowMs - (back - 1) * 86_400_000)} 00:00:00+00')`,
    );
  }
  const stepMs = Math.floor((DAYS * 86_400_000) / deliveries);
  await query(
    databaseUrl,
    `INSERT INTO deliveries (delivery_id, accepted_at, event_id, webhook_id, event, status, attempts, last_status_code,
       last_outcome, deferrals, updated_at, state_version, attempt_version, trigger_version, trigger)
     SELECT (lpad(to_hex(ms >> 16), 8, '0') || '-' || lpad(to_hex(ms & 65535), 4, '0') || '-8000-8000-' || lpad(to_hex(i), 12, '0'))::uuid,
       to_timestamp(ms / 1000.0), gen_random_uuid(), $1, CASE WHEN i % 50 = 0 THEN 'repo.created' ELSE 'push' END,
       CASE WHEN i % 1000 = 0 THEN 'failed' ELSE 'delivered' END, 1, CASE WHEN i % 1000 = 0 THEN 404 ELSE 200 END,
       'delivered', 0, to_timestamp(ms / 1000.0), '', '', '', 'event'
     FROM (SELECT i, $2::bigint - i * $3::bigint AS ms FROM generate_series(1, $4::bigint) AS i) AS given`,
    [webhookId, nowMs, stepMs, deliveries],
  );
  await query(databaseUrl, 'ANALYZE deliveries');
}

async function query(url: string, sql: string, parameters: unknown[] = []): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql, parameters);
  } finally {
    await client.end();
  }
}
