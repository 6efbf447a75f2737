import { stringify } from 'yaml';
import type { EventSchema, SchemaBundle } from './src/bundle-schemas.ts';

/** docs/asyncapi.yaml: the topic `dits.events` for programs that produce to it, from the schemas alone. */
export function asyncApiPage({ events }: Pick<SchemaBundle, 'events'>): string {
  const document = {
    asyncapi: '3.0.0',
    info: {
      title: 'Dits events',
      version: '1.0.0',
      description:
        'What a platform service produces to Kafka, so that Dits delivers it to webhooks. ' +
        'An installation may put a prefix before the name of the topic, and with it of the subjects.',
    },
    defaultContentType: 'avro/binary',
    servers: {
      local: {
        host: '127.0.0.1:19092',
        protocol: 'kafka',
        description: 'What `npm start` starts.',
        bindings: {
          kafka: {
            schemaRegistryUrl: 'http://127.0.0.1:18081/apis/ccompat/v7',
            schemaRegistryVendor: 'confluent',
            bindingVersion: '0.5.0',
          },
        },
      },
    },
    channels: {
      events: {
        address: 'dits.events',
        description:
          'One record for each event; events of one repository are in order. What cannot be read, or holds a value that ' +
          'its schema does not allow, goes to the dead letters.',
        messages: Object.fromEntries(
          events.map(({ event }) => [event, { $ref: `#/components/messages/${event}` }]),
        ),
        bindings: { kafka: { topic: 'dits.events', bindingVersion: '0.5.0' } },
      },
    },
    operations: {
      takeEvents: {
        action: 'receive',
        channel: { $ref: '#/channels/events' },
        summary: 'Dits takes every event that is produced here, with acks=all, and delivers it.',
      },
    },
    components: {
      messages: Object.fromEntries(events.map((event) => [event.event, message(event)])),
    },
  };
  // No aliases: every message is to be read by itself. Many tools read YAML 1.1, to which a bare time is no text.
  const yaml = stringify(document, { aliasDuplicateObjects: false, compat: 'yaml-1.1', lineWidth: 0 });
  return `# Generated from schemas/events by \`npm run generate\`; do not edit.\n${yaml}`;
}

function message({ event, schema, example }: EventSchema): object {
  const { event: _, ...payload } = example;
  return {
    name: `${schema.namespace}.${schema.name}`,
    title: event,
    summary: schema.doc,
    description: `Its subject in the registry: dits.events-${schema.namespace}.${schema.name}.`,
    contentType: 'avro/binary',
    headers: {
      type: 'object',
      description: 'None are needed. They are kept with a dead letter.',
      additionalProperties: true,
    },
    payload: { schemaFormat: 'application/vnd.apache.avro;version=1.9.0', schema },
    bindings: {
      kafka: {
        key: {
          type: 'string',
          pattern: '^(0|[1-9][0-9]*)$',
          description:
            "The repository's id as decimal text, with the default partitioner of the Java client (murmur2).",
        },
        // A zero byte, the schema's id as 32 bits big-endian, the Avro bytes.
        schemaIdLocation: 'payload',
        schemaIdPayloadEncoding: 'confluent',
        schemaLookupStrategy: 'TopicRecordNameStrategy',
        bindingVersion: '0.5.0',
      },
    },
    examples: [{ name: event, payload }],
  };
}
