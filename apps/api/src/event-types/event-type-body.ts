import { z } from 'zod';

/** An event type as clients see it. */
export const eventTypeBody = z
  .object({
    name: z.string().meta({ example: 'push' }),
    description: z.string(),
    internal: z.boolean().meta({
      description:
        'True: the service itself sends it, to webhooks that name it in full; neither `group.*` nor `*` brings it.',
    }),
    schema: z
      .record(z.string(), z.unknown())
      .meta({ description: 'Avro schema of the event, complete in itself.' }),
    example: z.record(z.string(), z.unknown()).meta({ description: 'A body as a receiver gets it.' }),
  })
  .meta({ description: 'A kind of event that webhooks can ask for.' });

export type EventTypeBody = z.output<typeof eventTypeBody>;
