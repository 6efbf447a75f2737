import { z } from 'zod';
import { distinct, ownerLogin, repositoryId, text, time } from '../http/fields.js';

/** Everything a token may be allowed to do. */
export const SCOPES = ['events:write', 'webhooks:read', 'webhooks:write', 'admin'] as const;

/** What an administrator may send about a new token. */
export const tokenCreate = z
  .strictObject({
    name: text({ min: 1, max: 200 }).meta({ description: 'What it is for.', example: 'ci' }),
    scopes: distinct(z.enum(SCOPES), SCOPES.length)
      .min(1, 'must name at least one scope')
      .meta({ description: '`admin` includes the others.', example: ['webhooks:read', 'webhooks:write'] }),
    repository_ids: distinct(repositoryId, 1_000)
      .min(1, 'must name at least one repository, or be null')
      .nullable()
      .default(null)
      .meta({
        description: 'With owner_logins: all that the token reaches. Both null: no limit.',
        example: [123],
      }),
    owner_logins: distinct(ownerLogin, 1_000)
      .min(1, 'must name at least one owner, or be null')
      .nullable()
      .default(null)
      .meta({ description: 'Upper and lower case are the same.', example: null }),
    expires_at: time
      .nullable()
      .default(null)
      .meta({ description: 'RFC 3339; null: it does not expire.', example: '2027-11-25T00:00:00Z' }),
  })
  .superRefine(({ scopes, repository_ids, owner_logins }, context) => {
    // It could make itself a token without the limit.
    if (scopes.includes('admin') && (repository_ids || owner_logins)) {
      context.addIssue({
        code: 'custom',
        path: ['scopes'],
        message: 'must not hold admin together with limits',
      });
    }
  });

export type TokenCreateFields = z.output<typeof tokenCreate>;
