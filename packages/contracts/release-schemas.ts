/**
 * Releases what is new or has changed in schemas/: writes schemas/golden/v<next>, which holds each such schema with values
 * and their bytes. Never touches a version that is there. Refuses what check-compatibility.ts refuses. Needs the built package.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import type avsc from 'avsc';
import { format, resolveConfig } from 'prettier';
import { bundleSchemas } from './dist/bundle-schemas.js';
import { avroType } from './dist/record-types.js';
import { contracts, schemaProblems, unreleased } from './dist/released-schemas.js';
import { readGoldens, readSchemaFiles, schemasFolder, toPlain } from './goldens.ts';
import { sampleValues } from './sample-values.ts';

const { values } = parseArgs({ options: { schemas: { type: 'string', default: schemasFolder } } });
const bundle = bundleSchemas(readSchemaFiles(values.schemas));
const goldens = readGoldens(values.schemas);
const problems = schemaProblems(bundle, goldens);
const changed = unreleased(bundle, goldens);

if (problems.length > 0) {
  for (const problem of problems) console.error(problem);
  console.error('\nNothing was released. docs/schemas.md says what may change.');
  process.exitCode = 1;
} else if (changed.length === 0) {
  console.log('nothing to release: every schema is as its newest version. Versions are never written again.');
} else {
  const version = Math.max(0, ...goldens.map((golden) => golden.version)) + 1;
  for (const name of changed) await write(name, version);
  console.log(
    `released ${changed.length} schemas as version ${version}; its digest goes to src/golden.test.ts, which says it`,
  );
}

async function write(name: string, version: number): Promise<void> {
  const schema = contracts(bundle).get(name)!;
  const type = avroType(schema) as avsc.types.RecordType;
  const golden = {
    schema,
    values: sampleValues(type).map((value) => ({
      value: toPlain(value),
      avro: type.toBuffer(value).toString('base64'),
    })),
  };
  const path = join(values.schemas, `golden/v${version}/${name}.json`);
  mkdirSync(dirname(path), { recursive: true });
  const text = await format(JSON.stringify(golden), { ...(await resolveConfig(path)), filepath: path });
  // wx: fails when the file is there.
  writeFileSync(path, text, { flag: 'wx' });
  console.log(`wrote ${relative(process.cwd(), path)}`);
}
