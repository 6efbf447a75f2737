import type { LoggerService } from '@nestjs/common';
import { pino, stdTimeFunctions, type DestinationStream, type Logger } from 'pino';
import pretty from 'pino-pretty';

export type { Logger } from 'pino';

// Where a secret could stand in a logged object: at the top, in headers, one level down.
const SECRET_KEYS = [
  ...['authorization', 'Authorization', 'proxy-authorization', 'cookie', 'Cookie', 'set-cookie'],
  ...['secret', 'previous_secret', 'secrets', 'signing_key', 'private_key', 'token', 'password'],
  // What was bound to a statement; a database error has it.
  'parameters',
];
const REDACTED_PATHS = SECRET_KEYS.flatMap((key) => [key, `*.${key}`, `*.*.${key}`]);

/**
 * Makes the process's logger: JSON lines on stdout, one per call, written before the call returns; readable text
 * when stdout is a terminal. Fields named like a secret are replaced by `[redacted]`.
 */
export function createLogger(o: { name: string; level: string; destination?: DestinationStream }): Logger {
  const destination =
    o.destination ??
    (process.stdout.isTTY
      ? pretty({ sync: true, ignore: 'pid,hostname', singleLine: true })
      : pino.destination({ sync: true }));
  return pino(
    {
      name: o.name,
      level: o.level,
      base: { pid: process.pid },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: REDACTED_PATHS, censor: '[redacted]' },
    },
    destination,
  );
}

/**
 * Switches to a level that shows more, `debug` (from `debug`: `trace`), and back to the configured one the next time. The line
 * that says so is written at `warn`, while more is shown.
 */
export function toggleLogLevel(log: Logger, configured: string): void {
  const more = configured === 'debug' || configured === 'trace' ? 'trace' : 'debug';
  const next = log.level === configured ? more : configured;
  log.level = more;
  log.warn({ log_level: next }, 'log level changed');
  log.level = next;
}

/** Nest's own lines on our logger: its start-up chatter at debug, its warnings and errors as they are. */
export class NestLog implements LoggerService {
  constructor(private readonly logger: Logger) {}

  log(message: unknown, ...rest: unknown[]): void {
    this.write('debug', message, rest);
  }

  debug(message: unknown, ...rest: unknown[]): void {
    this.write('debug', message, rest);
  }

  verbose(message: unknown, ...rest: unknown[]): void {
    this.write('trace', message, rest);
  }

  warn(message: unknown, ...rest: unknown[]): void {
    this.write('warn', message, rest);
  }

  error(message: unknown, ...rest: unknown[]): void {
    this.write('error', message, rest);
  }

  fatal(message: unknown, ...rest: unknown[]): void {
    this.write('fatal', message, rest);
  }

  private write(
    level: 'trace' | 'debug' | 'warn' | 'error' | 'fatal',
    message: unknown,
    rest: unknown[],
  ): void {
    // Nest passes the context last, and for errors a stack before it.
    const context = typeof rest.at(-1) === 'string' ? rest.at(-1) : undefined;
    if (message instanceof Error) this.logger[level]({ nest: context, err: message }, message.message);
    else
      this.logger[level]({ nest: context }, typeof message === 'string' ? message : JSON.stringify(message));
  }
}
