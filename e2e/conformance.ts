import { bundledSchemas } from '@dits/contracts';
import { generateSecret } from '@dits/signing';
import {
  sampleReceivers,
  startSampleReceiver,
  type RunningReceiver,
  type SampleReceiver,
} from './conformance-receivers.ts';
import { madeRequests, type DeliveryRequest } from './conformance-requests.ts';
import { until, type Platform } from './platform.ts';

/** One check at one receiver. */
export interface Check {
  /** An event type, the name of a request, or which secret. */
  what: string;
  receiver: string;
  ok: boolean;
  /** What was seen. */
  detail: string;
}

/** What a run has found. */
export interface Conformance {
  ok: boolean;
  receivers: string[];
  /** For each event type: delivered, says the history, and verified, says the receiver. */
  deliveries: Check[];
  /** A delivery sent again, as it was and forged; see `madeRequests`. */
  requests: Check[];
  /** A delivery from within the overlap of a rotation, where the holder of the old secret and of the new one verify. */
  rotation: Check[];
}

const REPOSITORY_ID = 4_200_000;
const SETTLED_WITHIN_MS = 60_000;

interface Registered {
  running: RunningReceiver;
  secret: string;
  webhookId: string;
}
type Start = (receiver: SampleReceiver, secret: string) => Promise<RunningReceiver>;

/**
 * Delivers every event type to every sample receiver, sends each forged deliveries, and rotates secrets. What is wrong
 * stands in the answer; it throws only when a check cannot be made at all.
 */
export async function checkConformance(
  platform: Platform,
  options: { onProgress?: (line: string) => void; signal?: AbortSignal | undefined } = {},
): Promise<Conformance> {
  const started: RunningReceiver[] = [];
  const start: Start = async (receiver, secret) => {
    const running = await startSampleReceiver(receiver, { secret });
    started.push(running);
    return running;
  };
  const step = (line: string) => {
    options.signal?.throwIfAborted();
    options.onProgress?.(line);
  };
  try {
    step(`starting ${sampleReceivers.length} receivers`);
    const registered = await startAndRegister(platform, start);
    step(`delivering ${bundledSchemas.events.length} event types to each`);
    const deliveries = await checkDeliveries(platform, registered);
    step('forging deliveries');
    const requests = await Promise.all(registered.map((one) => checkRequests(platform, one)));
    step('rotating secrets');
    const rotation = await checkRotation(platform, { registered, start });

    const checks = { deliveries, requests: requests.flat(), rotation };
    const ok = Object.values(checks).every((group) => group.length > 0 && group.every((check) => check.ok));
    return { ok, receivers: sampleReceivers.map(({ name }) => name), ...checks };
  } finally {
    await Promise.all(started.map((running) => running.stop()));
  }
}

async function startAndRegister(platform: Platform, start: Start): Promise<Registered[]> {
  // All are waited for, so that every one that has started is stopped when another has not.
  const all = await Promise.allSettled(
    sampleReceivers.map(async (receiver) => {
      const secret = generateSecret();
      const running = await start(receiver, secret);
      const webhook = { url: running.url, events: ['*'], secret };
      return { running, secret, webhookId: await platform.createWebhook(REPOSITORY_ID, webhook) };
    }),
  );
  return all.map((one) => {
    if (one.status === 'rejected') throw one.reason;
    return one.value;
  });
}

async function checkDeliveries(platform: Platform, registered: Registered[]): Promise<Check[]> {
  const types = bundledSchemas.events;
  await postExamples(
    platform,
    types.map(({ example }) => example),
  );
  const groups = registered.map(async (one) => {
    const rows = await settledHistory(platform, one, types.length);
    return types.map(({ event }): Check => {
      const row = rows.find((candidate) => candidate.event === event);
      return { what: event, receiver: one.running.name, ...verdict(one.running, row) };
    });
  });
  return (await Promise.all(groups)).flat();
}

/** Whether the history and the receiver say of a delivery what they should. */
function verdict(running: RunningReceiver, row: DeliveryRow | undefined): { ok: boolean; detail: string } {
  if (row?.status !== 'Delivered') return { ok: false, detail: row?.status ?? 'no delivery' };
  const ok = running.hasVerified(row.event, row.id);
  return { ok, detail: ok ? 'verified' : 'not verified' };
}

