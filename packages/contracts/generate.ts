/**
 * Writes src/generated, docs/events.md and docs/asyncapi.yaml from schemas/. With --check it writes nothing and exits 1 when a file is stale.
 * Types come from our own generator: the ones on the registry are unmaintained or pull in a compiler of their own.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { asyncApiPage } from './asyncapi.ts';
import { eventsPage } from './events-page.ts';
import {
  bundleSchemas,
  type AvroSchema,
  type RecordSchema,
  type SchemaBundle,
} from './src/bundle-schemas.ts';

const schemasDir = join(import.meta.dirname, '../../schemas');
const generatedDir = join(import.meta.dirname, 'src/generated');
const docsDir = join(import.meta.dirname, '../../docs');
const banner = '// Generated from schemas/ by `npm run generate`; do not edit.\n\n';

const files: Record<string, string> = {};
for (const entry of readdirSync(schemasDir, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile() || !/\.(avsc|json)$/.test(entry.name)) continue;
  const path = join(entry.parentPath, entry.name);
  files[relative(schemasDir, path)] = readFileSync(path, 'utf8');
}
const bundle = bundleSchemas(files);

const wanted = {
  [join(generatedDir, 'schemas.gen.ts')]:
    `${banner}import type { SchemaBundle } from '../bundle-schemas.js';\n\n/** The schemas this build was made with. */\nexport const bundledSchemas: SchemaBundle = ${JSON.stringify(bundle)};\n`,
  [join(generatedDir, 'types.gen.ts')]: banner + typesOf(bundle),
  [join(docsDir, 'events.md')]: eventsPage(bundle),
  [join(docsDir, 'asyncapi.yaml')]: asyncApiPage(bundle),
};
let stale = false;
for (const [path, text] of Object.entries(wanted)) {
  const config = await resolveConfig(path);
  const formatted = await format(text, { ...config, filepath: path });
  if (readIfThere(path) === formatted) continue;
  if (process.argv.includes('--check')) {
    console.error(`${relative(process.cwd(), path)} is stale: run \`npm run generate\``);
    stale = true;
  } else {
    writeFileSync(path, formatted);
    console.log(`wrote ${relative(process.cwd(), path)}`);
  }
}
process.exitCode = stale ? 1 : 0;

function typesOf({ events, internal, records }: SchemaBundle): string {
  const declared = new Map<string, string>();
  for (const { schema } of [...events, ...internal]) declare(schema, declared);
  for (const schema of Object.values(records)) declare(schema, declared);
  const byEvent = events.map(({ event, schema }) => `  '${event}': ${schema.name};\n`).join('');
  return (
    [...declared.values()].join('\n') +
    `\n/** The record of each event type. */\nexport interface EventRecords {\n${byEvent}}\n` +
    `\n/** Name of an event type this build knows. */\nexport type EventName = keyof EventRecords;\n`
  );
}

function declare(schema: RecordSchema, declared: Map<string, string>): void {
  if (declared.has(schema.name)) return;
  declared.set(schema.name, '');
  const fields = schema.fields.map(({ name, type, doc }) => {
    const optional = Array.isArray(type) && type[0] === 'null';
    return `  /** ${doc} */\n  ${name}${optional ? '?' : ''}: ${typeOf(type, declared)};\n`;
  });
  declared.set(schema.name, `/** ${schema.doc} */\nexport interface ${schema.name} {\n${fields.join('')}}\n`);
}

function typeOf(type: AvroSchema, declared: Map<string, string>): string {
  if (Array.isArray(type)) return type.map((branch) => typeOf(branch, declared)).join(' | ');
  if (typeof type === 'string') {
    const primitive = {
      null: 'null',
      boolean: 'boolean',
      int: 'number',
      long: 'number',
      double: 'number',
      string: 'string',
      bytes: 'Buffer',
    }[type];
    return primitive ?? type.replace(/^.*\./, '');
  }
  const node = type as {
    type: string;
    name: string;
    doc?: string;
    items: AvroSchema;
    values: AvroSchema;
    symbols: string[];
  };
  switch (node.type) {
    case 'array':
      return `(${typeOf(node.items, declared)})[]`;
    case 'map':
      return `Record<string, ${typeOf(node.values, declared)}>`;
    case 'enum':
      declared.set(
        node.name,
        `/** ${node.doc} */\nexport type ${node.name} = ${node.symbols.map((s) => `'${s}'`).join(' | ')};\n`,
      );
      return node.name;
    case 'record':
      declare(type as unknown as RecordSchema, declared);
      return node.name;
    default:
      throw new Error(`no TypeScript type for ${JSON.stringify(type)}`);
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
