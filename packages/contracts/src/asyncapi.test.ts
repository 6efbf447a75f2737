import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AvroSchemaParser } from '@asyncapi/avro-schema-parser';
import { Parser } from '@asyncapi/parser';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { bundledSchemas } from './generated/schemas.gen.js';

type Parsed = Awaited<ReturnType<Parser['parse']>>;

const page = readFileSync(join(import.meta.dirname, '../../../docs/asyncapi.yaml'), 'utf8');
const newParser = (): Parser => {
  const parser = new Parser();
  parser.registerSchemaParser(AvroSchemaParser());
  return parser;
};
// 3.0 is what tools read.
const problems = ({ diagnostics }: Parsed) =>
  diagnostics
    .filter(({ code }) => code !== 'asyncapi-latest-version')
    .map(({ path, message }) => [path.join('.'), message]);

describe('docs/asyncapi.yaml', () => {
  let parsed: Parsed;
  beforeAll(async () => {
    parsed = await newParser().parse(page);
  });

  it('is valid AsyncAPI 3.0', () => {
    expect(problems(parsed)).toEqual([]);
    expect(parsed.document!.version()).toBe('3.0.0');
  });

  it('would not be valid with a channel whose fields are other ones', async () => {
    const wrong = page.replace('address: dits.events', 'addres: dits.events');
    expect(problems(await newParser().parse(wrong))).not.toEqual([]);
  });

  it('has one channel, with a message of every event type', () => {
    const channels = parsed.document!.channels().all();
    expect(channels.map((channel) => channel.address())).toEqual(['dits.events']);
    const messages = channels[0]!.messages().all();
    expect(messages.map((message) => message.title())).toEqual(
      bundledSchemas.events.map(({ event }) => event),
    );
  });

  it('has in each message the schema that is registered, valid Avro to its own tool', async () => {
    const avro = AvroSchemaParser();
    const { components } = parse(page) as { components: { messages: Record<string, { payload: object }> } };
    for (const { event, schema } of bundledSchemas.events) {
      const schemaFormat = 'application/vnd.apache.avro;version=1.9.0';
      expect(components.messages[event]!.payload).toEqual({ schemaFormat, schema });
      expect(avro.getMimeTypes()).toContain(schemaFormat);
      expect(await avro.validate({ data: schema } as never)).toEqual([]);
    }
  });

  it('is read as the schemas say', () => {
    const push = parsed
      .document!.messages()
      .all()
      .find((message) => message.title() === 'push')!;
    const payload = push.payload()!;
    expect(payload.required()).toEqual(['repository', 'sender', 'commits', 'event_id', 'occurred_at']);
    expect(payload.properties()!.repository!.properties()!.id!.type()).toBe('integer');
  });
});
