import type { AvroSchema, EventSchema, RecordSchema, SchemaBundle } from './src/bundle-schemas.ts';

/** docs/events.md: every event type with its fields, its nested types and an example, from the schemas alone. */
export function eventsPage({ events, internal }: Pick<SchemaBundle, 'events' | 'internal'>): string {
  const types = nestedTypes([...events, ...internal]);
  return [
    introduction,
    ['| event | when |', '| --- | --- |', ...events.map(indexRow)].join('\n'),
    ...events.map((event) => eventSection(event)),
    internalIntroduction,
    ...internal.map((event) => eventSection(event, '###')),
    '## Types\n\nWhat the fields above consist of.',
    ...types.map(typeSection),
  ].join('\n\n');
}

const introduction = `<!-- Generated from schemas/events by \`npm run generate\`; do not edit. -->

# Events

What a receiver gets as the body of its delivery, by event type; \`GET /v1/event-types\` answers with the same. A producer sends
the same shape: over HTTP, where \`event_id\` and \`occurred_at\` may be left out and come from the gateway, or as Avro, without
\`event\`, which the record's name says.

A body is one line of UTF-8 JSON, its fields in the order of the tables. A field that is not required is absent when it has no value, never
null. Numbers are integers that a double holds exactly; ids are 0 to 2^53-1. New fields may be added at any time; none is
taken away or changes its type.`;

const internalIntroduction = `## About your webhooks

What the service itself has to say. A webhook gets it when its \`events\` name it in full: neither \`*\` nor \`webhook.*\` brings it.
No producer may send it.`;

function indexRow({ event, schema }: EventSchema): string {
  return `| [\`${event}\`](#${anchorOf(event)}) | ${cell(schema.doc)} |`;
}

function eventSection({ event, schema, example }: EventSchema, heading = '##'): string {
  const name = { name: 'event', type: 'string', doc: `Name of the event: \`${event}\`.` };
  return [
    `${heading} ${event}`,
    schema.doc,
    fieldTable([name, ...schema.fields]),
    ['```json', JSON.stringify(example, null, 2), '```'].join('\n'),
  ].join('\n\n');
}

function typeSection(schema: NamedType): string {
  const parts = [`### ${schema.name}`, schema.doc ?? ''];
  if (schema.type === 'record') parts.push(fieldTable(schema.fields));
  else parts.push(`One of ${schema.symbols.map((symbol) => `\`${symbol}\``).join(', ')}.`);
  return parts.join('\n\n');
}

function fieldTable(fields: RecordSchema['fields']): string {
  const rows = fields.map(({ name, type, doc = '' }) => {
    const isOptional = Array.isArray(type) && type.includes('null');
    return `| \`${name}\` | ${typeText(type)} | ${isOptional ? 'no' : 'yes'} | ${cell(doc)} |`;
  });
  return ['| field | type | required | meaning |', '| --- | --- | --- | --- |', ...rows].join('\n');
}

function typeText(type: AvroSchema): string {
  if (Array.isArray(type))
    return type
      .filter((branch) => branch !== 'null')
      .map(typeText)
      .join(' or ');
  if (typeof type === 'string') return SCALARS[type] ?? linkTo(type.replace(/^.*\./, ''));
  const { type: kind, name, items } = type as { type: string; name: string; items: AvroSchema };
  if (kind === 'array') return `list of ${typeText(items)}`;
  return kind === 'record' || kind === 'enum' ? linkTo(name) : typeText(kind);
}

const SCALARS: Record<string, string> = {
  boolean: 'true or false',
  int: 'integer',
  long: 'integer',
  string: 'string',
};

interface EnumSchema {
  type: 'enum';
  name: string;
  doc?: string;
  symbols: string[];
}
type NamedType = RecordSchema | EnumSchema;

/** The records and enums inside the events, each once, by name. */
function nestedTypes(events: EventSchema[]): NamedType[] {
  const found = new Map<string, NamedType>();
  const visit = (type: AvroSchema): void => {
    if (typeof type === 'string') return;
    if (Array.isArray(type)) return type.forEach(visit);
    const node = type as unknown as NamedType & { items?: AvroSchema };
    if (node.type === 'record' || node.type === 'enum') found.set(node.name, node);
    if (node.type === 'record') for (const field of node.fields) visit(field.type);
    if (node.items) visit(node.items);
  };
  for (const { schema } of events) for (const field of schema.fields) visit(field.type);
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function linkTo(typeName: string): string {
  return `[${typeName}](#${anchorOf(typeName)})`;
}

// As GitHub makes them of headings.
function anchorOf(heading: string): string {
  return heading.toLowerCase().replaceAll(/[^\w -]/g, '');
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
