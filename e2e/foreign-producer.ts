import { avroType, frame, type AvroSchema, type RecordSchema } from '@dits/contracts';

/** Registers a schema under a subject, as a producer does that is not ours, and gives its id. */
export async function registerSchema(
  registryUrl: string,
  { subject, schema }: { subject: string; schema: RecordSchema },
): Promise<number> {
  const response = await fetch(`${registryUrl}/subjects/${subject}/versions`, {
    method: 'POST',
    headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
    body: JSON.stringify({ schema: JSON.stringify(schema) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`registering ${subject}: ${response.status} ${text}`);
  return (JSON.parse(text) as { id: number }).id;
}

/** A value in the wire format, written with that schema. */
export function written(id: number, schema: RecordSchema, value: object): Buffer {
  return frame(id, avroType(schema).toBuffer(value));
}

/** An optional field. */
export function optionalField(name: string, type: AvroSchema = 'string'): RecordSchema['fields'][number] {
  return { name, type: ['null', type], default: null, doc: 'One more.' };
}

/** The schema of a build to come: `new_middle` after the second field, `new_last` at the end. */
export function newer(schema: RecordSchema): RecordSchema {
  const fields = [...schema.fields, optionalField('new_last')];
  fields.splice(2, 0, optionalField('new_middle', 'long'));
  return { ...schema, fields };
}

/** The schema of a build before: without its last optional field. Throws when it has none. */
export function older(schema: RecordSchema): RecordSchema {
  const last = schema.fields.findLast(({ type }) => Array.isArray(type));
  if (!last) throw new Error(`${schema.name} has no optional field`);
  return { ...schema, fields: schema.fields.filter((field) => field !== last) };
}
