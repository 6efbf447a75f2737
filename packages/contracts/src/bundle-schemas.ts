/** An Avro schema as JSON. */
export type AvroSchema = string | AvroSchema[] | { [key: string]: unknown };

/** An Avro record schema as JSON, complete in itself. */
export interface RecordSchema {
  type: 'record';
  name: string;
  namespace: string;
  doc: string;
  fields: { name: string; type: AvroSchema; doc?: string; default?: unknown }[];
  [attribute: string]: unknown;
}

/** One event type: its name, its schema with every shared type inlined, an example as a receiver sees it. */
export interface EventSchema {
  event: string;
  schema: RecordSchema;
  example: Record<string, unknown>;
}

/** All schemas a process knows. Record schemas by the name of their file. */
export interface SchemaBundle {
  events: EventSchema[];
  /** What the service itself tells a webhook that names it: no producer sends it, and no `group.*` or `*` brings it. */
  internal: EventSchema[];
  records: Record<string, RecordSchema>;
}

/**
 * Makes a bundle of the files below `schemas/`: path (`events/push.avsc`) to text.
 *
 * Events are sorted by name. Throws an `Error` that names the file when one is not JSON, an event lacks its
 * example, or its `event` attribute differs from its file's name.
 */
export function bundleSchemas(files: Record<string, string>): SchemaBundle {
  const parsed = Object.entries(files).map(([path, text]) => ({ path, json: parseFile(path, text) }));
  const below = (folder: string, ending: string) =>
    parsed.filter(({ path }) => path.startsWith(`${folder}/`) && path.endsWith(ending));

  const types = new Map<string, RecordSchema>();
  for (const { json } of below('types', '.avsc')) {
    const schema = json as RecordSchema;
    types.set(`${schema.namespace}.${schema.name}`, schema);
  }

  const examples = new Map(below('events', '.example.json').map(({ path, json }) => [nameOf(path), json]));
  const all = below('events', '.avsc').map(({ path, json }) => {
    const event = nameOf(path);
    const schema = json as RecordSchema;
    const example = examples.get(event) as Record<string, unknown> | undefined;
    if (schema.event !== event) throw new Error(`schemas/${path}: its "event" must be "${event}"`);
    if (!example) throw new Error(`schemas/${path}: events/${event}.example.json is missing`);
    return { event, schema: inlineTypes(schema, types) as RecordSchema, example };
  });
  all.sort((a, b) => (a.event < b.event ? -1 : 1));

  const records: Record<string, RecordSchema> = {};
  for (const { path, json } of below('records', '.avsc')) {
    records[nameOf(path)] = inlineTypes(json as RecordSchema, types) as RecordSchema;
  }
  const isInternal = ({ schema }: EventSchema) => schema.internal === true;
  return { events: all.filter((event) => !isInternal(event)), internal: all.filter(isInternal), records };
}

/** Puts each shared type's definition where it is first named; later mentions stay names, as Avro wants. */
function inlineTypes(schema: AvroSchema, types: Map<string, RecordSchema>): AvroSchema {
  const defined = new Set<string>();
  const walk = (node: unknown): unknown => {
    if (typeof node === 'string') {
      const shared = types.get(node);
      if (!shared || defined.has(node)) return node;
      defined.add(node);
      return walk(shared);
    }
    if (Array.isArray(node)) return node.map(walk);
    const named = node as { [key: string]: unknown };
    const copy = { ...named };
    if (named.type === 'record') {
      copy.fields = (named.fields as { type: unknown }[]).map((field) => ({
        ...field,
        type: walk(field.type),
      }));
    } else if (named.type === 'array') copy.items = walk(named.items);
    else if (named.type === 'map') copy.values = walk(named.values);
    return copy;
  };
  return walk(schema) as AvroSchema;
}

function nameOf(path: string): string {
  return path.replace(/^.*\//, '').replace(/\.(avsc|example\.json)$/, '');
}

function parseFile(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Error(`schemas/${path} is not JSON`, { cause });
  }
}
