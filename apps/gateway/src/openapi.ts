import type { EventCatalogue } from '@dits/contracts';
import { problemBody } from '@dits/runtime';
import { MAX_EVENTS } from './accept-event.js';

type Avro = string | Avro[] | ({ type: Avro } & Record<string, unknown>);
type JsonSchema = Record<string, unknown>;

const INTEGER: JsonSchema = {
  type: 'integer',
  minimum: -Number.MAX_SAFE_INTEGER,
  maximum: Number.MAX_SAFE_INTEGER,
};

const PROBLEMS: Record<number, string> = {
  400: 'The body is not JSON, or not UTF-8.',
  401: 'No token, or one that is not good.',
  403: 'The token lacks the scope `events:write`, or may not post for a repository that `errors` names.',
  408: 'The request did not come to its end in time.',
  413: 'An event is larger than 1 MiB, or the body than 16 MiB.',
  415: 'The body is not application/json.',
  422: 'An event is wrong; `errors` names each place. Nothing of the request was accepted.',
  429: 'The token has used up its rate; `Retry-After` says how long.',
  431: 'Headers are too long, or too many.',
  500: 'A mistake of ours.',
  503: 'Not possible at the moment; `Retry-After` says when to try again.',
};

/** The OpenAPI document of the gateway, made of the schemas that events are checked against. */
export function openApiDocument(catalogue: EventCatalogue): object {
  const schemas: Record<string, JsonSchema> = {};
  const events = catalogue.all.map(({ event, schema, recordName }) => {
    const { properties, required, ...rest } = recordSchema(schema as unknown as AvroRecord, schemas);
    schemas[nameOf(recordName)] = {
      ...rest,
      properties: {
        event: { const: event },
        ...properties,
        event_id: { type: ['string', 'null'], format: 'uuid' },
        occurred_at: { type: ['string', 'null'], format: 'date-time' },
      },
      required: ['event', ...required.filter((name) => name !== 'event_id' && name !== 'occurred_at')],
    };
    return { $ref: refOf(recordName) };
  });
  schemas['Event'] = { anyOf: events };
  return {
    openapi: '3.1.0',
    info: {
      title: 'Dits Webhooks, the gateway',
      version: '1.0.0',
      description: 'Where platform services post what happened to a repository.',
    },
    servers: [{ url: '/' }],
    paths: { '/v1/events': { post: postEvents(catalogue) } },
    components: {
      schemas: { ...schemas, Accepted: ACCEPTED, Problem: PROBLEM },
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } },
    },
  };
}

function postEvents(catalogue: EventCatalogue): object {
  const event = { $ref: '#/components/schemas/Event' };
  return {
    operationId: 'postEvents',
    summary: 'Make events durable: one, or a list of which all or none are accepted',
    security: [{ bearer: [] }],
    requestBody: {
      required: true,
      content: {
        'application/json': {
          schema: { anyOf: [event, { type: 'array', items: event, minItems: 1, maxItems: MAX_EVENTS }] },
          examples: Object.fromEntries(
            catalogue.all.map(({ event: name, example }) => [name, { value: example }]),
          ),
        },
      },
    },
    responses: {
      202: {
        description: 'All in-sync replicas have them; the ids are in the order of the request.',
        content: { 'application/json': { schema: { $ref: '#/components/schemas/Accepted' } } },
      },
      ...Object.fromEntries(
        Object.entries(PROBLEMS).map(([status, text]) => [status, problem(+status, text)]),
      ),
    },
  };
}

const ACCEPTED: JsonSchema = {
  type: 'object',
  required: ['accepted', 'event_ids'],
  additionalProperties: false,
  properties: {
    accepted: { type: 'integer', minimum: 1, maximum: MAX_EVENTS },
    event_ids: { type: 'array', items: { type: 'string', format: 'uuid' } },
  },
};

const PROBLEM: JsonSchema = {
  type: 'object',
  description: 'RFC 9457.',
  required: ['type', 'title', 'status', 'detail', 'code'],
  properties: {
    ...Object.fromEntries(['type', 'title', 'detail', 'code'].map((name) => [name, { type: 'string' }])),
    status: { type: 'integer' },
    errors: {
      type: 'array',
      items: {
        type: 'object',
        required: ['path', 'message'],
        properties: { path: { type: 'string' }, message: { type: 'string' } },
      },
    },
  },
};

function problem(status: number, description: string): object {
  const example = problemBody(status, { detail: description });
  return {
    description,
    content: {
      'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' }, example },
    },
  };
}

/** What JSON of an Avro type looks like; records with a name of their own go to `named`. */
function schemaOf(avro: Avro, named: Record<string, JsonSchema>): JsonSchema {
  if (Array.isArray(avro)) return { anyOf: avro.map((branch) => schemaOf(branch, named)) };
  if (typeof avro === 'string') return primitive(avro);
  switch (avro.type) {
    case 'record': {
      // A record is written out where it comes first, and named from there on.
      const record = avro as unknown as AvroRecord;
      named[nameOf(record.name)] = recordSchema(record, named);
      return primitive(record.name);
    }
    case 'array':
      return { type: 'array', items: schemaOf(avro['items'] as Avro, named) };
    case 'enum':
      return { enum: avro['symbols'] };
    default:
      return schemaOf(avro.type, named);
  }
}

interface AvroRecord {
  name: string;
  doc?: string;
  fields: { name: string; type: Avro; doc?: string; default?: unknown }[];
}

function recordSchema({ doc, fields }: AvroRecord, named: Record<string, JsonSchema>) {
  const properties = fields.map(({ name, type, doc: description }) => {
    const schema = schemaOf(type, named);
    const isId = name === 'id' && schema['type'] === 'integer';
    return [name, { ...schema, ...(isId && { minimum: 0 }), ...(description && { description }) }];
  });
  return {
    type: 'object',
    ...(doc && { description: doc }),
    properties: Object.fromEntries(properties) as Record<string, JsonSchema>,
    required: fields.flatMap((field) => ('default' in field ? [] : [field.name])),
    additionalProperties: false,
  };
}

function primitive(avro: string): JsonSchema {
  if (avro === 'long' || avro === 'int') return INTEGER;
  if (['string', 'boolean', 'null'].includes(avro)) return { type: avro };
  return { $ref: refOf(avro) };
}

const nameOf = (recordName: string): string => recordName.split('.').at(-1)!;
const refOf = (recordName: string): string => `#/components/schemas/${nameOf(recordName)}`;
