import { readDeadLetter, type IncomingRecord } from '@dits/kafka';
import type { NewDeadLetter } from '@dits/persistence';
import { counter, type Logger } from '@dits/runtime';

/** What recording dead letters needs. */
export interface DeadLetterDeps {
  /** Stores them durably, each once. */
  add: (letters: NewDeadLetter[]) => Promise<{ outOfRange: number }>;
  log: Logger;
}

const recorded = counter({
  name: 'dits_recorder_dead_letters_total',
  help: 'Dead letters that were read, those again that were stored before among them.',
});

/**
 * Brings a batch of `dits.dead-letters` into the table that the API shows. Resolves when it is stored; a rejection means that
 * the whole batch must come again, which changes nothing. No letter is unreadable: what one does not say is unknown.
 */
export async function recordDeadLetters(records: IncomingRecord[], deps: DeadLetterDeps): Promise<void> {
  const { outOfRange } = await deps.add(records.map(letterOf));
  recorded.inc(records.length);
  const line = { records: records.length, out_of_range: outOfRange };
  if (outOfRange > 0) deps.log.warn(line, 'dead_letters.recorded');
  else deps.log.info(line, 'dead_letters.recorded');
}

function letterOf(record: IncomingRecord): NewDeadLetter {
  const { timestampMs: atMs, partition, offset, key, value } = record;
  return { ...readDeadLetter(record), atMs, partition, offset, key, value };
}
