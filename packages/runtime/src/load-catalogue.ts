import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundledSchemas, bundleSchemas, ConfigError, EventCatalogue } from '@dits/contracts';

/**
 * The event types a process knows: those bundled with the build, or those of a `schemas/` folder.
 *
 * Throws `ConfigError` when the folder can't be read or a file in it is wrong.
 */
export function loadCatalogue(schemasDir?: string): EventCatalogue {
  if (!schemasDir) return new EventCatalogue(bundledSchemas);
  try {
    const files: Record<string, string> = {};
    for (const entry of readdirSync(schemasDir, { recursive: true, encoding: 'utf8' })) {
      if (/\.(avsc|json)$/.test(entry)) {
        files[entry.replaceAll('\\', '/')] = readFileSync(join(schemasDir, entry), 'utf8');
      }
    }
    const catalogue = new EventCatalogue(bundleSchemas(files));
    if (catalogue.all.length === 0) throw new Error(`${schemasDir} holds no events/*.avsc`);
    return catalogue;
  } catch (cause) {
    throw new ConfigError(`DITS_SCHEMAS_DIR: ${(cause as Error).message}`, { cause });
  }
}
