import { ProblemException } from '@dits/runtime';
import { Body, Controller, Delete, Get, Inject, Param, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { By, type Actor } from '../audit/actor.js';
import { reply } from '../http/answer.js';
import { Keeper, type KeepAnswer } from '../http/idempotency.interceptor.js';
import { afterOf, cut, pageQuery, sendPage, type PageBody } from '../http/page.js';
import { fieldsOf } from '../http/read-fields.js';
import { isUuid } from '../http/uuid.js';
import { Call } from '../openapi/call.js';
import {
  pageExample,
  tokenExample,
  tokenRequestExample,
  tokenWithSecretExample,
} from '../openapi/examples.js';
import { createToken, revokeToken, TOKEN_DEPS, type TokenDeps } from './create-token.js';
import { presentToken, type TokenBody, type TokenWithSecretBody } from './token-body.js';
import { tokenCreate } from './token-fields.js';

const listQuery = z.strictObject(pageQuery);
const tag = 'Tokens';

@Controller('v1/tokens')
export class TokensController {
  constructor(@Inject(TOKEN_DEPS) private readonly deps: TokenDeps) {}

  @Post()
  @Call({
    id: 'createToken',
    summary: 'Create a token',
    description: 'The token is shown in this answer only.',
    tag,
    scope: 'admin',
    isIdempotent: true,
    body: { schema: 'TokenCreate', example: tokenRequestExample },
    ok: {
      status: 201,
      description: 'The token.',
      schema: 'TokenWithSecret',
      example: tokenWithSecretExample,
      headers: { Location: 'Path of the token.' },
    },
    problems: [422],
  })
  async create(
    @Body() json: unknown,
    @By() by: Actor,
    @Keeper() keep: KeepAnswer,
    @Res({ passthrough: true }) to: FastifyReply,
  ): Promise<TokenWithSecretBody> {
    const fields = fieldsOf(tokenCreate, json);
    return reply(to, await createToken(this.deps, { fields, keep, by }));
  }

  @Get()
  @Call({
    id: 'listTokens',
    summary: 'List tokens',
    description: 'Oldest first, without revoked ones.',
    tag,
    scope: 'admin',
    query: listQuery,
    ok: {
      status: 200,
      description: 'A page of tokens.',
      schema: 'TokenPage',
      example: pageExample(tokenExample),
      headers: { Link: 'The next page: `rel="next"`. Absent on the last one.' },
    },
    problems: [422],
  })
  async list(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) to: FastifyReply,
  ): Promise<PageBody<TokenBody>> {
    const { limit, cursor } = fieldsOf(listQuery, request.query);
    const found = await this.deps.tokens.list({ after: afterOf(cursor), limit: limit + 1 });
    const { rows, next } = cut(found, limit);
    return sendPage(request, to, rows.map(presentToken), next);
  }

  @Get(':token')
  @Call({
    id: 'getToken',
    summary: 'Get a token',
    tag,
    scope: 'admin',
    ok: { status: 200, description: 'The token.', schema: 'Token', example: tokenExample },
    problems: [404],
  })
  async get(@Param('token') id: string): Promise<TokenBody> {
    const token = isUuid(id) ? await this.deps.tokens.find(id) : null;
    if (!token || token.revokedAt) throw noToken(id);
    return presentToken(token);
  }

  @Delete(':token')
  @Call({
    id: 'revokeToken',
    summary: 'Revoke a token',
    description: 'It stops working within about a second.',
    tag,
    scope: 'admin',
    ok: { status: 204, description: 'It is revoked.' },
    problems: [404],
  })
  async revoke(@Param('token') id: string, @By() by: Actor): Promise<void> {
    if (!isUuid(id) || !(await revokeToken(this.deps, { id, by }))) throw noToken(id);
  }
}

function noToken(id: string): ProblemException {
  return new ProblemException(404, { detail: `There is no token ${id}.`, code: 'token_not_found' });
}
