import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ReleasedSchema } from './src/released-schemas.ts';

/** A released schema with values and the bytes they were written as. Bytes in a value are `{ "base64": … }`. */
export interface Golden extends ReleasedSchema {
  values: { value: unknown; avro: string }[];
}

/** The `schemas/` folder of the repository. */
export const schemasFolder = join(import.meta.dirname, '../../schemas');

/** All goldens below a `schemas/` folder, by version and name. */
export function readGoldens(schemas = schemasFolder): Golden[] {
  return globSync('golden/v*/{events,records}/*.json', { cwd: schemas })
    .sort()
    .map((path) => {
      const [, version, name] = /^golden\/v(\d+)\/(.+)\.json$/.exec(path.replaceAll('\\', '/'))!;
      const text = readFileSync(join(schemas, path), 'utf8');
      return {
        name: name!,
        version: Number(version),
        ...(JSON.parse(text) as Pick<Golden, 'schema' | 'values'>),
      };
    });
}

/** The `.avsc` and `.json` files below a `schemas/` folder, as `bundleSchemas` takes them. */
export function readSchemaFiles(schemas = schemasFolder): Record<string, string> {
  const paths = globSync('{events,records,types}/*.{avsc,json}', { cwd: schemas }).sort();
  return Object.fromEntries(
    paths.map((path) => [path.replaceAll('\\', '/'), readFileSync(join(schemas, path), 'utf8')]),
  );
}

/** A decoded value as goldens have it: plain, with bytes as `{ base64 }`. */
export function toPlain(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return { base64: value.toString('base64') };
  if (Array.isArray(value)) return value.map(toPlain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, toPlain(part)]));
}

/** The value of a golden as Avro takes it. */
export function fromPlain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(fromPlain);
  if (typeof value !== 'object' || value === null) return value;
  const parts = Object.entries(value);
  if (parts.length === 1 && parts[0]![0] === 'base64') return Buffer.from(parts[0]![1] as string, 'base64');
  return Object.fromEntries(parts.map(([key, part]) => [key, fromPlain(part)]));
}
