import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { generateSecret, generateToken } from '@dits/signing';
import { madeOnce } from './private-file.ts';

/** What the apps of an instance need, and no default could be: made at random once and kept. */
export interface AppSecrets {
  /** DITS_BOOTSTRAP_TOKEN: a token with every scope. */
  token: string;
  /** DITS_TOKEN_KEY. */
  tokenKey: string;
  /** DITS_SECRET_KEYS. */
  secretKeys: string;
  /** Secret of the demo's webhook. */
  webhookSecret: string;
}

/** The secrets of the apps whose folder this is, made when there are none; readable by their user alone. */
export function appSecrets(folder: string): AppSecrets {
  return madeOnce(join(folder, 'app-secrets.json'), () => ({
    token: generateToken(),
    tokenKey: randomBytes(32).toString('base64'),
    secretKeys: `local1:${randomBytes(32).toString('base64')}`,
    webhookSecret: generateSecret(),
  }));
}
