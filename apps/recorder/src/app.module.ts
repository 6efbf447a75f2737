import { stageGroups } from '@dits/contracts';
import { GroupProgress, type OutgoingRecord } from '@dits/kafka';
import {
  AuditPartitions,
  DeadLetterStore,
  HistoryPartitions,
  HistoryProjection,
  openDatabase,
  poolUse,
} from '@dits/persistence';
import { connectProducer, exposeDatabasePool, PoisonSink, registerCodec, type Runtime } from '@dits/runtime';
import { Module, type DynamicModule } from '@nestjs/common';
import { startAudit } from './audit/start-audit.js';
import type { RecorderConfig } from './config.js';
import { watchGroupLag } from './group-lag.js';
import { maintainHistory } from './maintain-history.js';
import type { RecordDeps } from './record-batch.js';
import type { DeadLetterDeps } from './record-dead-letters.js';
import { DEAD_LETTER_DEPS, RECORD_DEPS, RecordController } from './record.controller.js';
import { RecorderMetrics } from './recorder-metrics.js';

// Days begin once a day, but a clock may be changed and a run may fail.
const MAINTAIN_EVERY_MS = 3_600_000;
// As often as Prometheus usually comes by; about 15 requests to Kafka.
const LOOK_AT_GROUPS_EVERY_MS = 15_000;

@Module({})
export class AppModule {
  static async wire(runtime: Runtime<RecorderConfig>): Promise<DynamicModule> {
    const { config, log, now, topics, tracing } = runtime;
    // One batch of each stage at a time, the maintenance, the audit and its lock.
    const database = await runtime.waitFor('the database', () =>
      openDatabase({ url: config.databaseUrl, poolSize: 5, applicationName: 'dits-recorder', log }),
    );
    runtime.onClose('database', () => database.destroy());
    exposeDatabasePool(() => poolUse(database));
    const codec = await registerCodec(runtime);
    const producer = await connectProducer(runtime);
    const send = (record: OutgoingRecord) => producer.send(record);
    const poison = new PoisonSink({ stage: 'recorder', topic: topics.deadLetters, send, log, now });

    const { historyDays, bodyDays, auditTrailDays: keepDays } = config;
    const partitions = new HistoryPartitions({ database, retention: { historyDays, bodyDays }, now });
    const auditPartitions = new AuditPartitions({ database, now });
    const projection = new HistoryProjection({ database, partitions });
    const maintenance = maintainHistory({
      maintain: async () => {
        const [history, trail] = [await partitions.maintain(), await auditPartitions.maintain({ keepDays })];
        return {
          created: [...history.created, ...trail.created],
          dropped: [...history.dropped, ...trail.dropped],
        };
      },
      log,
      everyMs: MAINTAIN_EVERY_MS,
    });
    runtime.onClose('history maintenance', () => maintenance.stop());

    this.watchGroups(runtime);
    startAudit(runtime, { database, codec, producer });

    const deps: RecordDeps = {
      topics,
      decodeEvent: (value) => codec.decodeEvent(value),
      decodeLog: (value) => codec.decode(value),
      project: (records, read) => projection.apply(records, read),
      deadLetter: (record, error) => poison.put(record, error),
      metrics: new RecorderMetrics(now),
      tracing,
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

  private static watchGroups({ config, kafka, log, topics, onClose }: Runtime<RecorderConfig>): void {
    const progress = new GroupProgress(kafka);
    onClose('group progress', () => progress.close());
    const watch = watchGroupLag({
      lag: (groupId, names) => progress.lag(groupId, names),
      topics,
      groups: stageGroups(config.topicPrefix),
      tiers: config.retryTiers,
      prefix: config.topicPrefix,
      log,
      everyMs: LOOK_AT_GROUPS_EVERY_MS,
    });
    onClose('group lag', () => watch.stop());
  }
}
