import { SCOPES } from '@dits/runtime';
import { z } from 'zod';
import { distinct, integer, ownerLogin, repositoryId, text, time } from '../http/fields.js';

const rate = integer({ min: 0, max: 1_000_000 }).nullable().default(null);

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
      .meta({
        description:
          'Upper and lower case are the same. For `events:write` the owner is what the event says: see docs/security.md.',
        example: null,
      }),
    requests_per_second: rate.meta({
      description: 'API requests a second, ten times as many at once. Null: the default; 0: no limit.',
      example: null,
    }),
    events_per_second: rate.meta({
      description:
        'Events a second that it may post, ten times as many at once. Null: the default; 0: no limit.',
      example: null,
    }),
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
