import type { Token } from '@dits/persistence';
import { z } from 'zod';

const time = z.iso.datetime();

/** A token as administrators see it. */
export const tokenBody = z
  .object({
    id: z.uuid(),
    name: z.string(),
    prefix: z.string().meta({ description: 'How the token begins.', example: 'dits_Ab3d' }),
    scopes: z.array(z.string()),
    repository_ids: z.array(z.number().int()).nullable(),
    owner_logins: z.array(z.string()).nullable(),
    requests_per_second: z.number().int().nullable().meta({ description: 'Null: the default; 0: no limit.' }),
    events_per_second: z.number().int().nullable().meta({ description: 'Null: the default; 0: no limit.' }),
    key_id: z.string().meta({ description: 'Which token key its hash was made with.', example: 'k1' }),
    created_at: time,
    expires_at: time.nullable(),
    last_used_at: time.nullable().meta({ description: 'To the minute.' }),
  })
  .meta({ description: 'An API token. Only a hash of it is stored.' });

/** The same with the token itself, in the one answer that shows it. */
export const tokenWithSecretBody = tokenBody
  .extend({ token: z.string().meta({ description: 'Shown this once. Keep it.' }) })
  .meta({ description: 'A new token.' });

export type TokenBody = z.output<typeof tokenBody>;
export type TokenWithSecretBody = z.output<typeof tokenWithSecretBody>;

/** Shows a token to an administrator. */
export function presentToken(token: Token): TokenBody {
  return {
    id: token.id,
    name: token.name,
    prefix: token.prefix,
    scopes: token.scopes,
    repository_ids: token.repositoryIds,
    owner_logins: token.ownerLogins,
    requests_per_second: token.requestsPerSecond,
    events_per_second: token.eventsPerSecond,
    key_id: token.keyId,
    created_at: token.createdAt.toISOString(),
    expires_at: token.expiresAt?.toISOString() ?? null,
    last_used_at: token.lastUsedAt?.toISOString() ?? null,
  };
}
