#!/usr/bin/env node
import { parseArgs } from 'node:util';
import type { FlushOptions } from './flush.js';
import { flush } from './flush.js';
import { install, openRepository, type InstallOptions } from './install.js';
import { flushInTheBackground, watch } from './keep-flushing.js';
import { postReceive } from './post-receive.js';
import { SettingsError } from './settings.js';
import { Spool } from './spool.js';

const USAGE = `git-events turns git pushes into Dits events.

  git-events install --repo PATH --repository-id N --full-name OWNER/NAME --gateway URL --token-file PATH
                     [--private] [--owner LOGIN] [--owner-id N] [--owner-type user|organization]
                     [--default-branch NAME] [--url URL]
                     [--sender-login LOGIN] [--sender-id N] [--sender-type user|bot] [--force]
      Writes hooks/post-receive and the settings of one repository. Again to change them.

  git-events post-receive
      What the hook runs: reads "<before> <after> <ref>" lines.

  git-events flush --repo PATH [--watch] [--refused]
      Sends what is kept in dits-spool, older first; exits 1 when something is left.
      --watch goes on for ever; --refused tries refused events again.
`;

// A background or manual flush may wait for a slow gateway.
const REQUEST_TIMEOUT_MS = 30_000;

const tell = (message: string) => console.error(`dits: ${message}`);

async function main(): Promise<number> {
  const [command, ...args] = process.argv.slice(2);
  switch (command) {
    case 'install':
      return installCommand(args);
    case 'post-receive':
      return postReceiveCommand(args);
    case 'flush':
      return flushCommand(args);
    default:
      console.error(USAGE);
      return command === 'help' || command === '--help' ? 0 : 2;
  }
}

async function installCommand(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      repo: { type: 'string' },
      'repository-id': { type: 'string' },
      'full-name': { type: 'string' },
      gateway: { type: 'string' },
      'token-file': { type: 'string' },
      private: { type: 'boolean' },
      owner: { type: 'string' },
      'owner-id': { type: 'string' },
      'owner-type': { type: 'string' },
      'default-branch': { type: 'string' },
      url: { type: 'string' },
      'sender-login': { type: 'string' },
      'sender-id': { type: 'string' },
      'sender-type': { type: 'string' },
      force: { type: 'boolean' },
    },
  });
  const missing = (['repo', 'repository-id', 'full-name', 'gateway', 'token-file'] as const).filter(
    (name) => !values[name],
  );
  if (missing.length > 0) throw new SettingsError(`missing: ${missing.map((m) => `--${m}`).join(', ')}`);
  const camelCase = Object.entries(values).map(([name, value]) => [
    name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase()),
    value,
  ]);
  const hook = await install(Object.fromEntries(camelCase) as InstallOptions, tell);
  console.log(`installed ${hook}`);
  return 0;
}

async function postReceiveCommand(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: { kept: { type: 'boolean' } } });
  const chunks: Buffer[] = [];
  if (!values.kept) for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  const stdin = values.kept ? undefined : Buffer.concat(chunks);
  await postReceive({ stdin, env: process.env, tell });
  return 0;
}

async function flushCommand(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      repo: { type: 'string' },
      watch: { type: 'boolean' },
      refused: { type: 'boolean' },
      background: { type: 'boolean' },
    },
  });
  if (!values.repo) throw new SettingsError('missing: --repo');
  const { gitDir } = await openRepository(values.repo);
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  process.once('SIGTERM', () => stop.abort());
  const spool = new Spool(gitDir);
  await spool.open();
  const options: FlushOptions = {
    gitDir,
    spool,
    signal: stop.signal,
    requestTimeoutMs: REQUEST_TIMEOUT_MS,
    tell,
  };
  if (values.refused) tell(`${await spool.takeBackRefused(Date.now())} refused events are tried again`);
  if (values.watch) await watch(options);
  else if (values.background) await flushInTheBackground(options);
  else {
    const result = await flush(options);
    if (result.kind === 'left') {
      tell(`events are kept: ${result.reason}`);
      return 1;
    }
  }
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  const isMisuse = error instanceof SettingsError || error instanceof TypeError;
  tell(isMisuse ? error.message : ((error as Error).stack ?? String(error)));
  process.exitCode = isMisuse ? 2 : 1;
}
