import type { AuditFilter } from '@dits/persistence';
import { z } from 'zod';
import { inOrder, ownerLogin, text, time } from '../http/fields.js';
import { pageQuery } from '../http/page.js';
import { isUuid } from '../http/uuid.js';
import { AUDIT_ACTIONS } from './audit-trail.js';

/** The query parameters of the audit trail. */
export const auditQuery = inOrder(
  z.strictObject({
    ...pageQuery,
    action: z
      .enum(AUDIT_ACTIONS)
      .optional()
      .meta({ description: 'What was done.', example: 'webhook.deleted' }),
    actor: text({ min: 1, max: 100 })
      .optional()
      .meta({ description: '`actor.id`: id of a token, or of the subject of a JWT; `system`; `command`.' }),
    webhook: z
      .string()
      .transform((id) => id.toLowerCase())
      .refine(isUuid, 'must be the id of a webhook')
      .optional()
      .meta({ description: 'A webhook, also one that was deleted.', format: 'uuid' }),
    repository: z
      .string()
      .regex(/^(0|[1-9]\d{0,15})$/, 'must be the id of a repository')
      .transform(Number)
      .refine(Number.isSafeInteger, 'must be the id of a repository')
      .optional()
      .meta({ description: 'Webhooks of this repository.', type: 'integer', pattern: undefined }),
    owner: ownerLogin.optional().meta({ description: 'Webhooks of this owner.', example: 'acme' }),
    since: time.optional().meta({ description: 'Then or later.', example: '2026-11-25T00:00:00Z' }),
    until: time.optional().meta({ description: 'Before.', example: '2026-11-26T00:00:00Z' }),
  }),
);

/** The filter that the parameters make. */
export function filterOf(query: z.output<typeof auditQuery>): AuditFilter {
  const { action, actor: actorId, webhook: webhookId, repository: repositoryId, owner, since, until } = query;
  return { action, actorId, webhookId, repositoryId, ownerLogin: owner, since, until };
}
