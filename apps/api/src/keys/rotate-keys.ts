import type {
  Outbox,
  SealedAnswer,
  SealedValues,
  Transaction,
  Webhook,
  WebhookStore,
} from '@dits/persistence';
import { SecretBoxError, type SecretBox } from '@dits/signing';
import { commandActor } from '../audit/actor.js';
import type { AuditTrail } from '../audit/audit-trail.js';
import { placeOf } from '../http/idempotency.interceptor.js';
import { snapshotRecord, type WebhookDeps } from '../webhooks/webhook-deps.js';
import type { KeysOfWebhooks } from './read-topic.js';

/** What the rotation needs. */
export interface RotateDeps extends Pick<WebhookDeps, 'codec' | 'topics' | 'inTransaction'> {
  values: SealedValues;
  webhooks: Pick<WebhookStore, 'lockById' | 'update'>;
  audit: Pick<AuditTrail, 'record'>;
  outbox: Pick<Outbox, 'append' | 'newestId' | 'waitingUpTo'>;
  box: Pick<SecretBox, 'keyId' | 'sealAnew'>;
  /** Reads `dits.webhooks` whole. */
  readTopic: () => Promise<KeysOfWebhooks>;
  pause: (ms: number) => Promise<unknown>;
  onProgress: (line: string) => void;
  signal?: AbortSignal | undefined;
}

/** What was done. */
export interface Rotation {
  /** The key that seals everything now. */
  keyId: string;
  /** Webhooks and kept answers that were sealed anew. */
  webhooks: number;
  answers: number;
  /** Values that no key at hand opens; they stay as they are. */
  unopened: { what: string; reason: string }[];
  /** Webhooks whose newest snapshot still has a value of another key, and that are not in the database. */
  leftOnTopic: string[];
}

const BATCH = 100;
const POLL_MS = 100;
// A relay moves a batch in milliseconds; one that stands for so long is not running.
const STALLED_MS = 60_000;
// Each round ends with reading the topic. A second one is for what changed meanwhile; more mean that somebody goes on
// sealing with another key.
const ROUNDS = 5;

/** The rotation can't end: what stands in its way is in the message. */
export class RotationStuckError extends Error {}

/**
 * Seals everything anew with the first key: secrets, headers and private keys of webhooks, and kept answers, in Postgres;
 * and the webhooks' snapshots on `dits.webhooks`, through the outbox. Resolves when the topic was read and holds nothing
 * else.
 *
 *     database (batches, each a transaction with its snapshots) --> outbox relayed --> topic read
 *        ^                                                                                 |
 *        '------------------- a value of another key is left: once more -------------------'
 *
 * Everything may run and webhooks may change meanwhile: a webhook is locked while it is sealed anew, and neither its version
 * nor its `updated_at` moves, since nothing changes for its owner. What was done stays done when it is broken off, and
 * the next run takes up the rest.
 */
export async function rotateKeys(deps: RotateDeps): Promise<Rotation> {
  const done: Rotation = { keyId: deps.box.keyId, webhooks: 0, answers: 0, unopened: [], leftOnTopic: [] };
  for (let round = 1; round <= ROUNDS; round++) {
    done.unopened = [];
    await sealWebhooks(deps, done);
    await sealAnswers(deps, done);
    await untilRelayed(deps);
    deps.onProgress('reading dits.webhooks');
    const stale = await staleOnTopic(deps, done);
    if (stale.length === 0) return done;
    done.leftOnTopic = await publishAnew(deps, stale);
    // What the database does not have, nothing can be published of.
    if (done.leftOnTopic.length === stale.length) return done;
    await untilRelayed(deps);
  }
  throw new RotationStuckError(
    `values are sealed with other keys than ${done.keyId} again and again: put it first in DITS_SECRET_KEYS of every api and restart them, then run this again`,
  );
}

