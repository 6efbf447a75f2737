import { migrateDatabase, readSchemaVersion } from '../migrate.js';

const HELP = `Usage: migrate [up | status] [--json]

  up       run the migrations that the database lacks (default); two at once are safe
  status   list the migrations; exits 1 when some are pending

Environment: DITS_DATABASE_URL  postgres://user:password@host:port/database
`;

const args = process.argv.slice(2);
const json = args.includes('--json');
const command = args.find((arg) => !arg.startsWith('-')) ?? 'up';
const say = (fields: object, text: string): void => console.log(json ? JSON.stringify(fields) : text);

if (args.includes('--help') || args.includes('-h')) {
  console.log(HELP);
} else if (command !== 'up' && command !== 'status') {
  console.error(`unknown command ${command}\n\n${HELP}`);
  process.exitCode = 2;
} else if (!process.env.DITS_DATABASE_URL) {
  console.error('DITS_DATABASE_URL is not set: postgres://user:password@host:port/database');
  process.exitCode = 2;
} else {
  const log = {
    info: (fields: object, message = '') =>
      say({ message, ...fields }, `${message} ${JSON.stringify(fields)}`),
    warn: (fields: object, message = '') => console.error(message, JSON.stringify(fields)),
  };
  const target = { url: process.env.DITS_DATABASE_URL, log };
  try {
    if (command === 'up') {
      const executed = await migrateDatabase(target);
      say({ executed }, executed.length > 0 ? `${executed.length} migration(s) run` : 'nothing to migrate');
    } else {
      const version = await readSchemaVersion(target);
      const lines = [
        ...version.executed.map((n) => `done     ${n}`),
        ...version.pending.map((n) => `pending  ${n}`),
      ];
      say(version, lines.join('\n'));
      process.exitCode = version.pending.length > 0 ? 1 : 0;
    }
  } catch (error) {
    const { message, cause } = error as Error;
    console.error(`migrate ${command}: ${message}${cause instanceof Error ? `: ${cause.message}` : ''}`);
    process.exitCode = 1;
  }
}
