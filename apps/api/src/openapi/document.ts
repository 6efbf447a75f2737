import { EventCatalogue } from '@dits/contracts';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import { documentSchemas } from './schemas.js';

const DESCRIPTION = `Webhooks of Dits: every event of a repository, signed, to every receiver that asked for it.

Send a token with every request: \`Authorization: Bearer <token>\`. Errors are \`application/problem+json\` (RFC 9457); \`errors\`
names each bad field. Lists come in pages: follow the \`Link\` header, or pass \`next_cursor\` as \`cursor\`. A POST may carry an
\`Idempotency-Key\` and is then safe to repeat. Times are UTC.`;

const PARAMETERS: Record<string, { description: string; schema: object; example: unknown }> = {
  repo: {
    description: 'Id of the repository.',
    schema: { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
    example: 123,
  },
  login: {
    description: 'Login of the owner; upper and lower case are the same.',
    schema: { type: 'string', minLength: 1, maxLength: 100 },
    example: 'acme',
  },
  webhook: {
    description: 'Id of the webhook.',
    schema: { type: 'string', format: 'uuid' },
    example: '019aba1c-5d30-7c6f-9f0e-2b7f6a1d9c11',
  },
  delivery: {
    description: 'Id of the delivery.',
    schema: { type: 'string', format: 'uuid' },
    example: '019aba1d-0a44-8e21-b3c4-5d6e7f809112',
  },
  job: {
    description: 'Id of the job.',
    schema: { type: 'string', format: 'uuid' },
    example: '019aba4d-7c20-7a11-9d3e-5f60718293a4',
  },
  letter: {
    description: 'Id of the dead letter.',
    schema: { type: 'string', format: 'uuid' },
    example: '019aba1d-0a44-8c0f-9e21-6a7b8c9d0e1f',
  },
  token: {
    description: 'Id of the token (not the token itself).',
    schema: { type: 'string', format: 'uuid' },
    example: '019aba1c-6e10-7d20-8c33-4455aabbccdd',
  },
};

/** The OpenAPI document of an app, made of its controllers and the schemas that its requests are checked against. */
export function openApiDocument(
  app: NestFastifyApplication,
  o: { publicUrl?: string | undefined },
): OpenAPIObject {
  const builder = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('Dits Webhooks')
    .setDescription(DESCRIPTION)
    .setVersion('1')
    .setLicense('Proprietary', 'https://dits.io')
    .addServer(o.publicUrl ?? '/')
    .addBearerAuth({
      type: 'http',
      scheme: 'bearer',
      description: "A token of POST /v1/tokens, or a JWT of the operator's identity provider.",
    })
    .addTag('Webhooks', 'Receivers, of one repository or of all repositories of an owner.')
    .addTag('Deliveries', 'What was posted to a webhook, and what came back.')
    .addTag('Redelivery', 'Deliveries made again, one or many, and past events matched again.')
    .addTag('Dead letters', 'For operators: what could not be read or delivered.')
    .addTag('Event types', 'What webhooks can ask for.')
    .addTag('Tokens', 'Who may call this API.')
    .addTag('Audit', 'Who changed what.');
  const document = SwaggerModule.createDocument(app, builder.build());
  document.components ??= {};
  document.components.schemas = documentSchemas(app.get(EventCatalogue));
  for (const [path, operations] of Object.entries(document.paths)) completePath(path, operations as never);
  return document;
}

interface Operation {
  operationId?: string;
  parameters?: { name: string; in: string }[];
}

/** Path parameters come from decorators of ours that Nest's explorer does not know. */
function completePath(path: string, operations: Record<string, Operation>): void {
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!);
  for (const operation of Object.values(operations)) {
    const others = (operation.parameters ?? []).filter((parameter) => parameter.in !== 'path');
    const inPath = names.map((name) => ({ name, in: 'path', required: true, ...PARAMETERS[name]! }));
    operation.parameters = [...inPath, ...others];
    // One handler serves both kinds of webhooks; names of operations must differ.
    if (operation.operationId && names.includes('login')) {
      operation.operationId = operation.operationId.replace(
        /Webhook|Deliver|Secret|SigningKey|Redeliver|Replay/,
        'Owner$&',
      );
    }
  }
}

/** Serves the document at `/openapi.json` and a page over it at `/docs`; both come from here alone. */
export function serveDocument(app: NestFastifyApplication, document: OpenAPIObject): void {
  SwaggerModule.setup('docs', app, document, {
    jsonDocumentUrl: 'openapi.json',
    raw: ['json'],
    customSiteTitle: 'Dits Webhooks API',
    swaggerOptions: {
      // The default asks a validator on the Internet.
      validatorUrl: null,
      persistAuthorization: true,
      displayRequestDuration: true,
      tryItOutEnabled: true,
    },
  });
}
