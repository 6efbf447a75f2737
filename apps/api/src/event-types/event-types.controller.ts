import { EventCatalogue, type EventSchema } from '@dits/contracts';
import { Controller, Get, Inject } from '@nestjs/common';
import { Call } from '../openapi/call.js';
import { eventTypeExample } from '../openapi/examples.js';
import type { EventTypeBody } from './event-type-body.js';

@Controller('v1/event-types')
export class EventTypesController {
  private readonly all: EventTypeBody[];

  constructor(@Inject(EventCatalogue) catalogue: EventCatalogue) {
    const present = ({ event, schema, example }: EventSchema, isInternal: boolean): EventTypeBody => ({
      name: event,
      description: schema.doc,
      internal: isInternal,
      schema,
      example,
    });
    this.all = [
      ...catalogue.all.map((type) => present(type, false)),
      ...catalogue.internal.map((type) => present(type, true)),
    ];
  }

  @Get()
  @Call({
    id: 'listEventTypes',
    summary: 'List the event types',
    description: 'All of them, on one page.',
    tag: 'Event types',
    scope: 'webhooks:read',
    ok: {
      status: 200,
      description: 'The event types, by name; internal ones after the others.',
      schema: 'EventTypes',
      example: { data: [eventTypeExample] },
    },
  })
  list(): { data: EventTypeBody[] } {
    return { data: this.all };
  }
}
