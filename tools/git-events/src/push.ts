import { userInfo } from 'node:os';
import { readId, type Account } from './settings.js';

/** One ref that a push changed. Object ids in hex; zeros mean that the ref was not there, or is gone. */
export interface RefUpdate {
  before: string;
  after: string;
  ref: string;
}

/** A push as the hook was told of it: enough to make its events later. */
export interface Push {
  /** Distinguishes pushes of one millisecond. */
  id: string;
  atMs: number;
  /** Who pushed, when the environment said so. */
  sender?: Account;
  updates: RefUpdate[];
}

/** Variables by which the server in front of git says who pushed. The hook notes them down with the push. */
export const SENDER_VARIABLES = [
  'DITS_SENDER_LOGIN',
  'DITS_SENDER_ID',
  'DITS_SENDER_TYPE',
  'GL_USERNAME',
  'GL_ID',
  'REMOTE_USER',
];

/**
 * Reads what the hook noted down: lines of `<variable>=<value>`, then what git wrote to it, lines of
 * `<before> <after> <ref>`.
 */
export function readPush({ text, id, atMs }: { text: Buffer; id: string; atMs: number }): Push {
  const env: Record<string, string> = {};
  const updates: RefUpdate[] = [];
  for (const line of text.toString('utf8').split('\n')) {
    const [, before, after, ref] = /^([0-9a-f]{40,64}) ([0-9a-f]{40,64}) (.+)$/s.exec(line) ?? [];
    if (before && after && ref) updates.push({ before, after, ref });
    const [, name, value] = /^([A-Z_]+)=(.*)$/s.exec(line) ?? [];
    if (name && value) env[name] = value;
  }
  const sender = senderOf(env);
  return { id, atMs, ...(sender ? { sender } : {}), updates };
}

/** What {@link readPush} reads, for a hook that is called with git's lines on its standard input. */
export function noteDown(stdin: Buffer, env: NodeJS.ProcessEnv): Buffer {
  const sender = SENDER_VARIABLES.map((name) => `${name}=${env[name] ?? ''}\n`).join('');
  return Buffer.concat([Buffer.from(sender), stdin]);
}

/** True for an object id that stands for "no object". */
export function isZero(objectId: string): boolean {
  return /^0+$/.test(objectId);
}

/**
 * Who pushed: `DITS_SENDER_LOGIN` with `_ID` and `_TYPE`, or `GL_USERNAME` with `GL_ID` (`user-456`) as GitLab's shell
 * does, or `REMOTE_USER` as git's HTTP backend does.
 */
function senderOf(env: Record<string, string>): Account | undefined {
  const login = env.DITS_SENDER_LOGIN || env.GL_USERNAME || env.REMOTE_USER;
  if (!login) return undefined;
  const id = env.DITS_SENDER_LOGIN ? env.DITS_SENDER_ID : /^user-(\d+)$/.exec(env.GL_ID ?? '')?.[1];
  return { id: idOrZero(id), login, type: env.DITS_SENDER_TYPE || 'user' };
}

/** The sender when nobody else is named: the system's user, with id 0 for "not known". */
export function systemSender(): Account {
  return { id: 0, login: nameOfSystemUser(), type: 'user' };
}

function nameOfSystemUser(): string {
  try {
    return userInfo().username || 'git';
  } catch {
    return 'git';
  }
}

// A wrong id must not cost the push its events.
function idOrZero(text: string | undefined): number {
  try {
    return readId('sender id', text ?? '0');
  } catch {
    return 0;
  }
}
