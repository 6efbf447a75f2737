import { randomUUID } from 'node:crypto';
import type { Ledger } from './ledger.ts';
import { post } from './post.ts';
import type { ChaosWebhook, Rig } from './rig.ts';

const EVENTS = ['push', 'repo.created', 'lock.acquired'] as const;
const OWN_FIELDS: Record<(typeof EVENTS)[number], object> = {
  push: { commits: [] },
  'repo.created': {},
  'lock.acquired': { lock: { path: 'footage/take-1.mov' } },
};
// Behind a gateway that hangs, posts pile up; what is more is not sent.
const MAX_OPEN = 500;
const NEW_WEBHOOK_EVERY_MS = 2_000;
const FIRST_NEW_REPOSITORY_ID = 900_000;

/** A steady load until it is stopped; `stop` waits for the answers. */
export function startLoad(o: { rig: Rig; ledger: Ledger; eventsPerSecond: number }): {
  stop(): Promise<void>;
} {
  const { rig, ledger, eventsPerSecond } = o;
  const open = new Set<Promise<unknown>>();
  const start = (work: Promise<unknown>): void => {
    open.add(work);
    void work.finally(() => open.delete(work));
  };
  const repositoryIds = [...new Set(rig.webhooks.map((webhook) => webhook.repositoryId))];
  let sent = 0;
  const startedAtMs = performance.now();
  const events = setInterval(() => {
    // By the time that has passed, not by ticks: those are late on a busy machine.
    const due = ((performance.now() - startedAtMs) * eventsPerSecond) / 1000;
    for (; sent < due; sent++) {
      if (open.size >= MAX_OPEN) continue;
      const repositoryId = repositoryIds[sent % repositoryIds.length]!;
      const event = EVENTS[sent % EVENTS.length]!;
      start(postEvent({ rig, ledger, repositoryId, event }));
    }
  }, 10);
  let made = 0;
  const webhooks = setInterval(() => {
    start(postToNewWebhook({ rig, ledger, repositoryId: FIRST_NEW_REPOSITORY_ID + made++ }));
  }, NEW_WEBHOOK_EVERY_MS);
  return {
    async stop() {
      clearInterval(events);
      clearInterval(webhooks);
      await Promise.all(open);
    },
  };
}

async function postEvent(o: {
  rig: Rig;
  ledger: Ledger;
  repositoryId: number;
  event: (typeof EVENTS)[number];
}): Promise<void> {
  const { rig, ledger, repositoryId, event } = o;
  const period = ledger.periods.at(-1)!;
  const eventId = randomUUID();
  ledger.uncertain.add(eventId);
  const status = await post(rig, `${rig.gateway}/v1/events`, {
    event,
    event_id: eventId,
    repository: { id: repositoryId, name: 'film', full_name: 'studio/film', private: false },
    sender: { id: 456, login: 'octocat', type: 'user' },
    ...OWN_FIELDS[event],
  }).then(
    (answer) => answer.status,
    () => 0,
  );
  if (status !== 202) period.refused++;
  else ledger.accepted({ eventId, period, webhookIds: matching(rig.webhooks, { repositoryId, event }) });
}

/** "After 201 from creating a webhook, an event posted next reaches it, always." */
async function postToNewWebhook(o: { rig: Rig; ledger: Ledger; repositoryId: number }): Promise<void> {
  const { rig, repositoryId } = o;
  const created = await rig.createWebhook({ repositoryId, events: ['push'] }).catch(() => null);
  if (created) await postEvent({ ...o, event: 'push' });
}

function matching(webhooks: ChaosWebhook[], o: { repositoryId: number; event: string }): string[] {
  return webhooks
    .filter(({ repositoryId }) => repositoryId === o.repositoryId)
    .filter(({ events }) => events.includes('*') || events.includes(o.event))
    .map(({ id }) => id);
}
