import { isDerivedId } from '@dits/persistence';
import { Body, Controller, Get, Inject, Param, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { By, type Actor } from '../audit/actor.js';
import { reply } from '../http/answer.js';
import { Keeper, type KeepAnswer } from '../http/idempotency.interceptor.js';
import { afterOf, cut, sendPage, type PageBody } from '../http/page.js';
import { fieldsOf } from '../http/read-fields.js';
import { Call } from '../openapi/call.js';
import { deadLetterDetailExample, deadLetterExample, pageExample } from '../openapi/examples.js';
import {
  presentDeadLetter,
  presentDetail,
  type DeadLetterBody,
  type DeadLetterDetailBody,
} from './dead-letter-body.js';
import { deadLetterQuery, deadLetterReplay, filterOf } from './dead-letter-fields.js';
import { decodeLetter, type DecodedLetter } from './decode-letter.js';
import {
  DEAD_LETTER_DEPS,
  noDeadLetter,
  replayDeadLetters,
  type DeadLetterDeps,
  type DeadLetterReplayBody,
} from './replay-dead-letters.js';

const tag = 'Dead letters';

/** What the controller needs beside what putting letters back does. */
export type DeadLettersDeps = DeadLetterDeps & { decode: (value: Buffer | null) => Promise<DecodedLetter> };

/** {@link DeadLettersDeps} of an app. */
export function deadLettersDeps(
  deps: DeadLetterDeps,
  codec: Parameters<typeof decodeLetter>[1],
): DeadLettersDeps {
  return { ...deps, decode: (value) => decodeLetter(value, codec) };
}

@Controller('v1/dead-letters')
export class DeadLettersController {
  constructor(@Inject(DEAD_LETTER_DEPS) private readonly deps: DeadLettersDeps) {}

  @Get()
  @Call({
    id: 'listDeadLetters',
    summary: 'List dead letters',
    description: 'Newest first, without their bytes.',
    tag,
    scope: 'admin',
    query: deadLetterQuery,
    ok: {
      status: 200,
      description: 'A page of dead letters.',
      schema: 'DeadLetterPage',
      example: pageExample(deadLetterExample),
      headers: { Link: 'The next page: `rel="next"`. Absent on the last one.' },
    },
    problems: [422],
  })
  async list(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) to: FastifyReply,
  ): Promise<PageBody<DeadLetterBody>> {
    const query = fieldsOf(deadLetterQuery, request.query);
    const after = afterOf(query.cursor, isDerivedId);
    const found = await this.deps.letters.list(filterOf(query), { after, limit: query.limit + 1 });
    const { rows, next } = cut(found, query.limit);
    return sendPage(request, to, rows.map(presentDeadLetter), next);
  }

  @Get(':letter')
  @Call({
    id: 'getDeadLetter',
    summary: 'Get a dead letter with its bytes',
    description: 'Decoded as far as possible.',
    tag,
    scope: 'admin',
    ok: {
      status: 200,
      description: 'The dead letter.',
      schema: 'DeadLetterDetail',
      example: deadLetterDetailExample,
    },
    problems: [404],
  })
  async get(@Param('letter') id: string): Promise<DeadLetterDetailBody> {
    const letter = await this.deps.letters.get(id);
    if (!letter) throw noDeadLetter(id);
    return presentDetail(letter, await this.deps.decode(letter.value));
  }

  @Post('replay')
  @Call({
    id: 'replayDeadLetters',
    summary: 'Put dead letters back on their topics',
    description:
      'With the original key, value and headers: one by its id, or those of a filter that were never put back. What still can’t be read or delivered comes back as a new dead letter. A delivery is attempted once more where its schedule stands; redeliver it instead to begin the schedule anew.',
    tag,
    scope: 'admin',
    isIdempotent: true,
    body: { schema: 'DeadLetterReplay', example: { reason: 'unknown_schema', topic: 'dits.events' } },
    ok: {
      status: 202,
      description: 'They are on their way.',
      schema: 'DeadLettersReplayed',
      example: { replayed: 12, more: false },
    },
    problems: [404, 409, 422],
  })
  async replay(
    @Body() json: unknown,
    @By() by: Actor,
    @Keeper() keep: KeepAnswer,
    @Res({ passthrough: true }) to: FastifyReply,
  ): Promise<DeadLetterReplayBody> {
    const fields = fieldsOf(deadLetterReplay, json);
    return reply(to, await replayDeadLetters(this.deps, { fields, by, keep }));
  }
}
