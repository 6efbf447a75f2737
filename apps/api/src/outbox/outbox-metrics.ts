import type { Outbox, OutboxSize } from '@dits/persistence';
import { counter, gauge } from '@dits/runtime';

/** Metrics of the outbox and its relay. */
export function outboxMetrics(outbox: Pick<Outbox, 'size'>): {
  onRelayed(records: number): void;
  onFault(): void;
} {
  const relayed = counter({
    name: 'dits_outbox_relayed_total',
    help: 'Records moved from the outbox to Kafka.',
  });
  const faults = counter({
    name: 'dits_outbox_relay_faults_total',
    help: 'Rounds of the relay that failed.',
  });
  const size = (): Promise<OutboxSize> =>
    // Unknown while the database is away: not a number, rather than an old one.
    outbox.size().catch(() => ({ rows: NaN, oldestSeconds: NaN }));
  gauge({
    name: 'dits_outbox_records',
    help: 'Records that wait in the outbox.',
    collect: async (of) => of.set((await size()).rows),
  });
  gauge({
    name: 'dits_outbox_oldest_seconds',
    help: 'Age of the oldest record in the outbox; above a few seconds the relay is stuck.',
    collect: async (of) => of.set((await size()).oldestSeconds),
  });
  return { onRelayed: (records) => relayed.inc(records), onFault: () => faults.inc() };
}
