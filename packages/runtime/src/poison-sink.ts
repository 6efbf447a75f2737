import type { PoisonReason, PoisonRecordError } from '@dits/contracts';
import { deadLetter, type IncomingRecord, type OutgoingRecord } from '@dits/kafka';
import type { Logger } from './logger.js';
import { counter } from './metrics.js';

const deadLetters = counter({
  name: 'dits_dead_letters_total',
  help: 'Records put on dits.dead-letters, by who gave up and why.',
  labelNames: ['stage', 'reason'],
});

const reasons = Object.keys({
  not_avro: 1,
  unknown_schema: 1,
  wrong_type: 1,
  invalid_value: 1,
  too_large: 1,
} satisfies Record<PoisonReason, 1>);

/** Where a stage puts the records it can't read. */
export class PoisonSink {
  constructor(
    private readonly deps: {
      /** `router`. */
      stage: string;
      /** The dead-letter topic, with its prefix. */
      topic: string;
      send: (record: OutgoingRecord) => Promise<void>;
      log: Logger;
      now: () => number;
    },
  ) {
    for (const reason of reasons) deadLetters.inc({ stage: deps.stage, reason }, 0);
  }

  /** Puts the record on the dead-letter topic, bytes and headers untouched. Resolves when it is durable; only then may its offset move. */
  async put(record: IncomingRecord, error: PoisonRecordError): Promise<void> {
    const { stage, topic, send, log, now } = this.deps;
    await send(
      deadLetter({ record, topic, reason: error.reason, error: error.message, stage, nowMs: now() }),
    );
    deadLetters.inc({ stage, reason: error.reason });
    log.warn(
      {
        topic: record.topic,
        partition: record.partition,
        offset: String(record.offset),
        reason: error.reason,
        error: error.message,
      },
      'record.poison',
    );
  }
}
