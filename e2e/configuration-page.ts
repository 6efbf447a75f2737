import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where the page stands. */
export const PAGE = join(import.meta.dirname, '../docs/configuration.md');

// In the order of an event's path.
const APPS = ['gateway', 'router', 'dispatcher', 'retrier', 'recorder', 'api'];

interface Field {
  env: string;
  doc: string;
  default?: string;
  unit?: string;
  secret?: boolean;
  schema: { safeParse(value: unknown): { success: boolean } };
}

const HEAD = `# Configuration

<!-- Written by \`node e2e/configuration-page.ts\` from the config.ts of every app; do not edit. -->

Settings are environment variables. A process that gets a wrong one exits with 1 and lists every problem; \`--help\` of an app
lists its own. \`npm start\` needs none: it sets what the apps need and passes on what you set of the rest.
\`.env.example\` has all of them in one file.
`;

const TAIL = `
## Beside the apps

| variable | of | what |
| --- | --- | --- |
| \`DITS_TOPIC_REPLICATION\` | \`packages/kafka/dist/cli/topics.js\` | copies of each partition, instead of what \`infra/kafka/topics.yaml\` says; 1 where there is one broker |
| \`DITS_CACHE_DIR\` | \`npm start\`, \`npm test\`, \`npm run stack\` | where Kafka and the registry are kept once fetched |
| \`DITS_SERVICES_FILE\` | integration tests | which services they run against |
| \`DITS_TEST_SERVICES\` | \`npm test\` | \`containers\` or \`processes\`; without it containers where a Docker engine answers, local processes elsewhere |
| \`DITS_SENDER_LOGIN\`, \`DITS_SENDER_ID\`, \`DITS_SENDER_TYPE\` | the git hook | who pushed; see [tools/git-events](../tools/git-events/README.md) |
`;

/** The page as the code has it. Reads the built apps. */
export async function configurationPage(): Promise<string> {
  const byApp = await Promise.all(APPS.map(async (app) => ({ app, fields: await fieldsOf(app) })));
  const [first, ...others] = byApp;
  const common = first!.fields.filter((field) =>
    others.every(({ fields }) => fields.some((other) => row(other) === row(field))),
  );
  const sections = byApp.map(
    ({ app, fields }) =>
      `\n## ${app[0]!.toUpperCase()}${app.slice(1)}\n\n${table(
        fields.filter((field) => !common.some(({ env }) => env === field.env)),
      )}`,
  );
  return `${HEAD}\n## Every app\n\n${table(common)}${sections.join('')}${TAIL}`;
}

async function fieldsOf(app: string): Promise<Field[]> {
  const { config } = (await import(join(import.meta.dirname, `../apps/${app}/dist/config.js`))) as {
    config: Record<string, Field>;
  };
  return Object.values(config);
}

function table(fields: Field[]): string {
  return `| variable | default | what |\n| --- | --- | --- |\n${fields.map((field) => `${row(field)}\n`).join('')}`;
}

function row({ env, doc, default: fallback, unit, secret, schema }: Field): string {
  const isOptional = schema.safeParse(undefined).success;
  const value =
    fallback === undefined
      ? isOptional
        ? 'none'
        : 'required'
      : fallback === ''
        ? 'empty'
        : `\`${fallback}\`${unit ? ` ${unit}` : ''}`;
  const text = doc.replaceAll('|', '\\|').replaceAll('<', '&lt;').replaceAll('*', '\\*');
  return `| \`${env}\` | ${value} | ${text}${secret ? ' Secret: never printed.' : ''} |`;
}

if (process.argv[1] === import.meta.filename) {
  writeFileSync(PAGE, await configurationPage());
  execFileSync(join(import.meta.dirname, '../node_modules/.bin/prettier'), ['--write', PAGE]);
  console.log(`wrote ${PAGE}`);
}
