import type { Injected } from './faults/index.ts';
import type { Ledger, Period } from './ledger.ts';

/** One fault with what happened from its beginning to that of the next one. */
export interface Broken {
  period: Period;
  injected: Injected;
  recoveryMs: number | null;
}

export interface FaultResult {
  fault: string;
  /** What chance has decided. */
  detail: string;
  /** From the start of the load. */
  atSeconds: number;
  events: number;
  refused: number;
  lost: number;
  repeated: number;
  longestGapMs: number;
  /** From the cause being gone until all is well again; null: never. */
  recoveryMs: number | null;
}

export interface WebhookResult {
  webhook: string;
  expected: number;
  delivered: number;
  repeated: number;
}

export interface ChaosResult {
  seed: number;
  seconds: number;
  events: number;
  refused: number;
  deliveries: number;
  lost: number;
  repeated: number;
  faults: FaultResult[];
  webhooks: WebhookResult[];
  /** Faults that this machine lets nobody make, with the reason. */
  skipped: string[];
  /** What must not be, one line each; a loss is one of them. */
  problems: string[];
}

export function summarize(o: {
  seed: number;
  startedAtMs: number;
  ledger: Ledger;
  broken: Broken[];
  problems: string[];
  skipped: string[];
}): ChaosResult {
  const { seed, startedAtMs, ledger, broken } = o;
  const faults = broken.map(({ period, injected, recoveryMs }): FaultResult => {
    const lost = [...ledger.outstanding.values()].filter((pair) => pair.period === period).length;
    const { fault, events, refused, repeated, longestGapMs } = period;
    const atSeconds = Math.round((period.startedAtMs - startedAtMs) / 1000);
    const detail = injected.detail ?? '';
    return { fault, detail, atSeconds, events, refused, lost, repeated, longestGapMs, recoveryMs };
  });
  const repeats = broken.flatMap(
    ({ period: { fault, repeated }, injected: { repeatsAllowed = Infinity } }) =>
      repeated > repeatsAllowed ? [`${fault}: ${repeated} repeated, ${repeatsAllowed} were in flight`] : [],
  );
  const total = (of: (fault: FaultResult) => number): number => faults.reduce((sum, one) => sum + of(one), 0);
  const lost = ledger.outstanding.size;
  return {
    seed,
    seconds: Math.round((Date.now() - startedAtMs) / 1000),
    events: total((one) => one.events),
    refused: total((one) => one.refused),
    deliveries: ledger.expected.size,
    lost,
    repeated: total((one) => one.repeated),
    faults,
    webhooks: perWebhook(ledger),
    skipped: o.skipped,
    problems: [...(lost > 0 ? [`${lost} deliveries are lost`] : []), ...repeats, ...o.problems],
  };
}

function perWebhook(ledger: Ledger): WebhookResult[] {
  const results = new Map<string, WebhookResult>();
  const of = (webhook: string): WebhookResult => {
    const result = results.get(webhook) ?? { webhook, expected: 0, delivered: 0, repeated: 0 };
    results.set(webhook, result);
    return result;
  };
  for (const pair of ledger.expected) of(pair.split(' ')[1]!).expected++;
  for (const { webhookId, delivered, repeated } of ledger.seen.values()) {
    const result = of(webhookId);
    if (delivered) result.delivered++;
    result.repeated += repeated;
  }
  return [...results.values()];
}
