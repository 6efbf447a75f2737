import { ProblemException, tokenOf, tokenReaches } from '@dits/runtime';
import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { scopeOf } from './scope.js';

/**
 * Keeps a token within the repositories and owners it is limited to, on every path that names one.
 *
 * What is outside does not exist for a reader (404), so that ids can't be tried out; a change is refused with 403. A
 * limit to an owner reaches the owner's own webhooks and events; the API does not know whose a repository is, so
 * `/v1/repos/…` needs the repository itself in the limits.
 */
@Injectable()
export class LimitsGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const params = request.params as Record<string, string | undefined>;
    const token = tokenOf(request);
    if (!token || (params.repo === undefined && params.login === undefined)) return true;
    const { repositoryId, ownerLogin } = scopeOf(params);
    if (
      tokenReaches(token, { repositoryId: repositoryId ?? undefined, ownerLogin: ownerLogin ?? undefined })
    ) {
      return true;
    }
    const path = request.url.split('?')[0]!;
    if (request.method === 'GET' || request.method === 'HEAD')
      throw new ProblemException(404, { detail: `There is nothing at ${path}.` });
    throw new ProblemException(403, {
      detail: 'The token is limited to other repositories or owners.',
      code: 'outside_limits',
    });
  }
}
