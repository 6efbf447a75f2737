import { applyDecorators, HttpCode } from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiHeader, ApiOperation, ApiQuery, ApiResponse } from '@nestjs/swagger';
import { Public, RequireScope } from '@dits/runtime';
import { z } from 'zod';
import { problemResponse } from './problems.js';
import type { SchemaName } from './schemas.js';

type QuerySchema = z.ZodObject<Record<string, z.ZodType>>;

/** One call of the API: what it needs and what it answers. The document and the guard are made of the same words. */
export interface CallOptions {
  /** Name of the operation in generated clients; made unique per path. */
  id: string;
  summary: string;
  description?: string;
  tag: string;
  /** Null: for everybody, without a token. */
  scope: 'webhooks:read' | 'webhooks:write' | 'admin' | null;
  body?: { schema: SchemaName; example: object; isOptional?: boolean };
  query?: QuerySchema;
  /** True: `Idempotency-Key` is understood. */
  isIdempotent?: boolean;
  ok: CallAnswer;
  /** Another way to succeed. */
  also?: CallAnswer;
  problems?: number[];
}

/** An answer that is no problem. */
export interface CallAnswer {
  status: number;
  description: string;
  schema?: SchemaName;
  example?: object;
  headers?: Record<string, string>;
}

/** Declares a handler as a call of the API. */
export function Call(o: CallOptions): MethodDecorator {
  const decorators: MethodDecorator[] = [
    ...(o.scope === null ? [Public()] : [RequireScope(o.scope), ApiBearerAuth()]),
    HttpCode(o.ok.status),
    ApiOperation({
      operationId: o.id,
      summary: o.summary,
      description: [o.description, o.scope === null ? 'Needs no token.' : `Needs the scope \`${o.scope}\`.`]
        .filter(Boolean)
        .join('\n\n'),
      tags: [o.tag],
      ...(o.scope === null && { security: [] }),
    }),
    okResponse(o.ok),
    ...(o.also ? [okResponse(o.also)] : []),
    ...[...(o.scope === null ? [] : [401, 403]), ...(o.problems ?? []), 429, 500, 503].map((status) =>
      problemResponse(status),
    ),
  ];
  if (o.body) {
    decorators.push(
      ApiBody({
        required: !o.body.isOptional,
        schema: { $ref: refOf(o.body.schema) },
        examples: { example: { value: o.body.example } },
      }),
      ...[400, 413, 415].map((status) => problemResponse(status)),
    );
  }
  if (o.query) decorators.push(...queryParameters(o.query));
  if (o.isIdempotent) {
    decorators.push(
      ApiHeader({
        name: 'Idempotency-Key',
        required: false,
        description:
          'For 24 hours the same key with the same request and token gets the first answer again: a request may be repeated when its answer was lost.',
        schema: { type: 'string', minLength: 1, maxLength: 255 },
      }),
      problemResponse(409),
    );
  }
  return applyDecorators(...decorators);
}

/** Where the document keeps a schema. */
export function refOf(name: SchemaName): string {
  return `#/components/schemas/${name}`;
}

function okResponse({ status, description, schema, example, headers }: CallAnswer): MethodDecorator {
  return ApiResponse({
    status,
    description,
    ...(headers && {
      headers: Object.fromEntries(
        Object.entries(headers).map(([name, text]) => [
          name,
          { description: text, schema: { type: 'string' } },
        ]),
      ),
    }),
    ...(schema && {
      content: {
        'application/json': { schema: { $ref: refOf(schema) }, ...(example && { example }) },
      },
    }),
  });
}

function queryParameters(query: QuerySchema): MethodDecorator[] {
  const { properties = {}, required = [] } = z.toJSONSchema(query, { io: 'input', unrepresentable: 'any' });
  return Object.entries(properties).map(([name, property]) => {
    const { description, ...schema } = property as { description?: string };
    return ApiQuery({ name, required: required.includes(name), ...(description && { description }), schema });
  });
}
