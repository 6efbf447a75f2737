/**
 * Exits 1 when a schema in schemas/ breaks a rule, does not fit a released version of it (schemas/golden), or has changed
 * without being released. `--schemas <folder>` checks another folder. Needs the built package.
 */
import { parseArgs } from 'node:util';
import { bundleSchemas } from './dist/bundle-schemas.js';
import { schemaProblems, unreleased } from './dist/released-schemas.js';
import { readGoldens, readSchemaFiles } from './goldens.ts';

const { values } = parseArgs({ options: { schemas: { type: 'string' } } });
const bundle = bundleSchemas(readSchemaFiles(values.schemas));
const goldens = readGoldens(values.schemas);
const problems = schemaProblems(bundle, goldens);
const changed = problems.length > 0 ? [] : unreleased(bundle, goldens);

for (const problem of problems) console.error(problem);
if (problems.length > 0)
  console.error(
    '\nRecords of released schemas exist, and older readers run: docs/schemas.md says what may change.',
  );
for (const name of changed)
  console.error(
    `schemas/${name}.avsc: not released as it is; run \`node packages/contracts/release-schemas.ts\``,
  );
if (problems.length + changed.length > 0) process.exitCode = 1;
else console.log(`${goldens.length} released schemas: all are read, and read what is written now`);
