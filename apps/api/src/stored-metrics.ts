import type { WebhookCounts } from '@dits/persistence';
import { gauge } from '@dits/runtime';

/** Gauges of what the database holds, asked at each scrape: not a number while the database is away, rather than an old one. */
export function exposeStored(o: {
  countWebhooks: () => Promise<WebhookCounts>;
  databaseBytes: () => Promise<number>;
}): void {
  gauge({
    name: 'dits_webhooks',
    help: 'Webhooks: active, inactive (switched off by their owner), disabled (switched off by the service).',
    labelNames: ['state'],
    collect: async (webhooks) => {
      const unknown: WebhookCounts = { active: NaN, inactive: NaN, disabled: NaN };
      const counts = await o.countWebhooks().catch(() => unknown);
      for (const [state, count] of Object.entries({ ...counts })) webhooks.set({ state }, count);
    },
  });
  gauge({
    name: 'dits_database_size_bytes',
    help: "Bytes of the database on its server's disk.",
    collect: async (bytes) => bytes.set(await o.databaseBytes().catch(() => NaN)),
  });
}
