import { parseArgs } from 'node:util';
import { createKafka } from '../connection.js';
import type { Log } from '../log.js';
import { applyTopics } from '../topics/apply-topics.js';

const HELP = `Usage: node packages/kafka/dist/cli/topics.js apply|check [--file FILE] [--json]

  apply   make the topics of the file exist as it says; exit 1 when something cannot be made so
  check   report what differs; exit 1 when anything does

Both wait up to a minute while a leader is elected.

  --file FILE  default: infra/kafka/topics.yaml
  --json       print {"drift": [...], "applied": [...]}

Environment:
  DITS_KAFKA_BROKERS      host:port, comma list (required)
  DITS_TOPIC_PREFIX       put before every topic name
  DITS_TOPIC_REPLICATION  overrides the file's replication: 1 where there is one broker
`;

const quiet: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: ({ ...fields }, message) => console.error(message, fields),
  error: ({ ...fields }, message) => console.error(message, fields),
};

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { file: { type: 'string' }, json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
  });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const [command, ...rest] = positionals;
  const brokers = process.env['DITS_KAFKA_BROKERS']?.split(',').map((broker) => broker.trim());
  const replication = process.env['DITS_TOPIC_REPLICATION'];
  const problems: string[] = [];
  if ((command !== 'apply' && command !== 'check') || rest.length > 0) problems.push('say apply or check');
  if (!brokers?.every(Boolean)) problems.push('DITS_KAFKA_BROKERS must be set: host:port, comma list');
  if (replication !== undefined && !/^[1-9]\d?$/.test(replication)) {
    problems.push('DITS_TOPIC_REPLICATION must be a number from 1 to 99');
  }
  if (problems.length > 0) {
    console.error(`${problems.join('\n')}\n\n${HELP}`);
    return 2;
  }
  const result = await applyTopics({
    kafka: createKafka({ brokers: brokers!, clientId: 'dits-topics', log: quiet }),
    check: command === 'check',
    onWait: (reason) => console.error(`waiting for Kafka: ${reason}`),
    ...(values.file !== undefined && { file: values.file }),
    ...(replication !== undefined && { replication: Number(replication) }),
    prefix: process.env['DITS_TOPIC_PREFIX'] ?? '',
  });
  if (values.json) console.log(JSON.stringify(result));
  else {
    for (const line of result.applied) console.log(`applied  ${line}`);
    for (const line of result.drift) console.log(`drift    ${line}`);
    if (result.applied.length + result.drift.length === 0) console.log('all topics are as they should be');
  }
  return result.drift.length > 0 ? 1 : 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
