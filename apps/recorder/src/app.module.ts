import type { OutgoingRecord } from '@dits/kafka';
import { DeadLetterStore, HistoryPartitions, HistoryProjection, openDatabase } from '@dits/persistence';
import { connectProducer, PoisonSink, registerCodec, type Runtime } from '@dits/runtime';
import { Module, type DynamicModule } from '@nestjs/common';
import { startAudit } from './audit/start-audit.js';
import type { RecorderConfig } from './config.js';
import { maintainHistory } from './maintain-history.js';
import type { RecordDeps } from './record-batch.js';
import type { DeadLetterDeps } from './record-dead-letters.js';
import { DEAD_LETTER_DEPS, RECORD_DEPS, RecordController } from './record.controller.js';
import { RecorderMetrics } from './recorder-metrics.js';

// Days begin once a day, but a clock may be changed and a run may fail.
const MAINTAIN_EVERY_MS = 3_600_000;

@Module({})
export class AppModule {
  static async wire(runtime: Runtime<RecorderConfig>): Promise<DynamicModule> {
    const { config, log, now, topics } = runtime;
    // One batch of each stage at a time, the maintenance, the audit and its lock.
    const database = await runtime.waitFor('the database', () =>
      openDatabase({ url: config.databaseUrl, poolSize: 5, applicationName: 'dits-recorder', log }),
    );
    runtime.onClose('database', () => database.destroy());
    const codec = await registerCodec(runtime);
    const producer = await connectProducer(runtime);
    const send = (record: OutgoingRecord) => producer.send(record);
    const poison = new PoisonSink({ stage: 'recorder', topic: topics.deadLetters, send, log, now });

    const { historyDays, bodyDays } = config;
    const partitions = new HistoryPartitions({ database, retention: { historyDays, bodyDays }, now });
    const projection = new HistoryProjection({ database, partitions });
    const maintenance = maintainHistory({
      maintain: () => partitions.maintain(),
      log,
      everyMs: MAINTAIN_EVERY_MS,
    });
    runtime.onClose('history maintenance', () => maintenance.stop());

    startAudit(runtime, { database, codec, producer });

    const deps: RecordDeps = {
      topics,
      decodeEvent: (value) => codec.decodeEvent(value),
      decodeLog: (value) => codec.decode(value),
      project: (batch) => projection.apply(batch),
      deadLetter: (record, error) => poison.put(record, error),
      metrics: new RecorderMetrics(now),
      log,
      now,
    };
    const letters = new DeadLetterStore(database);
    const deadLetterDeps: DeadLetterDeps = { add: (batch) => letters.add(batch, partitions), log };
    return {
      module: AppModule,
      controllers: [RecordController],
      providers: [
        { provide: RECORD_DEPS, useValue: deps },
        { provide: DEAD_LETTER_DEPS, useValue: deadLetterDeps },
      ],
    };
  }
}
