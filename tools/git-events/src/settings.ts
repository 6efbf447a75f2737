import type { Git } from './git.js';

/** An account as an event names it. */
export interface Account {
  id: number;
  login: string;
  type: string;
}

/** What the hook knows about its repository: the section `dits` of the repository's git configuration. */
export interface Settings {
  gateway: URL;
  tokenFile: string;
  repository: {
    id: number;
    name: string;
    full_name: string;
    private: boolean;
    owner?: Partial<Account>;
    default_branch?: string;
    url?: string;
  };
  /** Who counts as the sender when the environment of a push does not say. */
  sender?: Account;
}

/** The settings can't be used; the message says which one and why. */
export class SettingsError extends Error {}

/** Reads the settings of a repository; any git configuration level may hold them. Throws {@link SettingsError}. */
export async function readSettings(git: Git): Promise<Settings> {
  const values = await readSection(git);
  const required = (name: string): string => {
    const value = values.get(name.toLowerCase());
    if (!value) throw new SettingsError(`dits.${name} is not set in the git configuration of ${git.gitDir}`);
    return value;
  };
  const optional = (name: string) => values.get(name.toLowerCase()) || undefined;

  const fullName = required('fullName');
  const owner = {
    ...(optional('owner') ? { login: optional('owner')! } : {}),
    ...(optional('ownerId') ? { id: readId('dits.ownerId', optional('ownerId')!) } : {}),
    ...(optional('ownerType') ? { type: optional('ownerType')! } : {}),
  };
  const defaultBranch = optional('defaultBranch');
  const url = optional('url')?.replace(/\/+$/, '');
  const senderLogin = optional('senderLogin');
  return {
    gateway: readGateway(required('gateway')),
    tokenFile: required('tokenFile'),
    repository: {
      id: readId('dits.repositoryId', required('repositoryId')),
      name: fullName.slice(fullName.lastIndexOf('/') + 1),
      full_name: fullName,
      private: optional('private') === 'true',
      ...(Object.keys(owner).length > 0 ? { owner } : {}),
      ...(defaultBranch ? { default_branch: defaultBranch } : {}),
      ...(url ? { url } : {}),
    },
    ...(senderLogin
      ? {
          sender: {
            id: readId('dits.senderId', optional('senderId') ?? '0'),
            login: senderLogin,
            type: optional('senderType') ?? 'user',
          },
        }
      : {}),
  };
}

/** Writes the section `dits` of the repository's own configuration; what is not named is removed. */
export async function writeSettings(git: Git, values: Record<string, string | undefined>): Promise<void> {
  // 128: there was no such section.
  await git.run(['config', '--local', '--remove-section', 'dits'], { okCodes: [0, 128] });
  for (const [name, value] of Object.entries(values)) {
    if (value !== undefined) await git.run(['config', '--local', `dits.${name}`, value]);
  }
}

/** An id as JSON can carry it. Throws {@link SettingsError}. */
export function readId(name: string, text: string): number {
  const id = /^\d{1,16}$/.test(text) ? Number(text) : NaN;
  if (!Number.isSafeInteger(id)) {
    throw new SettingsError(`${name} must be a number from 0 to 2^53-1, not "${text}"`);
  }
  return id;
}

/** Address of the gateway. Throws {@link SettingsError}. */
export function readGateway(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw new SettingsError(`the gateway must be an http or https address, not "${text}"`);
  }
  return url;
}

async function readSection(git: Git): Promise<Map<string, string>> {
  // 1: nothing matches.
  const { stdout } = await git.run(['config', '--null', '--get-regexp', '^dits\\.'], { okCodes: [0, 1] });
  const values = new Map<string, string>();
  for (const entry of stdout.toString('utf8').split('\0')) {
    const end = entry.indexOf('\n');
    if (end > 0) values.set(entry.slice('dits.'.length, end), entry.slice(end + 1));
  }
  return values;
}
