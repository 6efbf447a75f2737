import type { Log } from '../log.js';

/** A log that keeps its lines. */
export interface KeptLog extends Log {
  lines: { level: string; message: string | undefined; fields: object }[];
}

export function keptLog(): KeptLog {
  const lines: KeptLog['lines'] = [];
  const at =
    (level: string) =>
    (fields: object, message?: string): void => {
      lines.push({ level, message, fields });
      if (process.env['DITS_TEST_LOG']) console.log(new Date().toISOString(), level, message, fields);
    };
  return { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
