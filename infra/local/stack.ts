import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { endApps } from './app-records.ts';
import { logEnd } from './log-end.ts';
import { defaultInstance, instanceDir } from './paths.ts';
import { serviceNames } from './service-records.ts';
import { resetInstance, servicesStatus, startServices, stopServices } from './services.ts';

export const stackHelp = `npm run stack -- <command> [--instance <name>]

The real services on this machine: Postgres, Kafka and the schema registry. They run in the background and keep
their data in .local/<instance>; without --instance it is the one that npm start uses, "dev".

  up                   starts what is not running, and waits until everything answers
  down                 stops everything, apps too
  status [--json]      what runs where
  logs [name] [-f]     the end of the logs; -f follows them
  reset --yes          stops everything and removes the instance's data, logs and secrets
`;

/** The \`stack\` command. The answer is the exit code. */
export async function stack(argv: string[], signal: AbortSignal): Promise<number> {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      instance: { type: 'string', default: defaultInstance },
      json: { type: 'boolean', default: false },
      yes: { type: 'boolean', default: false },
      follow: { type: 'boolean', short: 'f', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const [command, name] = positionals;
  const { instance } = values;
  const onProgress = (line: string) => console.log(`  ${line}`);
  if (values.help || command === undefined) {
    console.log(stackHelp);
    return values.help ? 0 : 2;
  }
  switch (command) {
    case 'up': {
      const services = await startServices({ instance, onProgress, signal });
      console.log(
        `kafka     ${services.kafka}\nregistry  ${services.registry}\ndatabase  ${services.database}`,
      );
      return 0;
    }
    case 'down':
      await endApps(instanceDir(instance), { abandonedOnly: false });
      await stopServices({ instance, onProgress });
      return 0;
    case 'status':
      return status(instance, values.json);
    case 'logs':
      return logs({ instance, name, follow: values.follow, signal });
    case 'reset':
      if (!values.yes) {
        console.error(`This removes everything in ${instanceDir(instance)}. Say so: stack reset --yes`);
        return 2;
      }
      await resetInstance({ instance, onProgress });
      return 0;
    default:
      console.error(`No command "${command}".\n\n${stackHelp}`);
      return 2;
  }
}

function status(instance: string, asJson: boolean): number {
  const all = servicesStatus(instance);
  if (asJson) {
    console.log(JSON.stringify(all));
  } else {
    for (const { name, running, pid, port } of all) {
      console.log(`${name.padEnd(9)} ${running ? `running, 127.0.0.1:${port}, pid ${pid}` : 'not running'}`);
    }
  }
  return all.every(
    ({ running, name }) => running || (name === 'postgres' && process.env['DITS_DATABASE_URL']),
  )
    ? 0
    : 1;
}

async function logs(options: {
  instance: string;
  name: string | undefined;
  follow: boolean;
  signal: AbortSignal;
}): Promise<number> {
  const { instance, name, follow, signal } = options;
  const folder = join(instanceDir(instance), 'logs');
  const files = (name ? [name] : serviceNames).map((each) => join(folder, `${each}.log`)).filter(existsSync);
  if (files.length === 0) {
    console.error(`No log of ${name ?? 'any service'} in ${folder}.`);
    return 1;
  }
  if (!follow) {
    for (const file of files) console.log(`${file}\n${logEnd(file, 40)}\n`);
    return 0;
  }
  const tail = spawn('tail', ['-n', '20', '-F', ...files], { stdio: 'inherit' });
  signal.addEventListener('abort', () => tail.kill());
  return new Promise((resolve) => tail.once('exit', (code) => resolve(code ?? 0)));
}
