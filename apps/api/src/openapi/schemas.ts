import type { EventCatalogue } from '@dits/contracts';
import { PUBLIC_DESTINATIONS } from '@dits/domain';
import { z } from 'zod';
import { auditEntryBody } from '../audit/audit-body.js';
import { deadLetterBody, deadLetterDetailBody } from '../dead-letters/dead-letter-body.js';
import { deadLetterReplay } from '../dead-letters/dead-letter-fields.js';
import { deadLetterReplayBody } from '../dead-letters/replay-dead-letters.js';
import { deliveryBody, deliveryDetailBody } from '../deliveries/delivery-body.js';
import { eventTypeBody } from '../event-types/event-type-body.js';
import { dryRunBody, jobBody } from '../jobs/job-body.js';
import { redeliveryCreate } from '../redeliveries/redelivery-fields.js';
import { replayCreate } from '../replays/replay-fields.js';
import { tokenBody, tokenWithSecretBody } from '../tokens/token-body.js';
import { tokenCreate } from '../tokens/token-fields.js';
import { pingBody } from '../webhooks/ping-webhook.js';
import { publicKeysBody } from '../webhooks/public-keys-body.js';
import { webhookBody, webhookWithSecretBody } from '../webhooks/webhook-body.js';
import { webhookSchemas } from '../webhooks/webhook-fields.js';

const page = <T extends z.ZodType>(item: T) =>
  z.object({
    data: z.array(item),
    next_cursor: z.string().nullable().meta({ description: 'Null on the last page.' }),
  });

const problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.number().int(),
    detail: z.string().meta({ description: 'One sentence for a person.' }),
    code: z.string().meta({ description: 'Stable, for programs.' }),
    instance: z.string().optional().meta({ description: 'Path of the resource, when it says more.' }),
    errors: z
      .array(z.object({ path: z.string().meta({ example: 'events[1]' }), message: z.string() }))
      .optional()
      .meta({ description: 'What is wrong with which field.' }),
  })
  .meta({ description: 'RFC 9457.' });

const answers = {
  Problem: problem,
  Webhook: webhookBody,
  WebhookWithSecret: webhookWithSecretBody,
  WebhookPage: page(webhookBody),
  PublicKeys: publicKeysBody,
  Ping: pingBody,
  Delivery: deliveryBody,
  DeliveryPage: page(deliveryBody),
  DeliveryDetail: deliveryDetailBody,
  Job: jobBody,
  JobPage: page(jobBody),
  DryRun: dryRunBody,
  DeadLetter: deadLetterBody,
  DeadLetterPage: page(deadLetterBody),
  DeadLetterDetail: deadLetterDetailBody,
  DeadLettersReplayed: deadLetterReplayBody,
  EventType: eventTypeBody,
  EventTypes: z.object({ data: z.array(eventTypeBody) }),
  Token: tokenBody,
  TokenWithSecret: tokenWithSecretBody,
  TokenPage: page(tokenBody),
  AuditEntry: auditEntryBody,
  AuditPage: page(auditEntryBody),
};

const requests = (catalogue: EventCatalogue) => {
  const { create, patch, rotate, rotateSigningKey } = webhookSchemas(catalogue, PUBLIC_DESTINATIONS);
  return {
    WebhookCreate: create,
    WebhookChange: patch,
    SecretRotation: rotate,
    SigningKeyRotation: rotateSigningKey,
    RedeliveryCreate: redeliveryCreate,
    ReplayCreate: replayCreate(catalogue),
    DeadLetterReplay: deadLetterReplay,
    TokenCreate: tokenCreate,
  };
};

/** Names of the schemas in the document. */
export type SchemaName = keyof typeof answers | keyof ReturnType<typeof requests>;

/** Every schema of the document by its name, as JSON Schema: the very schemas that requests are checked against. */
export function documentSchemas(catalogue: EventCatalogue): Record<string, object> {
  return { ...jsonSchemas(requests(catalogue), 'input'), ...jsonSchemas(answers, 'output') };
}

function jsonSchemas(schemas: Record<string, z.ZodType>, io: 'input' | 'output'): Record<string, object> {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(schemas)) registry.add(schema, { id });
  const made = z.toJSONSchema(registry, {
    uri: (id) => `#/components/schemas/${id}`,
    io,
    unrepresentable: 'any',
  });
  return Object.fromEntries(
    Object.entries(made.schemas).map(([name, { $schema: _, $id: __, ...schema }]) => [name, schema]),
  );
}
