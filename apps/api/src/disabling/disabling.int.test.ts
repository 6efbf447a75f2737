import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { bundledSchemas } from '@dits/contracts';
import { WebhookHealth } from '@dits/persistence';
import { WEBHOOK_DEPS, type WebhookDeps } from '../webhooks/webhook-deps.js';
import { startApi, until, type TestApi } from '../testing.js';
import { TestHistory } from '../redeliveries/test-history.fixture.js';
import { disableFailing } from './watch-webhooks.js';

const HOUR_MS = 3_600_000;

describe('switching webhooks off', () => {
  let api: TestApi;
  let history: TestHistory;
  let nextRepositoryId = 700;
  let snapshots: { key: string; value: any }[];
  let made: { key: string; value: any }[];
  beforeAll(async () => {
    api = await startApi();
    history = new TestHistory(api);
    snapshots = (await api.follow(api.topics.webhooks)).records;
    made = (await api.follow(api.topics.deliveries)).records;
  }, 60_000);
  afterAll(() => api?.stop());

  async function aWebhook(
    repositoryId: number,
    events = ['push'],
    path = `/v1/repos/${repositoryId}/webhooks`,
  ) {
    const body = { url: 'https://a.example/hook', events };
    const { headers, json } = await api.call('POST', path, { body });
    return {
      id: json.id as string,
      path: headers.location!,
      get: async () => (await api.call('GET', headers.location!)).json,
    };
  }
  /** An attempt that a receiver answered with 410, which begins `afterMs` from now. */
  async function answerGone(webhookId: string, repositoryId: number, afterMs = 10): Promise<void> {
    const acceptedAtMs = Date.now();
    const { eventId } = await history.event({ acceptedAtMs, repositoryId, webhookIds: [webhookId] });
    await history.attempt(
      { eventId, webhookId, acceptedAtMs },
      {
        started_at_ms: acceptedAtMs + afterMs,
        outcome: 'rejected',
        status_code: 410,
        next_step: 'failed',
        failure_reason: 'gone',
      },
    );
  }
  const untilOff = (webhook: { get: () => Promise<any> }): Promise<any> =>
    until(async () => {
      const json = await webhook.get();
      return !json.active && json;
    });

  it('a 410 does it, and tells the webhooks of the same repository that name webhook.disabled', async () => {
    const repositoryId = nextRepositoryId++;
    const gone = await aWebhook(repositoryId, ['push', 'webhook.disabled']);
    const told = await aWebhook(repositoryId, ['webhook.disabled']);
    const others = [
      await aWebhook(repositoryId, ['*']),
      await aWebhook(nextRepositoryId++, ['webhook.disabled']),
      await aWebhook(0, ['webhook.disabled'], `/v1/owners/acme/webhooks`),
    ];
    const before = Date.now();
    await answerGone(gone.id, repositoryId);

    const json = await untilOff(gone);
    expect(json).toMatchObject({ active: false, disabled_reason: 'gone', version: 2 });
    expect(Date.parse(json.deactivated_at)).toBeGreaterThanOrEqual(before);
    await until(() => snapshots.some(({ key, value }) => key === gone.id && !value.record.active));
    const { record } = snapshots.findLast(({ key }) => key === gone.id)!.value;
    expect(record).toMatchObject({
      active: false,
      version: 2,
      disabled_reason: 'gone',
      deactivated_at_ms: Date.parse(json.deactivated_at),
    });

    await until(() => made.some(({ key }) => key === told.id));
    const delivery = made.find(({ key }) => key === told.id)!.value.record;
    expect(delivery).toMatchObject({ event: 'webhook.disabled', attempt: 1, trigger: 'event' });
    expect(JSON.parse(delivery.body.toString())).toEqual({
      event: 'webhook.disabled',
      webhook: {
        id: gone.id,
        repository_id: repositoryId,
        url: 'https://a.example/hook',
        events: ['push', 'webhook.disabled'],
      },
      reason: 'gone',
      event_id: delivery.event_id,
      occurred_at: json.deactivated_at,
    });
    expect(made.filter(({ key }) => [gone.id, ...others.map(({ id }) => id)].includes(key))).toEqual([]);
  });

  it('sends a body whose fields are those of the schema, in its order', () => {
    const { schema, example } = bundledSchemas.internal.find(({ event }) => event === 'webhook.disabled')!;
    const fields = schema.fields.map(({ name }) => name);
    expect(Object.keys(example).filter((name) => name !== 'event')).toEqual(
      fields.filter((name) => name in example),
    );
  });

  it('a 410 from before the webhook was changed does nothing: the new url is judged anew', async () => {
    const repositoryId = nextRepositoryId++;
    const webhook = await aWebhook(repositoryId);
    await answerGone(webhook.id, repositoryId, -HOUR_MS);
    // Another that is gone shows that the look was had.
    const gone = await aWebhook(repositoryId);
    await answerGone(gone.id, repositoryId);
    await untilOff(gone);
    expect(await webhook.get()).toMatchObject({ active: true, version: 1 });
  });

  it('is undone by its owner, and stays so', async () => {
    const repositoryId = nextRepositoryId++;
    const webhook = await aWebhook(repositoryId);
    await answerGone(webhook.id, repositoryId);
    const { deactivated_at } = await untilOff(webhook);
    const on = await api.call('PATCH', webhook.path, { body: { active: true } });
    expect(on.json).toMatchObject({ active: true, disabled_reason: null, deactivated_at });
    const gone = await aWebhook(repositoryId);
    await answerGone(gone.id, repositoryId);
    await untilOff(gone);
    expect(await webhook.get()).toMatchObject({ active: true });
  });

  it('shows when an owner did it, and no reason', async () => {
    const webhook = await aWebhook(nextRepositoryId++);
    const off = await api.call('PATCH', webhook.path, { body: { active: false } });
    expect(off.json).toMatchObject({
      active: false,
      disabled_reason: null,
      deactivated_at: off.json.updated_at,
    });
  });

  it('happens after days of failing, and says since when', async () => {
    const repositoryId = nextRepositoryId++;
    const webhook = await aWebhook(repositoryId);
    const told = await aWebhook(repositoryId, ['webhook.disabled']);
    await api.database.query(`UPDATE webhooks SET updated_at = now() - interval '20 days' WHERE id = $1`, [
      webhook.id,
    ]);
    const failingSince = new Date(Date.now() - 6 * 24 * HOUR_MS);
    await api.database.query(
      `INSERT INTO webhook_days (webhook_id, day, first_failed_at, last_failed_at)
       SELECT $1, (at AT TIME ZONE 'UTC')::date, at, at FROM unnest(ARRAY[$2::timestamptz, now()]) AS at`,
      [webhook.id, failingSince],
    );
    const deps = {
      ...api.app.get<WebhookDeps>(WEBHOOK_DEPS),
      health: new WebhookHealth(api.database),
    };
    await disableFailing({ ...deps, disableAfterDays: 0 });
    await disableFailing({ ...deps, disableAfterDays: 7 });
    expect(await webhook.get()).toMatchObject({ active: true });
    await disableFailing({ ...deps, disableAfterDays: 5 });
    expect(await webhook.get()).toMatchObject({ active: false, disabled_reason: 'failing' });
    await until(() => made.some(({ key }) => key === told.id));
    expect(JSON.parse(made.find(({ key }) => key === told.id)!.value.record.body)).toMatchObject({
      reason: 'failing',
      failing_since: failingSince.toISOString(),
    });
  });
});
