import { AuditStore } from '@dits/persistence';
import { Controller, Get, Inject, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { afterOf, cut, sendPage, type PageBody } from '../http/page.js';
import { fieldsOf } from '../http/read-fields.js';
import { Call } from '../openapi/call.js';
import { auditEntryExample, pageExample } from '../openapi/examples.js';
import { presentEntry, type AuditEntryBody } from './audit-body.js';
import { auditQuery, filterOf } from './audit-query.js';

@Controller('v1/audit')
export class AuditController {
  constructor(@Inject(AuditStore) private readonly entries: AuditStore) {}

  @Get()
  @Call({
    id: 'listAuditEntries',
    summary: 'Who changed what',
    description:
      'Newest first: every change of webhooks and tokens, every redelivery and replay, by whom and from where; also what the service did by itself. Kept for a year unless configured otherwise.',
    tag: 'Audit',
    scope: 'admin',
    query: auditQuery,
    ok: {
      status: 200,
      description: 'A page of entries.',
      schema: 'AuditPage',
      example: pageExample(auditEntryExample),
      headers: { Link: 'The next page: `rel="next"`. Absent on the last one.' },
    },
    problems: [422],
  })
  async list(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) to: FastifyReply,
  ): Promise<PageBody<AuditEntryBody>> {
    const query = fieldsOf(auditQuery, request.query);
    const page = { after: afterOf(query.cursor), limit: query.limit + 1 };
    const { rows, next } = cut(await this.entries.list(filterOf(query), page), query.limit);
    return sendPage(request, to, rows.map(presentEntry), next);
  }
}
