import pg from 'pg';
import type { Ledger } from './ledger.ts';
import type { Rig } from './rig.ts';

/** How many deliveries the history says to be delivered; throws while Postgres is away. */
export async function countDelivered(rig: Rig): Promise<number> {
  return onDatabase(rig, async (client) => {
    const { rows } = await client.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM deliveries WHERE status = 'delivered'`,
    );
    return rows[0]!.count;
  });
}

/** In what the history and what receivers saw disagree, one line each; empty when they agree. */
export async function disagreements(rig: Rig, ledger: Ledger): Promise<string[]> {
  const { deliveries, attempts } = await onDatabase(rig, readHistory);
  const wrong: string[] = [];
  for (const [id, seen] of ledger.seen) {
    const status = deliveries.get(id)?.status;
    if (seen.delivered && status !== 'delivered')
      wrong.push(`${id} was delivered, the history says ${status}`);
    for (const attempt of seen.attempts.keys()) {
      if (!attempts.has(`${id} ${attempt}`)) wrong.push(`${id}: attempt ${attempt} is not in the history`);
    }
    const pair = `${seen.eventId} ${seen.webhookId}`;
    if (!ledger.expected.has(pair) && !ledger.uncertain.has(seen.eventId))
      wrong.push(`${id} came to a webhook that should not have it`);
  }
  for (const [id, { status }] of deliveries) {
    if (status === 'delivered' && !ledger.seen.get(id)?.delivered)
      wrong.push(`${id} never came, the history says ${status}`);
  }
  for (const [key, statusCode] of attempts) {
    const [id, attempt] = key.split(' ');
    const came = ledger.seen.get(id!)?.attempts.has(Number(attempt)) ?? false;
    if (statusCode !== null && !came)
      wrong.push(`${id}: attempt ${attempt} never came, and is in the history`);
  }
  const eventsOf = new Map<string, number>();
  for (const { pair } of deliveries.values()) eventsOf.set(pair, (eventsOf.get(pair) ?? 0) + 1);
  for (const pair of ledger.expected) {
    if (eventsOf.get(pair) !== 1) wrong.push(`${pair}: ${eventsOf.get(pair) ?? 0} deliveries in the history`);
  }
  return wrong;
}

/** The same of what the api lists of the busiest webhook. */
export async function disagreementsOfApi(rig: Rig, ledger: Ledger): Promise<string[]> {
  const webhook = rig.webhooks.find(({ events }) => events.includes('*'))!;
  const listed = await listedByApi(rig, webhook);
  const wrong: string[] = [];
  for (const [id, { webhookId, delivered }] of ledger.seen) {
    if (webhookId !== webhook.id || !delivered) continue;
    if (listed.get(id) !== 'Delivered') wrong.push(`${id} was delivered, the api says ${listed.get(id)}`);
  }
  return wrong;
}

/** The webhook's deliveries with their status. */
async function listedByApi(
  rig: Rig,
  webhook: { id: string; repositoryId: number },
): Promise<Map<string, string>> {
  const deliveries = new Map<string, string>();
  const first = `${rig.api}/v1/repos/${webhook.repositoryId}/webhooks/${webhook.id}/deliveries?limit=100`;
  for (let next: string | null = first; next;) {
    const response: Response = await fetch(next, { headers: { authorization: `Bearer ${rig.token}` } });
    const { data } = (await response.json()) as { data: { id: string; status: string }[] };
    for (const { id, status } of data) deliveries.set(id, status);
    const link: string | undefined = /<([^>]+)>; rel="next"/.exec(response.headers.get('link') ?? '')?.[1];
    next = link ? new URL(link, rig.api).href : null;
  }
  return deliveries;
}

async function readHistory(client: pg.Client) {
  const { rows: deliveries } = await client.query<{ id: string; pair: string; status: string }>(
    `SELECT delivery_id AS id, event_id || ' ' || webhook_id AS pair, status FROM deliveries`,
  );
  const { rows: attempts } = await client.query<{ key: string; status_code: number | null }>(
    `SELECT delivery_id || ' ' || attempt AS key, max(status_code) AS status_code FROM attempts GROUP BY 1`,
  );
  return {
    deliveries: new Map(deliveries.map(({ id, ...rest }) => [id, rest])),
    attempts: new Map(attempts.map(({ key, status_code }) => [key, status_code])),
  };
}

async function onDatabase<T>(rig: Rig, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: rig.database, connectionTimeoutMillis: 3_000 });
  client.on('error', () => {}); // a server that goes away rejects the query too
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end().catch(() => {});
  }
}
