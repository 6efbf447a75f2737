import { createLogger, type Logger } from './logger.js';

/** A logger whose lines a test reads back. */
export function linesLog(level = 'trace'): { log: Logger; lines: () => Record<string, unknown>[] } {
  const written: string[] = [];
  const log = createLogger({
    name: 'test',
    level,
    destination: { write: (line) => void written.push(line) },
  });
  return { log, lines: () => written.map((line) => JSON.parse(line) as Record<string, unknown>) };
}