async function sealWebhooks(deps: RotateDeps, done: Rotation): Promise<void> {
  const { box, values, webhooks, outbox, onProgress, signal } = deps;
  for (let after: string | null = null; ;) {
    signal?.throwIfAborted();
    const batch = await deps.inTransaction('sealing webhooks anew', async (tx: Transaction) => {
      const locked = await values.lockWebhooks(tx, { keyId: box.keyId, after, limit: BATCH });
      const sealed = locked.filter((webhook) =>
        opens(`webhook ${webhook.id}`, done, () => sealAnew(webhook, box)),
      );
      for (const webhook of sealed) await webhooks.update(tx, webhook);
      await outbox.append(
        tx,
        sealed.map((webhook) => snapshotRecord(deps, webhook)),
      );
      if (sealed.length > 0) {
        await deps.audit.record(tx, {
          by: commandActor('keys rotate'),
          action: 'webhooks.sealed_anew',
          target: { kind: 'webhook', id: null },
          changes: [
            { field: 'key_id', to: box.keyId },
            { field: 'webhooks', to: sealed.map(({ id }) => id) },
          ],
        });
      }
      return { locked, sealed };
    });
    after = batch.locked.at(-1)?.id ?? null;
    if (after === null) return;
    done.webhooks += batch.sealed.length;
    onProgress(`${done.webhooks} webhooks sealed with ${box.keyId}`);
  }
}

/** Seals every value of a webhook with the first key. Throws `SecretBoxError` when one can't be opened. */
function sealAnew(webhook: Webhook, box: RotateDeps['box']): void {
  const anew = <T extends { sealed: string }>(value: T): T => ({
    ...value,
    sealed: box.sealAnew(value.sealed, webhook.id) ?? value.sealed,
  });
  webhook.secrets = webhook.secrets.map(anew);
  webhook.headers = webhook.headers.map(anew);
  webhook.signingKeys = webhook.signingKeys.map(anew);
}

async function sealAnswers({ box, values, onProgress, signal }: RotateDeps, done: Rotation): Promise<void> {
  for (let after: SealedAnswer | null = null; ;) {
    signal?.throwIfAborted();
    const batch: SealedAnswer[] = await values.answers({ keyId: box.keyId, after, limit: BATCH });
    after = batch.at(-1) ?? null;
    if (after === null) return;
    for (const answer of batch) {
      let anew: string | null = null;
      const isOpen = opens(`the kept answer of an Idempotency-Key of token ${answer.tokenId}`, done, () => {
        anew = box.sealAnew(answer.sealed, placeOf(answer));
      });
      if (isOpen && anew !== null && (await values.replaceAnswer(answer, anew))) done.answers += 1;
    }
    onProgress(`${done.answers} kept answers sealed with ${box.keyId}`);
  }
}

function opens(what: string, { unopened }: Rotation, work: () => void): boolean {
  try {
    work();
    return true;
  } catch (error) {
    if (!(error instanceof SecretBoxError)) throw error;
    unopened.push({ what, reason: error.message });
    return false;
  }
}

/** Waits until everything that is in the outbox now is on its topic. */
async function untilRelayed({ outbox, pause, onProgress, signal }: RotateDeps): Promise<void> {
  const newest = await outbox.newestId();
  if (newest === null) return;
  let least = Infinity;
  let waitedMs = 0;
  for (;;) {
    signal?.throwIfAborted();
    const waiting = await outbox.waitingUpTo(newest);
    if (waiting === 0) return;
    if (waiting < least) {
      onProgress(`${waiting} records wait for the api to publish them`);
      least = waiting;
      waitedMs = 0;
    }
    if (waitedMs >= STALLED_MS) {
      throw new RotationStuckError(
        `${waiting} records have waited in the outbox for ${STALLED_MS / 1000} s: is an api running, and Kafka up? What was sealed anew stays so; run this again then`,
      );
    }
    await pause(POLL_MS);
    waitedMs += POLL_MS;
  }
}

/** Webhooks whose newest snapshot holds a value of another key. Those that nothing opens are told of already. */
async function staleOnTopic({ readTopic, box }: RotateDeps, { unopened }: Rotation): Promise<string[]> {
  const isUnopened = new Set(unopened.map(({ what }) => what));
  return [...(await readTopic())]
    .filter(
      ([id, keys]) => !isUnopened.has(`webhook ${id}`) && [...keys.keys()].some((key) => key !== box.keyId),
    )
    .map(([id]) => id);
}

/** Publishes the webhooks as the database has them; returns those that it does not have. */
async function publishAnew(deps: RotateDeps, ids: string[]): Promise<string[]> {
  const { webhooks, outbox } = deps;
  const missing: string[] = [];
  for (const id of ids) {
    await deps.inTransaction('publishing a webhook anew', async (tx) => {
      const webhook = await webhooks.lockById(tx, id);
      if (webhook) await outbox.append(tx, [snapshotRecord(deps, webhook)]);
      else missing.push(id);
    });
  }
  return missing;
}
