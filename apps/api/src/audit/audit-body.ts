import type { AuditEntry } from '@dits/persistence';
import { z } from 'zod';
import { ACTOR_KINDS } from './actor.js';
import { AUDIT_ACTIONS, TARGET_KINDS } from './audit-trail.js';

/** An entry of the audit trail as administrators see it. */
export const auditEntryBody = z
  .object({
    id: z.uuid().meta({ description: 'Sorts by the time.' }),
    at: z.iso.datetime(),
    action: z.enum(AUDIT_ACTIONS),
    actor: z
      .object({
        kind: z.enum(ACTOR_KINDS).meta({
          description: '`system`: the service by itself; `command`: somebody at one of its commands.',
        }),
        id: z.string().meta({
          description: 'Id of the token, or of the subject of a JWT; `system`; `command`.',
          example: '019aba1c-6e10-7d20-8c33-4455aabbccdd',
        }),
        name: z.string().nullable().meta({
          description: 'Name of the token as it was, subject of the JWT, or the command.',
          example: 'ci',
        }),
        issuer: z.string().nullable().meta({ description: 'Of a JWT.' }),
      })
      .meta({ description: 'Who made the change.' }),
    address: z.string().nullable().meta({
      description: 'Of the client, behind trusted proxies as well. Null: no request.',
      example: '192.0.2.7',
    }),
    request_id: z.string().nullable().meta({ description: '`x-request-id` of the answer.' }),
    target: z
      .object({
        kind: z.enum(TARGET_KINDS),
        id: z.string().nullable().meta({ description: 'Null: several, which `changes` names.' }),
        webhook_id: z.uuid().nullable().meta({ description: 'The webhook that is, or has, the target.' }),
        repository_id: z.number().int().nullable(),
        owner_login: z.string().nullable(),
      })
      .meta({ description: 'What was changed, or asked for.' }),
    changes: z
      .array(z.object({ field: z.string(), from: z.unknown().optional(), to: z.unknown().optional() }))
      .meta({
        description:
          'Fields with what they were and what they are; no `from` for what was made, no `to` for what was removed. Neither for what is secret: it changed.',
      }),
  })
  .meta({ description: 'One change: who made it, from where, and what it was.' });

export type AuditEntryBody = z.output<typeof auditEntryBody>;

/** Shows an entry to an administrator. */
export function presentEntry(entry: AuditEntry): AuditEntryBody {
  const { actorKind, actorId: id, actorName: name, actorIssuer: issuer } = entry;
  return {
    id: entry.id,
    at: entry.at.toISOString(),
    action: entry.action as AuditEntryBody['action'],
    actor: { kind: actorKind as AuditEntryBody['actor']['kind'], id, name, issuer },
    address: entry.address,
    request_id: entry.requestId,
    target: {
      kind: entry.targetKind as AuditEntryBody['target']['kind'],
      id: entry.targetId,
      webhook_id: entry.webhookId,
      repository_id: entry.repositoryId,
      owner_login: entry.ownerLogin,
    },
    changes: entry.changes,
  };
}
