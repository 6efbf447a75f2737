import 'reflect-metadata';
import { parseArgs } from 'node:util';
import { DitsError, topicNames } from '@dits/contracts';
import { createCodec, createKafka, GroupProgress, readRange } from '@dits/kafka';
import {
  DeadLetterStore,
  HistoryPartitions,
  HistoryProjection,
  LossAuditStore,
  openDatabase,
} from '@dits/persistence';
import { createLogger, loadCatalogue, noTracing, readConfig } from '@dits/runtime';
import { config as fields } from '../config.js';
import { rebuildHistory, RebuildRefused, type RebuildOrder } from '../rebuild-history.js';
import { recordBatch } from '../record-batch.js';
import { recordDeadLetters } from '../record-dead-letters.js';
import { RecorderMetrics } from '../recorder-metrics.js';

const HELP = `Usage: node apps/recorder/dist/cli/rebuild.js [--since <day>] [--clear] [--json]

Projects what dits.events, dits.delivery-log and dits.dead-letters have into the history in Postgres once more, up to
their present ends. Nothing that is there is changed by a repeat: it may run beside the recorders, and be broken off;
run again it goes on where it was. No loss audit runs until it has ended well.

  --since <day>  only what is of that day (UTC, 2026-11-25) or later; default: all that the topics have
  --clear        empty the history of those days first, for rows that are wrong. Refused when the topics no longer have all of it
  --json         progress and result as JSON lines

Environment: as the recorder's; node apps/recorder/dist/main.js --help lists it.
`;

process.exitCode = await main();

async function main(): Promise<number> {
  const { values, order } = readArguments();
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  if (!order) {
    console.error(HELP);
    return 2;
  }
  const say = (facts: object, text: string): void => console.log(values.json ? JSON.stringify(facts) : text);
  try {
    const startedAtMs = Date.now();
    const records = await rebuild(order, say);
    const seconds = Math.round((Date.now() - startedAtMs) / 1000);
    say({ records, seconds }, `rebuilt from ${records} records in ${seconds} s`);
    return 0;
  } catch (error) {
    if (!(error instanceof DitsError || error instanceof RebuildRefused)) throw error;
    const { message, cause } = error;
    console.error(`rebuild: ${message}${cause instanceof Error ? `: ${cause.message}` : ''}`);
    return 1;
  }
}

function readArguments(): { values: { help?: boolean; json?: boolean }; order: RebuildOrder | null } {
  try {
    const { values } = parseArgs({
      options: {
        help: { type: 'boolean', short: 'h' },
        json: { type: 'boolean' },
        clear: { type: 'boolean', default: false },
        since: { type: 'string' },
      },
    });
    const { since, clear } = values;
    if (since === undefined && clear)
      throw new RangeError('--clear needs --since: which days are to be emptied?');
    if (since === undefined) return { values, order: { since: null, clear } };
    const day = /^\d{4}-\d{2}-\d{2}$/.test(since) ? new Date(`${since}T00:00:00Z`) : new Date(Number.NaN);
    if (Number.isNaN(day.getTime())) throw new RangeError(`--since ${since} is no day, such as 2026-11-25`);
    return { values, order: { since: day, clear } };
  } catch (error) {
    console.error(`${(error as Error).message}\n`);
    return { values: {}, order: null };
  }
}

async function rebuild(order: RebuildOrder, say: (facts: object, text: string) => void): Promise<number> {
  const config = readConfig(fields, process.env);
  // The consumers' lines and those of each batch are of no interest here.
  const log = createLogger({ name: 'rebuild', level: 'error' });
  const now = Date.now;
  const topics = topicNames(config.topicPrefix);
  const kafka = createKafka({ brokers: config.kafkaBrokers, clientId: 'dits-rebuild', log });
  const codec = createCodec({
    registryUrl: config.registryUrl,
    catalogue: loadCatalogue(config.schemasDir),
    topics,
    log,
  });
  const database = await openDatabase({
    url: config.databaseUrl,
    poolSize: 3,
    applicationName: 'dits-rebuild',
    // It may have to wait for an audit under way.
    statementTimeoutMs: 120_000,
    log,
  });
  const progress = new GroupProgress(kafka);
  try {
    const { historyDays, bodyDays } = config;
    const partitions = new HistoryPartitions({ database, retention: { historyDays, bodyDays }, now });
    const projection = new HistoryProjection({ database, partitions });
    const letters = new DeadLetterStore(database);
    const metrics = new RecorderMetrics(now);
    let records = 0;
    await new LossAuditStore(database).whileRebuilding(new Date(now()), () =>
      rebuildHistory(order, {
        topics,
        reachesBackTo: (topic, timestampMs) => progress.reachesBackTo(topic, timestampMs),
        clearFrom: (day) => partitions.clearFrom(day),
        read: (o) =>
          readRange({
            ...o,
            kafka,
            log,
            // Another order is another reading.
            groupId: `${config.topicPrefix}dits-rebuild-${order.since?.toISOString().slice(0, 10) ?? 'all'}`,
            maxBatchRecords: config.maxBatchRecords,
            handle: async (batch) => {
              await o.handle(batch);
              records += batch.length;
            },
            onProgress: ({ done, total }) =>
              say(
                { done, total },
                `${done} of ${total} records (${Math.floor((100 * done) / (total || 1))} %)`,
              ),
          }),
        record: (batch) =>
          recordBatch(batch, {
            topics,
            decodeEvent: (value) => codec.decodeEvent(value),
            decodeLog: (value) => codec.decode(value),
            project: (records, read) => projection.apply(records, read),
            // The recorder has put it on the dead letters when it met it first.
            deadLetter: async () => undefined,
            metrics,
            tracing: noTracing,
            log,
            now,
          }),
        recordDeadLetters: (batch) =>
          recordDeadLetters(batch, { add: (given) => letters.add(given, partitions), log }),
        say,
      }),
    );
    return records;
  } finally {
    await progress.close();
    await database.destroy();
  }
}
