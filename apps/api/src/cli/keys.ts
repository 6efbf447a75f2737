import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { topicNames } from '@dits/contracts';
import { createCodec, createKafka } from '@dits/kafka';
import { uuidV7 } from '@dits/domain';
import {
  AuditPartitions,
  AuditStore,
  inTransaction,
  openDatabase,
  Outbox,
  SealedValues,
  WebhookStore,
} from '@dits/persistence';
import { configHelp, createLogger, loadCatalogue, readConfig } from '@dits/runtime';
import { generateSealKey, SecretBox } from '@dits/signing';
import { AuditTrail } from '../audit/audit-trail.js';
import { config as apiConfig } from '../config.js';
import { readKeysOfTopic } from '../keys/read-topic.js';
import { rotateKeys, type Rotation } from '../keys/rotate-keys.js';
import { statusOfKeys, statusText } from '../keys/status.js';

const { kafkaBrokers, registryUrl, topicPrefix, schemasDir, databaseUrl, secretKeys } = apiConfig;
const config = { kafkaBrokers, registryUrl, topicPrefix, schemasDir, databaseUrl, secretKeys };

const HELP = `usage: npm run keys -- <command> [--json]     (or: node apps/api/dist/cli/keys.js <command>)

  status             which key has sealed what, in the database and on dits.webhooks; exits 1 while a key other than the
                     first of DITS_SECRET_KEYS is in use
  rotate             seals everything with the first key of DITS_SECRET_KEYS and waits until dits.webhooks holds nothing
                     else; exits 1 when something is left. Everything may run meanwhile; run it again after a stop
  generate [--id ID] makes a key, for DITS_SECRET_KEYS; the id is that of today when none is given

To replace a key, without a pause: 1. generate. 2. Put the new key LAST in DITS_SECRET_KEYS of every dispatcher and api,
restart them: now all can open what it seals. 3. Put it FIRST, restart the apis. 4. rotate. 5. When status exits 0, take
the old key out everywhere. Keep it with the backups of the database that are older.

${configHelp('keys', config)}`;

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());

try {
  process.exitCode = await main();
} catch (error) {
  const { message, cause } = error as Error;
  console.error(
    stop.signal.aborted
      ? 'stopped; what was sealed anew stays so. Run it again for the rest.'
      : `keys: ${message}${cause instanceof Error ? `: ${cause.message}` : ''}`,
  );
  process.exitCode = 1;
}
// The channel to the process that started us would keep us waiting.
if (process.connected) process.disconnect();

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'boolean', default: false },
      id: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  const [command, ...rest] = positionals;
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  if (command === 'generate' && rest.length === 0) {
    const key = generateSealKey(values.id ?? `k${new Date().toISOString().slice(0, 10).replaceAll('-', '')}`);
    console.log(values.json ? JSON.stringify({ key }) : key);
    return 0;
  }
  if ((command !== 'status' && command !== 'rotate') || rest.length > 0) {
    console.error(`say status, rotate or generate\n\n${HELP}`);
    return 2;
  }
  return command === 'status' ? status(values.json) : rotate(values.json);
}

async function status(json: boolean): Promise<number> {
  return withServices(async ({ box, values, readTopic }) => {
    const found = statusOfKeys({ keyId: box.keyId, counts: await values.count(), topic: await readTopic() });
    console.log(json ? JSON.stringify(found) : statusText(found));
    return found.isDone ? 0 : 1;
  });
}

async function rotate(json: boolean): Promise<number> {
  return withServices(async (services) => {
    await services.partitions.makeAhead();
    const done = await rotateKeys({
      ...services,
      pause,
      onProgress: (line) => console.error(`  ${line}`),
      signal: stop.signal,
    });
    console.log(json ? JSON.stringify(done) : rotationText(done));
    return done.unopened.length + done.leftOnTopic.length === 0 ? 0 : 1;
  });
}

function rotationText({ keyId, webhooks, answers, unopened, leftOnTopic }: Rotation): string {
  const left = [
    ...unopened.map(({ what, reason }) => `not sealed anew: ${what}: ${reason}`),
    ...leftOnTopic.map((id) => `not in the database, but on dits.webhooks: webhook ${id}`),
  ];
  const end = left.length === 0 ? [`everything is sealed with ${keyId}: other keys can be taken out`] : left;
  return [`sealed with ${keyId}: ${webhooks} webhooks, ${answers} kept answers`, ...end].join('\n');
}

async function withServices<T>(
  work: (services: Awaited<ReturnType<typeof connect>>['services']) => Promise<T>,
): Promise<T> {
  const { services, close } = await connect();
  try {
    return await work(services);
  } finally {
    await close();
  }
}

async function connect() {
  const settings = readConfig(config, process.env);
  // The words of this command are its own; only what goes wrong underneath is logged, where the answer is not.
  const log = createLogger({
    name: 'keys',
    level: 'error',
    destination: { write: (line) => void process.stderr.write(line) },
  });
  const topics = topicNames(settings.topicPrefix);
  const catalogue = loadCatalogue(settings.schemasDir);
  const codec = createCodec({ registryUrl: settings.registryUrl, catalogue, topics, log });
  const kafka = createKafka({ brokers: settings.kafkaBrokers, clientId: 'dits-keys', log });
  await codec.register();
  const database = await openDatabase({
    url: settings.databaseUrl,
    log,
    poolSize: 2,
    applicationName: 'dits-keys',
  });
  return {
    services: {
      box: new SecretBox(settings.secretKeys),
      values: new SealedValues(database),
      webhooks: new WebhookStore(database),
      audit: new AuditTrail({
        entries: new AuditStore(database),
        newId: () => uuidV7(Date.now(), randomBytes(10)),
      }),
      partitions: new AuditPartitions({ database, now: Date.now }),
      outbox: new Outbox(database),
      inTransaction: <R>(what: string, work: Parameters<typeof inTransaction<R>>[2]) =>
        inTransaction(database, what, work),
      codec,
      topics,
      readTopic: () => readKeysOfTopic({ kafka, codec, topic: topics.webhooks, log, signal: stop.signal }),
    },
    close: () => database.destroy(),
  };
}