async function checkRequests(
  platform: Platform,
  { running, secret, webhookId }: Registered,
): Promise<Check[]> {
  const delivered = await deliveredRequest(platform, webhookId, 'push');
  const checks: Check[] = [];
  for (const { name, wanted, needsTimestamp, make } of madeRequests) {
    if (needsTimestamp && running.scheme !== 'standard') continue;
    const response = await fetch(running.url, { method: 'POST', ...make(delivered, secret) });
    const { status } = response;
    const word = status === 200 ? 'verified' : 'refused';
    checks.push({ what: name, receiver: running.name, ok: status === wanted, detail: `${word} (${status})` });
  }
  return checks;
}

/** The receivers that run have the old secret; the same delivery is then sent to others that have the new one. */
async function checkRotation(
  platform: Platform,
  { registered, start }: { registered: Registered[]; start: Start },
): Promise<Check[]> {
  const rotating = registered.filter(({ running }) => running.scheme === 'standard');
  const newSecrets = await Promise.all(rotating.map(({ webhookId }) => rotate(platform, webhookId)));
  const { event, example } = bundledSchemas.events.find((type) => type.event === 'tag.created')!;
  await postExamples(platform, [example]);
  const groups = rotating.map(async (one, i) => {
    const { running, webhookId } = one;
    const rows = await settledHistory(platform, one, bundledSchemas.events.length + 1);
    const row = rows.find((candidate) => candidate.event === event);
    const old = { what: 'the old secret', receiver: running.name, ...verdict(running, row) };

    const delivered = await deliveredRequest(platform, webhookId, event);
    const withNew = await start(running, newSecrets[i]!);
    const { status } = await fetch(withNew.url, { method: 'POST', ...delivered });
    const detail = status === 200 ? 'verified' : `refused (${status})`;
    return [old, { what: 'the new secret', receiver: running.name, ok: status === 200, detail }];
  });
  return (await Promise.all(groups)).flat();
}

interface DeliveryRow {
  id: string;
  event: string;
  status: string;
}

const webhookUrl = ({ api }: Platform, webhookId: string) =>
  `${api}/v1/repos/${REPOSITORY_ID}/webhooks/${webhookId}`;

async function postExamples(platform: Platform, examples: Record<string, unknown>[]): Promise<void> {
  const events = examples.map(({ event_id: _, ...event }) => ({
    ...event,
    repository: { ...(event['repository'] as object), id: REPOSITORY_ID },
  }));
  const { status, json } = await platform.postEvents(events);
  if (status !== 202) throw new Error(`posting events: ${status} ${JSON.stringify(json)}`);
}

async function rotate(platform: Platform, webhookId: string): Promise<string> {
  const url = `${webhookUrl(platform, webhookId)}/secret/rotate`;
  const { status, json } = await platform.call<{ secret: string }>('POST', url, { overlap_seconds: 3600 });
  if (status !== 200) throw new Error(`rotating a secret: ${status} ${JSON.stringify(json)}`);
  return json.secret;
}

/**
 * A webhook's deliveries, the newest first, once this many have come to their end and the receiver has said so too; or
 * what there is after a minute.
 */
async function settledHistory(
  platform: Platform,
  { running, webhookId }: Registered,
  count: number,
): Promise<DeliveryRow[]> {
  const url = `${webhookUrl(platform, webhookId)}/deliveries?limit=100`;
  const endMs = Date.now() + SETTLED_WITHIN_MS;
  const isSettled = ({ status, event, id }: DeliveryRow) =>
    status === 'Delivered' ? running.hasVerified(event, id) : ['Failed', 'Cancelled'].includes(status);
  return until(
    async () => (await platform.call<{ data: DeliveryRow[] }>('GET', url)).json.data,
    (rows) => (rows.length >= count && rows.every(isSettled)) || Date.now() > endMs,
    2 * SETTLED_WITHIN_MS,
  );
}

/** What was sent in the newest delivery of this type, as the history has it. */
async function deliveredRequest(
  platform: Platform,
  webhookId: string,
  event: string,
): Promise<DeliveryRequest> {
  const url = `${webhookUrl(platform, webhookId)}/deliveries`;
  const { json: page } = await platform.call<{ data: DeliveryRow[] }>('GET', `${url}?event=${event}`);
  const { json } = await platform.call<{
    request: { body: string };
    attempts: { request: { headers: Record<string, string> } }[];
  }>('GET', `${url}/${page.data[0]?.id}`);
  const headers = Object.entries(json.attempts.at(-1)!.request.headers);
  return {
    body: json.request.body,
    headers: Object.fromEntries(headers.map(([name, value]) => [name.toLowerCase(), value])),
  };
}
