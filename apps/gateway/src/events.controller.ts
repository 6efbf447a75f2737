import type { Problem } from '@dits/contracts';
import {
  parseJsonBody,
  ProblemException,
  RequireScope,
  Token,
  type JsonLimits,
  traceOf,
  type Logger,
  type VerifiedToken,
} from '@dits/runtime';
import { Body, Controller, HttpCode, Inject, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { acceptEvents, type AcceptDeps } from './accept-event.js';
import { countAccepted } from './ingest-metrics.js';
import { EventCharge } from './ingest-rate.js';

export const ACCEPT_DEPS = Symbol('ACCEPT_DEPS');
export const LOG = Symbol('LOG');

/** The answer of `POST /v1/events`, for one event as for many. */
export interface AcceptedBody {
  accepted: number;
  /** In the order of the request. */
  event_ids: string[];
}

// A thousand keys and items for each of a thousand events. A push has one for every 20 bytes, so 16 MiB of them have fewer.
const JSON_LIMITS: JsonLimits = { depth: 32, values: 1_000_000, listName: 'events' };
// A line of 1,000 ids is of no use to anybody; the router has a line for every event.
const LOGGED_IDS = 20;

@Controller('v1/events')
export class EventsController {
  constructor(
    @Inject(ACCEPT_DEPS) private readonly deps: AcceptDeps,
    @Inject(LOG) private readonly log: Logger,
    @Inject(EventCharge) private readonly charge: EventCharge,
  ) {}

  @Post()
  @HttpCode(202)
  @RequireScope('events:write')
  post(
    @Body() body: Buffer | undefined,
    @Token() token: VerifiedToken,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AcceptedBody> {
    return this.charge.around(request, reply, () => this.accept(body, token, request));
  }

  private async accept(
    body: Buffer | undefined,
    token: VerifiedToken,
    request: FastifyRequest,
  ): Promise<AcceptedBody> {
    if (!Buffer.isBuffer(body))
      throw new ProblemException(415, { detail: 'The body must be application/json.' });
    const startedAt = performance.now();
    const facts = { request_id: request.id, token_id: token.tokenId, body_bytes: body.length };
    const acceptance = await acceptEvents(
      { json: parseJsonBody(body, JSON_LIMITS), bodyBytes: body.length, token, trace: traceOf(request) },
      this.deps,
    );
    switch (acceptance.kind) {
      case 'refused': {
        const { status, code, problems } = acceptance;
        const detail = describe(problems);
        this.log.info({ ...facts, status_code: status, code, detail }, 'events.refused');
        throw new ProblemException(status, { detail, code, errors: problems });
      }
      case 'accepted': {
        const { eventIds, eventNames } = acceptance;
        countAccepted(eventNames);
        this.log.info(
          {
            ...facts,
            events: eventIds.length,
            event_ids: eventIds.slice(0, LOGGED_IDS),
            event: [...new Set(eventNames)].join(','),
            duration_ms: Math.round(performance.now() - startedAt),
          },
          'events.accepted',
        );
        return { accepted: eventIds.length, event_ids: eventIds };
      }
      default:
        throw new Error(`unknown acceptance ${JSON.stringify(acceptance satisfies never)}`);
    }
  }
}

function describe([first, ...others]: Problem[]): string {
  const { path, message } = first!;
  const more = others.length === 0 ? '' : ` (and ${others.length} more)`;
  return `${path === '' ? 'the event ' : `${path}: `}${message}${more}`;
}
